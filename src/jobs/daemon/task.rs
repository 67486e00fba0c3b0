//! What a run is asked to do, and why it may not have done it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

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

/// What is to be done in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// What is new, planned or due.
    Rest,
    /// The same, after the whole has been put back to unread.
    Whole,
    /// This stretch of creation time, and what else is planned.
    Stretch(Window),
    /// The last days by creation time, telling what the update lane missed.
    Reconcile { length: TimeDelta },
    /// The one thing of this number, as it is now.
    One(String),
    /// What is in quarantine: of this number, or all of it.
    SetAside(Option<String>),
    /// These windows of creation time.
    Windows(Vec<Window>),
}

/// The trigger of a run that somebody asked for.
pub const MANUAL: &str = "manual";

/// How a lane is run.
#[derive(Clone)]
pub struct RunOptions {
    /// The job's name, for `job_runs` and logs.
    pub job: String,
    /// What set it off, as `job_runs` says it: a slot's trigger, or [`MANUAL`].
    pub trigger: &'static str,
    /// How long to wait for a lane that somebody else holds; zero: not at all.
    pub lease_wait: Duration,
    pub task: Task,
    pub progress: Arc<Progress>,
    pub cancel: CancellationToken,
}

/// Why a lane did not do all it should.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Somebody else is at it.
    #[error("the {lane} lane of {record} of `{shop}` is held by {owner} until {} UTC", until.format("%H:%M:%S"))]
    Busy { shop: String, record: Record, lane: Lane, owner: String, until: DateTime<Utc> },
    #[error("{record} of `{shop}` were not fully synced")]
    Sync {
        shop: String,
        record: Record,
        #[source]
        source: Box<SyncError>,
    },
    #[error("the run of {record} of `{shop}` ended in a fault of this program: {what}")]
    Panicked { shop: String, record: Record, what: String },
}

impl RunError {
    fn sync(&self) -> Option<&SyncError> {
        match self {
            Self::Sync { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether it is the end of the program that ended the run.
    pub fn is_stop(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Stopped))
    }

    /// Whether the platform has said that the shop may not read this, and it is not yet time to ask again.
    pub fn is_off(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Off { .. }))
    }

    /// Whether the shop's other lanes would meet the same: no grant, no database, the wrong app.
    pub fn is_of_shop(&self) -> bool {
        self.sync().is_some_and(|error| error.is_database_away() || error.is_of_shop())
    }

    /// Whether it is what some windows hold that ended the run.
    pub fn is_of_window(&self) -> bool {
        self.sync().is_some_and(SyncError::is_of_window)
    }

    /// Whether it is what the update lane had missed that is told: it is stored by now.
    pub fn is_difference(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Missed { .. }))
    }

    /// Whether somebody asked for a thing that the platform does not have: their mistake, and nobody's failure.
    pub fn is_absent(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Absent { .. }))
    }

    pub fn is_database_away(&self) -> bool {
        self.sync().is_some_and(SyncError::is_database_away)
    }
}

impl Target<'_> {
    /// What kept it from being synced.
    pub fn failed(self, source: impl Into<SyncError>) -> RunError {
        RunError::Sync { shop: self.shop.name.clone(), record: self.record, source: Box::new(source.into()) }
    }
}

/// An error with everything that caused it, on one line. What a cause only repeats is left out: the database's
/// own errors hold the text of their source.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let cause = cause.to_string();
        if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}
