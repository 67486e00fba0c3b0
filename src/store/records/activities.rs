//! Activities as rows.

use std::collections::BTreeMap;

use super::rows::{Parts, Row};
use super::tables::Cell;
use crate::domain::activity::{Activity, ActivitySku};
use crate::domain::entity::Kind;
use crate::domain::money::Currency;
use crate::store::db::dialect::{Dialect, text, text_or_null};

impl Row for Activity {
    const KIND: Kind = Kind::Activity;
    const PARTS: Option<Parts> = Some(Parts { table: "activity_skus", owner: "activity_id" });

    fn key(&self) -> &str {
        &self.id
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn own(&self, dialect: Dialect) -> Vec<Cell> {
        vec![
            ("kind", text(&self.kind)),
            ("name", text_or_null(self.name.as_deref())),
            ("status", text(&self.status)),
            ("starts_at", dialect.instant_or_null(self.starts_at)),
            ("ends_at", dialect.instant_or_null(self.ends_at)),
            ("joined", self.joined.into()),
            ("updated_at", dialect.instant_or_null(self.updated_at)),
        ]
    }

    /// A SKU that is given twice is one row, the last one.
    fn parts(&self) -> Option<Vec<Vec<Cell>>> {
        let by_id: BTreeMap<&str, &ActivitySku> =
            self.skus.as_ref()?.iter().map(|sku| (sku.sku_id.as_str(), sku)).collect();
        Some(by_id.into_values().map(part).collect())
    }
}

fn part(sku: &ActivitySku) -> Vec<Cell> {
    vec![
        ("sku_id", text(&sku.sku_id)),
        ("product_id", text_or_null(sku.product_id.as_deref())),
        ("price_minor", sku.price_minor.into()),
        ("currency", text_or_null(sku.currency.as_ref().map(Currency::as_str))),
        ("quantity", sku.quantity.into()),
        ("remaining", sku.remaining.into()),
    ]
}
