//! Reads and writes the windows of the ledger, each write under the lease of its lane.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::leases::{LaneKey, Lease};
use super::windows::{CREATE_EPOCH, Known, LedgerWindow, SHORT_AGAIN_MAX, WindowState};
use super::{leases, rules};
use crate::domain::record::{Lane, Record};
use crate::domain::window::Window;
use crate::store::entities::sync_window::{Column, Entity};
use crate::store::{Store, StoreError};

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

    /// The windows that were closed with fewer rows than the platform reported, newest first.
    pub async fn all_short(
        self,
        shop: &str,
        record: Record,
        lane: Lane,
        epoch: i64,
    ) -> Result<Vec<LedgerWindow>, StoreError> {
        self.windows_in(shop, record, lane, epoch, &[WindowState::Short]).await
    }

    /// Whether a window of a record was read whole, with rows in it, though its total was higher: then totals of this
    /// record are not those of the window that is requested.
    pub async fn has_foreign_totals(self, shop: &str, record: Record) -> Result<bool, StoreError> {
        let found: Option<i64> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Shop.eq(shop))
            .filter(Column::Record.eq(record.as_str()))
            .filter(Column::State.eq(WindowState::Complete.as_str()))
            .filter(Column::RowsSeen.gt(0))
            .filter(Expr::col(Column::PlatformTotal).gt(Expr::col(Column::RowsSeen)))
            .into_tuple()
            .one(&self.store.connection)
            .await?;
        Ok(found.is_some())
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

    /// The windows of a lane that are in one of `states`, newest first.
    async fn windows_in(
        self,
        shop: &str,
        record: Record,
        lane: Lane,
        epoch: i64,
        states: &[WindowState],
    ) -> Result<Vec<LedgerWindow>, StoreError> {
        let key = LaneKey { shop: shop.to_owned(), record, lane };
        let rows = Entity::find()
            .filter(rules::of_lane(&key))
            .filter(Column::Epoch.eq(epoch))
            .filter(Column::State.is_in(rules::words(states)))
            .order_by_desc(Column::UntilAt)
            .order_by_desc(Column::FromAt)
            .all(&self.store.connection)
            .await?;
        rows.into_iter().map(LedgerWindow::try_from).collect()
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
