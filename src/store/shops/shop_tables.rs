//! Every row of a shop, whatever it is: given another name, or deleted.

use crate::domain::moment;
use crate::store::shops::ShopRepo;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query, SelectStatement};

use crate::store::StoreError;
use crate::store::db::dialect::Dialect;
use crate::store::db::owner::Owner;
use crate::store::db::transaction::Tx;

/// Every table with a column `shop`, in the order in which a shop is deleted: first what lets anybody work for it,
/// then what is large, and last the row that says that there is such a shop.
pub const SHOP_TABLES: [&str; 20] = [
    "credentials",
    "credential_orphans",
    "login_attempts",
    LEASES,
    "order_events",
    "order_items",
    "sku_stock",
    "skus",
    "products",
    "after_sale_items",
    "after_sales",
    "activity_skus",
    "activities",
    "orders",
    "quarantine",
    "sync_windows",
    "sync_cursors",
    ALARMS,
    RUNS,
    SHOPS,
];

const ALARMS: &str = "alarms";
const LEASES: &str = "leases";
const RUNS: &str = "job_runs";
const SHOPS: &str = "shops";

/// The tables at the beginning of [`SHOP_TABLES`] without whose rows no one can work for a shop.
const WORKING_TABLES: usize = 4;
/// Rows that a shop has as soon as the config names it. They are no reason to keep a name.
const TRIVIAL: [&str; 4] = ["login_attempts", LEASES, ALARMS, SHOPS];

/// Renaming a million orders rewrites a million rows and their keys.
const RENAME_DEADLINE: Duration = Duration::from_hours(1);

/// Why a shop cannot be renamed or deleted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    Unknown,
    /// The new name has rows of its own in this table.
    Taken {
        table: &'static str,
    },
    /// Someone reads the shop, or renews its token.
    Busy {
        owner: Owner,
        until: DateTime<Utc>,
    },
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the database knows no such shop"),
            Self::Taken { table } => write!(f, "the new name has rows of its own in `{table}`"),
            Self::Busy { owner, until } => {
                write!(
                    f,
                    "{owner} is at work for it, at least until {}",
                    format_args!("{} UTC", moment::to_second_of_day(*until))
                )
            }
        }
    }
}

impl ShopRepo<'_> {
    /// Gives everything of a shop another name, in one transaction. Its id stays, and with it what is sealed for
    /// it. A new name that was only registered, because the config names it already, is no obstacle. `None`: done.
    pub async fn rename(self, old: &str, new: &str) -> Result<Option<Hindrance>, StoreError> {
        self.store
            .write_within(RENAME_DEADLINE, |tx| async move {
                no_hurry(&tx).await?;
                if let Some(hindrance) = hindrance(&tx, old).await? {
                    return Ok(Some(hindrance));
                }
                if let Some(busy) = busy(&tx, new).await? {
                    return Ok(Some(busy));
                }
                for table in SHOP_TABLES {
                    let is_kept = table != RUNS && !TRIVIAL.contains(&table);
                    if is_kept && has_rows(&tx, table, new).await? {
                        return Ok(Some(Hindrance::Taken { table }));
                    }
                }
                for table in TRIVIAL {
                    delete(&tx, table, new).await?;
                }
                for table in SHOP_TABLES {
                    let update = Query::update()
                        .table(table)
                        .value("shop", new)
                        .and_where(Expr::col("shop").eq(old))
                        .to_owned();
                    tx.db().execute(&update).await?;
                }
                Ok(None)
            })
            .await
    }

    /// Deletes a shop's grant, and takes its lanes from any process that holds one. From here on no one can work for
    /// it; [`ShopRepo::forget_rows`] deletes the rest. `None`: done.
    pub async fn forget_grant(self, shop: &str) -> Result<Option<Hindrance>, StoreError> {
        self.store
            .write(|tx| async move {
                if let Some(hindrance) = hindrance(&tx, shop).await? {
                    return Ok(Some(hindrance));
                }
                for table in &SHOP_TABLES[..WORKING_TABLES] {
                    delete(&tx, table, shop).await?;
                }
                Ok(None)
            })
            .await
    }

    /// Deletes some of the rows a shop has left, so that others can write in between, and says how many. 0: the
    /// shop is gone, the row that knew it last.
    pub async fn forget_rows(self, shop: &str) -> Result<u64, StoreError> {
        for table in SHOP_TABLES {
            let deleted = self
                .store
                .write(|tx| async move {
                    no_hurry(&tx).await?;
                    delete_some(&tx, table, shop).await
                })
                .await?;
            if deleted > 0 {
                return Ok(deleted);
            }
        }
        Ok(0)
    }
}

/// What is in the way of any change to the shop as a whole. Holds its leases until the end of the transaction.
async fn hindrance(tx: &Tx, shop: &str) -> Result<Option<Hindrance>, StoreError> {
    let shops = rows_of(SHOPS, shop).column("id").lock(LockType::Update).to_owned();
    if tx.db().query_one(&shops).await?.is_none() {
        return Ok(Some(Hindrance::Unknown));
    }
    busy(tx, shop).await
}

async fn busy(tx: &Tx, shop: &str) -> Result<Option<Hindrance>, StoreError> {
    let now = tx.now().await?;
    for (table, owner, until) in [(LEASES, "owner", "until"), ("credentials", "lease_owner", "lease_until")] {
        let columns = [owner, until];
        let held = rows_of(table, shop).columns(columns).lock(LockType::Update).to_owned();
        for row in tx.db().query_all(&held).await? {
            let held: (Option<String>, Option<DateTime<Utc>>) =
                (row.try_get("", owner)?, row.try_get("", until)?);
            if let (Some(owner), Some(until)) = held
                && now < until
                && !Owner::from(owner.clone()).is_gone()
            {
                return Ok(Some(Hindrance::Busy { owner: Owner::from(owner), until }));
            }
        }
    }
    Ok(None)
}

async fn has_rows(tx: &Tx, table: &'static str, shop: &str) -> Result<bool, StoreError> {
    let one = rows_of(table, shop).column("shop").limit(1).to_owned();
    Ok(tx.db().query_one(&one).await?.is_some())
}

async fn delete(tx: &Tx, table: &'static str, shop: &str) -> Result<(), StoreError> {
    let delete = Query::delete().from_table(table).and_where(Expr::col("shop").eq(shop)).to_owned();
    tx.db().execute(&delete).await?;
    Ok(())
}

/// By the rows' own places in the table: not every table has a key of its own that could be cut into parts.
async fn delete_some(tx: &Tx, table: &'static str, shop: &str) -> Result<u64, StoreError> {
    // SQLite lets no one else write meanwhile; Postgres wades through the rows deleted before.
    let (place, at_once) = match tx.dialect {
        Dialect::Sqlite => ("rowid", 5_000),
        Dialect::Postgres => ("ctid", 50_000),
    };
    let some = rows_of(table, shop).column(place).limit(at_once).to_owned();
    let delete = Query::delete().from_table(table).and_where(Expr::col(place).in_subquery(some)).to_owned();
    Ok(tx.db().execute(&delete).await?.rows_affected())
}

fn rows_of(table: &'static str, shop: &str) -> SelectStatement {
    Query::select().from(table).and_where(Expr::col("shop").eq(shop)).to_owned()
}

/// Takes the server's limit of one statement away, which is made for small ones.
async fn no_hurry(tx: &Tx) -> Result<(), StoreError> {
    if tx.dialect == Dialect::Postgres {
        tx.db().execute_unprepared("SET LOCAL statement_timeout = 0").await?;
    }
    Ok(())
}
