//! After-sales cases: the list by time, the items of many cases in one call.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::gateway::{DIALECT, Gateway};
use super::lists::{self, Names};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::domain::record::Lane;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::parameters::Parameters;
use crate::platform::{
    DetailNeed, Details, Page, PageQuery, Paging, Part, Range, Reach, RecordSource, Windows,
};

mod convert;

const LIST: &str = "bg.aftersales.parentaftersales.list.get";
const ITEMS: &str = "bg.aftersales.aftersales.list.get";
const NAMES: Names = Names { total: "total", rows: "data" };
const PAGE_SIZE: u32 = 200;

static PAGING: Paging = Paging {
    counted: Kind::AfterSale,
    reach: Reach::Windows(Windows {
        update_max: TimeDelta::seconds(24 * 3600 - 1),
        create_max: Some(TimeDelta::seconds(15 * 24 * 3600 - 1)),
        rows_max: 5_000,
        dense_statuses: &[],
    }),
    page_size: PAGE_SIZE,
    // No document says how many cases one call may name; orders may be twenty.
    details: Some(Details { need: DetailNeed::Changed, batch: 20, part: Part::Items }),
};

/// The after-sales cases of an app's shops.
pub struct AfterSales {
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
        let parameters = list_parameters(query).ok_or_else(lists::no_such_range)?;
        let understand =
            |answer: &str| NAMES.open(self.gateway.list(answer)?)?.into_page(query, convert::list_row);
        self.gateway.read(LIST, access, parameters, understand).await
    }

    async fn details(
        &self,
        access: &Access,
        numbers: &[String],
    ) -> Result<HashMap<String, String>, PlatformError> {
        let items = lists::whole(&self.gateway, access, (ITEMS, NAMES, PAGE_SIZE), |page| {
            Parameters::new()
                .integer("pageNo", page)
                .integer("pageSize", PAGE_SIZE)
                .texts("parentAfterSalesSnList", numbers)
        });
        let mut by_case: HashMap<String, Vec<String>> = HashMap::new();
        for item in items.await? {
            // An item of no case, or of one no one requested, says that the filter was not heard.
            let case = lists::text_member(&item, "parentAfterSalesSn").filter(|case| numbers.contains(case));
            by_case.entry(case.ok_or_else(|| DIALECT.malformed("data"))?).or_default().push(item);
        }
        Ok(by_case.into_iter().map(|(case, items)| (case, format!("[{}]", items.join(",")))).collect())
    }

    fn convert(&self, _kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        convert::after_sale(answers).map(Entity::AfterSale)
    }
}

/// Both bounds are inclusive, in seconds, and must come together. `None`: not a window.
fn list_parameters(query: &PageQuery) -> Option<Parameters> {
    let Range::Window { lane, window, status: None } = query.range else { return None };
    let (from, until) = window.query_bounds();
    let [start, end] = match lane {
        Lane::Update => ["updateAtStart", "updateAtEnd"],
        Lane::Create | Lane::Amounts => ["createAtStart", "createAtEnd"],
    };
    let page = Parameters::new().integer("pageNo", query.page).integer("pageSize", query.page_size);
    Some(page.integer(start, from).integer(end, until))
}

#[cfg(test)]
mod tests;
