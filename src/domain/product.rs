//! What a seller offers: products, and the SKUs they are sold as.

use chrono::{DateTime, Utc};

use super::money::Currency;

/// One product, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Temu: `goodsId`, in the partner and cn zones `productId`. Xiaohongshu: the item's `id`.
    pub id: String,
    pub name: Option<String>,
    /// The platform's own value. `None` where a platform has none on the product.
    pub status: Option<String>,
    pub category_id: Option<String>,
    pub image_url: Option<String>,
    pub created_at: Option<DateTime<Utc>>,
    /// `None` when no answer gave it: it is then stored under the moment before the request.
    pub updated_at: Option<DateTime<Utc>>,
    /// Over the product's own part of the answers without volatile fields. 64 hex digits.
    pub content_hash: String,
}

/// One SKU, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sku {
    pub id: String,
    pub product_id: Option<String>,
    /// The seller's own code.
    pub sku_code: Option<String>,
    pub barcode: Option<String>,
    pub name: Option<String>,
    /// What it is sold for, in minor units of `currency`.
    pub price_minor: Option<i64>,
    /// The price that is struck through, in minor units of `currency`.
    pub list_price_minor: Option<i64>,
    pub currency: Option<Currency>,
    /// Pieces that can be sold.
    pub stock: Option<i64>,
    /// `None` when the platform does not say.
    pub on_sale: Option<bool>,
    pub created_at: Option<DateTime<Utc>>,
    /// `None` when no answer gave it: it is then stored under the moment before the request.
    pub updated_at: Option<DateTime<Utc>>,
    /// Over the SKU's own part of the answers without volatile fields. 64 hex digits.
    pub content_hash: String,
}

/// The stock of one SKU in one warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarehouseStock {
    /// The platform's own name of the warehouse; empty for the sum over all.
    pub warehouse: String,
    pub available: Option<i64>,
    pub occupied: Option<i64>,
    pub total: Option<i64>,
}
