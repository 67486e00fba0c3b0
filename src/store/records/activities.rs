//! Activities as rows.

use std::collections::BTreeMap;

use super::columns::{Cell, Column, boolean, cells, instant, integer, text};
use super::rows::{Parts, Row, Written};
use crate::domain::activity::{Activity, ActivitySku};
use crate::domain::entity::Kind;
use crate::store::db::dialect::Dialect;

impl Row for Activity {
    const KIND: Kind = Kind::Activity;
    const PARTS: Option<Parts> = Some(Parts { table: "activity_skus", owner: "activity_id" });

    fn key(&self) -> &str {
        &self.id
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn columns<'a>() -> Vec<Column<Written<'a, Self>>> {
        type Row<'a> = Written<'a, Activity>;
        vec![
            text("kind", |row: &Row<'a>| Some(&row.thing.kind)),
            text("name", |row: &Row<'a>| row.thing.name.as_deref()),
            text("status", |row: &Row<'a>| Some(&row.thing.status)),
            instant("starts_at", |row: &Row<'a>| row.thing.starts_at),
            instant("ends_at", |row: &Row<'a>| row.thing.ends_at),
            boolean("joined", |row: &Row<'a>| row.thing.joined),
            instant("updated_at", |row: &Row<'a>| row.thing.updated_at),
        ]
    }

    fn has_parts(&self) -> bool {
        self.skus.is_some()
    }

    /// A SKU that is given twice is one row, the last one.
    fn parts(&self, dialect: Dialect) -> Option<Vec<Vec<Cell>>> {
        let columns = [
            text("sku_id", |sku: &ActivitySku| Some(&sku.sku_id)),
            text("product_id", |sku: &ActivitySku| sku.product_id.as_deref()),
            integer("price_minor", |sku: &ActivitySku| sku.price_minor),
            text("currency", |sku: &ActivitySku| Some(sku.currency.as_ref()?.as_str())),
            integer("quantity", |sku: &ActivitySku| sku.quantity),
            integer("remaining", |sku: &ActivitySku| sku.remaining),
        ];
        let by_id: BTreeMap<&str, &ActivitySku> =
            self.skus.as_ref()?.iter().map(|sku| (sku.sku_id.as_str(), sku)).collect();
        Some(by_id.into_values().map(|sku| cells(&columns, sku, dialect)).collect())
    }
}
