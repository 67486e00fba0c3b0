//! After-sales cases: the list by time, and one detail each, which says what was refunded and for what.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::gateway::{DIALECT, Gateway, content, listed};
use super::{gateway, privacy};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::listing::Listing;
use crate::platform::parameters::Parameters;
use crate::platform::{
    DetailNeed, Details, ListRow, Page, PageQuery, Paging, Part, Reach, RecordSource, Windows, listing, part,
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
        dense_statuses: &[1, 2, 3, 4, 5, 6, 9, 9001, 12, 13, 14],
    }),
    page_size: 100,
    details: Some(Details { need: DetailNeed::Changed, batch: 1, part: Part::Detail }),
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
        let understand = |answer: &str| {
            let list: convert::CaseList<'_> = DIALECT.parse(listed(answer)?)?;
            let listing = Listing {
                dialect: DIALECT,
                total: list.total_count,
                total_name: "totalCount",
                pages: None,
                page_size: list.page_size,
                rows: list.after_sale_basic_infos,
                rows_name: "afterSaleBasicInfos",
            };
            listing.into_page(query, convert::list_row)
        };
        self.gateway.read(LIST, access, list_parameters(query), understand).await
    }

    /// The talk between buyer and seller is not requested, and what comes of persons unasked is left out.
    async fn detail(&self, access: &Access, number: &str) -> Result<Option<String>, PlatformError> {
        let parameters = Parameters::new().text("returnsId", number);
        let understand = |answer: &str| {
            let detail = privacy::detail(content(answer)?.get());
            part::detail(&detail.map_err(|_| DIALECT.malformed("afterSaleInfo"))?).map(Some)
        };
        self.gateway.read(DETAIL, access, parameters, understand).await
    }

    fn reread(&self, _kind: Kind, raw: &str) -> Option<ListRow> {
        listing::reread(raw, convert::list_row)
    }

    fn convert(&self, _kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        convert::after_sale(answers).map(Entity::AfterSale)
    }
}

/// The bounds go in milliseconds, and must differ, as those of a window do.
fn list_parameters(query: &PageQuery) -> Parameters {
    let parameters = gateway::window_parameters(query, 1000);
    match query.range.status() {
        Some(status) => parameters.integers("statuses", &[status]),
        None => parameters,
    }
}

#[cfg(test)]
mod tests;
