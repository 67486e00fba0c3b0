//! Stock by warehouse: one call for each SKU. The gateway's success says nothing yet: the answer has a status of its
//! own inside.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

use super::codes;
use super::gateway::{DIALECT, Gateway, content};
use crate::domain::grant::Access;
use crate::domain::product::WarehouseStock;
use crate::platform::StockSource;
use crate::platform::error::PlatformError;
use crate::platform::parameters::Parameters;
use crate::platform::wire::wire;

const STOCK: &str = "inventory.getSkuStockV2";

/// What the sum over all warehouses stands under.
const ALL_WAREHOUSES: &str = "";

/// The stock of an app's shops.
pub struct Stock {
    gateway: Arc<Gateway>,
}

impl Stock {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl StockSource for Stock {
    async fn sku_stock(&self, access: &Access, sku_id: &str) -> Result<Vec<WarehouseStock>, PlatformError> {
        let parameters = Parameters::new().text("skuId", sku_id);
        let understand = |answer: &str| by_warehouse(DIALECT.parse(content(answer)?)?, sku_id);
        self.gateway.read(STOCK, access, parameters, understand).await
    }
}

wire! {
    /// `data` of the answer.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireStock {
        response: Option<WireStatus>,
        sku_stock_info: Option<WirePlace>,
        sku_stock_info_with_whcode: Vec<WirePlace>,
    }

    #[derive(Deserialize)]
    struct WireStatus {
        success: Option<bool>,
        code: Option<String>,
        msg: Option<String>,
        /// What the older call, which has the same status, writes for `msg`.
        message: Option<String>,
    }

    /// The stock in one warehouse or in all, in a member of the same name as the whole.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WirePlace {
        sku_id: Option<String>,
        whcode: Option<String>,
        sku_stock_info: Option<WireQuantities>,
    }

    #[derive(Clone, Copy, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireQuantities {
        available: Option<i64>,
        occupied_quantity: Option<i64>,
        total: Option<i64>,
    }
}

fn by_warehouse(stock: WireStock, sku_id: &str) -> Result<Vec<WarehouseStock>, PlatformError> {
    if let Some(status) = stock.response {
        status.judge()?;
    }
    let of_another =
        |place: &&WirePlace| place.sku_id.as_deref().is_some_and(|sku| !sku.eq_ignore_ascii_case(sku_id));
    let places = stock.sku_stock_info.iter().chain(&stock.sku_stock_info_with_whcode);
    if places.clone().any(|place| of_another(&place)) {
        return Err(DIALECT.malformed("skuStockInfo.skuId"));
    }
    let quantities = |place: &WirePlace| place.sku_stock_info;
    let sum = stock.sku_stock_info.as_ref().and_then(quantities);
    let warehouses: Vec<WarehouseStock> = stock
        .sku_stock_info_with_whcode
        .iter()
        // Pieces in a place without a name are in the sum.
        .filter_map(|place| Some(quantities(place)?.at(place.whcode.as_deref()?)))
        .collect();
    let sum = match sum {
        Some(sum) => sum,
        None => sum_of(stock.sku_stock_info_with_whcode.iter().filter_map(quantities))
            .ok_or_else(|| DIALECT.malformed("skuStockInfo"))?,
    };
    Ok([sum.at(ALL_WAREHOUSES)].into_iter().chain(warehouses).collect())
}

impl WireStatus {
    /// A warning comes with the stock all the same.
    fn judge(self) -> Result<(), PlatformError> {
        let code = self.code.unwrap_or_default();
        let is_fine = code.is_empty() || codes::is_success(&code);
        if codes::is_warning(&code) || is_fine && self.success != Some(false) {
            return Ok(());
        }
        let message = self.msg.or(self.message).unwrap_or_default();
        Err(codes::refusal(&code, &message).into_error(&code, &message))
    }
}

impl WireQuantities {
    fn at(self, warehouse: &str) -> WarehouseStock {
        WarehouseStock {
            warehouse: warehouse.to_owned(),
            available: self.available,
            occupied: self.occupied_quantity,
            total: self.total,
        }
    }
}

/// `None`: there is nothing to add up. What is not known of one is not known of all.
fn sum_of(mut all: impl Iterator<Item = WireQuantities>) -> Option<WireQuantities> {
    let add = |a: Option<i64>, b: Option<i64>| a?.checked_add(b?);
    let first = all.next()?;
    Some(all.fold(first, |sum, one| WireQuantities {
        available: add(sum.available, one.available),
        occupied_quantity: add(sum.occupied_quantity, one.occupied_quantity),
        total: add(sum.total, one.total),
    }))
}

#[cfg(test)]
mod tests;
