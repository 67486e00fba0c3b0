//! Compares everything of a shop with what the simulated platform knows, column by column: its orders, its offer, the
//! stock of it, what came after the sales, its activities.
//!
//! What has disappeared is no row of the truth and must be marked as gone; what it held stays as it was told last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;
use shopsync::sandbox::{Platform, Sandbox, TruthActivity, TruthCase, TruthProduct, TruthSku};

use crate::support::databases::TestDatabase;
use crate::support::shops_of_all_kinds::{TestShop, Zone};
use crate::support::truth;

type Instant = Option<DateTime<Utc>>;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct ProductRow {
    product_id: String,
    name: Option<String>,
    status: Option<String>,
    category_id: Option<String>,
    image_url: Option<String>,
    created_at: Instant,
    updated_at: Instant,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct SkuRow {
    sku_id: String,
    product_id: Option<String>,
    sku_code: Option<String>,
    barcode: Option<String>,
    name: Option<String>,
    price_minor: Option<i64>,
    list_price_minor: Option<i64>,
    currency: Option<String>,
    stock: Option<i64>,
    on_sale: Option<bool>,
    created_at: Instant,
    updated_at: Instant,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct StockRow {
    sku_id: String,
    warehouse: String,
    available: Option<i64>,
    occupied: Option<i64>,
    total: Option<i64>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct CaseRow {
    number: String,
    order_number: Option<String>,
    kind: String,
    status: String,
    platform_status: String,
    reason: Option<String>,
    refund_minor: Option<i64>,
    currency: Option<String>,
    created_at: Instant,
    updated_at: Instant,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct ItemRow {
    number: String,
    line: i64,
    item_number: Option<String>,
    product_id: Option<String>,
    sku_id: Option<String>,
    sku_code: Option<String>,
    quantity: Option<i64>,
    status: Option<String>,
    refund_minor: Option<i64>,
    currency: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct ActivityRow {
    activity_id: String,
    kind: String,
    name: Option<String>,
    status: String,
    starts_at: Instant,
    ends_at: Instant,
    joined: Option<bool>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct ActivitySkuRow {
    activity_id: String,
    sku_id: String,
    product_id: Option<String>,
    price_minor: Option<i64>,
    currency: Option<String>,
    quantity: Option<i64>,
    remaining: Option<i64>,
}

/// One line for each row that is missing, too many, or different. Also of the money of orders, and of the stock by
/// warehouse where it is told.
pub(crate) async fn differences(
    database: &TestDatabase,
    sandbox: &Sandbox,
    shop: &TestShop,
    has_stock: bool,
) -> Vec<String> {
    let mut different = offer(database, sandbox, shop, has_stock).await;
    if shop.zone == Zone::Partner {
        return different;
    }
    let orders = sandbox.world().with(|world| world.truth(shop.platform, shop.index));
    different.extend(truth::differences(&database.store, shop.name, &orders, true).await);
    different.extend(cases(database, sandbox, shop).await);
    if shop.zone == Zone::Local {
        different.extend(activities(database, sandbox, shop).await);
    }
    different
}

async fn offer(database: &TestDatabase, sandbox: &Sandbox, shop: &TestShop, has_stock: bool) -> Vec<String> {
    let (products, mut skus) = sandbox.world().with(|world| {
        (world.truth_products(shop.platform, shop.index), world.truth_skus(shop.platform, shop.index))
    });
    skus.retain(|sku| !sku.is_gone);
    let with_skus: BTreeSet<&str> = skus.iter().map(|sku| sku.product_id.as_str()).collect();
    let by_id: BTreeMap<&str, &TruthProduct> =
        products.iter().map(|product| (product.product_id.as_str(), product)).collect();
    // Whoever lists by SKU shows no product without one.
    let is_listed = |product: &&TruthProduct| {
        !product.is_gone && (shop.zone == Zone::Local || with_skus.contains(product.product_id.as_str()))
    };

    let mut here: Vec<ProductRow> = rows(database, shop, "products", "gone_at IS NULL").await;
    for product in here.iter_mut().filter(|_| shop.platform == Platform::Temu) {
        // The moment it was read: no platform time to compare it with. The picture is left out now and then.
        product.updated_at = None;
        let id = &product.product_id;
        product.image_url =
            product.image_url.take().or_else(|| Some(picture(id)).filter(|_| shop.zone == Zone::Local));
    }
    let there = products.iter().filter(is_listed).map(|product| product_row(shop.zone, product));
    let mut different = compare("product", here, there);

    let mut here: Vec<SkuRow> = rows(database, shop, "skus", "gone_at IS NULL").await;
    for sku in here.iter_mut().filter(|_| shop.platform == Platform::Temu) {
        sku.updated_at = None;
    }
    let there = skus.iter().map(|sku| sku_row(shop.zone, sku, by_id[sku.product_id.as_str()]));
    different.extend(compare("SKU", here, there));
    if has_stock && shop.zone == Zone::Xiaohongshu {
        let of_listed =
            format!("sku_id IN (SELECT sku_id FROM skus WHERE shop = '{}' AND gone_at IS NULL)", shop.name);
        let here: Vec<StockRow> = rows(database, shop, "sku_stock", &of_listed).await;
        different.extend(compare("stock", here, skus.iter().flat_map(stock_rows)));
    }
    different
}

async fn cases(database: &TestDatabase, sandbox: &Sandbox, shop: &TestShop) -> Vec<String> {
    let truth = sandbox.world().with(|world| world.truth_cases(shop.platform, shop.index));
    let here: Vec<CaseRow> = rows(database, shop, "after_sales", "1 = 1").await;
    let mut different = compare("case", here, truth.iter().map(|case| case_row(shop.platform, case)));
    let here: Vec<ItemRow> = rows(database, shop, "after_sale_items", "1 = 1").await;
    different.extend(compare("item", here, truth.iter().flat_map(|case| item_rows(shop.platform, case))));
    different
}

async fn activities(database: &TestDatabase, sandbox: &Sandbox, shop: &TestShop) -> Vec<String> {
    let mut truth = sandbox.world().with(|world| world.truth_activities(shop.index));
    truth.retain(|activity| !activity.is_gone);
    let here: Vec<ActivityRow> = rows(database, shop, "activities", "gone_at IS NULL").await;
    let mut different = compare("activity", here, truth.iter().map(activity_row));
    // Those of what is over are those told last, whatever became of them since.
    let of_open = format!(
        "activity_id IN (SELECT activity_id FROM activities WHERE shop = '{}' AND gone_at IS NULL AND status <> 'ended')",
        shop.name
    );
    let here: Vec<ActivitySkuRow> = rows(database, shop, "activity_skus", &of_open).await;
    let open = truth.iter().filter(|activity| activity.platform_status != "3");
    different.extend(compare("SKU in an activity", here, open.flat_map(activity_sku_rows)));
    different
}

async fn rows<T: FromQueryResult>(
    database: &TestDatabase,
    shop: &TestShop,
    table: &str,
    condition: &str,
) -> Vec<T> {
    let sql = format!("SELECT * FROM {table} WHERE shop = '{}' AND {condition}", shop.name);
    database.query(&sql).await.iter().map(|row| T::from_query_result(row, "").unwrap()).collect()
}

fn compare<T: Debug + Ord>(what: &str, here: Vec<T>, there: impl Iterator<Item = T>) -> Vec<String> {
    let (here, there): (BTreeSet<T>, BTreeSet<T>) = (here.into_iter().collect(), there.collect());
    let stored = here.difference(&there).map(|row| format!("{what} stored: {row:?}"));
    let told = there.difference(&here).map(|row| format!("{what} at the platform: {row:?}"));
    stored.chain(told).collect()
}

fn picture(product_id: &str) -> String {
    format!("https://img.example.com/{product_id}.jpg")
}

fn product_row(zone: Zone, told: &TruthProduct) -> ProductRow {
    let (id, category, image) = match zone {
        Zone::Local => (&told.product_id, "29069", picture(&told.product_id)),
        Zone::Partner => (&told.partner_id, "29069", picture(&told.product_id)),
        Zone::Xiaohongshu => (
            &told.product_id,
            "65f996e83e946300016b27e8",
            "http://qimg.xiaohongshu.com/arkgoods/example.jpg".to_owned(),
        ),
    };
    ProductRow {
        product_id: id.clone(),
        name: Some(told.name.clone()),
        status: told.platform_status.clone().filter(|_| zone == Zone::Local),
        category_id: Some(category.to_owned()),
        image_url: Some(image),
        created_at: Some(told.created_at),
        updated_at: Some(told.updated_at).filter(|_| zone == Zone::Xiaohongshu),
    }
}

fn sku_row(zone: Zone, told: &TruthSku, product: &TruthProduct) -> SkuRow {
    let sku = SkuRow {
        sku_id: told.sku_id.clone(),
        product_id: Some(told.product_id.clone()),
        sku_code: told.sku_code.clone(),
        barcode: told.barcode.clone(),
        name: Some(told.name.clone()),
        price_minor: Some(told.price_minor),
        list_price_minor: told.list_price_minor,
        currency: Some(told.currency.clone()),
        stock: Some(told.stock),
        on_sale: Some(told.is_on_sale),
        created_at: Some(told.created_at),
        updated_at: Some(told.updated_at).filter(|_| zone == Zone::Xiaohongshu),
    };
    if zone != Zone::Partner {
        return sku;
    }
    // Its row is that of a colour: on the site or not as a whole, as old as the product, without a price.
    let is_on_shelf = product.platform_status.as_deref().is_some_and(|code| ["2001", "3003"].contains(&code));
    SkuRow {
        sku_id: told.partner_id.clone(),
        product_id: Some(product.partner_id.clone()),
        price_minor: None,
        currency: None,
        on_sale: Some(is_on_shelf),
        created_at: Some(product.created_at),
        ..sku
    }
}

/// The sum over all warehouses, and each.
fn stock_rows(told: &TruthSku) -> Vec<StockRow> {
    let row = |warehouse: &str, available, occupied, total| StockRow {
        sku_id: told.sku_id.clone(),
        warehouse: warehouse.to_owned(),
        available: Some(available),
        occupied: Some(occupied),
        total: Some(total),
    };
    let all = &told.warehouses;
    let (available, occupied) =
        (all.iter().map(|one| one.available).sum(), all.iter().map(|one| one.occupied).sum());
    let sum = row("", available, occupied, told.stock);
    let each = all.iter().map(|one| row(&one.warehouse, one.available, one.occupied, one.total));
    std::iter::once(sum).chain(each).collect()
}

fn case_row(platform: Platform, told: &TruthCase) -> CaseRow {
    let (kind, status) = case_words(platform, told);
    CaseRow {
        number: told.number.clone(),
        order_number: Some(told.order_number.clone()),
        kind: kind.to_owned(),
        status: status.to_owned(),
        platform_status: told.platform_status.clone(),
        reason: told.reason.clone(),
        refund_minor: told.refund_minor,
        // Who tells no money tells no currency either.
        currency: told.refund_minor.map(|_| told.currency.clone()),
        created_at: Some(told.created_at),
        updated_at: Some(told.updated_at),
    }
}

/// What the platforms' documents say of their codes, in our words.
fn case_words(platform: Platform, told: &TruthCase) -> (&'static str, &'static str) {
    let kind = match (platform, told.platform_kind.as_str()) {
        (Platform::Temu, "1") | (Platform::Xiaohongshu, "4" | "5") => "refund_only",
        (Platform::Temu, "2") | (Platform::Xiaohongshu, "1") => "return_and_refund",
        (Platform::Xiaohongshu, "2") => "exchange",
        (Platform::Xiaohongshu, "6") => "price_protection",
        _ => "unknown",
    };
    let status = match (platform, told.platform_status.as_str()) {
        (Platform::Temu, "1" | "10") | (Platform::Xiaohongshu, "1") => "requested",
        (Platform::Temu, "8") | (Platform::Xiaohongshu, "2") => "awaiting_return",
        (Platform::Temu, "2" | "3") | (Platform::Xiaohongshu, "3") => "returning",
        (Platform::Temu, "4" | "9") => "refunding",
        (Platform::Temu, "5") => "refunded",
        (Platform::Temu, "6") | (Platform::Xiaohongshu, "5") => "canceled",
        (Platform::Temu, "7") | (Platform::Xiaohongshu, "9" | "9001") => "rejected",
        (Platform::Temu, "11") | (Platform::Xiaohongshu, "14") => "platform_review",
        (Platform::Xiaohongshu, "4") => "completed",
        (Platform::Xiaohongshu, "6") => "closed",
        (Platform::Xiaohongshu, "12" | "13") => "exchanging",
        _ => "unknown",
    };
    (kind, status)
}

fn item_rows(platform: Platform, told: &TruthCase) -> Vec<ItemRow> {
    (0..)
        .zip(&told.items)
        .map(|(line, item)| ItemRow {
            number: told.number.clone(),
            line,
            item_number: item.item_number.clone(),
            product_id: item.product_id.clone(),
            sku_id: Some(item.sku_id.clone()),
            sku_code: item.sku_code.clone(),
            quantity: Some(item.quantity),
            status: Some(told.platform_status.clone()).filter(|_| platform == Platform::Temu),
            refund_minor: item.refund_minor,
            currency: item.refund_minor.map(|_| told.currency.clone()),
        })
        .collect()
}

fn activity_row(told: &TruthActivity) -> ActivityRow {
    let kind = match told.kind.as_str() {
        "2" => "lightning_deal",
        "13" => "advanced_big_sale",
        "27" => "clearance",
        _ => "official_big_sale",
    };
    let status = match told.platform_status.as_str() {
        "1" => "not_started",
        "2" => "ongoing",
        _ => "ended",
    };
    ActivityRow {
        activity_id: told.activity_id.clone(),
        kind: kind.to_owned(),
        name: Some(told.name.clone()),
        status: status.to_owned(),
        starts_at: Some(told.starts_at),
        ends_at: Some(told.ends_at),
        joined: Some(told.joined),
    }
}

fn activity_sku_rows(told: &TruthActivity) -> Vec<ActivitySkuRow> {
    told.skus
        .iter()
        .map(|sku| ActivitySkuRow {
            activity_id: told.activity_id.clone(),
            sku_id: sku.sku_id.clone(),
            product_id: Some(sku.product_id.clone()),
            price_minor: Some(sku.price_minor),
            // No platform tells it there.
            currency: None,
            quantity: Some(sku.quantity),
            remaining: Some(sku.remaining),
        })
        .collect()
}
