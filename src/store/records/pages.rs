//! The commit of a page, which is where nothing may be lost.
//!
//! Rows, ledger and cursor of a page are one transaction. What it does with a row it knows already: an older copy
//! never replaces a newer one, an equal copy writes nothing, and money that came by another call stays.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};

use super::quarantine::{Changes, QuarantineRow, Quarantined, ShownIn, Unreadable};
use super::tables::table_of;
use super::things::{Context, Sorted, Stored, platform};
use super::{after_sales, order_parts, orders, quarantine, read_again, rows};
use crate::domain::entity::{FUTURE_MAX, Kind};
use crate::domain::record::Lane;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::transaction::Tx;
use crate::store::ledger::leases::Lease;
use crate::store::ledger::windows::Close;
use crate::store::ledger::{cursors, leases, rules};
use crate::store::{Store, StoreError};

/// What one page of a window brings, and with the last page the end of the window.
pub struct PageCommit {
    pub run_id: i64,
    /// The moment of this commit.
    pub synced_at: DateTime<Utc>,
    pub things: Vec<Stored>,
    /// Whether the money of the orders that are written has to be requested by a call of its own. A case that is
    /// written changes the money of its order.
    pub amounts_due: bool,
    /// No stored update time can lie after this moment: one that does is a mistake, and gives way.
    pub believed_until: DateTime<Utc>,
    /// What is also among `things` is stored as far as it could be read, or was readable before and no longer is.
    pub quarantined: Vec<Quarantined>,
    /// The window whose pages showed all this: it is read again for what went into quarantine and has no call of its
    /// own. `None`: nothing is read again for that.
    pub shown_in: Option<ShownIn>,
    /// The window ends with this page. `None`: more pages follow.
    pub close: Option<Close>,
}

/// What became of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Things that were new or changed.
    pub written: u64,
    /// Things that were stored already, as they are or newer.
    pub unchanged: u64,
    /// Where the cursor stands now. `None`: this commit did not move it.
    pub cursor: Option<DateTime<Utc>>,
    pub quarantine: Changes,
}

/// Writes what a page of a list brought.
#[derive(Clone, Copy)]
pub struct PageRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl PageRepo<'_> {
    /// The hashes of the list rows of those of `numbers` that are stored and, as far as is known, still there. Without
    /// those in quarantine: a row that is readable again must be read, though it is as it was before, to come out of
    /// there.
    pub async fn list_hashes(
        self,
        shop: &str,
        kind: Kind,
        numbers: &[String],
    ) -> Result<HashMap<String, String>, StoreError> {
        let table = table_of(kind);
        let mut hashes = HashMap::with_capacity(numbers.len());
        for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
            let mut select = Query::select()
                .columns([table.key, "list_hash"])
                .from(table.name)
                .and_where(table.of_shop(shop))
                .and_where(table.key_is_in(numbers.iter().map(String::as_str)))
                .to_owned();
            select.cond_where(Condition::all().add_option(table.is_there()));
            select.and_where(Expr::exists(set_aside(shop, kind)).not());
            for row in self.store.connection.query_all(&select).await? {
                hashes.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            }
        }
        Ok(hashes)
    }

    /// Stores a page: its rows and, when it closes the window, the ledger and the cursor with them, or nothing. Nothing
    /// also where a row may be only a part of its order: [`StoreError::InParts`] says of which orders all rows have to
    /// be read.
    pub async fn commit(self, lease: &Lease, page: &PageCommit) -> Result<Committed, StoreError> {
        order_parts::refuse_if_any(order_parts::in_page(&page.things, &page.quarantined))?;
        let sorted = &Sorted::new(&page.things);
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                // What stays there keeps its first moment and its attempts.
                let stays: HashSet<&str> =
                    page.quarantined.iter().filter_map(|odd| odd.number.as_deref()).collect();
                let leaves = || sorted.read().filter(|(number, _)| !stays.contains(number));
                let parts = leaves().filter(|(number, _)| sorted.may_be_part(number));
                order_parts::refuse_if_any(read_again::among(&tx, &lease.key, parts).await?)?;
                let written = write_things(&tx, lease, page, sorted).await?;
                let released = quarantine::release(&tx, &lease.key, leaves()).await?;
                let new = quarantine::keep(&tx, &lease.key, &page.quarantined, page.shown_in, page.synced_at)
                    .await?;
                let mut cursor = None;
                if let Some(close) = page.close {
                    rules::close(&tx, &lease.key, close, page.run_id, page.synced_at).await?;
                    if lease.key.lane == Lane::Update {
                        cursor = cursors::advance(&tx, &lease.key.shop, lease.key.record).await?;
                    }
                }
                let quarantine = Changes { new, released };
                Ok(Committed { written, unchanged: sorted.count() - written, cursor, quarantine })
            })
            .await
    }

    /// Stores what was made of rows in quarantine, under the rules of every page, and takes those rows out; notes which
    /// were tried in vain.
    pub async fn commit_retried(
        self,
        lease: &Lease,
        page: &PageCommit,
        readable: &[&QuarantineRow],
        unreadable: &[Unreadable<'_>],
    ) -> Result<Committed, StoreError> {
        order_parts::refuse_if_any(order_parts::in_page(&page.things, &page.quarantined))?;
        let sorted = &Sorted::new(&page.things);
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                let written = write_things(&tx, lease, page, sorted).await?;
                let known_by = readable.iter().map(|row| (row.number.as_str(), row.last_seen_at));
                let released = quarantine::release(&tx, &lease.key, known_by).await?;
                quarantine::note_tried(&tx, &lease.key, unreadable, page.synced_at).await?;
                let quarantine = Changes { released, ..Changes::default() };
                Ok(Committed { written, unchanged: sorted.count() - written, cursor: None, quarantine })
            })
            .await
    }
}

/// The row of the quarantine that a row of a kind's table has.
fn set_aside(shop: &str, kind: Kind) -> SelectStatement {
    let table = table_of(kind);
    let of_quarantine = |column: &'static str| Expr::col(("quarantine", column));
    Query::select()
        .expr(Expr::value(1))
        .from("quarantine")
        .and_where(of_quarantine("shop").eq(shop))
        .and_where(of_quarantine("record").eq(kind.record().as_str()))
        .and_where(of_quarantine("number").eq(Expr::col((table.name, table.key))))
        .to_owned()
}

/// Writes what is new or changed, kind by kind in one order for all writers, and returns how many.
async fn write_things(
    tx: &Tx,
    lease: &Lease,
    page: &PageCommit,
    sorted: &Sorted<'_>,
) -> Result<u64, StoreError> {
    if page.things.is_empty() {
        return Ok(0);
    }
    let shop = lease.key.shop.as_str();
    let ahead = page.believed_until - FUTURE_MAX - page.synced_at;
    let read_since = page.things.iter().map(|stored| stored.read_at).min().unwrap_or(page.synced_at) + ahead;
    let context = &Context {
        dialect: tx.dialect,
        shop,
        platform: &platform(tx, shop).await?,
        run_id: page.run_id,
        synced_at: page.synced_at,
        believed_until: page.believed_until,
        read_since,
        amounts_due: page.amounts_due,
    };
    let written = [
        orders::write(tx, context, &sorted.orders).await?,
        rows::write(tx, context, &sorted.products).await?,
        rows::write(tx, context, &sorted.skus).await?,
        after_sales::write(tx, context, &sorted.after_sales).await?,
        rows::write(tx, context, &sorted.activities).await?,
    ];
    Ok(written.iter().map(|keys| keys.len() as u64).sum())
}
