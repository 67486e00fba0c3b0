//! What the simulated sellers sell and where their buyers live. Invented, but as varied as real shops: long
//! names, empty seller codes, quotes, a NUL that came in with a copied spreadsheet.

use std::ops::Range;

use super::accounts::Platform;

/// One SKU as orders tell it. Every shop sells these, whatever else it sells.
pub struct Product {
    pub name: &'static str,
    pub spec: &'static str,
    /// The seller's own code; empty when the seller never gave one.
    pub code: &'static str,
    pub price_minor: i64,
}

/// Where a buyer lives: country, province, city, district.
pub struct Region {
    pub country: &'static str,
    pub province: &'static str,
    pub city: &'static str,
    pub district: &'static str,
}

pub fn products(platform: Platform) -> &'static [Product] {
    match platform {
        Platform::Temu => TEMU,
        Platform::Xiaohongshu => XIAOHONGSHU,
    }
}

pub fn places(platform: Platform) -> &'static [Region] {
    match platform {
        Platform::Temu => AMERICA,
        Platform::Xiaohongshu => CHINA,
    }
}

/// How many products the catalogue's SKUs belong to.
pub const PRODUCTS: usize = 9;
/// Products beyond the catalogue have this many SKUs each.
const SKUS_PER_PRODUCT: usize = 3;

/// Which product a SKU belongs to, both counted from 0: the first two SKUs are one product in two kinds.
pub fn product_of(sku: usize) -> usize {
    match sku {
        0 | 1 => 0,
        _ if sku <= PRODUCTS => sku - 1,
        _ => PRODUCTS + (sku - PRODUCTS - 1) / SKUS_PER_PRODUCT,
    }
}

/// The SKUs of a product.
pub fn skus_of(product: usize) -> Range<usize> {
    match product {
        0 => 0..2,
        _ if product < PRODUCTS => product + 1..product + 2,
        _ => {
            let first = PRODUCTS + 1 + (product - PRODUCTS) * SKUS_PER_PRODUCT;
            first..first + SKUS_PER_PRODUCT
        }
    }
}

/// The platform's number of a SKU, the same in every shop. Numbers grow, as the platform's do.
pub fn sku_id(platform: Platform, sku: usize) -> String {
    match platform {
        Platform::Temu => (17_590_000_000_001 + sku).to_string(),
        Platform::Xiaohongshu => format!("67b6831c7b3de40001a9{sku:04x}"),
    }
}

/// The platform's number of the product a SKU belongs to: Temu `goodsId`, Xiaohongshu `itemId`.
pub fn product_id(platform: Platform, sku: usize) -> String {
    let product = product_of(sku);
    match platform {
        Platform::Temu => (601_090_000_000_001 + product).to_string(),
        Platform::Xiaohongshu => format!("67b6831c7b3de40001b0{product:04x}"),
    }
}

/// What Temu's partner and CN zones call the SKU: `productSkuId`.
pub fn partner_sku_id(sku: usize) -> String {
    (9_000_000_001 + sku).to_string()
}

/// What they call the product a SKU belongs to: `productId`.
pub fn partner_product_id(sku: usize) -> String {
    (5_000_000_001 + product_of(sku)).to_string()
}

const fn product(name: &'static str, spec: &'static str, code: &'static str, price_minor: i64) -> Product {
    Product { name, spec, code, price_minor }
}

const fn place(
    country: &'static str,
    province: &'static str,
    city: &'static str,
    district: &'static str,
) -> Region {
    Region { country, province, city, district }
}

const TEMU: &[Product] = &[
    product("Cotton T-Shirt", "Blue / M", "TS-BLU-M", 799),
    product("Cotton T-Shirt", "White / XL", "TS-WHT-XL", 849),
    product("Ceramic Mug, 12 oz", "1pc", "", 499),
    product("LED Desk Lamp with USB Port", "Black", "LAMP-01", 1899),
    product("9\" Non-Stick Frying Pan", "Red", "PAN-9-RED", 1549),
    product("Dog Chew Toy 🐶 Squeaky", "3pcs", "PET-CHEW-3", 629),
    product("Phone Case \\ Slim Fit", "Clear", "CASE-CLR", 399),
    product("Wireless Earbuds", "White", "EAR-W", 2499),
    product("Copied\u{0}Name from a Spreadsheet", "One Size", "COPY-01", 999),
    product("Yoga Mat 183 x 61 cm", "Purple", "YOGA-PUR", 1299),
];

const XIAOHONGSHU: &[Product] = &[
    product("手工陶瓷杯", "白色", "CUP-W-01", 5900),
    product("手工陶瓷杯", "青花", "CUP-B-01", 6900),
    product("真丝发圈（三只装）", "雾霾蓝", "HAIR-3-BLU", 3900),
    product("香薰蜡烛 🕯️ 大豆蜡", "雪松 200g", "CANDLE-C", 12800),
    product("冻干草莓脆", "45g*2袋", "", 4580),
    product("儿童防晒帽", "52cm/粉色", "KID-HAT-P", 8900),
    product("帆布托特包", "米白", "BAG-TOTE-W", 15900),
    product("护手霜礼盒", "四支装", "HAND-4", 9900),
    product("精酿\u{0}啤酒", "330ml*6", "BEER-6", 7800),
    product("露营折叠椅", "军绿", "CAMP-CH-G", 19900),
];

const AMERICA: &[Region] = &[
    place("United States", "California", "San Diego", ""),
    place("United States", "Texas", "Austin", ""),
    place("United States", "New York", "Buffalo", ""),
    place("United States", "Washington", "Tacoma", ""),
];

const CHINA: &[Region] = &[
    place("中国", "江苏省", "苏州市", "相城区"),
    place("中国", "浙江省", "杭州市", "西湖区"),
    place("中国", "广东省", "深圳市", "南山区"),
    place("中国", "上海", "上海市", "徐汇区"),
    place("中国", "四川省", "成都市", "武侯区"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sku_belongs_to_one_product() {
        let listed: Vec<usize> = (0..100).flat_map(skus_of).collect();

        assert_eq!(listed, (0..listed.len()).collect::<Vec<_>>());
        for product in 0..100 {
            assert!(skus_of(product).all(|sku| product_of(sku) == product), "{product}");
        }
        assert_eq!(TEMU.len(), skus_of(PRODUCTS).start);
        assert_eq!(XIAOHONGSHU.len(), TEMU.len());
    }
}
