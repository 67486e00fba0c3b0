//! Orders: the list by time, and one detail each, which has the money and the lines.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::gateway::{DIALECT, Gateway, content, listed};
use super::{convert, gateway, wire};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::listing::Listing;
use crate::platform::parameters::Parameters;
use crate::platform::{
    DetailNeed, Details, Found, ListRow, Page, PageQuery, Paging, Part, Reach, RecordSource, Rejection,
    Windows, listing, part,
};

const LIST: &str = "order.getOrderList";
const DETAIL: &str = "order.getOrderDetail";

static PAGING: Paging = Paging {
    counted: Kind::Order,
    reach: Reach::Windows(Windows {
        update_max: TimeDelta::seconds(30 * 60 - 1),
        create_max: Some(TimeDelta::seconds(24 * 3600 - 1)),
        rows_max: 10_000,
        dense_statuses: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    }),
    page_size: 100,
    details: Some(Details { need: DetailNeed::Changed, batch: 1, part: Part::Detail }),
};

/// The orders of an app's shops.
pub struct Orders {
    gateway: Arc<Gateway>,
}

impl Orders {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl RecordSource for Orders {
    fn paging(&self) -> &Paging {
        &PAGING
    }

    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let understand = |answer: &str| {
            let list: wire::OrderPage<'_> = DIALECT.parse(listed(answer)?)?;
            let listing = Listing {
                dialect: DIALECT,
                total: list.total,
                total_name: "total",
                pages: list.max_page_no,
                page_size: list.page_size,
                rows: list.order_list,
                rows_name: "orderList",
            };
            listing.into_page(query, convert::list_row)
        };
        self.gateway.read(LIST, access, list_parameters(query), understand).await
    }

    async fn detail(&self, access: &Access, number: &str) -> Result<Option<String>, PlatformError> {
        let parameters = Parameters::new().text("orderId", number);
        let understand = |answer: &str| part::detail(content(answer)?.get()).map(Some);
        self.gateway.read(DETAIL, access, parameters, understand).await
    }

    /// The list does not take a number, but the detail says when the order was created, and the list takes that.
    async fn find(&self, access: &Access, number: &str) -> Result<Found, PlatformError> {
        let parameters = Parameters::new().text("orderId", number);
        let understand = |answer: &str| match convert::created_at(content(answer)?.get()) {
            Some(at) => Ok(Found::Created(at)),
            None => Err(DIALECT.malformed("createdTime")),
        };
        match self.gateway.read(DETAIL, access, parameters, understand).await {
            Err(PlatformError::Rejected { why: Rejection::NotFound, .. }) => Ok(Found::Nothing),
            found => found,
        }
    }

    fn reread(&self, _kind: Kind, raw: &str) -> Option<ListRow> {
        listing::reread(raw, convert::list_row)
    }

    fn convert(&self, _kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        convert::order(answers).map(Entity::Order)
    }
}

/// The bounds go in seconds, though the answers give milliseconds.
fn list_parameters(query: &PageQuery) -> Parameters {
    let parameters = gateway::window_parameters(query, 1);
    match query.range.status() {
        Some(status) => parameters.integer("orderStatus", status),
        None => parameters,
    }
}
