//! The ledger: every window that was or is to be read, with how many rows the platform reported.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::moment;
use crate::domain::window::Window;
use crate::store::StoreError;
use crate::store::entities::sync_window::Model;

/// Creation times do not move, so windows of the create lane all belong to one epoch.
pub const CREATE_EPOCH: i64 = 0;

/// A window of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerWindow {
    pub id: i64,
    pub window: Window,
    pub state: WindowState,
    /// How many rows the platform reported. `None` until it was closed.
    pub platform_total: Option<u64>,
    /// How many distinct numbers were seen. `None` until it was closed.
    pub rows_seen: Option<u64>,
    /// How often it was opened.
    pub attempts: i64,
    /// When it was last opened, by our clock: rows listed after that may be missing. `None`: never.
    pub opened_at: Option<DateTime<Utc>>,
    /// When it was closed. `None`: it is not.
    pub completed_at: Option<DateTime<Utc>>,
}

/// Short windows that one run reads again at most, so that a platform whose totals are always wrong does not fill every
/// run.
pub const SHORT_AGAIN_MAX: usize = 100;

/// A window that came out short is read again in the next run and from then on this often.
const SHORT_AGAIN_AFTER: TimeDelta = TimeDelta::hours(20);

impl LedgerWindow {
    /// Whether a window that came out short is to be read once more.
    pub fn is_due_again(&self, now: DateTime<Utc>) -> bool {
        self.attempts <= 1 || self.completed_at.is_none_or(|at| now - at >= SHORT_AGAIN_AFTER)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowState {
    Planned,
    Reading,
    /// All rows that the platform reported were seen.
    Complete,
    /// Closed with fewer rows than the platform reported. Stays so, also while it is read again, until that completes
    /// it: the evidence must outlive a crash.
    Short,
    Failed,
    /// Held too much; its halves stand beside it.
    Split,
    /// So long ago that the platform no longer showed it. Never read again automatically.
    Unreachable,
}

impl WindowState {
    const ALL: [Self; 7] = [
        Self::Planned,
        Self::Reading,
        Self::Complete,
        Self::Short,
        Self::Failed,
        Self::Split,
        Self::Unreachable,
    ];
    /// What the cursor passes over.
    pub const CLOSED: [Self; 3] = [Self::Complete, Self::Short, Self::Unreachable];
    /// What old windows are merged of, each with its like.
    pub const MERGED: [Self; 2] = [Self::Complete, Self::Unreachable];
    /// What is still to be read.
    pub const OPEN: [Self; 3] = [Self::Planned, Self::Reading, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Reading => "reading",
            Self::Complete => "complete",
            Self::Short => "short",
            Self::Failed => "failed",
            Self::Split => "split",
            Self::Unreachable => "unreachable",
        }
    }

    /// The state behind a word of the column.
    pub fn of_word(word: &str) -> Result<Self, StoreError> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == word);
        state.ok_or_else(|| StoreError::UnknownWord { column: "sync_windows.state", found: word.to_owned() })
    }
}

/// How a window that was read to its end is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    pub id: i64,
    pub state: Closing,
    /// How many rows the platform last reported.
    pub platform_total: u64,
    /// How many distinct numbers were seen.
    pub rows_seen: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    Complete,
    /// In every pass, fewer rows were seen than the platform reported.
    Short,
    /// The platform no longer shows it. There is no total, and nothing was seen.
    Unreachable,
}

/// What to do with a window that is planned and known already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Keep,
    PlanAgain,
}

impl TryFrom<Model> for LedgerWindow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let state = WindowState::of_word(&row.state)?;
        let window =
            Window::new(moment::bounded(row.from_at), moment::bounded(row.until_at)).ok_or_else(|| {
                StoreError::UnknownWord { column: "sync_windows.until_at", found: row.until_at.to_string() }
            })?;
        Ok(Self {
            id: row.id,
            window,
            state,
            platform_total: row.platform_total.and_then(|total| u64::try_from(total).ok()),
            rows_seen: row.rows_seen.and_then(|seen| u64::try_from(seen).ok()),
            attempts: row.attempts,
            opened_at: row.opened_at,
            completed_at: row.completed_at.map(moment::bounded),
        })
    }
}
