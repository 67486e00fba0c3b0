//! Makes schedules from the jobs of the config.

use chrono::{DateTime, Utc};

use super::cron::{self, Schedule};
use super::job::{Job, JobName};
use crate::config::{Config, JobConfig, Timing, Work};
use crate::domain::record::Record;
use crate::domain::shop::Shop;

/// When the next run of a shop's record is due, over all jobs. `None`: no enabled job covers it.
pub fn next_run(config: &Config, shop: &Shop, record: Record, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if !config.sync.enabled {
        return None;
    }
    config
        .sync_jobs(record)
        .filter(|(_, job)| job.covers(shop))
        .filter_map(|(name, job)| Some(schedule_of(job)?.next_slot(now)? + cron::jitter(name, job.jitter)))
        .min()
}

/// The enabled jobs with their schedules.
pub fn jobs_of(config: &Config) -> Vec<Job> {
    let job = |(name, job, _): (&str, &JobConfig, Work)| {
        Some(Job { name: JobName::from(name), schedule: schedule_of(job)?, jitter: job.jitter })
    };
    config.enabled_jobs().filter_map(job).collect()
}

/// The schedule of a job. `None` only for a job that the checks of the config refuse.
pub fn schedule_of(job: &JobConfig) -> Option<Schedule> {
    match job.timing()? {
        Timing::Cron { pattern, timezone } => Schedule::cron(&pattern, timezone).ok(),
        Timing::Every(every) => Schedule::every(every).ok(),
    }
}
