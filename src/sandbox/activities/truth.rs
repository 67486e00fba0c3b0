//! A shop's activities as a perfect reader would have stored them, vanished ones included.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Activity;
use crate::sandbox::accounts::{Platform, currency};
use crate::sandbox::truth::{instant, milliseconds};
use crate::sandbox::world::World;

/// One activity as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthActivity {
    pub activity_id: String,
    /// The platform's own code of the kind, as text.
    pub kind: String,
    pub name: String,
    /// The platform's own code at the present moment, as text.
    pub platform_status: String,
    #[serde(rename = "starts_ms", serialize_with = "milliseconds")]
    pub starts_at: DateTime<Utc>,
    #[serde(rename = "ends_ms", serialize_with = "milliseconds")]
    pub ends_at: DateTime<Utc>,
    pub joined: bool,
    /// Those of an activity that has ended or vanished cannot be requested any more.
    pub skus: Vec<TruthActivitySku>,
    pub is_gone: bool,
}

/// One SKU in an activity as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthActivitySku {
    pub product_id: String,
    pub sku_id: String,
    pub price_minor: i64,
    pub currency: String,
    /// Of the product, as the platform tells it.
    pub quantity: i64,
    pub remaining: i64,
}

impl World {
    /// Every activity a Temu shop was ever offered, by number.
    pub fn truth_activities(&mut self, shop: usize) -> Vec<TruthActivity> {
        let now_ms = self.now_ms();
        let activities = &self.shop(Platform::Temu, shop).activities.activities;
        activities.iter().map(|activity| activity_of(activity, shop, now_ms)).collect()
    }
}

fn activity_of(activity: &Activity, shop: usize, now_ms: i64) -> TruthActivity {
    let skus = activity.goods.iter().flat_map(|goods| {
        goods.skus.iter().map(move |sku| TruthActivitySku {
            product_id: goods.product_id.clone(),
            sku_id: sku.sku_id.clone(),
            price_minor: sku.price_minor,
            currency: currency(Platform::Temu, shop).to_owned(),
            quantity: goods.quantity,
            remaining: goods.remaining,
        })
    });
    TruthActivity {
        activity_id: activity.id.to_string(),
        kind: activity.kind.to_string(),
        name: activity.name.clone(),
        platform_status: activity.status(now_ms).to_string(),
        starts_at: instant(activity.starts_ms),
        ends_at: instant(activity.ends_ms),
        joined: activity.is_joined,
        skus: skus.collect(),
        is_gone: activity.is_gone,
    }
}
