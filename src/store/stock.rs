//! The stock of SKUs, warehouse by warehouse, where a platform tells it in calls of its own.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ConnectionTrait, Value};

use super::dialect::text;
use super::tables::Cell;
use super::transaction::Tx;
use super::{Store, StoreError, bulk};
use crate::domain::product::WarehouseStock;

const TABLE: &str = "sku_stock";

impl Store {
    /// Replaces what is known of the stock of one SKU, unless that was read later. A warehouse that is told twice is one
    /// row, the one told last.
    pub async fn set_sku_stock(
        &self,
        shop: &str,
        sku_id: &str,
        stock: &[WarehouseStock],
        read_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let by_warehouse: BTreeMap<&str, &WarehouseStock> =
            stock.iter().map(|stock| (stock.warehouse.as_str(), stock)).collect();
        let by_warehouse = &by_warehouse;
        self.write(|tx| async move {
            let read_at = tx.dialect.instant(read_at);
            let of_sku = Condition::all().add(Expr::col("shop").eq(shop)).add(Expr::col("sku_id").eq(sku_id));
            if forget_older(&tx, &of_sku, &read_at).await? {
                return Ok(());
            }
            let rows = by_warehouse.values().map(|stock| row(shop, sku_id, stock, &read_at));
            for mut insert in bulk::inserts(TABLE, rows) {
                // Somebody else may be writing the same.
                let known = OnConflict::columns(["shop", "sku_id", "warehouse"]).do_nothing().to_owned();
                insert.on_conflict(known);
                tx.db().execute(&insert).await?;
            }
            Ok(())
        })
        .await
    }
}

/// Deletes what was read until then, and tells whether there is anything that was read later.
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
