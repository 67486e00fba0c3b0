//! After-sales cases: the list by time, and one detail each, which tells what was refunded and for what.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::gateway::{DIALECT, Gateway, content};
use super::privacy;
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::domain::record::Lane;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::listing::Listing;
use crate::platform::parameters::Parameters;
use crate::platform::{
    DetailNeed, Details, Page, PageQuery, Paging, Part, Range, Reach, RecordSource, Windows,
};

mod convert;

const LIST: &str = "afterSale.listAfterSaleInfos";
const DETAIL: &str = "afterSale.getAfterSaleInfo";

static PAGING: Paging = Paging {
    counted: Kind::AfterSale,
    reach: Reach::Windows(Windows {
        update_max: TimeDelta::seconds(30 * 60 - 1),
        create_max: Some(TimeDelta::seconds(24 * 3600 - 1)),
        // The number of a page times its size may not be more.
        rows_max: 50_000,
        halves_on_timeout: false,
        dense_statuses: &["1", "2", "3", "4", "5", "6", "9", "9001", "12", "13", "14"],
    }),
    page_size: 100,
    details: Some(Details { need: DetailNeed::Changed, batch: 1, part: Part::Detail }),
};

/// The after-sales cases of an app's shops.
pub(super) struct AfterSales {
    gateway: Arc<Gateway>,
}

impl AfterSales {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl RecordSource for AfterSales {
    fn paging(&self) -> &Paging {
        &PAGING
    }

    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let answer = self.gateway.read(LIST, access, list_parameters(query)).await?;
        let list: convert::CaseList<'_> = DIALECT.parse(content(&answer)?)?;
        let listing = Listing {
            dialect: DIALECT,
            total: list.total_count,
            total_name: "totalCount",
            rows: list.after_sale_basic_infos,
            rows_name: "afterSaleBasicInfos",
        };
        listing.into_page(query, convert::list_row)
    }

    /// The talk between buyer and seller is not asked for, and what comes of persons unasked is left out.
    async fn details(
        &self,
        access: &Access,
        numbers: &[String],
    ) -> Result<HashMap<String, String>, PlatformError> {
        let mut details = HashMap::with_capacity(numbers.len());
        for number in numbers {
            let parameters = Parameters::new().text("returnsId", number.as_str());
            let answer = self.gateway.read(DETAIL, access, parameters).await?;
            let detail =
                privacy::detail(content(&answer)?.get()).map_err(|_| DIALECT.malformed("afterSaleInfo"))?;
            details.insert(number.clone(), detail);
        }
        Ok(details)
    }

    fn convert(&self, _kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        convert::after_sale(answers).map(Entity::AfterSale)
    }
}

/// Both bounds are inclusive, in milliseconds, and must differ, as those of a window do.
fn list_parameters(query: &PageQuery) -> Parameters {
    const BY_CREATION: i64 = 1;
    const BY_UPDATE: i64 = 2;
    let parameters = Parameters::new().integer("pageNo", query.page).integer("pageSize", query.page_size);
    let Range::Window { lane, window, status } = query.range else {
        return parameters;
    };
    let (from, until) = window.asked();
    let time_type = match lane {
        Lane::Update => BY_UPDATE,
        Lane::Create | Lane::Amounts => BY_CREATION,
    };
    let parameters = parameters
        .integer("startTime", from * 1000)
        .integer("endTime", until * 1000)
        .integer("timeType", time_type);
    match status.and_then(|status| status.parse::<i64>().ok()) {
        Some(status) => parameters.integers("statuses", &[status]),
        None => parameters,
    }
}

#[cfg(test)]
mod tests;
