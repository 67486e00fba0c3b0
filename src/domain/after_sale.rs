//! What comes after a sale: refunds, returns, exchanges.

use chrono::{DateTime, Utc};

use super::money::Currency;

/// One after-sales case, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfterSale {
    /// Temu: `parentAfterSalesSn`. Xiaohongshu: `returnsId`.
    pub number: String,
    pub order_number: Option<String>,
    pub kind: AfterSaleKind,
    pub status: AfterSaleStatus,
    /// The platform's own value, kept even when we do not know it.
    pub platform_status: String,
    /// As the platform names it.
    pub reason: Option<String>,
    /// What was refunded; until then what is expected to be. Minor units of `currency`.
    pub refund_minor: Option<i64>,
    pub currency: Option<Currency>,
    pub created_at: Option<DateTime<Utc>>,
    /// `None` when no answer gave it: it is then stored under the moment before the request.
    pub updated_at: Option<DateTime<Utc>>,
    pub items: Vec<AfterSaleItem>,
    /// Over list row, detail and items without volatile fields. 64 hex digits.
    pub content_hash: String,
}

/// One line of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AfterSaleItem {
    /// The platform's own number of the line (Temu `afterSalesSn`). `None` where it has none.
    pub item_number: Option<String>,
    pub product_id: Option<String>,
    pub sku_id: Option<String>,
    /// The seller's own code.
    pub sku_code: Option<String>,
    pub quantity: Option<i64>,
    /// The platform's own value.
    pub status: Option<String>,
    pub refund_minor: Option<i64>,
    pub currency: Option<Currency>,
}

/// What the buyer wants, with the same names for every platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterSaleKind {
    RefundOnly,
    ReturnAndRefund,
    Exchange,
    /// The difference to a lower price.
    PriceProtection,
    /// A value this version does not know; the raw answer has it.
    Unknown,
}

/// How a case stands, with the same names for every platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterSaleStatus {
    /// The seller has to decide.
    Requested,
    /// The buyer has to send the goods back.
    AwaitingReturn,
    /// The goods are on their way back, or have to be checked.
    Returning,
    Refunding,
    Refunded,
    /// A replacement is on its way, or has to be sent.
    Exchanging,
    Completed,
    /// The platform decides.
    PlatformReview,
    Rejected,
    Canceled,
    Closed,
    /// A value this version does not know; `platform_status` has it.
    Unknown,
}

impl AfterSaleKind {
    /// The word in the `kind` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RefundOnly => "refund_only",
            Self::ReturnAndRefund => "return_and_refund",
            Self::Exchange => "exchange",
            Self::PriceProtection => "price_protection",
            Self::Unknown => "unknown",
        }
    }
}

impl AfterSaleStatus {
    /// The word in the `status` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::AwaitingReturn => "awaiting_return",
            Self::Returning => "returning",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
            Self::Exchanging => "exchanging",
            Self::Completed => "completed",
            Self::PlatformReview => "platform_review",
            Self::Rejected => "rejected",
            Self::Canceled => "canceled",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }
}
