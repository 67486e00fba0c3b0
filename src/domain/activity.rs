//! Sales campaigns a platform runs, and what a seller has put into them.

use chrono::{DateTime, Utc};

use super::money::Currency;

/// One activity, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Temu: `activityId`.
    pub id: String,
    /// A word of ours for the kinds we know, else the platform's own value.
    pub kind: String,
    pub name: Option<String>,
    /// `not_started`, `ongoing`, `ended`, or the platform's own value.
    pub status: String,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    /// Whether the seller takes part. `None` when the platform does not say.
    pub joined: Option<bool>,
    /// No platform gives one: it is stored under the moment before the request.
    pub updated_at: Option<DateTime<Utc>>,
    /// `None`: not given, as for one that is over or called off. What was reported before still holds then.
    pub skus: Option<Vec<ActivitySku>>,
    /// Over list row and goods without volatile fields. 64 hex digits.
    pub content_hash: String,
}

/// One SKU in an activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivitySku {
    pub sku_id: String,
    pub product_id: Option<String>,
    /// In minor units of `currency`.
    pub price_minor: Option<i64>,
    pub currency: Option<Currency>,
    /// Pieces put into the activity; given for the product as a whole where the platform does so.
    pub quantity: Option<i64>,
    /// Pieces of it that are left.
    pub remaining: Option<i64>,
}
