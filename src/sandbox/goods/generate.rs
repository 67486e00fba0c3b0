//! Makes what a shop offers: first what its orders name, then as much more as requested.

use super::{Goods, Product, Sku, Standing, Stock};
use crate::sandbox::accounts::Platform;
use crate::sandbox::generate::{Past, whole_second};
use crate::sandbox::{catalogue, generate};

/// How long after a product its SKUs are written down.
const SKU_DELAY_MS: i64 = 7_000;
const WAREHOUSES: [&str; 2] = ["CPartner", "zhejiang"];

impl Goods {
    /// The offer of a fresh shop, the catalogue's products always among it.
    pub fn past(platform: Platform, past: &Past, random: &mut fastrand::Rng) -> Self {
        let (first_ms, last_ms) = past.span_ms();
        let mut created: Vec<i64> =
            (0..past.products.max(catalogue::PRODUCTS)).map(|_| random.i64(first_ms..=last_ms)).collect();
        // The platforms count up: an older product has a lower number.
        created.sort_unstable();
        let mut goods = Self::default();
        for created_ms in created {
            let updated_ms = random.i64(created_ms..=last_ms);
            let product = goods.next_product(platform, created_ms, updated_ms, random);
            goods.add(product);
        }
        goods
    }

    /// A product no one has seen yet.
    pub fn next_product(
        &self,
        platform: Platform,
        created_ms: i64,
        updated_ms: i64,
        random: &mut fastrand::Rng,
    ) -> Product {
        let (created_ms, updated_ms) = match platform {
            Platform::Temu => (whole_second(created_ms), whole_second(updated_ms)),
            Platform::Xiaohongshu => (created_ms, updated_ms),
        };
        let number = self.products.len();
        let of_catalogue = number < catalogue::PRODUCTS;
        let numbers = catalogue::skus_of(number);
        let template = &catalogue::products(platform)[numbers.start % catalogue::products(platform).len()];
        let skus = numbers.clone().map(|sku| {
            let delayed_ms = (created_ms + SKU_DELAY_MS).min(updated_ms);
            sku_of(platform, sku, delayed_ms, random.i64(delayed_ms..=updated_ms), random)
        });
        Product {
            id: catalogue::product_id(platform, numbers.start),
            partner_id: catalogue::partner_product_id(numbers.start),
            name: if of_catalogue {
                template.name.to_owned()
            } else {
                format!("{} #{number}", template.name)
            },
            skus: skus.collect(),
            standing: if platform == Platform::Temu { standing(random) } else { Standing::OnShelf },
            created_ms,
            updated_ms,
            standing_since_ms: updated_ms,
            is_gone: false,
            shape: generate::shape(random),
        }
    }
}

fn sku_of(
    platform: Platform,
    sku: usize,
    created_ms: i64,
    updated_ms: i64,
    random: &mut fastrand::Rng,
) -> Sku {
    let products = catalogue::products(platform);
    let template = &products[sku % products.len()];
    let is_template = sku < products.len();
    let has_code = if is_template { !template.code.is_empty() } else { random.u32(..8) > 0 };
    let barcode = platform == Platform::Xiaohongshu && random.u32(..4) > 0;
    Sku {
        id: catalogue::sku_id(platform, sku),
        partner_id: catalogue::partner_sku_id(sku),
        spec: if is_template { template.spec.to_owned() } else { format!("{} {sku}", template.spec) },
        code: match (has_code, is_template) {
            (false, _) => String::new(),
            (true, true) => template.code.to_owned(),
            (true, false) => format!("SKU-{sku}"),
        },
        barcode: if barcode { format!("69000000{sku:05}") } else { String::new() },
        price_minor: template.price_minor,
        list_price_minor: template.price_minor * 5 / 4,
        stock: stock(platform, random),
        is_on_sale: random.u32(..8) > 0,
        created_ms: if platform == Platform::Temu { whole_second(created_ms) } else { created_ms },
        updated_ms: if platform == Platform::Temu { whole_second(updated_ms) } else { updated_ms },
        is_gone: false,
    }
}

fn standing(random: &mut fastrand::Rng) -> Standing {
    match random.u32(..20) {
        0 | 1 => Standing::OffShelf,
        2 => Standing::Unpublished,
        3 => Standing::Draft,
        4 => Standing::Deleted,
        _ => Standing::OnShelf,
    }
}

/// Temu tells one number; Xiaohongshu now and then keeps a SKU in two warehouses.
fn stock(platform: Platform, random: &mut fastrand::Rng) -> Vec<Stock> {
    let warehouses = if platform == Platform::Xiaohongshu && random.u32(..4) == 0 { 2 } else { 1 };
    let in_one = |warehouse: &&'static str| {
        let total = if random.u32(..10) == 0 { 0 } else { random.i64(1..=500) };
        Stock { warehouse, total, occupied: if total == 0 { 0 } else { random.i64(0..=total / 3) } }
    };
    WAREHOUSES[..warehouses].iter().map(in_one).collect()
}
