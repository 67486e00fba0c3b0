//! When jobs run: schedules, the tick source, and the queue of due slots.

pub mod cron;
pub mod job;
pub(super) mod queue;
pub mod schedule;
pub(super) mod tick_source;
pub mod ticker;
