//! The stock of SKUs, warehouse by warehouse, where a platform gives it in separate calls.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ConnectionTrait, Value};

use super::columns::Cell;
use crate::domain::product::WarehouseStock;
use crate::store::db::bulk;
use crate::store::db::dialect::text;
use crate::store::db::transaction::Tx;
use crate::store::{Store, StoreError};

const TABLE: &str = "sku_stock";

/// A SKU whose stock is to be requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSku {
    pub sku_id: String,
    /// How often in a row its stock could not be read.
    pub attempts: i64,
}

/// The stock of SKUs.
#[derive(Clone, Copy)]
pub struct StockRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl StockRepo<'_> {
    /// Replaces what is known of the stock of one SKU, unless that was read later. A warehouse that is given twice
    /// is one row, the last one.
    pub async fn set(
        self,
        shop: &str,
        sku_id: &str,
        stock: &[WarehouseStock],
        read_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let by_warehouse: BTreeMap<&str, &WarehouseStock> =
            stock.iter().map(|stock| (stock.warehouse.as_str(), stock)).collect();
        let by_warehouse = &by_warehouse;
        self.store
            .write(|tx| async move {
                let read_at = tx.dialect.instant(read_at);
                let of_sku =
                    Condition::all().add(Expr::col("shop").eq(shop)).add(Expr::col("sku_id").eq(sku_id));
                if forget_older(&tx, &of_sku, &read_at).await? {
                    return Ok(());
                }
                let rows = by_warehouse.values().map(|stock| row(shop, sku_id, stock, &read_at));
                for mut insert in bulk::inserts(TABLE, rows) {
                    // Someone else may be writing the same.
                    let known = OnConflict::columns(["shop", "sku_id", "warehouse"]).do_nothing().to_owned();
                    insert.on_conflict(known);
                    tx.db().execute(&insert).await?;
                }
                set_attempts(&tx, shop, sku_id, 0, None).await
            })
            .await
    }

    /// Notes that the stock of a SKU could not be read, so many times in a row by now, and when it is requested again.
    pub async fn note_failed(
        self,
        shop: &str,
        sku_id: &str,
        attempts: i64,
        due: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.store.write(|tx| async move { set_attempts(&tx, shop, sku_id, attempts, Some(due)).await }).await
    }

    /// How many SKUs there are whose stock could not be read when it was last requested.
    pub async fn count_unreadable(self, shop: &str) -> Result<u64, StoreError> {
        let select = Query::select()
            .expr(Expr::col("sku_id").count())
            .from("skus")
            .and_where(Expr::col("shop").eq(shop))
            .and_where(Expr::col("gone_at").is_null())
            // Written like the condition of the index, so that the index is used.
            .and_where(Expr::cust("stock_attempts > 0"))
            .to_owned();
        let row = self.store.connection.query_one(&select).await?;
        Ok(row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.unwrap_or_default().unsigned_abs())
    }

    /// Whether the stock of any SKU was ever read.
    pub async fn has_any(self, shop: &str) -> Result<bool, StoreError> {
        let any = Query::select()
            .expr(Expr::value(1))
            .from(TABLE)
            .and_where(Expr::col("shop").eq(shop))
            .limit(1)
            .to_owned();
        Ok(self.store.connection.query_one(&any).await?.is_some())
    }

    /// The SKUs whose stock was not read since they were stored and that are due, by number. `after`: the last one of
    /// the batch before.
    pub async fn skus_without(
        self,
        shop: &str,
        now: DateTime<Utc>,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<DueSku>, StoreError> {
        let of_sku = |column: &'static str| Expr::col(("skus", column));
        let of_stock = |column: &'static str| Expr::col((TABLE, column));
        let read = Query::select()
            .expr(Expr::value(1))
            .from(TABLE)
            .and_where(of_stock("shop").eq(of_sku("shop")))
            .and_where(of_stock("sku_id").eq(of_sku("sku_id")))
            .and_where(of_stock("read_at").gte(of_sku("synced_at")))
            .to_owned();
        let is_due = of_sku("stock_due_at")
            .is_null()
            .or(of_sku("stock_due_at").lte(Expr::value(self.store.dialect.instant(now))));
        let select = Query::select()
            .columns(["sku_id", "stock_attempts"])
            .from("skus")
            .and_where(of_sku("shop").eq(shop))
            .and_where(of_sku("gone_at").is_null())
            .and_where(is_due)
            .and_where_option(after.map(|after| of_sku("sku_id").gt(after)))
            .and_where(Expr::exists(read).not())
            .order_by("sku_id", sea_orm::Order::Asc)
            .limit(limit)
            .to_owned();
        let rows = self.store.connection.query_all(&select).await?;
        rows.iter()
            .map(|row| Ok(DueSku { sku_id: row.try_get_by_index(0)?, attempts: row.try_get_by_index(1)? }))
            .collect()
    }
}

/// Writes only where it differs, which is where something failed or had failed.
async fn set_attempts(
    tx: &Tx,
    shop: &str,
    sku_id: &str,
    attempts: i64,
    due: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let update = Query::update()
        .table("skus")
        .value("stock_attempts", attempts)
        .value("stock_due_at", Expr::value(tx.dialect.instant_or_null(due)))
        .and_where(Expr::col("shop").eq(shop))
        .and_where(Expr::col("sku_id").eq(sku_id))
        .and_where(Expr::col("stock_attempts").ne(attempts).or(Expr::value(due.is_some())))
        .to_owned();
    tx.db().execute(&update).await?;
    Ok(())
}

/// Deletes what was read until then, and returns whether anything was read later.
async fn forget_older(tx: &Tx, of_sku: &Condition, read_at: &Value) -> Result<bool, StoreError> {
    let delete = Query::delete()
        .from_table(TABLE)
        .cond_where(of_sku.clone())
        .and_where(Expr::col("read_at").lte(Expr::value(read_at.clone())))
        .to_owned();
    tx.db().execute(&delete).await?;
    let left = Query::select().column("warehouse").from(TABLE).cond_where(of_sku.clone()).limit(1).to_owned();
    Ok(tx.db().query_one(&left).await?.is_some())
}

fn row(shop: &str, sku_id: &str, stock: &WarehouseStock, read_at: &Value) -> [Cell; 7] {
    [
        ("shop", text(shop)),
        ("sku_id", text(sku_id)),
        ("warehouse", text(&stock.warehouse)),
        ("available", stock.available.into()),
        ("occupied", stock.occupied.into()),
        ("total", stock.total.into()),
        ("read_at", read_at.clone()),
    ]
}
