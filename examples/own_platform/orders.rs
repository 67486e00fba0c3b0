//! The orders of a stall: how they are listed, and what a row of the list means.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, json};
use shopsync::domain::entity::{Answers, Entity, Kind};
use shopsync::domain::grant::Access;
use shopsync::domain::money::Currency;
use shopsync::domain::order::{Amounts, Order, OrderItem, OrderStatus};
use shopsync::domain::record::Lane;
use shopsync::platform::fingerprint::fingerprint;
use shopsync::platform::instant::{self, at};
use shopsync::platform::listing::{self, Listing};
use shopsync::platform::{
    ConvertError, ListRow, Page, PageQuery, Paging, PlatformError, Range, Reach, RecordSource, Row, Windows,
    lenient, part,
};

use crate::stall::{Client, DIALECT, refusal};

/// Windows of at most a day, pages of 50, and the row holds everything.
static PAGING: Paging = Paging {
    counted: Kind::Order,
    reach: Reach::Windows(Windows {
        update_max: TimeDelta::seconds(24 * 3600 - 1),
        create_max: Some(TimeDelta::seconds(24 * 3600 - 1)),
        rows_max: 5_000,
        dense_statuses: &[],
    }),
    page_size: 50,
    details: None,
};

pub struct Orders {
    client: Arc<Client>,
}

impl Orders {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }
}

#[async_trait]
impl RecordSource for Orders {
    fn paging(&self) -> &Paging {
        &PAGING
    }

    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let mut parameters = Map::new();
        parameters.insert("page".to_owned(), json!(query.page));
        parameters.insert("size".to_owned(), json!(query.page_size));
        if let Range::Window { lane, window, .. } = query.range {
            // Both bounds are inclusive, in seconds.
            let (from, until) = window.query_bounds();
            parameters
                .insert("by".to_owned(), json!(if lane == Lane::Update { "updated" } else { "created" }));
            parameters.insert("from".to_owned(), json!(from));
            parameters.insert("until".to_owned(), json!(until));
        }
        let understand = |answer: &str| {
            let list: OrderList<'_> = DIALECT.parse(DIALECT.list(answer, refusal)?)?;
            let listing = Listing {
                dialect: DIALECT,
                total: list.total,
                total_name: "total",
                pages: None,
                page_size: None,
                rows: list.orders,
                rows_name: "orders",
            };
            listing.into_page(query, list_row)
        };
        self.client.read("orders.list", access, parameters, understand).await
    }

    fn reread(&self, _kind: Kind, raw: &str) -> Option<ListRow> {
        listing::reread(raw, list_row)
    }

    fn convert(&self, _kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        let raw = answers.list.as_deref().ok_or(ConvertError::Missing { field: "list" })?;
        order(raw).map(Entity::Order)
    }
}

/// A row that cannot be read keeps its number, so that it can be read again later.
fn list_row(raw: &RawValue) -> Row {
    listing::row(raw, read_row, |raw| lenient::object::<Number>(raw).ok()?.id)
}

fn read_row(raw: &str) -> Result<ListRow, ConvertError> {
    let (value, row): (_, WireOrder) = part::typed(raw)?;
    Ok(ListRow {
        kind: Kind::Order,
        number: row.id.ok_or(ConvertError::Missing { field: "id" })?,
        updated_at: at(row.updated),
        list_hash: fingerprint(&[&value], &[]),
        raw: raw.to_owned(),
    })
}

fn order(raw: &str) -> Result<Order, ConvertError> {
    let (value, row): (_, WireOrder) = part::typed(raw)?;
    let currency = row.currency.as_deref().and_then(Currency::parse);
    let platform_status = row.state.ok_or(ConvertError::Missing { field: "state" })?;
    let is_shipped = platform_status == "shipped";
    Ok(Order {
        number: row.id.ok_or(ConvertError::Missing { field: "id" })?,
        status: match platform_status.as_str() {
            "paid" => OrderStatus::ToShip,
            "shipped" => OrderStatus::Shipped,
            "cancelled" => OrderStatus::Canceled,
            _ => OrderStatus::Unknown,
        },
        platform_status,
        after_sales_status: None,
        created_at: at(row.created),
        updated_at: at(row.updated),
        paid_at: None,
        shipped_at: at(row.updated).filter(|_| is_shipped),
        completed_at: None,
        canceled_at: None,
        ship_by: None,
        amounts: Some(Amounts { total_minor: row.total_cents, currency, ..Amounts::default() }),
        country: None,
        province: None,
        city: row.city,
        district: None,
        buyer_note: None,
        seller_note: None,
        tracking_number: None,
        carrier: None,
        items: row.lines.into_iter().map(|line| line.into_item(currency)).collect(),
        content_hash: fingerprint(&[&value], &[]),
    })
}

/// The content of `orders.list`.
#[derive(Deserialize)]
struct OrderList<'a> {
    #[serde(default, deserialize_with = "lenient::hint")]
    total: Option<i64>,
    #[serde(default, borrow, deserialize_with = "lenient::rows")]
    orders: Option<Vec<&'a RawValue>>,
}

/// What is tried on a row that cannot be read.
#[derive(Deserialize)]
struct Number {
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
}

#[derive(Deserialize)]
struct WireOrder {
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    state: Option<String>,
    #[serde(default, deserialize_with = "lenient::time")]
    created: Option<instant::WireTime>,
    #[serde(default, deserialize_with = "lenient::time")]
    updated: Option<instant::WireTime>,
    #[serde(default, deserialize_with = "lenient::text")]
    city: Option<String>,
    #[serde(default, deserialize_with = "lenient::integer")]
    total_cents: Option<i64>,
    #[serde(default, deserialize_with = "lenient::text")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    lines: Vec<WireLine>,
}

#[derive(Deserialize)]
struct WireLine {
    #[serde(default, deserialize_with = "lenient::text")]
    sku: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient::integer")]
    count: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    cents_each: Option<i64>,
}

impl WireLine {
    fn into_item(self, currency: Option<Currency>) -> OrderItem {
        OrderItem {
            sku_id: self.sku,
            name: self.title,
            quantity: self.count,
            unit_minor: self.cents_each,
            currency,
            ..OrderItem::default()
        }
    }
}
