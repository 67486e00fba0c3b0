//! A job of the config, and a time at which it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::cron::Schedule;

/// A job of the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub name: JobName,
    pub schedule: Schedule,
    /// Upper bound of the delay after each slot. The name fixes the delay itself.
    pub jitter: Duration,
}

/// The section name of a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobName(Arc<str>);

/// A time at which a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The slot by the schedule, without jitter. For a catch-up, the time of the request.
    pub at: DateTime<Utc>,
    pub trigger: Trigger,
    /// How many earlier slots this run also stands for, because the job still ran or the program stalled. At most a thousand are
    /// counted for each stall.
    pub coalesced: u32,
}

/// Why a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    Schedule,
    /// Slots passed while no daemon ran.
    CatchUp,
}

impl Trigger {
    /// The word in the `trigger` column of `job_runs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CatchUp => "catch_up",
        }
    }
}

impl JobName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for JobName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
