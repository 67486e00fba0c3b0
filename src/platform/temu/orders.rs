//! Orders: the list by time, the detail on request, the money order by order.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::gateway::{DIALECT, Gateway};
use super::{amounts, convert, parcels, wire};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::domain::order::Amounts;
use crate::domain::record::Lane;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::listing::Listing;
use crate::platform::parameters::Parameters;
use crate::platform::{
    AmountsSource, DetailNeed, Details, Found, ListRow, Page, PageQuery, Paging, Part, Range, Reach,
    RecordSource, Row, Windows, listing, part,
};

pub const LIST: &str = "bg.order.list.v2.get";
pub const DETAIL: &str = "bg.order.detail.v2.get";

/// Pages of rows of one order; none is known to have a second.
const PAGES_OF_ONE_MAX: u32 = 5;

static PAGING: Paging = Paging {
    counted: Kind::Order,
    reach: Reach::Windows(Windows {
        update_max: TimeDelta::seconds(24 * 3600 - 1),
        create_max: Some(TimeDelta::seconds(7 * 24 * 3600 - 1)),
        rows_max: 5_000,
        dense_statuses: &[],
    }),
    page_size: 100,
    details: Some(Details { need: DetailNeed::Optional, batch: 1, part: Part::Detail }),
};

/// The orders of an app's shops.
pub struct Orders {
    gateway: Arc<Gateway>,
    amounts: amounts::Versions,
}

impl Orders {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, amounts: amounts::Versions::default() }
    }
}

#[async_trait]
impl RecordSource for Orders {
    fn paging(&self) -> &Paging {
        &PAGING
    }

    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let understand = |answer: &str| {
            let list: wire::OrderList<'_> = DIALECT.parse(self.gateway.list(answer)?)?;
            let listing = Listing {
                dialect: DIALECT,
                total: list.total_item_num,
                total_name: "totalItemNum",
                pages: None,
                page_size: None,
                rows: list.page_items,
                rows_name: "pageItems",
            };
            Ok(parcels::whole_orders(listing.into_page(query, convert::list_row)?))
        };
        self.gateway.read(LIST, access, list_parameters(query), understand).await
    }

    async fn detail(&self, access: &Access, number: &str) -> Result<Option<String>, PlatformError> {
        let parameters = Parameters::new().text("parentOrderSn", number);
        let understand = |answer: &str| part::detail(self.gateway.result(answer)?.get()).map(Some);
        self.gateway.read(DETAIL, access, parameters, understand).await
    }

    /// The list takes numbers in place of times.
    async fn find(&self, access: &Access, number: &str) -> Result<Found, PlatformError> {
        let understand = |answer: &str| {
            let list: wire::OrderList<'_> = DIALECT.parse(self.gateway.list(answer)?)?;
            Ok(list.page_items.unwrap_or_default().into_iter().map(convert::list_row).collect())
        };
        let mut rows = Vec::new();
        for page in 1..=PAGES_OF_ONE_MAX {
            let parameters = Parameters::new()
                .integer("pageNumber", page)
                .integer("pageSize", PAGING.page_size)
                .texts("parentOrderSnList", &[number.to_owned()]);
            let more: Vec<Row> = self.gateway.read(LIST, access, parameters, understand).await?;
            let is_last = more.len() < PAGING.page_size as usize;
            rows.extend(more);
            if is_last {
                let rows = parcels::merged(rows);
                return Ok(if rows.is_empty() { Found::Nothing } else { Found::Rows(rows) });
            }
        }
        // An order that goes on behind that cannot be read whole.
        Err(DIALECT.malformed("pageItems"))
    }

    /// Each parcel may be a row.
    fn splits_rows(&self) -> bool {
        true
    }

    fn reread(&self, _kind: Kind, raw: &str) -> Option<ListRow> {
        listing::reread(raw, convert::list_row)
    }

    fn convert(&self, _kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        convert::order(answers).map(Entity::Order)
    }
}

#[async_trait]
impl AmountsSource for Orders {
    async fn order_amounts(&self, access: &Access, number: &str) -> Result<String, PlatformError> {
        let region = access.region.as_deref();
        let version = self.amounts.current(self.gateway.zone(), region);
        let parameters = Parameters::new().text("parentOrderSn", number);
        let understand = |answer: &str| match self.gateway.result(answer) {
            Ok(result) => Ok(result.get().to_owned()),
            Err(error) => Err(self.amounts.learn(version, region, error)),
        };
        self.gateway.read(version, access, parameters, understand).await
    }

    fn convert_amounts(&self, raw: &str) -> Result<Amounts, ConvertError> {
        amounts::convert(raw)
    }
}

/// Both bounds are inclusive, in seconds, and must come together.
fn list_parameters(query: &PageQuery) -> Parameters {
    let parameters = Parameters::new().integer("pageNumber", query.page).integer("pageSize", query.page_size);
    let Range::Window { lane, window, status } = query.range else {
        return parameters;
    };
    let (from, until) = window.query_bounds();
    let parameters = match status {
        Some(status) => parameters.integer("parentOrderStatus", status),
        None => parameters,
    };
    match lane {
        Lane::Update => parameters
            .integer("updateAtStart", from)
            .integer("updateAtEnd", until)
            .text("sortby", "updateTime"),
        Lane::Create | Lane::Amounts => parameters
            .integer("createAfter", from)
            .integer("createBefore", until)
            .text("sortby", "createTime"),
    }
}
