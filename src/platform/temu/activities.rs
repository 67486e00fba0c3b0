//! Activities: the platform's campaigns, kind by kind, and what the seller has put into each.

use std::sync::Arc;

use async_trait::async_trait;

use super::gateway::Gateway;
use super::lists::Names;
use super::{codes, lists};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::parameters::Parameters;
use crate::platform::{DetailNeed, Details, Page, PageQuery, Paging, Part, Range, Reach, RecordSource};

mod convert;

const LIST: &str = "bg.promotion.activity.query";
const GOODS: &str = "bg.promotion.activity.goods.query";
const NAMES: Names = Names { total: "total", rows: "activityList" };
const GOODS_NAMES: Names = Names { total: "total", rows: "goodsList" };
const PAGE_SIZE: u32 = 100;

/// Each kind is a list of its own, by the platform's number; there is none of all.
const LISTS: &[&str] = &["2", "13", "27", "100"];

static PAGING: Paging = Paging {
    counted: Kind::Activity,
    reach: Reach::Lists(LISTS),
    page_size: PAGE_SIZE,
    // The list says nothing of the goods.
    details: Some(Details { need: DetailNeed::EveryTime, batch: 1, part: Part::Items }),
};

/// The activities of an app's shops.
pub struct Activities {
    gateway: Arc<Gateway>,
}

impl Activities {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl RecordSource for Activities {
    fn paging(&self) -> &Paging {
        &PAGING
    }

    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let Range::List(kind) = query.range else { return Err(lists::no_such_range()) };
        let kind: i64 = kind.parse().map_err(|_| lists::no_such_range())?;
        let parameters = Parameters::new()
            .integer("pageNumber", query.page)
            .integer("pageSize", query.page_size)
            .integer("activityType", kind);
        let understand =
            |answer: &str| NAMES.open(self.gateway.list(answer)?)?.into_page(query, convert::list_row);
        self.gateway.read(LIST, access, parameters, understand).await
    }

    /// What is in the activity, as one JSON list. One that is over or called off gives no more.
    async fn detail(&self, access: &Access, number: &str) -> Result<Option<String>, PlatformError> {
        let goods = lists::whole(&self.gateway, access, (GOODS, GOODS_NAMES, PAGE_SIZE), |page| {
            let parameters = Parameters::new().integer("pageNumber", page).integer("pageSize", PAGE_SIZE);
            match number.parse::<i64>() {
                Ok(id) => parameters.integer("activityId", id),
                Err(_) => parameters.text("activityId", number),
            }
        });
        match goods.await {
            Ok(goods) => Ok(Some(format!("[{}]", goods.into_iter().collect::<Vec<_>>().join(",")))),
            Err(error) if codes::is_activity_over(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn convert(&self, _kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        convert::activity(answers).map(Entity::Activity)
    }
}

#[cfg(test)]
mod tests;
