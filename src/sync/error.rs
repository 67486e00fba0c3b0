//! Why a run could not go on.

use std::error::Error;

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::AuthError;
use crate::domain::entity::Kind;
use crate::domain::moment;
use crate::domain::record::Record;
use crate::domain::until::lasting;
use crate::platform::{PlatformError, Rejection};
use crate::store::StoreError;
use crate::store::ledger::cursors::Off;

/// Something the platform does not grant is requested again after this long.
pub(super) const OFF_FOR: TimeDelta = TimeDelta::hours(24);

/// A longer reason is cut.
const REASON_CHARS_MAX: usize = 400;

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
    #[error("the database could not be used")]
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
    #[error("{subject} are off for this shop until {} UTC: {reason}", moment::to_minute(*until))]
    Off { subject: String, reason: String, until: DateTime<Utc> },
    #[error("nothing was read for {minutes} minutes; the run was ended")]
    Stuck { minutes: i64 },
    /// A clock was set back, or the cursor was set to the future. To call it a success would hide that nothing is read.
    #[error(
        "nothing can be read before the clock has passed the cursor: windows end at {} UTC at present, and the cursor stands at {} UTC",
        moment::to_second(*end), moment::to_second(*cursor)
    )]
    ClockBehind { end: DateTime<Utc>, cursor: DateTime<Utc> },
    /// What a scan did not see counts as gone. A scan that sees so little cannot be right.
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
        "the platform offers no call that reads one of its {record} by number; `shopsync sync --record {record}` reads what is new"
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

/// The error and its causes on one line, not too long, as it is kept with what could not be read. Leaves out addresses
/// and what a cause only repeats.
pub fn reason_of(error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        next = error.source();
        let cause = error.to_string();
        if !reason.contains(&cause) && !cause.contains("://") {
            reason.push_str(": ");
            reason.push_str(&cause);
        }
    }
    let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut short: String = reason.chars().map(printable).take(REASON_CHARS_MAX).collect();
    if short.len() < reason.len() && reason.chars().nth(REASON_CHARS_MAX).is_some() {
        short.push('…');
    }
    short
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

    /// Whether the error concerns only this window, so that other windows can still be read.
    pub fn is_of_window(&self) -> bool {
        match self {
            Self::ChangedPlatform { .. } => true,
            Self::Platform { source, .. } => {
                matches!(source, PlatformError::TooDense | PlatformError::Malformed { .. })
            }
            _ => false,
        }
    }

    /// Whether the platform did not answer, after all retries. It may answer a smaller request.
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

    /// Whether the platform no longer shows what is this old.
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

    /// Why a call failed, without what was called.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Platform { source, .. } => reason_of(source),
            other => reason_of(other),
        }
    }

    /// Whether the platform says that the grant does not cover this call.
    pub(super) fn is_not_granted(&self) -> bool {
        matches!(self, Self::Platform { source: PlatformError::NotGranted { .. }, .. })
    }

    /// The platform's answer that the grant does not cover a list, or any of the calls for single things.
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

    /// Whether the database is away, which is not the fault of a shop.
    pub fn is_database_away(&self) -> bool {
        match self {
            Self::Store { source } => source.is_unavailable(),
            Self::Auth { source } => source.is_database_away(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct TestError {
        text: String,
        #[source]
        source: Option<Box<Self>>,
    }

    fn error(texts: &[&str]) -> TestError {
        let (first, rest) = texts.split_first().unwrap();
        let source = (!rest.is_empty()).then(|| Box::new(error(rest)));
        TestError { text: (*first).to_owned(), source }
    }

    #[test]
    fn a_reason_is_one_short_line_of_the_whole_chain_without_addresses() {
        for (texts, expected) in [
            (&["failed"][..], "failed"),
            (
                &["no answer: it broke", "it broke", "error for url (http://u:p@h/)", "reset"],
                "no answer: it broke: reset",
            ),
            (&["a\nb\u{1b}[31m"], "a b [31m"),
        ] {
            assert_eq!(reason_of(&error(texts)), expected);
        }
        let long = reason_of(&error(&[&"长".repeat(5000)]));
        assert_eq!((long.chars().count(), long.ends_with('…')), (REASON_CHARS_MAX + 1, true));
    }
}
