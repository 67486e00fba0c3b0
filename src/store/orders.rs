//! Orders: the commit of a page, which is where nothing may be lost.
//!
//! Rows, ledger and cursor of a page are one transaction. What it does with a row it knows already: an older copy
//! never replaces a newer one, an equal copy writes nothing, and money that came by another call stays.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::bulk::KEYS_PER_STATEMENT;
use super::entities::order::{Column, Entity};
use super::entities::shop;
use super::leases::{self, Lease};
use super::quarantine::{self, Quarantined};
use super::transaction::Tx;
use super::windows::Close;
use super::{Store, StoreError, cursors, ledger, order_items, order_rows};
use crate::domain::order::{Answers, Order};
use crate::domain::record::Lane;

/// What one page of a window brings, and with the last page the end of the window.
pub struct PageCommit {
    pub run_id: i64,
    /// The moment of this commit.
    pub synced_at: DateTime<Utc>,
    pub orders: Vec<StoredOrder>,
    /// Whether the money of what is written has to be asked for by a call of its own.
    pub amounts_due: bool,
    /// An order that is also among `orders` was readable before, and no longer is.
    pub quarantined: Vec<Quarantined>,
    /// The window ends with this page. `None`: more pages follow.
    pub close: Option<Close>,
}

/// An order with what it was made from.
pub struct StoredOrder {
    pub order: Order,
    pub answers: Answers,
    /// When it was read. What is in quarantine since a later moment is a newer version of it and stays there.
    pub read_at: DateTime<Utc>,
    /// Of the list row alone: an equal one needs no detail call and no write.
    pub list_hash: String,
}

/// What became of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Orders that were new or changed.
    pub written: u64,
    /// Orders that were stored already, as they are or newer.
    pub unchanged: u64,
    /// Where the cursor stands now. `None`: this commit did not move it.
    pub cursor: Option<DateTime<Utc>>,
}

impl Store {
    /// The hashes of the list rows of those of `numbers` that are stored.
    pub async fn list_hashes(
        &self,
        shop: &str,
        numbers: &[String],
    ) -> Result<HashMap<String, String>, StoreError> {
        let mut hashes = HashMap::with_capacity(numbers.len());
        for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
            let rows: Vec<(String, String)> = Entity::find()
                .select_only()
                .columns([Column::Number, Column::ListHash])
                .filter(Column::Shop.eq(shop))
                .filter(Column::Number.is_in(numbers))
                .into_tuple()
                .all(&self.connection)
                .await?;
            hashes.extend(rows);
        }
        Ok(hashes)
    }

    /// Stores a page: its rows and, when it closes the window, the ledger and the cursor with them, or nothing.
    pub async fn commit_page(&self, lease: &Lease, page: PageCommit) -> Result<Committed, StoreError> {
        let page = &page;
        let orders = &newest_of_each(&page.orders);
        self.write(|tx| async move {
            leases::lock_lease(&tx, lease).await?;
            let written = write_orders(&tx, lease, page, orders).await?;
            let read = orders.iter().map(|(number, stored)| (*number, stored.read_at));
            quarantine::release(&tx, &lease.key, read).await?;
            quarantine::keep(&tx, &lease.key, &page.quarantined, page.synced_at).await?;
            let mut cursor = None;
            if let Some(close) = page.close {
                ledger::close(&tx, &lease.key, close, page.run_id, page.synced_at).await?;
                if lease.key.lane == Lane::Update {
                    cursor = cursors::advance(&tx, &lease.key.shop, lease.key.record).await?;
                }
            }
            let written = written.len();
            Ok(Committed { written: written as u64, unchanged: (orders.len() - written) as u64, cursor })
        })
        .await
    }
}

/// The orders by number, which is also the order they are written in, so that two writers meet rows in the same
/// order and neither waits for the other in a circle. Of an order that came twice, the newest copy.
fn newest_of_each(orders: &[StoredOrder]) -> BTreeMap<&str, &StoredOrder> {
    let mut newest: BTreeMap<&str, &StoredOrder> = BTreeMap::new();
    for stored in orders {
        let known = newest.entry(&stored.order.number).or_insert(stored);
        if stored.order.updated_at >= known.order.updated_at {
            *known = stored;
        }
    }
    newest
}

/// Writes what is new or changed and tells its numbers.
async fn write_orders(
    tx: &Tx,
    lease: &Lease,
    page: &PageCommit,
    orders: &BTreeMap<&str, &StoredOrder>,
) -> Result<HashSet<String>, StoreError> {
    if orders.is_empty() {
        return Ok(HashSet::new());
    }
    let shop = lease.key.shop.as_str();
    let context =
        order_rows::Context { dialect: tx.dialect, shop, platform: &platform(tx, shop).await?, page };
    let without_money: Vec<&str> = orders
        .values()
        .filter(|stored| stored.order.amounts.is_none())
        .map(|stored| stored.order.number.as_str())
        .collect();
    let money = order_rows::stored_money(tx, shop, &without_money).await?;
    let written = order_rows::upsert(tx, &context, orders, &money).await?;
    let changed: Vec<&Order> =
        orders.values().map(|stored| &stored.order).filter(|order| written.contains(&order.number)).collect();
    order_items::rewrite(tx, shop, &changed, &money).await?;
    Ok(written)
}

async fn platform(tx: &Tx, shop: &str) -> Result<String, StoreError> {
    let platform = shop::Entity::find_by_id(shop)
        .select_only()
        .column(shop::Column::Platform)
        .into_tuple()
        .one(tx.db())
        .await?;
    platform.ok_or_else(|| StoreError::UnknownShop { shop: shop.to_owned() })
}
