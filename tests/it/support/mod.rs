//! What tests share: databases, sandboxes, the built binary, and the comparison with the truth.

pub(super) mod app_settings;
pub(super) mod child;
pub(super) mod context;
pub(super) mod databases;
pub(super) mod events;
pub(super) mod postgres;
pub(super) mod program;
pub(super) mod receiver;
pub(super) mod redis_server;
pub(super) mod shelf;
pub(super) mod shops_of_all_kinds;
pub(super) mod small_sandbox;
pub(super) mod truth;
pub(super) mod truth_records;
pub(super) mod webdriver;
