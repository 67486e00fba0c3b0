//! One thing of any kind, as it is stored, and the answers it was made from.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::activity::Activity;
use super::after_sale::AfterSale;
use super::order::{Order, OrderItem};
use super::product::{Product, Sku};
use super::record::Record;

/// What a row of a list is about. A record may hold several kinds: products come with their SKUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Order,
    Product,
    Sku,
    AfterSale,
    Activity,
}

/// One thing, ready to be stored. Made by a platform's `convert` from the answers alone, so that the same answers
/// always make the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are orders, the largest")]
pub enum Entity {
    Order(Order),
    Product(Product),
    Sku(Sku),
    AfterSale(AfterSale),
    Activity(Activity),
}

/// No event lies further ahead of the platform's own clock: such a time is a mistake, and as an update time it would
/// block all later versions.
pub const FUTURE_MAX: TimeDelta = TimeDelta::minutes(5);

/// The answers something was made from, each the platform's own JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The row of the list.
    pub list: Option<String>,
    /// The `result` or `data` of the detail call.
    pub detail: Option<String>,
    /// The `result` of the amounts call.
    pub amounts: Option<String>,
    /// The parts that a separate list gives, as one JSON list.
    pub items: Option<String>,
}

impl Kind {
    /// All of them, in the order they are written in.
    pub const ALL: [Self; 5] = [Self::Order, Self::Product, Self::Sku, Self::AfterSale, Self::Activity];

    /// The record it belongs to.
    pub fn record(self) -> Record {
        match self {
            Self::Order => Record::Orders,
            Self::Product | Self::Sku => Record::Products,
            Self::AfterSale => Record::AfterSales,
            Self::Activity => Record::Activities,
        }
    }

    /// The kind that a record is named after.
    pub fn main(record: Record) -> Self {
        match record {
            Record::Orders => Self::Order,
            Record::Products => Self::Product,
            Record::AfterSales => Self::AfterSale,
            Record::Activities => Self::Activity,
        }
    }

    /// For people and logs: `order P763`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Product => "product",
            Self::Sku => "SKU",
            Self::AfterSale => "after-sales case",
            Self::Activity => "activity",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Entity {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Order(_) => Kind::Order,
            Self::Product(_) => Kind::Product,
            Self::Sku(_) => Kind::Sku,
            Self::AfterSale(_) => Kind::AfterSale,
            Self::Activity(_) => Kind::Activity,
        }
    }

    /// The platform's own number or id, unique within shop and kind.
    pub fn number(&self) -> &str {
        match self {
            Self::Order(order) => &order.number,
            Self::Product(product) => &product.id,
            Self::Sku(sku) => &sku.id,
            Self::AfterSale(case) => &case.number,
            Self::Activity(activity) => &activity.id,
        }
    }

    /// When the platform last changed it. `None` when no answer gave it.
    pub fn updated_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Order(order) => order.updated_at,
            Self::Product(product) => product.updated_at,
            Self::Sku(sku) => sku.updated_at,
            Self::AfterSale(case) => case.updated_at,
            Self::Activity(activity) => activity.updated_at,
        }
    }

    /// Forgets times of events that lie after `latest`; deadlines may. Without an update time that can be believed, it
    /// counts as changed when it was read. Returns whether the update time was replaced like that.
    pub fn believe_times(&mut self, latest: DateTime<Utc>, read_at: DateTime<Utc>) -> bool {
        let forget = |time: &mut Option<DateTime<Utc>>| *time = time.filter(|time| *time <= latest);
        match self {
            Self::Order(order) => [
                &mut order.created_at,
                &mut order.paid_at,
                &mut order.shipped_at,
                &mut order.completed_at,
                &mut order.canceled_at,
            ]
            .into_iter()
            .for_each(forget),
            Self::Product(product) => forget(&mut product.created_at),
            Self::Sku(sku) => forget(&mut sku.created_at),
            Self::AfterSale(case) => forget(&mut case.created_at),
            Self::Activity(_) => {}
        }
        let updated_at = self.updated_at().filter(|time| *time <= latest);
        self.set_updated_at(updated_at.unwrap_or(read_at));
        updated_at.is_none()
    }

    /// Puts another moment in the place of [`Entity::updated_at`].
    pub fn set_updated_at(&mut self, at: DateTime<Utc>) {
        *match self {
            Self::Order(order) => &mut order.updated_at,
            Self::Product(product) => &mut product.updated_at,
            Self::Sku(sku) => &mut sku.updated_at,
            Self::AfterSale(case) => &mut case.updated_at,
            Self::Activity(activity) => &mut activity.updated_at,
        } = Some(at);
    }

    /// Whether an order has a line that nothing distinguishes from others: without a number of its own, and, where
    /// lines have none, without its SKU.
    pub fn has_nameless_line(&self, lines_have_numbers: bool) -> bool {
        let Self::Order(order) = self else { return false };
        let is_nameless =
            |item: &OrderItem| item.item_number.is_none() && (lines_have_numbers || item.sku_id.is_none());
        order.items.iter().any(is_nameless)
    }

    /// Over everything it was made of but volatile fields and the money that comes by a call of its own. 64 hex digits.
    pub fn content_hash(&self) -> &str {
        match self {
            Self::Order(order) => &order.content_hash,
            Self::Product(product) => &product.content_hash,
            Self::Sku(sku) => &sku.content_hash,
            Self::AfterSale(case) => &case.content_hash,
            Self::Activity(activity) => &activity.content_hash,
        }
    }
}

impl Answers {
    /// One JSON object keyed by source, which is what the `raw` column holds.
    pub fn to_json(&self) -> String {
        let parts = [
            ("list", &self.list),
            ("detail", &self.detail),
            ("amounts", &self.amounts),
            ("items", &self.items),
        ];
        let members: Vec<String> = parts
            .into_iter()
            .filter_map(|(name, text)| text.as_ref().map(|text| format!("\"{name}\":{text}")))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}
