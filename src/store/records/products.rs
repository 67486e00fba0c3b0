//! Products and SKUs as rows.

use super::columns::{Column, boolean, instant, integer, text};
use super::rows::{Row, Written};
use crate::domain::entity::Kind;
use crate::domain::product::{Product, Sku};

impl Row for Product {
    const KIND: Kind = Kind::Product;

    fn key(&self) -> &str {
        &self.id
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn columns<'a>() -> Vec<Column<Written<'a, Self>>> {
        type Row<'a> = Written<'a, Product>;
        vec![
            text("name", |row: &Row<'a>| row.thing.name.as_deref()),
            text("status", |row: &Row<'a>| row.thing.status.as_deref()),
            text("category_id", |row: &Row<'a>| row.thing.category_id.as_deref()),
            text("image_url", |row: &Row<'a>| row.thing.image_url.as_deref()),
            instant("created_at", |row: &Row<'a>| row.thing.created_at),
            instant("updated_at", |row: &Row<'a>| row.thing.updated_at),
        ]
    }
}

impl Row for Sku {
    const KIND: Kind = Kind::Sku;

    fn key(&self) -> &str {
        &self.id
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn columns<'a>() -> Vec<Column<Written<'a, Self>>> {
        type Row<'a> = Written<'a, Sku>;
        vec![
            text("product_id", |row: &Row<'a>| row.thing.product_id.as_deref()),
            text("sku_code", |row: &Row<'a>| row.thing.sku_code.as_deref()),
            text("barcode", |row: &Row<'a>| row.thing.barcode.as_deref()),
            text("name", |row: &Row<'a>| row.thing.name.as_deref()),
            integer("price_minor", |row: &Row<'a>| row.thing.price_minor),
            integer("list_price_minor", |row: &Row<'a>| row.thing.list_price_minor),
            text("currency", |row: &Row<'a>| Some(row.thing.currency.as_ref()?.as_str())),
            integer("stock", |row: &Row<'a>| row.thing.stock),
            boolean("on_sale", |row: &Row<'a>| row.thing.on_sale),
            instant("created_at", |row: &Row<'a>| row.thing.created_at),
            instant("updated_at", |row: &Row<'a>| row.thing.updated_at),
        ]
    }
}
