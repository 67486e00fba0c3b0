//! Temu's sales campaigns: they are announced, begin, end, are joined by the seller, and vanish.

pub mod change;
mod generate;
mod truth;

pub use truth::{TruthActivity, TruthActivitySku};

/// The kinds the platform has: lightning deals, advanced big sale, clearance, official big sale.
pub const KINDS: [i64; 4] = [2, 13, 27, 100];

/// Every activity a shop was ever offered.
#[derive(Default)]
pub struct Activities {
    activities: Vec<Activity>,
}

/// One activity.
#[derive(Clone, Debug)]
pub struct Activity {
    pub id: i64,
    pub name: String,
    /// 2 lightning, 13 advanced big sale, 27 clearance, 100 official big sale.
    pub kind: i64,
    pub starts_ms: i64,
    pub ends_ms: i64,
    pub is_joined: bool,
    /// Called off: no list shows it, and its goods are refused.
    pub is_gone: bool,
    /// What the seller has put in; empty while not joined.
    pub goods: Vec<ActivityGoods>,
}

/// A product in an activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityGoods {
    pub product_id: String,
    pub quantity: i64,
    pub remaining: i64,
    pub skus: Vec<ActivitySku>,
}

/// One kind of it, and what the platform pays the seller for a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivitySku {
    pub sku_id: String,
    pub price_minor: i64,
}

impl Activities {
    /// Those that have not vanished, in the order they were announced.
    pub(super) fn listed(&self) -> impl DoubleEndedIterator<Item = &Activity> {
        self.activities.iter().filter(|activity| !activity.is_gone)
    }

    /// Vanished ones included.
    pub(super) fn find(&self, id: i64) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.id == id)
    }
}

impl Activity {
    /// 1 not started, 2 ongoing, 3 ended.
    pub(super) fn status(&self, now_ms: i64) -> i64 {
        match now_ms {
            _ if now_ms < self.starts_ms => 1,
            _ if now_ms < self.ends_ms => 2,
            _ => 3,
        }
    }
}
