//! The offer of a shop as a perfect reader would have stored it, what has disappeared included.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Product, Sku, Standing};
use crate::sandbox::accounts::{Platform, currency};
use crate::sandbox::temu::shelf_code;
use crate::sandbox::truth::{cleaned, instant, milliseconds};
use crate::sandbox::world::World;

/// One product as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthProduct {
    pub product_id: String,
    /// What Temu's partner and CN zones call it.
    pub partner_id: String,
    /// NUL replaced by U+FFFD.
    pub name: String,
    /// Temu's own code of the shelf, as text. `None` at Xiaohongshu, which tells none.
    pub platform_status: Option<String>,
    #[serde(rename = "created_ms", serialize_with = "milliseconds")]
    pub created_at: DateTime<Utc>,
    /// Told by Xiaohongshu alone.
    #[serde(rename = "updated_ms", serialize_with = "milliseconds")]
    pub updated_at: DateTime<Utc>,
    /// No list shows it: it should be stored as gone, if anybody ever saw it.
    pub is_gone: bool,
}

/// One SKU as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthSku {
    pub product_id: String,
    pub sku_id: String,
    /// What Temu's partner and CN zones call it.
    pub partner_id: String,
    /// `None`: the seller never gave one.
    pub sku_code: Option<String>,
    /// `None`: there is none; Temu has none at all.
    pub barcode: Option<String>,
    /// As the platform writes it: Temu the kind alone, Xiaohongshu with the product's name before it.
    pub name: String,
    pub price_minor: i64,
    /// `None` at Temu, which tells none of a SKU.
    pub list_price_minor: Option<i64>,
    pub currency: String,
    /// What lies in all warehouses, ordered and unpaid pieces included.
    pub stock: i64,
    pub warehouses: Vec<TruthStock>,
    pub is_on_sale: bool,
    #[serde(rename = "created_ms", serialize_with = "milliseconds")]
    pub created_at: DateTime<Utc>,
    /// Told by Xiaohongshu alone.
    #[serde(rename = "updated_ms", serialize_with = "milliseconds")]
    pub updated_at: DateTime<Utc>,
    pub is_gone: bool,
}

/// What lies in one warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthStock {
    pub warehouse: String,
    pub available: i64,
    pub occupied: i64,
    pub total: i64,
}

impl World {
    /// Every product a shop has ever offered, by number.
    pub fn truth_products(&mut self, platform: Platform, shop: usize) -> Vec<TruthProduct> {
        let products = &self.shop(platform, shop).goods.products;
        let mut truth: Vec<TruthProduct> =
            products.iter().map(|product| product_of(platform, product)).collect();
        truth.sort_by(|a, b| a.product_id.cmp(&b.product_id));
        truth
    }

    /// Every SKU a shop has ever offered, by number.
    pub fn truth_skus(&mut self, platform: Platform, shop: usize) -> Vec<TruthSku> {
        let products = &self.shop(platform, shop).goods.products;
        let skus = products.iter().flat_map(|product| product.skus.iter().map(move |sku| (product, sku)));
        let mut truth: Vec<TruthSku> =
            skus.map(|(product, sku)| sku_of(platform, currency(platform, shop), product, sku)).collect();
        truth.sort_by(|a, b| a.sku_id.cmp(&b.sku_id));
        truth
    }
}

fn product_of(platform: Platform, product: &Product) -> TruthProduct {
    TruthProduct {
        product_id: product.id.clone(),
        partner_id: product.partner_id.clone(),
        name: cleaned(&product.name),
        platform_status: (platform == Platform::Temu).then(|| shelf_code(product).to_string()),
        created_at: instant(product.created_ms),
        updated_at: instant(product.updated_ms),
        is_gone: product.is_gone,
    }
}

fn sku_of(platform: Platform, currency: &str, product: &Product, sku: &Sku) -> TruthSku {
    let is_temu = platform == Platform::Temu;
    let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    TruthSku {
        product_id: product.id.clone(),
        sku_id: sku.id.clone(),
        partner_id: sku.partner_id.clone(),
        sku_code: optional(&sku.code),
        barcode: optional(&sku.barcode),
        name: cleaned(&if is_temu { sku.spec.clone() } else { format!("{} {}", product.name, sku.spec) }),
        price_minor: sku.price_minor,
        list_price_minor: (!is_temu).then_some(sku.list_price_minor),
        currency: currency.to_owned(),
        stock: sku.stock_total(),
        warehouses: sku
            .stock
            .iter()
            .map(|stock| TruthStock {
                warehouse: stock.warehouse.to_owned(),
                available: stock.total - stock.occupied,
                occupied: stock.occupied,
                total: stock.total,
            })
            .collect(),
        is_on_sale: sku.is_on_sale && (!is_temu || product.standing == Standing::OnShelf),
        created_at: instant(sku.created_ms),
        updated_at: instant(sku.updated_ms),
        // What lies in Temu's bin is still listed, but not its SKUs.
        is_gone: sku.is_gone || product.is_gone || product.standing == Standing::Deleted,
    }
}
