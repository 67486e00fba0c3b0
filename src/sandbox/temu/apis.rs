//! The simulated Temu's APIs: in which zones each is, which parameters it knows, who answers it.

use super::amounts::{V2, V3};
use super::{Call, TemuRefusal, activities, after_sales, goods, orders, partner, tokens};
use crate::sandbox::accounts::Gateway;
use crate::sandbox::world::World;

pub struct Api {
    pub name: &'static str,
    pub zones: &'static [Gateway],
    /// Others are ignored without a word, as the platform does.
    pub parameters: &'static [&'static str],
    pub answer: fn(&mut World, &Call<'_>) -> Result<String, TemuRefusal>,
}

/// The only call without an access token of its own; every zone has it.
pub const CREATE: &str = "bg.open.accesstoken.create";
pub const CREATE_PARAMETERS: &[&str] = &["code"];

const LOCAL: &[Gateway] = &[Gateway::Temu];
const PARTNER: &[Gateway] = &[Gateway::TemuPartner];
const PARTNER_AND_CN: &[Gateway] = &[Gateway::TemuPartner, Gateway::TemuCn];

const APIS: &[Api] = &[
    Api {
        name: "bg.open.accesstoken.info.get",
        zones: &[Gateway::Temu, Gateway::TemuCn],
        parameters: &[],
        answer: tokens::info,
    },
    Api {
        name: "bg.open.accesstoken.info.get.global",
        zones: PARTNER,
        parameters: &[],
        answer: tokens::info,
    },
    Api {
        name: "bg.order.list.v2.get",
        zones: LOCAL,
        parameters: orders::LIST_PARAMETERS,
        answer: orders::list,
    },
    Api {
        name: "bg.order.detail.v2.get",
        zones: LOCAL,
        parameters: &["parentOrderSn", "fulfillmentTypeList"],
        answer: orders::detail,
    },
    amount("bg.order.amount.query"),
    amount(V2),
    amount(V3),
    Api {
        name: "bg.local.goods.list.query",
        zones: LOCAL,
        parameters: goods::LIST_PARAMETERS,
        answer: goods::list,
    },
    Api {
        name: "bg.local.goods.sku.list.query",
        zones: LOCAL,
        parameters: goods::SKU_PARAMETERS,
        answer: goods::skus,
    },
    Api {
        name: "bg.glo.goods.list.get",
        zones: PARTNER_AND_CN,
        parameters: partner::PARAMETERS,
        answer: partner::list,
    },
    Api {
        name: "bg.goods.list.get",
        zones: &[Gateway::TemuCn],
        parameters: partner::PARAMETERS,
        answer: partner::list,
    },
    Api {
        name: "bg.aftersales.parentaftersales.list.get",
        zones: LOCAL,
        parameters: after_sales::LIST_PARAMETERS,
        answer: after_sales::list,
    },
    Api {
        name: "bg.aftersales.aftersales.list.get",
        zones: LOCAL,
        parameters: after_sales::ITEM_PARAMETERS,
        answer: after_sales::items,
    },
    Api {
        name: "bg.promotion.activity.query",
        zones: LOCAL,
        parameters: activities::LIST_PARAMETERS,
        answer: activities::list,
    },
    Api {
        name: "bg.promotion.activity.goods.query",
        zones: LOCAL,
        parameters: activities::GOODS_PARAMETERS,
        answer: activities::goods,
    },
];

/// `None`: there is none of that name in that zone.
pub fn find(gateway: Gateway, name: &str) -> Option<&'static Api> {
    in_zone(gateway).find(|api| api.name == name)
}

/// The names of what a grant covers unless the test says otherwise.
pub fn names(gateway: Gateway) -> Vec<&'static str> {
    in_zone(gateway).map(|api| api.name).collect()
}

fn in_zone(gateway: Gateway) -> impl Iterator<Item = &'static Api> {
    APIS.iter().filter(move |api| api.zones.contains(&gateway))
}

const fn amount(name: &'static str) -> Api {
    Api { name, zones: LOCAL, parameters: &["parentOrderSn"], answer: orders::amount }
}
