//! What a shop of the simulated platforms offers: products, their SKUs, and the stock behind them.

pub mod change;
mod generate;
mod truth;

use std::collections::HashMap;

use super::shape::Shape;

pub use truth::{TruthProduct, TruthSku, TruthStock};

/// Everything a shop has ever offered.
#[derive(Default)]
pub struct Goods {
    products: Vec<Product>,
    /// Where each SKU is: its product, and its place there.
    by_sku: HashMap<String, (usize, usize)>,
    by_product: HashMap<String, usize>,
}

/// A product: Temu's goods, Xiaohongshu's item.
#[derive(Clone, Debug)]
pub struct Product {
    /// Temu `goodsId`, Xiaohongshu `itemId`.
    pub id: String,
    /// Temu's partner and CN zones call it so.
    pub partner_id: String,
    pub name: String,
    /// Xiaohongshu's products are all listed; whether one can be bought stands on its SKUs.
    pub standing: Standing,
    pub created_ms: i64,
    pub updated_ms: i64,
    /// When the standing changed for the last time.
    pub standing_since_ms: i64,
    /// Deleted for good: no list shows it any more.
    pub is_gone: bool,
    pub skus: Vec<Sku>,
    pub shape: Shape,
}

/// Where a product of Temu stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    OnShelf,
    OffShelf,
    Unpublished,
    Draft,
    /// In the platform's bin, where it is still listed.
    Deleted,
}

/// One kind of a product.
#[derive(Clone, Debug)]
pub struct Sku {
    pub id: String,
    /// Temu's partner and CN zones call it so.
    pub partner_id: String,
    pub spec: String,
    /// The seller's own code; empty when the seller never gave one.
    pub code: String,
    /// Xiaohongshu only; empty where the product needs none.
    pub barcode: String,
    pub price_minor: i64,
    pub list_price_minor: i64,
    pub stock: Vec<Stock>,
    /// May be bought, as far as the SKU is asked.
    pub is_on_sale: bool,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub is_gone: bool,
}

/// What lies in one warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    pub warehouse: &'static str,
    pub total: i64,
    /// Of these, ordered and not paid yet.
    pub occupied: i64,
}

impl Goods {
    /// Those that have not disappeared, in the order they were made.
    pub(super) fn products(&self) -> impl DoubleEndedIterator<Item = &Product> {
        self.products.iter().filter(|product| !product.is_gone)
    }

    /// Those that have not disappeared, with their products, in the order they were made.
    pub(super) fn skus(&self) -> impl DoubleEndedIterator<Item = (&Product, &Sku)> {
        self.products().flat_map(|product| product.skus().map(move |sku| (product, sku)))
    }

    /// `None`: there is none of that number, or it has disappeared.
    pub(super) fn find_sku(&self, id: &str) -> Option<(&Product, &Sku)> {
        let &(product, sku) = self.by_sku.get(id)?;
        let product = &self.products[product];
        Some((product, &product.skus[sku])).filter(|(product, sku)| !product.is_gone && !sku.is_gone)
    }

    fn add(&mut self, product: Product) {
        let position = self.products.len();
        self.by_product.insert(product.id.clone(), position);
        for (place, sku) in product.skus.iter().enumerate() {
            self.by_sku.insert(sku.id.clone(), (position, place));
        }
        self.products.push(product);
    }
}

impl Product {
    /// Those that have not disappeared.
    pub(super) fn skus(&self) -> impl DoubleEndedIterator<Item = &Sku> {
        self.skus.iter().filter(|sku| !sku.is_gone)
    }

    pub(super) fn stock(&self) -> i64 {
        self.skus().map(Sku::stock_total).sum()
    }
}

impl Sku {
    pub(super) fn stock_total(&self) -> i64 {
        self.stock.iter().map(|stock| stock.total).sum()
    }
}
