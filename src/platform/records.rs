//! The types in which records are read: how a platform lists them, which page is requested, what a page holds.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::error::{ConvertError, PlatformError};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::domain::order::Amounts;
use crate::domain::product::WarehouseStock;
use crate::domain::record::Lane;
use crate::domain::shop::ShopOptions;
use crate::domain::window::Window;

/// What lists one record of a platform.
#[async_trait]
pub trait RecordSource: Send + Sync {
    /// How it is listed. Always the same.
    fn paging(&self) -> &Paging;

    /// One page of the list. A lone unreadable row is a [`Row::Unreadable`], not an error.
    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError>;

    /// What another call gives of one thing: the platform's own JSON text. `None`: nothing more. Only asked where
    /// [`Paging::details`] says that there is such a call.
    async fn detail(&self, _access: &Access, _number: &str) -> Result<Option<String>, PlatformError> {
        Ok(None)
    }

    /// The same of several, by number; at most [`Details::batch`] of them. Its own only where one call names many.
    async fn details(
        &self,
        access: &Access,
        numbers: &[String],
    ) -> Result<HashMap<String, String>, PlatformError> {
        let mut details = HashMap::with_capacity(numbers.len());
        for number in numbers {
            if let Some(detail) = self.detail(access, number).await? {
                details.insert(number.clone(), detail);
            }
        }
        Ok(details)
    }

    /// Looks one thing of the record up: for a person who requests it now, or because its row may be only a part of it.
    async fn find(&self, _access: &Access, _number: &str) -> Result<Found, PlatformError> {
        Ok(Found::NotOffered)
    }

    /// Whether the list may show one thing in several rows, each with lines of its own. Then [`RecordSource::find`]
    /// shows all of them at once.
    fn splits_rows(&self) -> bool {
        false
    }

    /// Reads a row of the list that was set aside: what this version makes of it. Pure. `None`: it is not one of
    /// `kind`, or still cannot be read.
    ///
    /// Where a source does not say better, a row is what can be made of it alone; without a hash, so that the next list
    /// that shows it has it read again.
    fn reread(&self, kind: Kind, raw: &str) -> Option<ListRow> {
        let answers = Answers { list: Some(raw.to_owned()), ..Answers::default() };
        let entity = self.convert(kind, &answers).ok()?;
        Some(ListRow {
            kind,
            number: entity.number().to_owned(),
            updated_at: entity.updated_at(),
            list_hash: String::new(),
            raw: raw.to_owned(),
        })
    }

    /// Makes a thing of its answers. Pure: makes no call and needs no clock.
    fn convert(&self, kind: Kind, answers: &Answers) -> Result<Entity, ConvertError>;
}

/// A platform that gives the money of orders in calls of its own.
#[async_trait]
pub trait AmountsSource: Send + Sync {
    /// The money of one order: the platform's own JSON text.
    async fn order_amounts(&self, access: &Access, number: &str) -> Result<String, PlatformError>;

    /// Reads the money of such an answer. Pure.
    fn convert_amounts(&self, raw: &str) -> Result<Amounts, ConvertError>;
}

/// A platform that gives the stock of a SKU by warehouse.
#[async_trait]
pub trait StockSource: Send + Sync {
    /// The stock of one SKU, warehouse by warehouse, and the sum over all.
    async fn sku_stock(&self, access: &Access, sku_id: &str) -> Result<Vec<WarehouseStock>, PlatformError>;
}

/// How a platform lists a record.
#[derive(Clone, Debug)]
pub struct Paging {
    /// The kind of rows that the total of a page counts, where rows of several kinds come together.
    pub counted: Kind,
    pub reach: Reach,
    pub page_size: u32,
    /// `None`: the list gives everything.
    pub details: Option<Details>,
}

/// What one list covers.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Stretches of time.
    Windows(Windows),
    /// Everything there is at present: these lists, one after the other, whole.
    Lists(&'static [&'static str]),
}

/// A record that is listed by time.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Longest window of update time, a second under the platform's limit.
    pub update_max: TimeDelta,
    /// Longest window of creation time, a second under the platform's limit. `None`: it has no create lane, and is
    /// read whole by update time instead, at first and every so often.
    pub create_max: Option<TimeDelta>,
    /// A window that holds more is halved.
    pub rows_max: u64,
    /// How a window of one second that holds more than `rows_max` is read: once for each of these platform
    /// statuses. Empty: it is paged to its end.
    pub dense_statuses: &'static [i64],
}

/// The call that gives more than the list does.
#[derive(Clone, Copy, Debug)]
pub struct Details {
    pub need: DetailNeed,
    /// Numbers in one call.
    pub batch: usize,
    /// Which member of [`Answers`] it is.
    pub part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetailNeed {
    /// A thing is its list row and its detail; requested when the list row changed.
    Changed,
    /// The same, but also requested when the list row is as before, because it does not show every change.
    EveryTime,
    /// Only when the shop requests it, and then when the list row changed.
    Optional,
}

/// What a detail call's answer is to the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Detail,
    Items,
}

impl Paging {
    /// `None` when it is listed whole.
    pub fn windows(&self) -> Option<&Windows> {
        match &self.reach {
            Reach::Windows(windows) => Some(windows),
            Reach::Lists(_) => None,
        }
    }

    /// The longest window of creation time. `None`: there is no create lane.
    pub fn create_max(&self) -> Option<TimeDelta> {
        self.windows().and_then(|windows| windows.create_max)
    }

    /// The detail call, if a shop with these options wants it.
    pub fn details_for(&self, options: ShopOptions) -> Option<Details> {
        self.details.filter(|details| details.need != DetailNeed::Optional || options.detail)
    }
}

impl Part {
    /// Puts a detail's text where it belongs.
    pub fn put(self, answers: &mut Answers, text: String) {
        match self {
            Self::Detail => answers.detail = Some(text),
            Self::Items => answers.items = Some(text),
        }
    }
}

/// Which page of what.
#[derive(Clone, Debug)]
pub struct PageQuery {
    pub range: Range,
    /// From 1.
    pub page: u32,
    /// Rows a page; at most [`Paging::page_size`].
    pub page_size: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Range {
    Window {
        /// [`Lane::Update`]: by update time; [`Lane::Create`]: by creation time.
        lane: Lane,
        window: Window,
        /// Only rows in this status of the platform. `None`: all.
        status: Option<i64>,
    },
    /// One of [`Reach::Lists`].
    List(&'static str),
}

impl Range {
    /// The platform status that rows have to be in. `None`: any.
    pub fn status(&self) -> Option<i64> {
        match self {
            Self::Window { status, .. } => *status,
            Self::List(_) => None,
        }
    }
}

/// One page of a list. What the platform says about the whole range is a hint; the rows that came are the truth.
#[derive(Debug, Default)]
pub struct Page {
    /// How many rows the platform says the whole range holds. 0 when it says nothing, or no number.
    pub total: u64,
    /// How many pages the platform says there are. `None`: it does not say.
    pub pages: Option<u64>,
    /// How many rows the platform says a page has. `None`: it does not say.
    pub page_size: Option<u64>,
    pub rows: Vec<Row>,
    /// What `total` counts, where that is none of our kinds: the platform's own rows of this page, by a name of their
    /// own. `None`: `rows` of one kind.
    pub counted: Option<Vec<String>>,
}

impl Page {
    /// A page of a platform that reports a total and nothing else.
    pub fn new(total: u64, rows: Vec<Row>) -> Self {
        Self { total, rows, ..Self::default() }
    }

    /// How many of its own rows the platform sent.
    pub fn rows_sent(&self) -> u64 {
        self.counted.as_ref().map_or(self.rows.len(), Vec::len) as u64
    }
}

/// What a platform says when it is requested one number.
#[derive(Debug)]
pub enum Found {
    /// The platform cannot be requested one of these.
    NotOffered,
    /// There is none.
    Nothing,
    /// Its row of the list.
    Rows(Vec<Row>),
    /// It exists, and the list of what was created at that moment has its row.
    Created(DateTime<Utc>),
}

/// One row of a list. Where one row holds several kinds of things, each is a row of its own.
#[derive(Debug)]
pub enum Row {
    Readable(ListRow),
    Unreadable(UnreadableRow),
}

/// A row we could read far enough to know what it is about.
#[derive(Clone, Debug)]
pub struct ListRow {
    pub kind: Kind,
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
