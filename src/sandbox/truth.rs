//! What a perfect reader would have stored by now, in the words of the program's tables.

use chrono::{DateTime, Utc};

use serde::{Serialize, Serializer};

use super::accounts::{Platform, currency};
use super::catalogue;
use super::json::Json;
use super::order::{Line, Order};
use super::world::World;

/// One order as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthOrder {
    pub number: String,
    /// The platform's own code, as text.
    pub platform_status: String,
    /// `None` at Temu, which tells none on the order.
    pub after_sales_status: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub lines: Vec<TruthLine>,
    pub total_minor: i64,
    pub shipping_minor: i64,
    pub seller_discount_minor: i64,
    pub platform_discount_minor: i64,
    /// `None` at Xiaohongshu, which tells no tax of the order.
    pub tax_minor: Option<i64>,
    pub income_minor: i64,
    pub currency: String,
    /// NUL and unpaired surrogates replaced by U+FFFD. `None`: no note, or a platform without notes.
    pub buyer_note: Option<String>,
    pub seller_note: Option<String>,
}

/// One line as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthLine {
    /// Temu's `orderSn`. `None` at Xiaohongshu.
    pub item_number: Option<String>,
    pub product_id: String,
    pub sku_id: String,
    /// `None`: the seller never gave one.
    pub sku_code: Option<String>,
    /// NUL replaced by U+FFFD.
    pub name: String,
    pub quantity: i64,
}

impl World {
    /// Every order of a shop that the platform shows by now, by number.
    pub fn truth(&mut self, platform: Platform, shop: usize) -> Vec<TruthOrder> {
        let mut truth: Vec<TruthOrder> =
            self.shop(platform, shop).orders().map(|order| truth_of(order, platform, shop)).collect();
        truth.sort_by(|a, b| a.number.cmp(&b.number));
        truth
    }
}

/// Temu's number of a line: its order's number without `PO-`, with the line's own serial at the end.
pub fn item_number(order: &Order, line: &Line) -> String {
    let base = order.number.trim_start_matches("PO-");
    format!("{}{:02}", &base[..base.len() - 2], line.serial % 100)
}

/// The truth of one shop as JSON, for scripts.
pub fn write_shop(json: &mut Json, world: &mut World, platform: Platform, shop: usize) {
    json.string("platform", platform.as_str());
    json.number("shop", i64::try_from(shop).unwrap_or(i64::MAX));
    json.string("account", &platform.account(shop));
    json.objects("orders", &world.truth(platform, shop), |json, order| {
        write_order(json, order);
    });
    list(json, "products", &world.truth_products(platform, shop));
    list(json, "skus", &world.truth_skus(platform, shop));
    list(json, "after_sales", &world.truth_cases(platform, shop));
    if platform == Platform::Temu {
        list(json, "activities", &world.truth_activities(shop));
    }
}

fn list(json: &mut Json, name: &str, rows: &[impl Serialize]) {
    json.raw(name, &serde_json::to_string(rows).expect("text, numbers and lists make JSON"));
}

fn write_order(json: &mut Json, order: &TruthOrder) {
    let optional = |json: &mut Json, name: &str, text: Option<&str>| match text {
        Some(text) => json.string(name, text),
        None => json.null(name),
    };
    json.string("number", &order.number);
    json.string("platform_status", &order.platform_status);
    optional(json, "after_sales_status", order.after_sales_status.as_deref());
    json.number("created_ms", order.created_at.timestamp_millis());
    json.number("updated_ms", order.updated_at.timestamp_millis());
    json.number("total_minor", order.total_minor);
    json.number("shipping_minor", order.shipping_minor);
    json.number("seller_discount_minor", order.seller_discount_minor);
    json.number("platform_discount_minor", order.platform_discount_minor);
    match order.tax_minor {
        Some(tax) => json.number("tax_minor", tax),
        None => json.null("tax_minor"),
    }
    json.number("income_minor", order.income_minor);
    json.string("currency", &order.currency);
    optional(json, "buyer_note", order.buyer_note.as_deref());
    optional(json, "seller_note", order.seller_note.as_deref());
    json.objects("lines", &order.lines, |json, line| {
        optional(json, "item_number", line.item_number.as_deref());
        json.string("product_id", &line.product_id);
        json.string("sku_id", &line.sku_id);
        optional(json, "sku_code", line.sku_code.as_deref());
        json.string("name", &line.name);
        json.number("quantity", line.quantity);
    });
}

fn truth_of(order: &Order, platform: Platform, shop: usize) -> TruthOrder {
    let is_temu = platform == Platform::Temu;
    let money = order.money;
    TruthOrder {
        number: order.number.clone(),
        platform_status: order.status.to_string(),
        after_sales_status: (!is_temu).then(|| order.after_sales.to_string()),
        created_at: instant(order.created_ms),
        updated_at: instant(order.updated_ms),
        lines: order.lines.iter().map(|line| truth_of_line(order, line, platform)).collect(),
        total_minor: money.total,
        shipping_minor: money.shipping,
        seller_discount_minor: money.seller_discount,
        platform_discount_minor: money.platform_discount,
        tax_minor: is_temu.then_some(money.tax),
        income_minor: money.income,
        currency: currency(platform, shop).to_owned(),
        buyer_note: order.buyer_note.cleaned(),
        seller_note: order.seller_note.cleaned(),
    }
}

fn truth_of_line(order: &Order, line: &Line, platform: Platform) -> TruthLine {
    let product = &catalogue::products(platform)[line.product];
    TruthLine {
        item_number: (platform == Platform::Temu).then(|| item_number(order, line)),
        product_id: catalogue::product_id(platform, line.product),
        sku_id: catalogue::sku_id(platform, line.product),
        sku_code: (!product.code.is_empty()).then(|| product.code.to_owned()),
        name: cleaned(product.name),
        quantity: line.quantity,
    }
}

/// Text as a store may keep it.
pub fn cleaned(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Milliseconds, as scripts get times.
pub fn milliseconds<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.timestamp_millis())
}

pub fn instant(time_ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time_ms).expect("simulated times lie close to the present")
}
