//! A shop's cases as a perfect reader would have stored them.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Case, REASONS};
use crate::sandbox::accounts::{Platform, currency};
use crate::sandbox::catalogue;
use crate::sandbox::truth::{instant, milliseconds};
use crate::sandbox::world::World;

/// One case as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthCase {
    pub number: String,
    pub order_number: String,
    /// The platform's own code of the kind, as text.
    pub platform_kind: String,
    /// The platform's own code, as text.
    pub platform_status: String,
    /// `None` at Temu, which tells none in its lists.
    pub reason: Option<String>,
    /// What went back, else what is requested. `None` at Temu, which tells none in its lists.
    pub refund_minor: Option<i64>,
    pub currency: String,
    #[serde(rename = "created_ms", serialize_with = "milliseconds")]
    pub created_at: DateTime<Utc>,
    #[serde(rename = "updated_ms", serialize_with = "milliseconds")]
    pub updated_at: DateTime<Utc>,
    pub items: Vec<TruthCaseItem>,
}

/// One item of a case as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthCaseItem {
    /// Temu's `afterSalesSn`. `None` at Xiaohongshu.
    pub item_number: Option<String>,
    /// Temu's `goodsId`. `None` at Xiaohongshu, which tells the SKU alone.
    pub product_id: Option<String>,
    pub sku_id: String,
    /// `None`: the seller never gave one.
    pub sku_code: Option<String>,
    pub quantity: i64,
    /// What is asked back for it. `None` at Temu.
    pub refund_minor: Option<i64>,
}

impl World {
    /// Every case of a shop, by number.
    pub fn truth_cases(&mut self, platform: Platform, shop: usize) -> Vec<TruthCase> {
        let cases = self.shop(platform, shop).cases.all();
        let mut truth: Vec<TruthCase> = cases.map(|case| case_of(platform, shop, case)).collect();
        truth.sort_by(|a, b| a.number.cmp(&b.number));
        truth
    }
}

fn case_of(platform: Platform, shop: usize, case: &Case) -> TruthCase {
    let is_temu = platform == Platform::Temu;
    let items = case.items.iter().map(|item| {
        let code = catalogue::products(platform)[item.product].code;
        TruthCaseItem {
            item_number: is_temu.then(|| item.number.clone()),
            product_id: is_temu.then(|| catalogue::product_id(platform, item.product)),
            sku_id: catalogue::sku_id(platform, item.product),
            sku_code: (!code.is_empty()).then(|| code.to_owned()),
            quantity: item.quantity,
            refund_minor: (!is_temu).then_some(item.amount_minor),
        }
    });
    TruthCase {
        number: case.number.clone(),
        order_number: case.order_number.clone(),
        platform_kind: case.kind.to_string(),
        platform_status: case.status.to_string(),
        reason: (!is_temu).then(|| REASONS[case.reason].1.to_owned()),
        refund_minor: (!is_temu).then(|| case.refunded_minor.unwrap_or(case.expected_minor)),
        currency: currency(platform, shop).to_owned(),
        created_at: instant(case.created_ms),
        updated_at: instant(case.updated_ms),
        items: items.collect(),
    }
}
