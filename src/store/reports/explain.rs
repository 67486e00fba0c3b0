//! Where a thing came from: its row, what it went through, and the windows that should have brought it.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::entity::Kind;
use crate::domain::record::{Lane, Record};
use crate::store::db::dialect::Dialect;
use crate::store::entities::sync_window::{Column, Entity, Model};
use crate::store::ledger::windows::{CREATE_EPOCH, LedgerWindow, WindowState};
use crate::store::records::tables::table_of;
use crate::store::{Store, StoreError};

/// What is known of a thing that is stored, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// `None`: the platform does not say.
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    /// Since when a complete scan no longer finds it. `None`: it is there.
    pub gone_at: Option<DateTime<Utc>>,
    pub first_seen_at: DateTime<Utc>,
    /// When it was last written.
    pub synced_at: DateTime<Utc>,
    /// The run that last wrote it.
    pub run_id: i64,
}

/// A state an order was seen in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    pub status: String,
    pub platform_status: String,
    pub updated_at: Option<DateTime<Utc>>,
    pub seen_at: DateTime<Utc>,
    pub run_id: i64,
}

/// A window of the ledger and where it stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    pub lane: Lane,
    pub epoch: i64,
    pub row: LedgerWindow,
    /// The run that last opened or closed it. `None`: none did, or it stands for several.
    pub run_id: Option<i64>,
}

/// A state in which windows still are, or may be, without what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub lane: Lane,
    pub state: WindowState,
    pub windows: u64,
    /// Where the first of them begins.
    pub oldest: DateTime<Utc>,
}

/// No more states than these of one order are shown.
const EVENTS_MAX: u64 = 100;

/// Where a row comes from, and what is missing.
#[derive(Clone, Copy)]
pub struct ExplainRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl ExplainRepo<'_> {
    /// `None`: it is not stored.
    pub async fn trace(self, shop: &str, kind: Kind, number: &str) -> Result<Option<Trace>, StoreError> {
        let table = table_of(kind);
        let mut select = Query::select()
            .columns(["updated_at", "first_seen_at", "synced_at", "run_id"])
            .from(table.name)
            .and_where(table.of_shop(shop))
            .and_where(table.key_is_in([number]))
            .to_owned();
        let has_creation = kind != Kind::Activity;
        if has_creation {
            select.column("created_at");
        }
        if table.vanishes {
            select.column("gone_at");
        }
        let Some(row) = self.store.connection.query_one(&select).await? else {
            return Ok(None);
        };
        Ok(Some(Trace {
            created_at: if has_creation { row.try_get("", "created_at")? } else { None },
            updated_at: row.try_get("", "updated_at")?,
            gone_at: if table.vanishes { row.try_get("", "gone_at")? } else { None },
            first_seen_at: row.try_get("", "first_seen_at")?,
            synced_at: row.try_get("", "synced_at")?,
            run_id: row.try_get("", "run_id")?,
        }))
    }

    /// The states an order was seen in, in the order the platform put it into them.
    pub async fn order_events(self, shop: &str, number: &str) -> Result<Vec<OrderEvent>, StoreError> {
        let select = Query::select()
            .columns(["status", "platform_status", "updated_at", "seen_at", "run_id"])
            .from("order_events")
            .and_where(Expr::col("shop").eq(shop))
            .and_where(Expr::col("number").eq(number))
            .order_by("updated_at", sea_orm::Order::Asc)
            .order_by("id", sea_orm::Order::Asc)
            .limit(EVENTS_MAX)
            .to_owned();
        let rows = self.store.connection.query_all(&select).await?;
        let rows = rows.iter().map(|row| {
            Ok(OrderEvent {
                status: row.try_get_by_index(0)?,
                platform_status: row.try_get_by_index(1)?,
                updated_at: row.try_get_by_index(2)?,
                seen_at: row.try_get_by_index(3)?,
                run_id: row.try_get_by_index(4)?,
            })
        });
        rows.collect()
    }

    /// The windows of a lane that hold a moment, newest epoch first.
    pub async fn windows_at(
        self,
        shop: &str,
        record: Record,
        lane: Lane,
        at: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let at = self.store.dialect.instant(at);
        let rows = Entity::find()
            .filter(of(shop, record))
            .filter(Column::Lane.eq(lane.as_str()))
            .filter(Column::FromAt.lte(at.clone()))
            .filter(Column::UntilAt.gt(at))
            .order_by_desc(Column::Epoch)
            .order_by_desc(Column::Id)
            .limit(limit)
            .all(&self.store.connection)
            .await?;
        rows.into_iter().map(LedgerEntry::try_from).collect()
    }

    /// From when until when a lane's windows reach, whatever their state. `None`: there are none.
    pub async fn reach_of(
        self,
        shop: &str,
        record: Record,
        lane: Lane,
    ) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, StoreError> {
        type Ends = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);
        let reach: Option<Ends> = Entity::find()
            .select_only()
            .column_as(Column::FromAt.min(), "earliest")
            .column_as(Column::UntilAt.max(), "latest")
            .filter(of(shop, record))
            .filter(Column::Lane.eq(lane.as_str()))
            .into_tuple()
            .one(&self.store.connection)
            .await?;
        Ok(reach.and_then(|(earliest, latest)| earliest.zip(latest)))
    }

    /// The windows that count and of which something is or may be missing, newest first.
    pub async fn unsure_windows(
        self,
        shop: &str,
        record: Record,
        epoch: i64,
        limit: u64,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows = Entity::find()
            .filter(unsure(shop, record, epoch))
            .order_by_desc(Column::UntilAt)
            .order_by_desc(Column::Id)
            .limit(limit)
            .all(&self.store.connection)
            .await?;
        rows.into_iter().map(LedgerEntry::try_from).collect()
    }

    /// The same, counted.
    pub async fn gaps(self, shop: &str, record: Record, epoch: i64) -> Result<Vec<Gap>, StoreError> {
        let rows: Vec<(String, String, i64, DateTime<Utc>)> = Entity::find()
            .select_only()
            .columns([Column::Lane, Column::State])
            .column_as(Column::Id.count(), "windows")
            .column_as(Column::FromAt.min(), "oldest")
            .filter(unsure(shop, record, epoch))
            .group_by(Column::Lane)
            .group_by(Column::State)
            .order_by_asc(Column::Lane)
            .order_by_asc(Column::State)
            .into_tuple()
            .all(&self.store.connection)
            .await?;
        let gaps = rows.into_iter().map(|(lane, state, windows, oldest)| {
            Ok(Gap {
                lane: crate::store::lane_of("sync_windows.lane", &lane)?,
                state: WindowState::of_word(&state)?,
                windows: windows.unsigned_abs(),
                oldest,
            })
        });
        gaps.collect()
    }

    /// What a lane read whole between two moments, newest first: what the platform said these windows hold.
    pub async fn windows_read(
        self,
        shop: &str,
        record: Record,
        lane: Lane,
        since: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<LedgerWindow>, StoreError> {
        let dialect: Dialect = self.store.dialect;
        let rows = Entity::find()
            .filter(of(shop, record))
            .filter(Column::Lane.eq(lane.as_str()))
            .filter(Column::State.eq(WindowState::Complete.as_str()))
            .filter(Column::UntilAt.gt(dialect.instant(since)))
            .order_by_desc(Column::UntilAt)
            .limit(limit)
            .all(&self.store.connection)
            .await?;
        rows.into_iter().map(LedgerWindow::try_from).collect()
    }
}

fn of(shop: &str, record: Record) -> Condition {
    Condition::all().add(Column::Shop.eq(shop)).add(Column::Record.eq(record.as_str()))
}

/// Neither whole nor replaced by its halves, in the epochs that count.
fn unsure(shop: &str, record: Record, epoch: i64) -> Condition {
    let settled = [WindowState::Complete, WindowState::Split];
    of(shop, record)
        .add(Column::Epoch.is_in([CREATE_EPOCH, epoch]))
        .add(Column::State.is_not_in(settled.map(WindowState::as_str)))
}

impl TryFrom<Model> for LedgerEntry {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            lane: crate::store::lane_of("sync_windows.lane", &row.lane)?,
            epoch: row.epoch,
            run_id: row.run_id,
            row: LedgerWindow::try_from(row)?,
        })
    }
}
