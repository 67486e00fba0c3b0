//! The statements of the ledger, for the transactions of others.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value};

use super::leases::LaneKey;
use super::windows::{Close, Closing, Known, LedgerWindow, WindowState};
use crate::domain::record::{Lane, Record};
use crate::domain::window::Window;
use crate::store::StoreError;
use crate::store::db::bulk::{self, KEYS_PER_STATEMENT};
use crate::store::db::dialect::Dialect;
use crate::store::db::transaction::Tx;
use crate::store::entities::sync_window::{Column, Entity};

/// Closes a window, within the transaction that stores its last rows.
pub async fn close(
    tx: &Tx,
    key: &LaneKey,
    close: Close,
    run_id: i64,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let state = match close.state {
        Closing::Complete => WindowState::Complete,
        Closing::Short => WindowState::Short,
        Closing::Unreachable => WindowState::Unreachable,
    };
    let count = |rows: u64| {
        Value::BigInt((close.state != Closing::Unreachable).then(|| i64::try_from(rows).unwrap_or(i64::MAX)))
    };
    let closed = Entity::update_many()
        .col_expr(Column::State, Expr::value(state.as_str()))
        .col_expr(Column::PlatformTotal, Expr::value(count(close.platform_total)))
        .col_expr(Column::RowsSeen, Expr::value(count(close.rows_seen)))
        .col_expr(Column::RunId, Expr::value(run_id))
        .col_expr(Column::CompletedAt, Expr::value(tx.dialect.instant(at)))
        .filter(Column::Id.eq(close.id))
        .filter(of_lane(key))
        .exec(tx.db())
        .await?;
    one(close.id, closed.rows_affected)
}

/// The closed update windows of an epoch that end after `after`, oldest first.
pub async fn closed_after(
    db: &impl ConnectionTrait,
    dialect: Dialect,
    shop: &str,
    record: Record,
    epoch: i64,
    after: DateTime<Utc>,
) -> Result<Vec<LedgerWindow>, StoreError> {
    let key = LaneKey { shop: shop.to_owned(), record, lane: Lane::Update };
    let rows = Entity::find()
        .filter(of_lane(&key))
        .filter(Column::Epoch.eq(epoch))
        .filter(Column::State.is_in(words(&WindowState::CLOSED)))
        .filter(Column::UntilAt.gt(dialect.instant(after)))
        .order_by_asc(Column::FromAt)
        .order_by_asc(Column::UntilAt)
        .all(db)
        .await?;
    rows.into_iter().map(LedgerWindow::try_from).collect()
}

/// The highest epoch of the update lane's windows; 0 when there are none.
pub async fn last_epoch(tx: &Tx, shop: &str, record: Record) -> Result<i64, StoreError> {
    let key = LaneKey { shop: shop.to_owned(), record, lane: Lane::Update };
    let highest: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::Epoch.max(), "epoch")
        .filter(of_lane(&key))
        .into_tuple()
        .one(tx.db())
        .await?;
    Ok(highest.flatten().unwrap_or(0))
}

/// Deletes windows, in the update lane only.
pub async fn forget(tx: &Tx, key: &LaneKey, ids: &[i64]) -> Result<(), StoreError> {
    for ids in ids.chunks(KEYS_PER_STATEMENT) {
        Entity::delete_many()
            .filter(of_lane(key))
            .filter(Column::Lane.eq(Lane::Update.as_str()))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .exec(tx.db())
            .await?;
    }
    Ok(())
}

/// Deletes what is not closed, in the update lane only.
pub async fn sweep(tx: &Tx, key: &LaneKey) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(of_lane(key))
        .filter(Column::Lane.eq(Lane::Update.as_str()))
        .filter(Column::State.is_not_in(words(&WindowState::CLOSED)))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// A window that could not be read to its end. A short one stays short.
pub async fn fail(tx: &Tx, key: &LaneKey, id: i64) -> Result<(), StoreError> {
    set_state(tx, key, id, unless_short(WindowState::Failed)).await
}

/// Replaces a window by its halves, which keep what must not be forgotten of it: that history is still to be read,
/// or that rows were missing.
pub async fn split(tx: &Tx, key: &LaneKey, id: i64, halves: [Window; 2]) -> Result<(), StoreError> {
    let window = Entity::find_by_id(id).filter(of_lane(key)).one(tx.db()).await?;
    let window = window.ok_or(StoreError::NoSuchWindow { id })?;
    set_state(tx, key, id, Expr::value(WindowState::Split.as_str())).await?;
    match key.lane {
        Lane::Create => plan(tx, key, &halves, Known::PlanAgain).await,
        Lane::Update if window.state == WindowState::Short.as_str() => {
            insert(tx, key, window.epoch, &halves, WindowState::Short, Known::Keep).await
        }
        Lane::Update | Lane::Amounts => Ok(()),
    }
}

/// Plans windows in the create lane, whose epoch is 0.
pub async fn plan(tx: &Tx, key: &LaneKey, windows: &[Window], known: Known) -> Result<(), StoreError> {
    insert(tx, key, 0, windows, WindowState::Planned, known).await
}

async fn insert(
    tx: &Tx,
    key: &LaneKey,
    epoch: i64,
    windows: &[Window],
    state: WindowState,
    known: Known,
) -> Result<(), StoreError> {
    let mut conflict = OnConflict::columns(UNIQUE);
    match known {
        Known::Keep => conflict.do_nothing(),
        Known::PlanAgain => conflict.update_columns([
            Column::State,
            Column::PlatformTotal,
            Column::RowsSeen,
            Column::RunId,
            Column::Attempts,
            Column::OpenedAt,
            Column::CompletedAt,
        ]),
    };
    let mut windows = windows.to_vec();
    windows.sort_unstable();
    windows.dedup();
    let rows = windows.into_iter().map(|window| row(tx.dialect, key, epoch, window, state));
    for mut insert in bulk::inserts(Entity, rows) {
        insert.on_conflict(conflict.clone());
        tx.db().execute(&insert).await?;
    }
    Ok(())
}

pub async fn open(
    tx: &Tx,
    key: &LaneKey,
    epoch: i64,
    window: Window,
    run_id: i64,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let now = tx.dialect.instant(now);
    let mut conflict = OnConflict::columns(UNIQUE);
    conflict
        .value(Column::State, unless_short(WindowState::Reading))
        .value(Column::RunId, run_id)
        .value(Column::Attempts, Expr::col((Entity, Column::Attempts)).add(1_i64))
        .value(Column::OpenedAt, Expr::value(now.clone()));
    let mut row = row(tx.dialect, key, epoch, window, WindowState::Reading);
    for (column, value) in &mut row {
        match column {
            Column::RunId => *value = run_id.into(),
            Column::Attempts => *value = 1_i64.into(),
            Column::OpenedAt => *value = now.clone(),
            _ => {}
        }
    }
    bulk::insert_for_id(tx.db(), Entity, row, Some(conflict), Column::Id).await
}

const UNIQUE: [Column; 6] =
    [Column::Shop, Column::Record, Column::Lane, Column::Epoch, Column::FromAt, Column::UntilAt];

/// A row as it is before the window was ever opened.
fn row(
    dialect: Dialect,
    key: &LaneKey,
    epoch: i64,
    window: Window,
    state: WindowState,
) -> [(Column, Value); 13] {
    [
        (Column::Shop, key.shop.as_str().into()),
        (Column::Record, key.record.as_str().into()),
        (Column::Lane, key.lane.as_str().into()),
        (Column::Epoch, epoch.into()),
        (Column::FromAt, dialect.instant(window.from())),
        (Column::UntilAt, dialect.instant(window.until())),
        (Column::State, state.as_str().into()),
        (Column::PlatformTotal, Value::BigInt(None)),
        (Column::RowsSeen, Value::BigInt(None)),
        (Column::RunId, Value::BigInt(None)),
        (Column::Attempts, 0_i64.into()),
        (Column::OpenedAt, dialect.instant_or_null(None)),
        (Column::CompletedAt, dialect.instant_or_null(None)),
    ]
}

async fn set_state(tx: &Tx, key: &LaneKey, id: i64, state: Expr) -> Result<(), StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::State, state)
        .filter(Column::Id.eq(id))
        .filter(of_lane(key))
        .exec(tx.db())
        .await?;
    one(id, changed.rows_affected)
}

fn one(id: i64, rows_affected: u64) -> Result<(), StoreError> {
    if rows_affected == 0 {
        return Err(StoreError::NoSuchWindow { id });
    }
    Ok(())
}

fn unless_short(state: WindowState) -> Expr {
    let short = WindowState::Short.as_str();
    CaseStatement::new()
        .case(Expr::col((Entity, Column::State)).eq(short), short)
        .finally(state.as_str())
        .into()
}

pub fn words(states: &[WindowState]) -> impl Iterator<Item = &'static str> {
    states.iter().map(|state| state.as_str())
}

pub fn of_lane(key: &LaneKey) -> Expr {
    Column::Shop
        .eq(key.shop.as_str())
        .and(Column::Record.eq(key.record.as_str()))
        .and(Column::Lane.eq(key.lane.as_str()))
}
