//! An order as the simulated platform keeps it. What it looks like on the wire is each platform's own
//! business; what a perfect reader would store is `truth`'s.

use super::note::Note;
use super::shape::Shape;

/// One version of one order.
#[derive(Clone, Debug)]
pub struct Order {
    /// Temu `parentOrderSn`, Xiaohongshu `orderId`.
    pub number: String,
    pub created_ms: i64,
    /// Temu keeps whole seconds.
    pub updated_ms: i64,
    /// The platform's own code, unknown ones included.
    pub status: i64,
    /// Xiaohongshu's `orderAfterSalesStatus`.
    pub after_sales: i64,
    pub paid_ms: Option<i64>,
    pub shipped_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    pub canceled_ms: Option<i64>,
    pub ship_by_ms: i64,
    /// Index into the catalogue's places.
    pub place: usize,
    pub buyer_note: Note,
    pub seller_note: Note,
    pub lines: Vec<Line>,
    pub money: Money,
    pub shape: Shape,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Counts up within the order and is never used again; the line's number at Temu is made of it.
    pub serial: u32,
    /// Index into the catalogue's products.
    pub product: usize,
    pub quantity: i64,
    pub canceled: i64,
    pub unit_minor: i64,
    pub gift: bool,
}

impl Line {
    pub(super) fn total_minor(&self) -> i64 {
        self.unit_minor.saturating_mul(self.quantity)
    }
}

/// The order's money in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    pub goods: i64,
    /// What the buyer paid.
    pub total: i64,
    pub shipping: i64,
    pub seller_discount: i64,
    pub platform_discount: i64,
    pub tax: i64,
    /// What the seller gets.
    pub income: i64,
    /// What went back to the buyer; Temu takes it off the income.
    pub refunded: i64,
}

/// By which time a list is cut and sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedBy {
    Created,
    Updated,
}
