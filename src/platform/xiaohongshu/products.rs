//! Products: the list of SKUs by update time, each row with the item it belongs to.
//!
//! No document says whether the list follows the update time of the SKU or of its item. A change that the windows do
//! not show is found when everything is read again.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::gateway::{DIALECT, Gateway, listed};
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::grant::Access;
use crate::domain::record::Lane;
use crate::platform::error::{ConvertError, PlatformError};
use crate::platform::listing::Listing;
use crate::platform::parameters::Parameters;
use crate::platform::{ListRow, Page, PageQuery, Paging, Range, Reach, RecordSource, Row, Windows};

mod convert;

const LIST: &str = "product.getDetailSkuList";

static PAGING: Paging = Paging {
    // What `total` counts; the items come along with them.
    counted: Kind::Sku,
    reach: Reach::Windows(Windows {
        // No limit is documented. A shop that was away for a week costs one window, and a window that fails costs a
        // week at most.
        update_max: TimeDelta::days(7),
        create_max: None,
        // No limit is documented: as far as the list of orders goes.
        rows_max: 10_000,
        dense_statuses: &[],
    }),
    page_size: 100,
    details: None,
};

/// The products and SKUs of an app's shops.
pub struct Products {
    gateway: Arc<Gateway>,
}

impl Products {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl RecordSource for Products {
    fn paging(&self) -> &Paging {
        &PAGING
    }

    async fn page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let understand = |answer: &str| {
            let list: convert::SkuList<'_> = DIALECT.parse(listed(answer)?)?;
            let listing = Listing {
                dialect: DIALECT,
                total: list.total,
                total_name: "total",
                pages: None,
                page_size: list.page_size,
                rows: list.data,
                rows_name: "data",
            };
            let (mut page, rows) = listing.open(query.page)?;
            page.rows.reserve(rows.len() * 2);
            let mut counted = Vec::with_capacity(rows.len());
            let mut products = HashSet::new();
            for row in rows {
                let parts = convert::parts(row);
                counted.push(parts.name);
                // A product comes with each of its SKUs, and is one product.
                let product = parts.product.filter(|product| match product {
                    Row::Readable(product) => products.insert(product.number.clone()),
                    Row::Unreadable(_) => true,
                });
                page.rows.extend(product.into_iter().chain(parts.sku));
            }
            page.counted = Some(counted);
            Ok(page)
        };
        self.gateway.read(LIST, access, list_parameters(query), understand).await
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

/// Both bounds are taken as inclusive, and in milliseconds as the answers' times are.
fn list_parameters(query: &PageQuery) -> Parameters {
    let parameters = Parameters::new().integer("pageNo", query.page).integer("pageSize", query.page_size);
    let Range::Window { lane, window, .. } = query.range else {
        return parameters;
    };
    let (from, until) = window.query_bounds();
    let [start, end] = match lane {
        Lane::Update => ["updateTimeFrom", "updateTimeTo"],
        Lane::Create | Lane::Amounts => ["createTimeFrom", "createTimeTo"],
    };
    parameters.integer(start, from * 1000).integer(end, until * 1000)
}

#[cfg(test)]
mod tests;
