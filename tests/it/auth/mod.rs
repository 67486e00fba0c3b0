//! Grants: renewed, kept, moved, and never lost.

pub(super) mod clocks_ahead;
pub(super) mod context;
pub(super) mod copied;
pub(super) mod files;
pub(super) mod flaky;
pub(super) mod gateway;
pub(super) mod grants;
pub(super) mod keeper;
pub(super) mod keeper_command;
pub(super) mod keeper_context;
pub(super) mod keeper_daemon;
pub(super) mod keeper_service;
pub(super) mod login;
pub(super) mod open115;
pub(super) mod open115_front;
pub(super) mod open115_qr;
pub(super) mod process;
pub(super) mod properties;
pub(super) mod rotate;
pub(super) mod sealed;
pub(super) mod store;
pub(super) mod survival;
