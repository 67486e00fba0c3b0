//! Windows that are read again because of what they showed: rows of a list that could not be read, and that no call of
//! their own shows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::quarantine::{QuarantineRepo, ShownIn, VERSION};
use crate::domain::again;
use crate::store::StoreError;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::transaction::Tx;
use crate::store::entities::quarantine::{Column, Entity};
use crate::store::ledger::leases::{self, LaneKey, Lease};

/// How a window was read again.
#[derive(Clone, Copy, Debug)]
pub struct WindowRead {
    pub shown_in: ShownIn,
    pub begun_at: DateTime<Utc>,
    /// Whether every row that it shows was seen.
    pub is_whole: bool,
    /// How often its rows had been tried before.
    pub attempts: i64,
}

impl QuarantineRepo<'_> {
    /// Notes that a window was read again. A row without a number that it did not show this time leaves the quarantine:
    /// it could be read, or is somewhere else by now. What is left is due later. Returns how many left.
    pub async fn note_read_again(self, lease: &Lease, read: WindowRead) -> Result<u64, StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                let gone = if read.is_whole { forget_nameless(&tx, &lease.key, read).await? } else { 0 };
                let attempts = read.attempts.saturating_add(1);
                let next_try = tx.dialect.instant(again::next_try(attempts, now));
                Entity::update_many()
                    .col_expr(Column::Attempts, Expr::value(attempts))
                    .col_expr(Column::NextTryAt, Expr::value(next_try))
                    .col_expr(Column::Version, Expr::value(VERSION))
                    .filter(of_window(&tx, &lease.key, read.shown_in))
                    .filter(Column::Attempts.lte(attempts))
                    .exec(tx.db())
                    .await?;
                Ok(gone)
            })
            .await
    }
}

/// Takes rows without a number out of quarantine that a whole scan, begun at that moment, did not show.
pub async fn forget_before(tx: &Tx, key: &LaneKey, begun_at: DateTime<Utc>) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::Shop.eq(key.shop.as_str()))
        .filter(Column::Record.eq(key.record.as_str()))
        .filter(Column::Number.starts_with("#"))
        .filter(Column::LastSeenAt.lt(tx.dialect.instant(begun_at)))
        .exec(tx.db())
        .await?;
    Ok(())
}

async fn forget_nameless(tx: &Tx, key: &LaneKey, read: WindowRead) -> Result<u64, StoreError> {
    let gone = Entity::delete_many()
        .filter(of_window(tx, key, read.shown_in))
        .filter(Column::Number.starts_with("#"))
        .filter(Column::LastSeenAt.lt(tx.dialect.instant(read.begun_at)))
        .exec(tx.db())
        .await?;
    Ok(gone.rows_affected)
}

fn of_window(tx: &Tx, key: &LaneKey, ShownIn { lane, window }: ShownIn) -> SimpleExpr {
    Column::Shop
        .eq(key.shop.as_str())
        .and(Column::Record.eq(key.record.as_str()))
        .and(Column::ShownLane.eq(lane.as_str()))
        .and(Column::ShownFrom.eq(tx.dialect.instant(window.from())))
        .and(Column::ShownUntil.eq(tx.dialect.instant(window.until())))
}

/// Those of the numbers that are in quarantine and would leave it with what was read at that moment.
pub async fn among(
    tx: &Tx,
    key: &LaneKey,
    read: impl Iterator<Item = (&str, DateTime<Utc>)>,
) -> Result<BTreeSet<String>, StoreError> {
    let read: BTreeMap<&str, DateTime<Utc>> = read.collect();
    let numbers: Vec<&str> = read.keys().copied().collect();
    let mut among = BTreeSet::new();
    for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
        let rows: Vec<(String, DateTime<Utc>)> = Entity::find()
            .select_only()
            .columns([Column::Number, Column::LastSeenAt])
            .filter(Column::Shop.eq(key.shop.as_str()))
            .filter(Column::Record.eq(key.record.as_str()))
            .filter(Column::Number.is_in(numbers.iter().copied()))
            .into_tuple()
            .all(tx.db())
            .await?;
        let leaves = |(number, seen_at): &(String, DateTime<Utc>)| {
            read.get(number.as_str()).is_some_and(|at| seen_at <= at)
        };
        among.extend(rows.into_iter().filter(leaves).map(|(number, _)| number));
    }
    Ok(among)
}
