//! The ledger: every window that was or is to be read, with what the platform said it held.

use super::leases::{LaneKey, Lease};
use super::rules::Known;
use super::{leases, rules};
use crate::domain::moment;
use crate::domain::record::{Lane, Record};
use crate::domain::window::Window;
use crate::store::entities::sync_window::Model;
use crate::store::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};

/// Creation times do not move, so windows of the create lane all belong to one epoch.
pub const CREATE_EPOCH: i64 = 0;

/// A window of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerWindow {
    pub id: i64,
    pub window: Window,
    pub state: WindowState,
    /// How many rows the platform said it holds. `None` until it was closed.
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
    /// All that the platform said it held was seen.
    Complete,
    /// Closed with fewer rows than the platform said. Stays so, also while it is read again, until that completes
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
    /// How many rows the platform last said it holds.
    pub platform_total: u64,
    /// How many distinct numbers were seen.
    pub rows_seen: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    Complete,
    /// Fewer rows were seen than the platform said, again and again.
    Short,
    /// The platform no longer shows it. There is no total, and nothing was seen.
    Unreachable,
}

/// Which stretches of time were read, and which are open.
#[derive(Clone, Copy)]
pub struct WindowRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl WindowRepo<'_> {
    /// Forgets what an earlier run of the update lane left unfinished; what it closed stays. Leaves other lanes
    /// alone: what is planned there is not planned again by the next run.
    pub async fn sweep(self, lease: &Lease) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                rules::sweep(&tx, &lease.key).await
            })
            .await
    }

    /// Forgets closed windows of the update lane that are to be read again: left in the ledger, they would let the
    /// cursor pass before that is done.
    pub async fn forget(self, lease: &Lease, ids: &[i64]) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                rules::forget(&tx, &lease.key, ids).await
            })
            .await
    }

    /// The closed update windows of an epoch that end after `after`, oldest first.
    pub async fn closed_after(
        self,
        shop: &str,
        record: Record,
        epoch: i64,
        after: DateTime<Utc>,
    ) -> Result<Vec<LedgerWindow>, StoreError> {
        rules::closed_after(&self.store.connection, self.store.dialect, shop, record, epoch, after).await
    }

    /// The windows still to be read, newest first.
    pub async fn all_open(
        self,
        shop: &str,
        record: Record,
        lane: Lane,
        epoch: i64,
    ) -> Result<Vec<LedgerWindow>, StoreError> {
        self.windows_in(shop, record, lane, epoch, &WindowState::OPEN).await
    }

    /// The windows that were closed with fewer rows than the platform said, newest first.
    pub async fn all_short(
        self,
        shop: &str,
        record: Record,
        lane: Lane,
        epoch: i64,
    ) -> Result<Vec<LedgerWindow>, StoreError> {
        self.windows_in(shop, record, lane, epoch, &[WindowState::Short]).await
    }

    /// Whether a window of a record was read whole, with rows in it, though its total said more: then totals of this
    /// record are not those of the window that is requested.
    pub async fn has_foreign_totals(self, shop: &str, record: Record) -> Result<bool, StoreError> {
        rules::has_foreign_totals(&self.store.connection, shop, record).await
    }

    /// How many windows of a record are short, of both lanes.
    pub async fn count_short(self, shop: &str, record: Record) -> Result<u64, StoreError> {
        let epoch = self.store.cursors().get(shop, record).await?.map_or(0, |cursor| cursor.epoch);
        let gaps = self.store.explain().gaps(shop, record, epoch).await?;
        Ok(gaps.iter().filter(|gap| gap.state == WindowState::Short).map(|gap| gap.windows).sum())
    }

    /// What the create lane has to read at `now`, newest first: what is open, then what came out short.
    pub async fn history_left(
        self,
        shop: &str,
        record: Record,
        now: DateTime<Utc>,
    ) -> Result<Vec<Window>, StoreError> {
        let mut left = self.all_open(shop, record, Lane::Create, CREATE_EPOCH).await?;
        let short = self.all_short(shop, record, Lane::Create, CREATE_EPOCH).await?;
        left.extend(short.into_iter().filter(|row| row.is_due_again(now)).take(SHORT_AGAIN_MAX));
        Ok(left.into_iter().map(|row| row.window).collect())
    }

    async fn windows_in(
        self,
        shop: &str,
        record: Record,
        lane: Lane,
        epoch: i64,
        states: &[WindowState],
    ) -> Result<Vec<LedgerWindow>, StoreError> {
        let key = LaneKey { shop: shop.to_owned(), record, lane };
        rules::in_states(&self.store.connection, &key, epoch, states).await
    }

    /// Plans windows in the create lane. A window requested again is planned again, whatever became of it.
    pub async fn plan(self, lease: &Lease, windows: &[Window]) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                rules::plan(&tx, &lease.key, windows, Known::PlanAgain).await
            })
            .await
    }

    /// Notes that a window is being read, and returns its id.
    pub async fn open(
        self,
        lease: &Lease,
        epoch: i64,
        window: Window,
        run_id: i64,
    ) -> Result<i64, StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                rules::open(&tx, &lease.key, epoch, window, run_id, now).await
            })
            .await
    }

    /// Notes that a window could not be read to its end. A short one stays short.
    pub async fn fail(self, lease: &Lease, id: i64) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                rules::fail(&tx, &lease.key, id).await
            })
            .await
    }

    /// Replaces a window by its halves. In the create lane they are planned. In the update lane the run that
    /// split it reads them at once; only a short window hands its state on, so that its halves are read again
    /// by a later run if this one does not get to them.
    pub async fn split(self, lease: &Lease, id: i64, halves: [Window; 2]) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                rules::split(&tx, &lease.key, id, halves).await
            })
            .await
    }
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
