//! How each call and its answer are laid out: what it requests, where rows, numbers, totals, times and lines
//! stand.

use super::accounts::Platform;
use super::faults::kinds::Fits;

/// One call. Paths begin at a row, or at the content of an answer without rows.
#[derive(Debug)]
pub struct Layout {
    pub api: &'static str,
    pub role: Role,
    /// The parameter that names the one thing, or the few things, that the call is about.
    pub asks_for: Option<&'static str>,
    pub total: Option<&'static str>,
    /// The member of the content that holds the rows. `None`: the content is the one thing.
    pub rows: Option<&'static str>,
    pub number: &'static [&'static str],
    pub updated: Option<&'static [&'static str]>,
    pub lines: Option<&'static [&'static str]>,
    /// A line's own number.
    pub line_number: &'static str,
    /// The parameters that a window may begin with.
    pub begins: &'static [&'static str],
    /// What stands in them; the others are seconds.
    pub in_milliseconds: bool,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    List,
    /// A list of what belongs to one thing, or to a few.
    Items,
    Detail,
    Money,
    Stock,
    Token,
}

impl Layout {
    pub fn fits(&self, fits: Fits) -> bool {
        match fits {
            Fits::Calls => true,
            Fits::OneThing => self.asks_for.is_some(),
            Fits::Things => self.role != Role::Token,
            Fits::Lines => self.lines.is_some() || self.role == Role::Items,
            Fits::Updates => self.updated.is_some(),
            Fits::Lists => self.total.is_some(),
            Fits::Windows => !self.begins.is_empty(),
            Fits::Money => self.role == Role::Money || (self.role == Role::Detail && self.api != TEMU_DETAIL),
            Fits::Tokens => self.role == Role::Token,
        }
    }
}

/// The one detail without money.
const TEMU_DETAIL: &str = "bg.order.detail.v2.get";

const PLAIN: Layout = Layout {
    api: "",
    role: Role::List,
    asks_for: None,
    total: None,
    rows: None,
    number: &[],
    updated: None,
    lines: None,
    line_number: "",
    begins: &[],
    in_milliseconds: false,
};
const TEMU_ORDER: &[&str] = &["parentOrderMap", "parentOrderSn"];

const fn token(api: &'static str) -> Layout {
    Layout { api, role: Role::Token, ..PLAIN }
}

const fn money(api: &'static str) -> Layout {
    Layout { api, role: Role::Money, asks_for: Some("parentOrderSn"), number: TEMU_ORDER, ..PLAIN }
}

const fn stock(api: &'static str) -> Layout {
    Layout { api, role: Role::Stock, asks_for: Some("skuId"), number: &["skuId"], ..PLAIN }
}

const fn partner_goods(api: &'static str) -> Layout {
    Layout {
        api,
        total: Some("totalCount"),
        rows: Some("data"),
        number: &["productId"],
        lines: Some(&["productSkuSummaries"]),
        line_number: "productSkuId",
        ..PLAIN
    }
}

const TEMU: &[Layout] = &[
    token("bg.open.accesstoken.create"),
    token("bg.open.accesstoken.info.get"),
    token("bg.open.accesstoken.info.get.global"),
    Layout {
        api: "bg.order.list.v2.get",
        total: Some("totalItemNum"),
        rows: Some("pageItems"),
        number: TEMU_ORDER,
        updated: Some(&["parentOrderMap", "updateTime"]),
        lines: Some(&["orderList"]),
        line_number: "orderSn",
        begins: &["updateAtStart", "createAfter"],
        ..PLAIN
    },
    Layout {
        api: TEMU_DETAIL,
        role: Role::Detail,
        asks_for: Some("parentOrderSn"),
        number: TEMU_ORDER,
        lines: Some(&["orderList"]),
        line_number: "orderSn",
        ..PLAIN
    },
    money("bg.order.amount.query"),
    money("temu.order.amount.v2.query"),
    money("temu.order.amount.v3.query"),
    Layout {
        api: "bg.local.goods.list.query",
        total: Some("total"),
        rows: Some("goodsList"),
        number: &["goodsId"],
        lines: Some(&["skuInfoList"]),
        line_number: "skuId",
        begins: &["crtFrom"],
        in_milliseconds: true,
        ..PLAIN
    },
    Layout {
        api: "bg.local.goods.sku.list.query",
        total: Some("total"),
        rows: Some("skuList"),
        number: &["skuId"],
        ..PLAIN
    },
    partner_goods("bg.glo.goods.list.get"),
    partner_goods("bg.goods.list.get"),
    Layout {
        api: "bg.aftersales.parentaftersales.list.get",
        total: Some("total"),
        rows: Some("data"),
        number: &["parentAfterSalesSn"],
        updated: Some(&["updateAt"]),
        begins: &["updateAtStart", "createAtStart"],
        ..PLAIN
    },
    Layout {
        api: "bg.aftersales.aftersales.list.get",
        role: Role::Items,
        asks_for: Some("parentAfterSalesSnList"),
        total: Some("total"),
        rows: Some("data"),
        number: &["parentAfterSalesSn"],
        ..PLAIN
    },
    Layout {
        api: "bg.promotion.activity.query",
        total: Some("total"),
        rows: Some("activityList"),
        number: &["activityId"],
        ..PLAIN
    },
    Layout {
        api: "bg.promotion.activity.goods.query",
        role: Role::Items,
        asks_for: Some("activityId"),
        total: Some("total"),
        rows: Some("goodsList"),
        number: &["goodsId"],
        lines: Some(&["skuList"]),
        line_number: "skuId",
        ..PLAIN
    },
];

const XIAOHONGSHU: &[Layout] = &[
    token("oauth.getAccessToken"),
    token("oauth.refreshToken"),
    Layout {
        api: "order.getOrderList",
        total: Some("total"),
        rows: Some("orderList"),
        number: &["orderId"],
        updated: Some(&["updateTime"]),
        begins: &["startTime"],
        ..PLAIN
    },
    Layout {
        api: "order.getOrderDetail",
        role: Role::Detail,
        asks_for: Some("orderId"),
        number: &["orderId"],
        updated: Some(&["updateTime"]),
        lines: Some(&["skuList"]),
        line_number: "skuId",
        ..PLAIN
    },
    Layout {
        api: "product.getDetailSkuList",
        total: Some("total"),
        rows: Some("data"),
        number: &["sku", "id"],
        updated: Some(&["sku", "updateTime"]),
        begins: &["updateTimeFrom", "createTimeFrom"],
        in_milliseconds: true,
        ..PLAIN
    },
    stock("inventory.getSkuStock"),
    stock("inventory.getSkuStockV2"),
    Layout {
        api: "afterSale.listAfterSaleInfos",
        total: Some("totalCount"),
        rows: Some("afterSaleBasicInfos"),
        number: &["returnsId"],
        updated: Some(&["updatedAt"]),
        begins: &["startTime"],
        in_milliseconds: true,
        ..PLAIN
    },
    Layout {
        api: "afterSale.getAfterSaleInfo",
        role: Role::Detail,
        asks_for: Some("returnsId"),
        number: &["afterSaleInfo", "returnsId"],
        updated: Some(&["afterSaleInfo", "updatedAt"]),
        lines: Some(&["afterSaleInfo", "skus"]),
        line_number: "skuId",
        ..PLAIN
    },
];

const OPEN115: &[Layout] =
    &[token("/open/deviceCodeToToken"), token("/open/refreshToken"), token("/open/user/info")];

/// `None`: a call that no table describes.
pub fn layout(platform: Option<Platform>, api: &str) -> Option<&'static Layout> {
    let calls = match platform {
        Some(Platform::Temu) => TEMU,
        Some(Platform::Xiaohongshu) => XIAOHONGSHU,
        None => OPEN115,
    };
    calls.iter().find(|layout| layout.api == api)
}
