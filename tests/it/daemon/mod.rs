//! The daemon: schedule, reload, health, alarms, metrics and the log.

pub(super) mod alarms;
pub(super) mod dead_man;
pub(super) mod jobs_off;
pub(super) mod journal;
pub(super) mod log;
pub(super) mod metrics;
pub(super) mod monitoring;
pub(super) mod outage;
pub(super) mod process;
pub(super) mod pruning;
pub(super) mod real_daemon;
pub(super) mod reload;
pub(super) mod reload_context;
pub(super) mod reload_signal;
pub(super) mod schedule;
mod small_promises;
pub(super) mod stalled_log;
pub(super) mod systemd;
pub(super) mod systemd_units;
pub(super) mod ticker;
