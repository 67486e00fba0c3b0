//! The words orders are read in: how a platform lists them, which page is asked for, what a page holds.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::error::{ConvertError, PlatformError};
use crate::domain::grant::Access;
use crate::domain::order::{Amounts, Answers, Order};
use crate::domain::record::Lane;
use crate::domain::shop::ShopOptions;
use crate::domain::window::Window;

/// A platform that has orders to read.
#[async_trait]
pub trait OrderSource: Send + Sync {
    /// One page of the order list. A lone unreadable row is a [`Row::Unreadable`], not an error.
    async fn order_page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError>;

    /// The detail of one order: the platform's own JSON text.
    async fn order_detail(&self, access: &Access, number: &str) -> Result<String, PlatformError>;

    /// The money of one order: the platform's own JSON text. Only where `has_amounts`.
    async fn order_amounts(&self, access: &Access, number: &str) -> Result<String, PlatformError>;

    /// Makes an order of its answers. Pure: asks nobody, needs no clock.
    fn convert_order(&self, answers: &Answers) -> Result<Order, ConvertError>;

    /// Reads the money of an amounts answer. Pure.
    fn convert_amounts(&self, raw: &str) -> Result<Amounts, ConvertError>;
}

/// How a platform lists its orders.
#[derive(Clone, Copy, Debug)]
pub struct OrderPaging {
    /// Longest window of update time, a second under the platform's limit.
    pub update_window_max: TimeDelta,
    /// Longest window of creation time, a second under the platform's limit.
    pub create_window_max: TimeDelta,
    pub page_size: u32,
    /// A window that holds more is halved.
    pub rows_max: u64,
    /// How a window of one second that holds more than `rows_max` is read: once for each of these platform
    /// statuses. Empty: it is paged to its end.
    pub dense_statuses: &'static [&'static str],
    /// When the detail call is made for a changed order.
    pub detail: DetailNeed,
    /// Whether money comes in a call of its own.
    pub has_amounts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetailNeed {
    /// An order is its list row and its detail.
    Always,
    /// Only when the shop asks for it.
    Optional,
}

impl OrderPaging {
    pub fn wants_detail(&self, options: ShopOptions) -> bool {
        self.detail == DetailNeed::Always || options.detail
    }

    pub fn wants_amounts(&self, options: ShopOptions) -> bool {
        self.has_amounts && options.amounts
    }
}

/// Which page of which window.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// [`Lane::Update`]: by update time; [`Lane::Create`]: by creation time.
    pub lane: Lane,
    pub window: Window,
    /// From 1.
    pub page: u32,
    /// Rows a page; at most [`OrderPaging::page_size`].
    pub page_size: u32,
    /// Only orders in this status of the platform. `None`: all.
    pub status: Option<&'static str>,
}

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// How many rows the platform says the window holds.
    pub total: u64,
    pub rows: Vec<Row>,
}

/// One row of a list.
#[derive(Debug)]
pub enum Row {
    Readable(ListRow),
    Unreadable(UnreadableRow),
}

/// A row we could read far enough to know which order it is.
#[derive(Debug)]
pub struct ListRow {
    pub number: String,
    /// `None` when the row has no update time.
    pub updated_at: Option<DateTime<Utc>>,
    /// Over the row without volatile fields. 64 hex digits.
    pub list_hash: String,
    /// The platform's own JSON text.
    pub raw: String,
}

/// A row that goes to quarantine.
#[derive(Debug)]
pub struct UnreadableRow {
    /// `None` when not even the number can be read.
    pub number: Option<String>,
    pub reason: String,
    pub raw: String,
}
