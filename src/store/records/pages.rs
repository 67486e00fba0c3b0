//! The commit of a page, which is where nothing may be lost.
//!
//! Rows, ledger and cursor of a page are one transaction. What it does with a row it knows already: an older copy
//! never replaces a newer one, an equal copy writes nothing, and money that came by another call stays.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};

use super::quarantine::{Changes, QuarantineRow, Quarantined, Unreadable};
use super::read_again::ShownIn;
use super::tables::table_of;
use super::{after_sales, orders, parts, quarantine, read_again, rows};
use crate::domain::activity::Activity;
use crate::domain::after_sale::AfterSale;
use crate::domain::entity::{Answers, Entity, FUTURE_MAX, Kind};
use crate::domain::order::Order;
use crate::domain::product::{Product, Sku};
use crate::domain::record::Lane;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::dialect::Dialect;
use crate::store::db::transaction::Tx;
use crate::store::entities::shop;
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

/// A thing with what it was made from.
#[derive(Clone, Debug)]
pub struct Stored {
    pub entity: Entity,
    pub answers: Answers,
    /// When it was read. What is in quarantine since a later moment is a newer version of it and stays there.
    pub read_at: DateTime<Utc>,
    /// Of the list row alone: an equal one needs no detail call and no write. Empty: any later reading replaces this
    /// one, whatever its update time.
    pub list_hash: String,
    /// Whether the platform may show other rows of the same order, with lines of their own. Such a row is never stored
    /// in place of lines that it does not have; see [`StoreError::InParts`].
    pub may_be_part: bool,
}

/// One kind of thing with what it was made from.
pub struct Piece<'a, T> {
    pub thing: &'a T,
    pub stored: &'a Stored,
}

/// Those of one kind by number, which is also the order they are written in, so that two writers meet rows in the same
/// order and neither waits for the other in a circle.
pub type Pieces<'a, T> = BTreeMap<&'a str, Piece<'a, T>>;

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

/// What all rows of a commit share.
pub struct Context<'a> {
    pub dialect: Dialect,
    pub shop: &'a str,
    pub platform: &'a str,
    pub run_id: i64,
    pub synced_at: DateTime<Utc>,
    /// Of stored update times; see [`PageCommit::believed_until`].
    pub believed_until: DateTime<Utc>,
    /// When the first of the rows was read, on the platform's clock.
    pub read_since: DateTime<Utc>,
    pub amounts_due: bool,
}

/// Things by kind and number.
pub struct Sorted<'a> {
    pub orders: Pieces<'a, Order>,
    pub products: Pieces<'a, Product>,
    pub skus: Pieces<'a, Sku>,
    pub after_sales: Pieces<'a, AfterSale>,
    pub activities: Pieces<'a, Activity>,
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
        parts::refuse_if_any(parts::in_page(page))?;
        let sorted = &Sorted::new(&page.things);
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                // What stays there keeps its first moment and its attempts.
                let stays: HashSet<&str> =
                    page.quarantined.iter().filter_map(|odd| odd.number.as_deref()).collect();
                let leaves = || sorted.read().filter(|(number, _)| !stays.contains(number));
                let parts = leaves().filter(|(number, _)| sorted.may_be_part(number));
                parts::refuse_if_any(read_again::among(&tx, &lease.key, parts).await?)?;
                let written = write_things(&tx, lease, page, sorted).await?;
                let released = quarantine::release(&tx, &lease.key, leaves()).await?;
                let new = quarantine::keep(&tx, &lease.key, page).await?;
                let mut cursor = None;
                if let Some(close) = page.close {
                    rules::close(&tx, &lease.key, close, page.run_id, page.synced_at).await?;
                    if lease.key.lane == Lane::Update {
                        cursor = cursors::advance(&tx, &lease.key.shop, lease.key.record).await?;
                    }
                }
                let quarantine = Changes { new, released };
                Ok(Committed { written, unchanged: sorted.len() - written, cursor, quarantine })
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
        parts::refuse_if_any(parts::in_page(page))?;
        let sorted = &Sorted::new(&page.things);
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                let written = write_things(&tx, lease, page, sorted).await?;
                let known_by = readable.iter().map(|row| (row.number.as_str(), row.last_seen_at));
                let released = quarantine::release(&tx, &lease.key, known_by).await?;
                quarantine::note_tried(&tx, &lease.key, unreadable, page.synced_at).await?;
                let quarantine = Changes { released, ..Changes::default() };
                Ok(Committed { written, unchanged: sorted.len() - written, cursor: None, quarantine })
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

impl<'a> Sorted<'a> {
    pub fn new(things: &'a [Stored]) -> Self {
        macro_rules! of_kind {
            ($kind:ident) => {
                newest_of_each(things, |entity| match entity {
                    Entity::$kind(thing) => Some(thing),
                    _ => None,
                })
            };
        }
        Self {
            orders: of_kind!(Order),
            products: of_kind!(Product),
            skus: of_kind!(Sku),
            after_sales: of_kind!(AfterSale),
            activities: of_kind!(Activity),
        }
    }

    fn len(&self) -> u64 {
        self.read().count() as u64
    }

    fn may_be_part(&self, number: &str) -> bool {
        self.orders.get(number).is_some_and(|piece| piece.stored.may_be_part)
    }

    /// What was read and when, by number.
    fn read(&self) -> impl Iterator<Item = (&'a str, DateTime<Utc>)> {
        fn each<'a, T>(pieces: &Pieces<'a, T>) -> impl Iterator<Item = (&'a str, DateTime<Utc>)> {
            pieces.iter().map(|(number, piece)| (*number, piece.stored.read_at))
        }
        each(&self.orders)
            .chain(each(&self.products))
            .chain(each(&self.skus))
            .chain(each(&self.after_sales))
            .chain(each(&self.activities))
    }
}

/// Those of one kind. Of what came twice, the newest copy.
fn newest_of_each<T>(things: &[Stored], of_kind: impl Fn(&Entity) -> Option<&T>) -> Pieces<'_, T> {
    let mut newest: Pieces<'_, T> = BTreeMap::new();
    for stored in things {
        let Some(thing) = of_kind(&stored.entity) else { continue };
        let known = newest.entry(stored.entity.number()).or_insert(Piece { thing, stored });
        if stored.entity.updated_at() >= known.stored.entity.updated_at() {
            *known = Piece { thing, stored };
        }
    }
    newest
}

/// The platform of a shop, which its rows name.
pub async fn platform(tx: &Tx, shop: &str) -> Result<String, StoreError> {
    let platform = shop::Entity::find_by_id(shop)
        .select_only()
        .column(shop::Column::Platform)
        .into_tuple()
        .one(tx.db())
        .await?;
    platform.ok_or_else(|| StoreError::UnknownShop { shop: shop.to_owned() })
}
