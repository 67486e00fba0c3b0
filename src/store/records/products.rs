//! Products and SKUs as rows.

use super::rows::Row;
use super::tables::Cell;
use crate::domain::entity::Kind;
use crate::domain::money::Currency;
use crate::domain::product::{Product, Sku};
use crate::store::db::dialect::{Dialect, text_or_null};

impl Row for Product {
    const KIND: Kind = Kind::Product;

    fn key(&self) -> &str {
        &self.id
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn own(&self, dialect: Dialect) -> Vec<Cell> {
        vec![
            ("name", text_or_null(self.name.as_deref())),
            ("status", text_or_null(self.status.as_deref())),
            ("category_id", text_or_null(self.category_id.as_deref())),
            ("image_url", text_or_null(self.image_url.as_deref())),
            ("created_at", dialect.instant_or_null(self.created_at)),
            ("updated_at", dialect.instant_or_null(self.updated_at)),
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

    fn own(&self, dialect: Dialect) -> Vec<Cell> {
        vec![
            ("product_id", text_or_null(self.product_id.as_deref())),
            ("sku_code", text_or_null(self.sku_code.as_deref())),
            ("barcode", text_or_null(self.barcode.as_deref())),
            ("name", text_or_null(self.name.as_deref())),
            ("price_minor", self.price_minor.into()),
            ("list_price_minor", self.list_price_minor.into()),
            ("currency", text_or_null(self.currency.as_ref().map(Currency::as_str))),
            ("stock", self.stock.into()),
            ("on_sale", self.on_sale.into()),
            ("created_at", dialect.instant_or_null(self.created_at)),
            ("updated_at", dialect.instant_or_null(self.updated_at)),
        ]
    }
}
