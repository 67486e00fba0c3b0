//! When a job runs: cron slots, the tick source, and the queue of slots that are due.

pub mod cron;
pub(super) mod queue;
pub mod schedule;
pub(super) mod tick_source;
pub mod ticker;
