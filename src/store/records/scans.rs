//! The end of a scan: what it did not see is gone, and the next one is judged by how much it saw.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func, Query};

use super::read_again;
use super::tables::table_of;
use crate::domain::entity::Kind;
use crate::domain::record::Record;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::transaction::Tx;
use crate::store::ledger::leases::Lease;
use crate::store::ledger::{cursors, leases};
use crate::store::{Store, StoreError};

/// A scan that saw everything there is.
pub struct ScanEnd {
    pub record: Record,
    /// Everything the platform showed as changed before it is stored: when the scan began, or the closed end of the
    /// window it was. The cursor moves here, never back.
    pub started_at: DateTime<Utc>,
    /// The numbers it saw, by kind. A kind that the record has and that is missing here was not scanned.
    pub seen: BTreeMap<Kind, HashSet<String>>,
    /// Whether what it did not see is gone. `false`: what is stored stays as it is.
    pub marks_gone: bool,
    /// Whether it saw all rows. A row without a number that it did not show leaves the quarantine.
    pub is_whole: bool,
}

/// What the next scan is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanRows {
    /// How many rows the last complete scan saw. `None`: there was none.
    pub last: Option<u64>,
    /// How many stored rows are not gone.
    pub present: u64,
}

/// Compares lists that are read whole with what is stored.
#[derive(Clone, Copy)]
pub struct ScanRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl ScanRepo<'_> {
    /// How many rows of a record the last complete scan saw, and how many are there now.
    pub async fn scan_rows(self, shop: &str, record: Record) -> Result<ScanRows, StoreError> {
        let last = self.store.cursors().get(shop, record).await?.and_then(|cursor| cursor.last_full_rows);
        let mut present = 0;
        for kind in Kind::ALL.into_iter().filter(|kind| kind.record() == record) {
            present += self.rows_present(shop, kind).await?;
        }
        Ok(ScanRows { last, present })
    }

    /// How many rows of a kind are stored and, as far as is known, still there.
    pub async fn rows_present(self, shop: &str, kind: Kind) -> Result<u64, StoreError> {
        let table = table_of(kind);
        let select = Query::select()
            .expr(Func::count(Expr::col(table.key)))
            .from(table.name)
            .cond_where(Condition::all().add(table.of_shop(shop)).add_option(table.is_there()))
            .to_owned();
        let row = self.store.connection.query_one(&select).await?;
        let rows: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(rows.unwrap_or(0).unsigned_abs())
    }

    /// Ends a scan that saw everything, and returns how many rows are gone. Those that were written since it began
    /// stay, whether it saw them or not.
    ///
    /// In several transactions, each of which finds out whether the lease still stands. The cursor is the last: a scan
    /// that was cut off here is no complete one, and what it marked another one may bring back.
    pub async fn finish_scan(self, lease: &Lease, end: ScanEnd) -> Result<u64, StoreError> {
        let end = &end;
        let mut gone = 0;
        if end.marks_gone {
            for (kind, seen) in &end.seen {
                gone += self.mark_gone(lease, *kind, seen, end.started_at).await?;
            }
        }
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                if end.is_whole {
                    read_again::forget_before(&tx, &lease.key, end.started_at).await?;
                }
                let rows: usize = end.seen.values().map(HashSet::len).sum();
                cursors::finish_scan(&tx, &lease.key.shop, end.record, end.started_at, rows as u64).await
            })
            .await?;
        Ok(gone)
    }

    async fn mark_gone(
        self,
        lease: &Lease,
        kind: Kind,
        seen: &HashSet<String>,
        started_at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        if !table_of(kind).vanishes {
            return Ok(0);
        }
        let at = self.store.clock.now();
        let mut gone = 0;
        let mut after: Option<String> = None;
        loop {
            let from = after.as_deref();
            let step = self
                .store
                .write(|tx| async move {
                    leases::lock_lease(&tx, lease).await?;
                    mark_step(&tx, Step { shop: &lease.key.shop, kind, after: from, started_at, at }, seen)
                        .await
                })
                .await?;
            gone += step.0;
            match step.1 {
                Some(last) => after = Some(last),
                None => return Ok(gone),
            }
        }
    }
}

/// One look at a few keys.
struct Step<'a> {
    shop: &'a str,
    kind: Kind,
    after: Option<&'a str>,
    started_at: DateTime<Utc>,
    at: DateTime<Utc>,
}

/// Marks what was not seen among the next keys. Tells how many, and the last key looked at; `None`: there are no more.
async fn mark_step(
    tx: &Tx,
    step: Step<'_>,
    seen: &HashSet<String>,
) -> Result<(u64, Option<String>), StoreError> {
    let table = table_of(step.kind);
    let untouched = |column| Expr::col(column).lt(Expr::value(tx.dialect.instant(step.started_at)));
    let keys = Query::select()
        .column(table.key)
        .from(table.name)
        .and_where(table.of_shop(step.shop))
        .and_where(Expr::col("gone_at").is_null())
        .and_where_option(step.after.map(|after| Expr::col(table.key).gt(after)))
        .order_by(table.key, sea_orm::Order::Asc)
        .limit(KEYS_PER_STATEMENT as u64)
        .to_owned();
    let keys: Vec<String> = tx
        .db()
        .query_all(&keys)
        .await?
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<Result<_, _>>()?;
    let missing: Vec<&str> = keys.iter().map(String::as_str).filter(|key| !seen.contains(*key)).collect();
    let mut gone = 0;
    if !missing.is_empty() {
        let update = Query::update()
            .table(table.name)
            .value("gone_at", Expr::value(tx.dialect.instant(step.at)))
            .and_where(table.of_shop(step.shop))
            .and_where(table.key_is_in(missing))
            .and_where(untouched("synced_at"))
            .to_owned();
        gone = tx.db().execute(&update).await?.rows_affected();
    }
    let more = keys.len() == KEYS_PER_STATEMENT;
    Ok((gone, keys.into_iter().next_back().filter(|_| more)))
}
