//! An order as we keep it, whichever platform it came from.

use std::fmt;

use chrono::{DateTime, Utc};

use super::money::Currency;

/// One order, ready to be stored. Made by a platform's `convert.rs` from the answers alone, so that the same
/// answers always make the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The platform's number, unique within the shop. Temu: `parentOrderSn`. Xiaohongshu: `orderId`.
    pub number: String,
    pub status: OrderStatus,
    /// The platform's own value, kept even when we do not know it.
    pub platform_status: String,
    /// The platform's own value. `None` where a platform has none on the order.
    pub after_sales_status: Option<String>,
    pub created_at: Option<DateTime<Utc>>,
    /// When the platform last changed it. `None` when no answer gave it; it is then stored under the moment
    /// before the request.
    pub updated_at: Option<DateTime<Utc>>,
    pub paid_at: Option<DateTime<Utc>>,
    pub shipped_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub canceled_at: Option<DateTime<Utc>>,
    /// The platform's deadline for shipping.
    pub ship_by: Option<DateTime<Utc>>,
    /// `None` where the platform gives money in separate calls: the money columns then stay as they are.
    pub amounts: Option<Amounts>,
    pub country: Option<String>,
    pub province: Option<String>,
    pub city: Option<String>,
    pub district: Option<String>,
    pub buyer_note: Option<String>,
    pub seller_note: Option<String>,
    pub tracking_number: Option<String>,
    pub carrier: Option<String>,
    pub items: Vec<OrderItem>,
    /// Over list row and detail without volatile fields and without amounts. 64 hex digits.
    pub content_hash: String,
}

/// The money of an order, in minor units of `currency`. Every part is `None` when the platform did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// What the buyer paid.
    pub total_minor: Option<i64>,
    pub shipping_minor: Option<i64>,
    pub seller_discount_minor: Option<i64>,
    pub platform_discount_minor: Option<i64>,
    pub tax_minor: Option<i64>,
    /// What the seller gets.
    pub income_minor: Option<i64>,
    pub currency: Option<Currency>,
    /// Money per line, where it comes with the order's money (Temu). Lines are found by `item_number`.
    pub items: Vec<ItemAmounts>,
}

/// The money of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemAmounts {
    pub item_number: String,
    pub unit_minor: Option<i64>,
    pub total_minor: Option<i64>,
    pub currency: Option<Currency>,
}

/// One line of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderItem {
    /// The platform's own number of the line (Temu `orderSn`). `None` where it has none.
    pub item_number: Option<String>,
    pub product_id: Option<String>,
    pub sku_id: Option<String>,
    /// The seller's own code.
    pub sku_code: Option<String>,
    pub name: Option<String>,
    pub spec: Option<String>,
    pub quantity: Option<i64>,
    pub canceled_quantity: Option<i64>,
    /// The platform's own value.
    pub status: Option<String>,
    pub unit_minor: Option<i64>,
    pub total_minor: Option<i64>,
    pub currency: Option<Currency>,
    /// `None` when the platform does not say.
    pub gift: Option<bool>,
}

/// What an order's state means to a seller, with the same names for every platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    Unpaid,
    Processing,
    Customs,
    ToShip,
    PartiallyShipped,
    Shipped,
    PartiallyDelivered,
    Delivered,
    Completed,
    Closed,
    Canceled,
    ExchangeRequested,
    Pending,
    /// A value this version does not know; `platform_status` has it.
    Unknown,
}

impl OrderStatus {
    pub const ALL: [Self; 14] = [
        Self::Unpaid,
        Self::Processing,
        Self::Customs,
        Self::ToShip,
        Self::PartiallyShipped,
        Self::Shipped,
        Self::PartiallyDelivered,
        Self::Delivered,
        Self::Completed,
        Self::Closed,
        Self::Canceled,
        Self::ExchangeRequested,
        Self::Pending,
        Self::Unknown,
    ];

    /// The word in the `status` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Processing => "processing",
            Self::Customs => "customs",
            Self::ToShip => "to_ship",
            Self::PartiallyShipped => "partially_shipped",
            Self::Shipped => "shipped",
            Self::PartiallyDelivered => "partially_delivered",
            Self::Delivered => "delivered",
            Self::Completed => "completed",
            Self::Closed => "closed",
            Self::Canceled => "canceled",
            Self::ExchangeRequested => "exchange_requested",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }

    /// The status behind a word of the `status` column; [`OrderStatus::Unknown`] for any other word.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.as_str() == word).unwrap_or(Self::Unknown)
    }

    /// Whether money may still change only by after-sales: the parcel has arrived, or the order is off.
    pub fn is_settling(self) -> bool {
        matches!(self, Self::Delivered | Self::Completed | Self::Canceled | Self::Closed)
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
