//! Cursors: up to where everything a platform showed is stored, and what is switched off.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::leases::{LaneKey, Lease};
use super::windows::Known;
use super::{leases, rules};
use crate::domain::moment;
use crate::domain::record::{Lane, Record};
use crate::domain::window::{Window, contiguous_end};
use crate::store::db::bulk;
use crate::store::db::dialect::{count, text, text_or_null};
use crate::store::db::transaction::Tx;
use crate::store::entities::run;
use crate::store::entities::sync_cursor::{Column, Entity, Model};
use crate::store::reports::runs::Outcome as RunOutcome;
use crate::store::{Store, StoreError};

/// How far a (shop, record) is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Everything the platform showed as updated before it is stored. `None` before the first run.
    pub last_sync_at: Option<DateTime<Utc>>,
    /// Update windows of other epochs do not count. 0 before the first run.
    pub epoch: i64,
    /// The start of the last complete scan, for records that are scanned.
    pub last_full_at: Option<DateTime<Utc>>,
    /// How many rows that scan saw.
    pub last_full_rows: Option<u64>,
    /// Why it is switched off. `None`: it is on.
    pub off_reason: Option<String>,
    /// When it is tried again. `None` with a reason: when someone switches it on.
    pub off_until: Option<DateTime<Utc>>,
}

/// Why a subject is not requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Off {
    pub reason: String,
    /// `None`: until someone switches it on.
    pub until: Option<DateTime<Utc>>,
}

/// The job under which the log of runs keeps it.
pub const CURSOR_JOB: &str = "cursor";

/// A cursor to be moved, by whom and why.
#[derive(Clone, Debug)]
pub struct CursorMove {
    pub shop: String,
    pub record: Record,
    pub to: DateTime<Utc>,
    /// The user of this machine.
    pub who: String,
    /// The reason that person gave. `None`: none.
    pub why: Option<String>,
}

/// How far each record of each shop is read, and what is switched off.
#[derive(Clone, Copy)]
pub struct CursorRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl CursorRepo<'_> {
    /// `None` when nothing was ever known of it.
    pub async fn get(self, shop: &str, record: Record) -> Result<Option<Cursor>, StoreError> {
        let row = Entity::find_by_id(key(shop, record.as_str())).one(&self.store.connection).await?;
        Ok(row.map(Cursor::from))
    }

    /// How far each (shop, record) is that was ever read, in one question however many there are. The record as the
    /// column has it.
    pub async fn all(self) -> Result<HashMap<(String, String), Cursor>, StoreError> {
        let rows = Entity::find().all(&self.store.connection).await?;
        Ok(rows.into_iter().map(|row| (key(&row.shop, &row.record), Cursor::from(row))).collect())
    }

    /// Sets a new (shop, record) on its way in one transaction: the cursor stands at `at`, in epoch 1, and the
    /// history before it is planned in the create lane. Where there is a cursor already, it is left alone and
    /// nothing is planned.
    pub async fn begin(
        self,
        lease: &Lease,
        at: DateTime<Utc>,
        planned: &[Window],
    ) -> Result<Cursor, StoreError> {
        let (shop, record) = (lease.key.shop.as_str(), lease.key.record);
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                let row = locked_row(&tx, shop, record).await?;
                if let Some(row) = row.as_ref()
                    && row.last_sync_at.is_some()
                {
                    return Ok(Cursor::from(row.clone()));
                }
                let epoch = next_epoch(&tx, shop, record, row.as_ref()).await?;
                place(&tx, shop, record, at, epoch).await?;
                let create = LaneKey { lane: Lane::Create, ..lease.key.clone() };
                rules::plan(&tx, &create, planned, Known::Keep).await?;
                let off = row.and_then(|row| row.off_reason.zip(Some(row.off_until)));
                let (off_reason, off_until) = off.unzip();
                Ok(Cursor {
                    last_sync_at: Some(at),
                    epoch,
                    last_full_at: None,
                    last_full_rows: None,
                    off_reason,
                    off_until: off_until.flatten(),
                })
            })
            .await
    }

    /// Puts the cursor anywhere, forwards or back, and returns where it was and is. A running job loses its
    /// lease, and the update windows read so far no longer count.
    pub async fn set(
        self,
        shop: &str,
        record: Record,
        to: DateTime<Utc>,
    ) -> Result<(Option<DateTime<Utc>>, DateTime<Utc>), StoreError> {
        self.store.write(|tx| async move { Ok((set(&tx, shop, record, to).await?, to)) }).await
    }

    /// Moves a cursor as [`CursorRepo::set`] does, and notes in the same transaction who did it. Returns where it was.
    pub async fn move_to(self, moving: &CursorMove) -> Result<Option<DateTime<Utc>>, StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                let from = set(&tx, &moving.shop, moving.record, moving.to).await?;
                let row = [
                    (run::Column::Job, text(CURSOR_JOB)),
                    (run::Column::Shop, text(&moving.shop)),
                    (run::Column::Record, text(moving.record.as_str())),
                    (run::Column::Trigger, text("manual")),
                    (run::Column::StartedAt, tx.dialect.instant(now)),
                    (run::Column::FinishedAt, tx.dialect.instant(now)),
                    (run::Column::Outcome, text(RunOutcome::Ok.as_str())),
                    (run::Column::Calls, 0_i64.into()),
                    (run::Column::RowsSeen, 0_i64.into()),
                    (run::Column::RowsWritten, 0_i64.into()),
                    (run::Column::RowsUnchanged, 0_i64.into()),
                    (run::Column::RowsQuarantined, 0_i64.into()),
                    (run::Column::Note, text(&moving.note(from))),
                ];
                bulk::insert_for_id(tx.db(), run::Entity, row, None, run::Column::Id).await?;
                Ok(from)
            })
            .await
    }

    /// Stops requesting a subject, which is a record or the `amounts` of orders, until then or for good.
    pub async fn switch_off(
        self,
        shop: &str,
        subject: &str,
        reason: &str,
        until: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                let insert = Query::insert()
                    .into_table(Entity)
                    .columns([
                        Column::Shop,
                        Column::Record,
                        Column::Epoch,
                        Column::OffReason,
                        Column::OffUntil,
                    ])
                    .values_panic([
                        shop.into(),
                        subject.into(),
                        0_i64.into(),
                        Expr::value(text(reason)),
                        Expr::value(tx.dialect.instant_or_null(until)),
                    ])
                    .on_conflict(
                        OnConflict::columns([Column::Shop, Column::Record])
                            .update_columns([Column::OffReason, Column::OffUntil])
                            .to_owned(),
                    )
                    .to_owned();
                tx.db().execute(&insert).await?;
                Ok(())
            })
            .await
    }

    /// Requests a subject again. `false` when it was on.
    pub async fn switch_on(self, shop: &str, subject: &str) -> Result<bool, StoreError> {
        self.store
            .write(|tx| async move {
                let switched = Entity::update_many()
                    .col_expr(Column::OffReason, Expr::value(text_or_null(None)))
                    .col_expr(Column::OffUntil, Expr::value(tx.dialect.instant_or_null(None)))
                    .filter(Column::Shop.eq(shop))
                    .filter(Column::Record.eq(subject))
                    .filter(Column::OffReason.is_not_null())
                    .exec(tx.db())
                    .await?;
                Ok(switched.rows_affected > 0)
            })
            .await
    }

    /// Why and until when a subject is off, whether or not that moment has passed. `None`: it is on.
    pub async fn off(self, shop: &str, subject: &str) -> Result<Option<Off>, StoreError> {
        let row = Entity::find_by_id(key(shop, subject)).one(&self.store.connection).await?;
        Ok(row.and_then(|row| {
            let until = row.off_until;
            row.off_reason.map(|reason| Off { reason, until })
        }))
    }
}

/// Puts the cursor anywhere, and returns where it was.
pub async fn set(
    tx: &Tx,
    shop: &str,
    record: Record,
    to: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let update = LaneKey { shop: shop.to_owned(), record, lane: Lane::Update };
    // The lease first, as every commit does: two orders of locking would be a deadlock.
    leases::revoke(tx, &update).await?;
    let row = locked_row(tx, shop, record).await?;
    let epoch = next_epoch(tx, shop, record, row.as_ref()).await?;
    place(tx, shop, record, to, epoch).await?;
    Ok(row.and_then(|row| row.last_sync_at))
}

/// Moves the cursor to the end of the contiguous prefix of closed windows, never back. Returns where it is now, if it
/// was moved.
pub async fn advance(tx: &Tx, shop: &str, record: Record) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(row) = locked_row(tx, shop, record).await? else {
        return Ok(None);
    };
    let Some(last_sync_at) = row.last_sync_at else {
        return Ok(None);
    };
    let closed = rules::closed_after(tx.db(), tx.dialect, shop, record, row.epoch, last_sync_at).await?;
    let closed: Vec<Window> = closed.into_iter().map(|closed| closed.window).collect();
    let end = contiguous_end(last_sync_at, &closed);
    if end <= last_sync_at {
        return Ok(None);
    }
    place(tx, shop, record, end, row.epoch).await?;
    Ok(Some(end))
}

/// Notes a complete scan that began at `started_at` and saw so many rows. The cursor moves to where it began, never back;
/// where there is none yet, it begins there.
pub async fn finish_scan(
    tx: &Tx,
    shop: &str,
    record: Record,
    started_at: DateTime<Utc>,
    rows: u64,
) -> Result<(), StoreError> {
    let row = locked_row(tx, shop, record).await?;
    match row.as_ref().and_then(|row| row.last_sync_at) {
        Some(last_sync_at) if last_sync_at >= started_at => {}
        Some(_) => {
            let epoch = row.map_or(0, |row| row.epoch);
            place(tx, shop, record, started_at, epoch).await?;
        }
        None => {
            let epoch = next_epoch(tx, shop, record, row.as_ref()).await?;
            place(tx, shop, record, started_at, epoch).await?;
        }
    }
    Entity::update_many()
        .col_expr(Column::LastFullAt, Expr::value(tx.dialect.instant(started_at)))
        .col_expr(Column::LastFullRows, Expr::value(count(rows)))
        .filter(Column::Shop.eq(shop))
        .filter(Column::Record.eq(record.as_str()))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// An epoch no window of the ledger belongs to, also when the cursor's row was deleted by hand and the ledger was not.
async fn next_epoch(tx: &Tx, shop: &str, record: Record, row: Option<&Model>) -> Result<i64, StoreError> {
    let of_ledger = rules::last_epoch(tx, shop, record).await?;
    Ok(row.map_or(0, |row| row.epoch).max(of_ledger) + 1)
}

async fn place(tx: &Tx, shop: &str, record: Record, at: DateTime<Utc>, epoch: i64) -> Result<(), StoreError> {
    let insert = Query::insert()
        .into_table(Entity)
        .columns([Column::Shop, Column::Record, Column::LastSyncAt, Column::Epoch])
        .values_panic([
            shop.into(),
            record.as_str().into(),
            Expr::value(tx.dialect.instant(at)),
            epoch.into(),
        ])
        .on_conflict(
            OnConflict::columns([Column::Shop, Column::Record])
                .update_columns([Column::LastSyncAt, Column::Epoch])
                .to_owned(),
        )
        .to_owned();
    tx.db().execute(&insert).await?;
    Ok(())
}

async fn locked_row(tx: &Tx, shop: &str, record: Record) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(key(shop, record.as_str())).lock_exclusive().one(tx.db()).await?)
}

fn key(shop: &str, subject: &str) -> (String, String) {
    (shop.to_owned(), subject.to_owned())
}

impl CursorMove {
    fn note(&self, from: Option<DateTime<Utc>>) -> String {
        let when = moment::to_second;
        let from = from.map_or_else(|| "nowhere".to_owned(), when);
        let why = self.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
        format!("from {from} to {} by {}{why}", when(self.to), self.who)
    }
}

impl From<Model> for Cursor {
    fn from(row: Model) -> Self {
        Self {
            last_sync_at: row.last_sync_at.map(moment::bounded),
            epoch: row.epoch,
            last_full_at: row.last_full_at.map(moment::bounded),
            last_full_rows: row.last_full_rows.map(i64::unsigned_abs),
            off_reason: row.off_reason,
            off_until: row.off_until.map(moment::bounded),
        }
    }
}
