//! The answers behind the rows: read again to rebuild the typed columns, and let go when they are old.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use super::tables::{Table, table_of};
use super::things::{self, Context, Sorted, Stored, platform};
use super::{orders, rows};
use crate::domain::entity::{Answers, Entity, FUTURE_MAX, Kind};
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::transaction::Tx;
use crate::store::shops::prune::Pruned;
use crate::store::{Store, StoreError};

/// What stands in `raw` once the answers were let go.
const NOTHING: &str = "{}";

/// A stored thing with its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRow {
    pub number: String,
    /// The column as it is, by which [`ReplayRepo::rewrite_typed`] sees whether it is still the same.
    pub raw: String,
}

impl RawRow {
    /// The answers it was made from. `None`: they were let go.
    pub fn answers(&self) -> Option<Answers> {
        let answers = things::answers(&self.raw);
        (answers.list.is_some() || answers.detail.is_some()).then_some(answers)
    }
}

/// A thing converted again from stored answers.
#[derive(Clone, Debug)]
pub struct Retyped {
    /// An order whose money comes by a call of its own brings it here when it is among the answers.
    pub entity: Entity,
    /// Of the [`RawRow`] it was made from.
    pub raw: String,
}

/// Converts stored answers again into typed columns.
#[derive(Clone, Copy)]
pub struct ReplayRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl ReplayRepo<'_> {
    /// The next things of a kind by number, `limit` of them at most. `after`: the last number of the batch before.
    pub async fn raw_batch(
        self,
        shop: &str,
        kind: Kind,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<RawRow>, StoreError> {
        let table = table_of(kind);
        let select = Query::select()
            .columns([table.key, "raw"])
            .from(table.name)
            .and_where(table.of_shop(shop))
            .and_where_option(after.map(|after| Expr::col(table.key).gt(after)))
            .order_by(table.key, sea_orm::Order::Asc)
            .limit(limit)
            .to_owned();
        let rows = self.store.connection.query_all(&select).await?;
        let rows = rows
            .iter()
            .map(|row| Ok(RawRow { number: row.try_get_by_index(0)?, raw: row.try_get_by_index(1)? }));
        rows.collect()
    }

    /// Writes the typed columns and the parts of things that are stored, and returns how many. Hashes, `raw`, moments,
    /// runs, events and dates of money stay; so does money that is not given, and an update time that is missing or
    /// cannot be true: one after the thing was read, or after now where a clock that was ahead wrote down when it was
    /// read. A thing that changed since its answers were read is left as it is.
    pub async fn rewrite_typed(self, shop: &str, things: &[Retyped]) -> Result<u64, StoreError> {
        let now = self.store.clock.now();
        let mut rewritten = 0;
        for things in things.chunks(KEYS_PER_STATEMENT) {
            rewritten += self.store.write(|tx| rewrite(tx, shop, things, now)).await?;
        }
        Ok(rewritten)
    }

    /// Lets go of the answers of what was last written before `older_than`; all else of it stays, the hashes too. Looks
    /// at the next few hundred things of a kind by number and returns where to continue.
    pub async fn prune_raw(
        self,
        shop: &str,
        kind: Kind,
        older_than: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Pruned<String>, StoreError> {
        let table = table_of(kind);
        self.store
            .write(|tx| async move {
                let keys = Query::select()
                    .column(table.key)
                    .from(table.name)
                    .and_where(table.of_shop(shop))
                    .and_where_option(after.map(|after| Expr::col(table.key).gt(after)))
                    .order_by(table.key, sea_orm::Order::Asc)
                    .limit(KEYS_PER_STATEMENT as u64)
                    .to_owned();
                let keys = tx.db().query_all(&keys).await?;
                let keys: Vec<String> =
                    keys.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
                let update = Query::update()
                    .table(table.name)
                    .value("raw", NOTHING)
                    .and_where(table.of_shop(shop))
                    .and_where(table.key_is_in(keys.iter().map(String::as_str)))
                    .and_where(Expr::col("synced_at").lt(Expr::value(tx.dialect.instant(older_than))))
                    .and_where(Expr::col("raw").ne(NOTHING))
                    .to_owned();
                let rows = tx.db().execute(&update).await?.rows_affected();
                let is_last = keys.len() < KEYS_PER_STATEMENT;
                Ok(Pruned { rows, next: keys.into_iter().next_back().filter(|_| !is_last) })
            })
            .await
    }
}

async fn rewrite(tx: Tx, shop: &str, things: &[Retyped], now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut same = Vec::with_capacity(things.len());
    for kind in Kind::ALL {
        let of_kind: Vec<&Retyped> = things.iter().filter(|thing| thing.entity.kind() == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let numbers: Vec<&str> = of_kind.iter().map(|thing| thing.entity.number()).collect();
        let stored = locked(&tx, shop, table_of(kind), &numbers).await?;
        for thing in of_kind {
            if let Some(stored) = stored.get(thing.entity.number()).filter(|stored| stored.raw == thing.raw) {
                same.push(stored.retype(thing, now));
            }
        }
    }
    let Some(any) = same.first() else {
        return Ok(0);
    };
    let context = &Context {
        dialect: tx.dialect,
        shop,
        platform: &platform(&tx, shop).await?,
        // Columns that are not rewritten, but that a row must have.
        run_id: 0,
        synced_at: any.read_at,
        believed_until: any.read_at,
        read_since: any.read_at,
        amounts_due: false,
    };
    let sorted = Sorted::new(&same);
    orders::rewrite(&tx, context, &sorted.orders).await?;
    rows::rewrite(&tx, context, &sorted.products).await?;
    rows::rewrite(&tx, context, &sorted.skus).await?;
    rows::rewrite(&tx, context, &sorted.after_sales).await?;
    rows::rewrite(&tx, context, &sorted.activities).await?;
    Ok(same.iter().map(|stored| stored.entity.number()).collect::<HashSet<_>>().len() as u64)
}

/// What is stored of a thing that is converted again.
struct Known {
    raw: String,
    updated_at: Option<DateTime<Utc>>,
    synced_at: DateTime<Utc>,
}

impl Known {
    fn retype(&self, thing: &Retyped, now: DateTime<Utc>) -> Stored {
        let mut entity = thing.entity.clone();
        let read_at = Ord::min(self.synced_at, now);
        // What a clock that was ahead believed counts no more than what the answer says.
        let believed = self.updated_at.filter(|_| self.synced_at <= now);
        let plausible_max = read_at + FUTURE_MAX;
        let latest = believed.map_or(plausible_max, |at| Ord::max(at, plausible_max));
        entity.believe_times(latest, believed.unwrap_or(read_at));
        let (answers, list_hash) = (Answers::default(), String::new());
        Stored { entity, answers, read_at: self.synced_at, list_hash, may_be_part: false }
    }
}

/// Locks the rows until the end of the transaction, so that no page changes them between our look and our write.
async fn locked(
    tx: &Tx,
    shop: &str,
    table: Table,
    numbers: &[&str],
) -> Result<HashMap<String, Known>, StoreError> {
    let select = Query::select()
        .columns([table.key, "raw", "updated_at", "synced_at"])
        .from(table.name)
        .and_where(table.of_shop(shop))
        .and_where(table.key_is_in(numbers.iter().copied()))
        .order_by(table.key, sea_orm::Order::Asc)
        .lock_exclusive()
        .to_owned();
    let mut known = HashMap::with_capacity(numbers.len());
    for row in tx.db().query_all(&select).await? {
        let (raw, updated_at, synced_at) =
            (row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        known.insert(row.try_get_by_index(0)?, Known { raw, updated_at, synced_at });
    }
    Ok(known)
}
