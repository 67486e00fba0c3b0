//! Products of semi- and full-managed shops, which the partner and cn zones list by SKC: goods in one colour. A product
//! in two colours comes in two rows, each with its own SKUs.

use std::sync::Arc;

use async_trait::async_trait;

use super::gateway::Gateway;
use super::lists::{self, Names};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::parameters::Parameters;
use crate::platform::{Page, PageQuery, Paging, Range, Reach, RecordSource};

mod convert;

/// The cn zone's own `bg.goods.list.get` is gone; its token reads this one.
pub const LIST: &str = "bg.glo.goods.list.get";
const NAMES: Names = Names { total: "totalCount", rows: "data" };
const WHOLE: &str = "goods";

static PAGING: Paging =
    Paging { counted: Kind::Product, reach: Reach::Lists(&[WHOLE]), page_size: 100, details: None };

/// The products of an app's semi- or full-managed shops.
pub struct PartnerGoods {
    gateway: Arc<Gateway>,
}

impl PartnerGoods {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl RecordSource for PartnerGoods {
    fn paging(&self) -> &Paging {
        &PAGING
    }

    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        if !matches!(query.range, Range::List(WHOLE)) {
            return Err(lists::no_such_range());
        }
        let parameters = Parameters::new().integer("page", query.page).integer("pageSize", query.page_size);
        let understand = |answer: &str| {
            let (page, skcs) = NAMES.open(self.gateway.list(answer)?)?.open(query.page)?;
            Ok(Page {
                rows: skcs.iter().flat_map(|skc| convert::rows(skc)).collect(),
                counted: Some(skcs.iter().map(|skc| convert::skc_name(skc)).collect()),
                ..page
            })
        };
        self.gateway.read(LIST, access, parameters, understand).await
    }

    fn convert(&self, kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        match kind {
            Kind::Sku => convert::sku(answers).map(Entity::Sku),
            _ => convert::product(answers).map(Entity::Product),
        }
    }
}

#[cfg(test)]
mod tests;
