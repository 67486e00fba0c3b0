//! The simulated Xiaohongshu's methods: which parameters each knows, in which dialect it answers, who answers it.

use super::{Call, Dialect, XiaohongshuRefusal, after_sales, goods, orders, stock};
use crate::sandbox::world::World;

pub struct Api {
    pub name: &'static str,
    pub dialect: Dialect,
    pub parameters: &'static [&'static str],
    pub answer: fn(&mut World, &Call<'_>) -> Result<String, XiaohongshuRefusal>,
}

const APIS: &[Api] = &[
    Api {
        name: "order.getOrderList",
        dialect: Dialect::Classic,
        parameters: orders::LIST_PARAMETERS,
        answer: orders::list,
    },
    Api {
        name: "order.getOrderDetail",
        dialect: Dialect::Classic,
        parameters: &["orderId"],
        answer: orders::detail,
    },
    Api {
        name: "product.getDetailSkuList",
        dialect: Dialect::Classic,
        parameters: goods::PARAMETERS,
        answer: goods::list,
    },
    Api {
        name: "inventory.getSkuStock",
        dialect: Dialect::Classic,
        parameters: &["skuId"],
        answer: stock::first,
    },
    Api {
        name: "inventory.getSkuStockV2",
        dialect: Dialect::Framework,
        parameters: &["skuId", "inventoryType"],
        answer: stock::second,
    },
    Api {
        name: "afterSale.listAfterSaleInfos",
        dialect: Dialect::Framework,
        parameters: after_sales::LIST_PARAMETERS,
        answer: after_sales::list,
    },
    Api {
        name: "afterSale.getAfterSaleInfo",
        dialect: Dialect::Framework,
        parameters: &["returnsId", "needNegotiateRecord"],
        answer: after_sales::detail,
    },
];

pub fn find(name: &str) -> Option<&'static Api> {
    APIS.iter().find(|api| api.name == name)
}
