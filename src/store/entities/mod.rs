//! The tables as sea-orm sees them. Seen by nothing outside the store.
//!
//! Rows are read through these models. They are written by statements of our own, because the two databases
//! keep instants in different types (see [`super::db::dialect`]) and sea-orm binds one.

pub(super) mod alarm;
pub(super) mod credential;
pub(super) mod credential_orphan;
pub(super) mod daemon;
pub(super) mod heartbeat;
pub(super) mod lease;
pub(super) mod login_attempt;
pub(super) mod order;
pub(super) mod order_item;
pub(super) mod quarantine;
pub(super) mod run;
pub(super) mod shop;
pub(super) mod sync_cursor;
pub(super) mod sync_window;
