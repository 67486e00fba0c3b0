//! What a run does, and why it may fail.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::domain::moment;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::domain::window::Window;
use crate::sync::{Progress, SyncError};

/// One lane of one record of one shop.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub shop: &'a Shop,
    pub record: Record,
    pub lane: Lane,
}

/// What a run does in its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Reads what is new, planned or due.
    Incremental,
    /// Marks everything as unread, then reads it all.
    Full,
    /// Reads this range of creation time, and what else is planned.
    Range(Window),
    /// Compares the last days by creation time, and reports what the update lane missed.
    Reconcile { length: TimeDelta },
    /// Reads the one object with this number, as it is now.
    One(String),
    /// Reads what is in quarantine again: the object with this number, or all.
    Quarantine(Option<String>),
    /// Reads these windows of creation time.
    Windows(Vec<Window>),
}

/// The trigger of a run that a person requested.
pub const MANUAL: &str = "manual";

/// How a lane is run.
#[derive(Clone)]
pub struct RunOptions {
    /// The job's name, for `job_runs` and logs.
    pub job: String,
    /// The word in `job_runs.trigger`: a slot's trigger, or [`MANUAL`].
    pub trigger: &'static str,
    /// How long to wait for a lane that another run holds. Zero: not at all.
    pub lease_wait: Duration,
    pub task: Task,
    pub progress: Arc<Progress>,
    pub cancel: CancellationToken,
}

/// Why a run of a lane failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another run holds the lane.
    #[error("the {lane} lane of {record} of `{shop}` is held by {owner} until {} UTC", moment::to_second_of_day(*until))]
    Busy { shop: String, record: Record, lane: Lane, owner: String, until: DateTime<Utc> },
    #[error("{record} of `{shop}` were not fully synced")]
    Sync {
        shop: String,
        record: Record,
        #[source]
        source: Box<SyncError>,
    },
    #[error("the run of {record} of `{shop}` failed because of a fault of this program: {what}")]
    Panicked { shop: String, record: Record, what: String },
}

impl RunError {
    fn sync(&self) -> Option<&SyncError> {
        match self {
            Self::Sync { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether the run ended because the program stops.
    pub fn is_stop(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Stopped))
    }

    /// Whether the platform does not grant this to the shop, and it is too early to try again.
    pub fn is_off(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Off { .. }))
    }

    /// Whether the shop's other lanes would fail too: no grant, no database, the wrong app.
    pub fn is_of_shop(&self) -> bool {
        self.sync().is_some_and(|error| error.is_database_away() || error.is_of_shop())
    }

    /// Whether only some windows failed.
    pub fn is_of_window(&self) -> bool {
        self.sync().is_some_and(SyncError::is_of_window)
    }

    /// Whether it reports what the update lane had missed. That is stored by now.
    pub fn is_difference(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Missed { .. }))
    }

    /// Whether a person requested an object that the platform does not have. This does not count as a failure.
    pub fn is_absent(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Absent { .. }))
    }

    pub fn is_database_away(&self) -> bool {
        self.sync().is_some_and(SyncError::is_database_away)
    }
}

impl Target<'_> {
    /// The error of a run for this target.
    pub fn failed(self, source: impl Into<SyncError>) -> RunError {
        RunError::Sync { shop: self.shop.name.clone(), record: self.record, source: Box::new(source.into()) }
    }
}
