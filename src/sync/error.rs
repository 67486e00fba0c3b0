//! Why a run could not go on.

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::AuthError;
use crate::domain::entity::Kind;
use crate::domain::record::Record;
use crate::domain::until::lasting;
use crate::platform::{PlatformError, Rejection};
use crate::store::StoreError;
use crate::store::ledger::cursors::Off;

/// Something the platform does not grant is requested again after this long.
pub(super) const OFF_FOR: TimeDelta = TimeDelta::hours(24);

/// What ends a window or a run. `Display` says what we could not do; the source says why.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error("{doing} failed")]
    Platform {
        doing: String,
        #[source]
        source: PlatformError,
    },
    #[error("there is no token to read with")]
    Auth {
        #[from]
        source: AuthError,
    },
    #[error("the database did not take part")]
    Store {
        #[from]
        source: StoreError,
    },
    /// The platform says that the shop may not read this at all; it is switched off until tomorrow.
    #[error("reading {subject} failed")]
    NotCovered {
        subject: String,
        #[source]
        source: PlatformError,
    },
    /// Most of the calls for single things failed alike: it is the platform or the grant, not the things.
    #[error("{failed} of {things} calls for single {subject} failed")]
    MostFailed {
        subject: String,
        failed: usize,
        things: usize,
        #[source]
        source: PlatformError,
    },
    /// So many rows of one page are unreadable that the platform must have changed.
    #[error(
        "{unreadable} of {rows} rows of one page cannot be read (the first: {example}); the platform may have changed its answers"
    )]
    ChangedPlatform { unreadable: usize, rows: usize, example: String },
    /// The platform says that the shop may not read this; it is requested again later.
    #[error("{subject} are off for this shop until {} UTC: {reason}", until.format("%Y-%m-%d %H:%M"))]
    Off { subject: String, reason: String, until: DateTime<Utc> },
    #[error("nothing was read for {minutes} minutes; the run was ended")]
    Stuck { minutes: i64 },
    /// A clock was set back, or the cursor was set to the future. To call it a success would hide that nothing is read.
    #[error(
        "nothing can be read before the clock has passed the cursor: windows end at {} UTC at present, and the cursor stands at {} UTC",
        end.format("%Y-%m-%d %H:%M:%S"), cursor.format("%Y-%m-%d %H:%M:%S")
    )]
    ClockBehind { end: DateTime<Utc>, cursor: DateTime<Utc> },
    /// What a scan did not see is taken for gone; so little cannot be right.
    #[error(
        "the whole list of {record} shows {saw} of {present} rows ({kind}); nothing is marked as gone (if that is right: `shopsync sync --full --shop {shop} --record {record}`)"
    )]
    ScanTooSmall { record: Record, kind: Kind, saw: u64, present: u64, shop: String },
    /// What a reconcile found and stored: the update lane should have brought it long ago.
    #[error("{missed} {record} had been missed and are stored now: {}", examples(numbers, *missed))]
    Missed { record: Record, missed: usize, numbers: Vec<String> },
    /// Nothing of that number, as far as the platform shows.
    #[error("the platform shows no {number} among the {record} of this shop")]
    Absent { record: Record, number: String },
    #[error(
        "the platform cannot be responses for one of its {record} by number; `shopsync sync --record {record}` reads what is new"
    )]
    NotOffered { record: Record },
    #[error("the run was stopped")]
    Stopped,
}

/// The first few, and how many more there are.
pub fn examples(numbers: &[String], total: usize) -> String {
    let listed = numbers.join(", ");
    match total.saturating_sub(numbers.len()) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

impl SyncError {
    pub(super) fn platform(doing: &str, source: PlatformError) -> Self {
        Self::Platform { doing: doing.to_owned(), source }
    }

    /// The error for something that is switched off. `None`: its time is over, or was written by a clock that was
    /// ahead.
    pub fn off(subject: &str, off: Off, now: DateTime<Utc>) -> Option<Self> {
        let until = lasting(off.until?, OFF_FOR, now)?;
        Some(Self::Off { subject: subject.to_owned(), reason: off.reason, until })
    }

    /// Whether only the window at hand is concerned, so that other windows are worth reading.
    pub fn is_of_window(&self) -> bool {
        match self {
            Self::ChangedPlatform { .. } => true,
            Self::Platform { source, .. } => {
                matches!(source, PlatformError::TooDense | PlatformError::Malformed { .. })
            }
            _ => false,
        }
    }

    /// Whether the platform did not manage to answer, after all repetitions: less may be what it manages.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(
            self,
            Self::Platform {
                source: PlatformError::NoAnswer { .. }
                    | PlatformError::Unavailable { status: 413 | 500.. }
                    | PlatformError::NotFromPlatform { .. }
                    | PlatformError::Rejected { why: Rejection::Passing, .. },
                ..
            }
        )
    }

    /// Whether the platform no longer shows what is so long ago.
    pub(super) fn is_too_old(&self) -> bool {
        matches!(self, Self::Platform { source: PlatformError::Rejected { why: Rejection::TooOld, .. }, .. })
    }

    /// Whether the platform refused a page as one that does not exist.
    pub(super) fn is_no_such_page(&self) -> bool {
        matches!(
            self,
            Self::Platform {
                source: PlatformError::Rejected {
                    why: Rejection::Parameters | Rejection::NotFound | Rejection::Unknown,
                    ..
                },
                ..
            }
        )
    }

    /// The platform's word that the grant does not cover a list, or any of the calls for single things.
    pub(super) fn not_granted(&self) -> Option<String> {
        match self {
            Self::NotCovered { source: PlatformError::NotGranted { code, message }, .. } => {
                Some(format!("not granted ({code}: {message})"))
            }
            _ => None,
        }
    }

    /// Whether the lease was taken over: another process goes on.
    pub fn is_lease_lost(&self) -> bool {
        matches!(self, Self::Store { source: StoreError::LeaseLost { .. } })
    }

    /// Whether every read of the shop would end the same way.
    pub fn is_of_shop(&self) -> bool {
        match self {
            Self::Auth { .. } => true,
            Self::Platform { source, .. } | Self::MostFailed { source, .. } => matches!(
                source,
                PlatformError::TokenRefused { .. }
                    | PlatformError::Rejected {
                        why: Rejection::App | Rejection::Address | Rejection::Account | Rejection::Zone,
                        ..
                    }
            ),
            _ => false,
        }
    }

    /// Whether the database is away, which is nothing a shop can help.
    pub fn is_database_away(&self) -> bool {
        match self {
            Self::Store { source } => source.is_unavailable(),
            Self::Auth { source } => source.is_database_away(),
            _ => false,
        }
    }
}
