//! Products of local shops: goods and their SKUs, each read whole in several searches that together find everything.

use std::sync::Arc;

use async_trait::async_trait;

use super::gateway::Gateway;
use super::lists::{self, Names};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::parameters::Parameters;
use crate::platform::{ListRow, Page, PageQuery, Paging, Range, Reach, RecordSource};

mod convert;

const GOODS: &str = "bg.local.goods.list.query";
const SKUS: &str = "bg.local.goods.sku.list.query";
const GOODS_NAMES: Names = Names { total: "total", rows: "goodsList" };
const SKU_NAMES: Names = Names { total: "total", rows: "skuList" };

static PAGING: Paging =
    Paging { counted: Kind::Product, reach: Reach::Lists(LISTS), page_size: 100, details: None };

/// Each is read whole. A SKU of goods that were never published is in neither of the last two.
const LISTS: &[&str] =
    &["published goods", "incomplete goods", "draft goods", "deleted goods", "active SKUs", "inactive SKUs"];

/// The products of an app's local shops.
pub struct Goods {
    gateway: Arc<Gateway>,
}

impl Goods {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl RecordSource for Goods {
    fn paging(&self) -> &Paging {
        &PAGING
    }

    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let (kind, search) = search(query.range).ok_or_else(lists::no_such_range)?;
        // The older parameter and the newer one, of which some shops need this and some that; they say the same.
        let (api, names, [older, newer]) = match kind {
            Kind::Sku => (SKUS, SKU_NAMES, ["skuSearchType", "skuStatusFilterType"]),
            _ => (GOODS, GOODS_NAMES, ["goodsSearchType", "goodsStatusFilterType"]),
        };
        let parameters = Parameters::new()
            .integer("pageNo", query.page)
            .integer("pageSize", query.page_size)
            .integer(older, search)
            .integer(newer, search);
        let understand = |answer: &str| {
            names.open(self.gateway.list(answer)?)?.into_page(query, |row| convert::list_row(kind, row))
        };
        self.gateway.read(api, access, parameters, understand).await
    }

    fn reread(&self, kind: Kind, raw: &str) -> Option<ListRow> {
        convert::reread(kind, raw)
    }

    fn convert(&self, kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        match kind {
            Kind::Sku => convert::sku(answers).map(Entity::Sku),
            _ => convert::product(answers).map(Entity::Product),
        }
    }
}

/// What a list shows, and the number it is searched by.
fn search(range: Range) -> Option<(Kind, i64)> {
    let Range::List(name) = range else { return None };
    let searches = [
        (Kind::Product, 1),
        (Kind::Product, 4),
        (Kind::Product, 5),
        (Kind::Product, 6),
        (Kind::Sku, 2),
        (Kind::Sku, 3),
    ];
    LISTS.iter().zip(searches).find(|(list, _)| **list == name).map(|(_, search)| search)
}

#[cfg(test)]
mod tests;
