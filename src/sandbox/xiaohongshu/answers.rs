//! How Xiaohongshu writes orders: field by field as its documents print them, with the carelessness of real
//! answers.

use crate::sandbox::accounts::Platform;
use crate::sandbox::catalogue::{self, Product, Region};
use crate::sandbox::json::Json;
use crate::sandbox::order::{Line, Order};
use crate::sandbox::shape::{EmptyMembers, Shape, Spoiled, empty, number};

/// What the list says about itself.
pub struct Paging {
    pub total: usize,
    pub page: i64,
    pub page_size: i64,
    pub page_max: usize,
}

/// The `data` of the order list.
pub fn list(orders: &[&Order], paging: &Paging, has_unreadable_row: bool) -> String {
    Json::object(|json| {
        json.number("total", i64::try_from(paging.total).unwrap_or(i64::MAX));
        json.number("pageNo", paging.page);
        json.number("pageSize", paging.page_size);
        json.number("maxPageNo", i64::try_from(paging.page_max).unwrap_or(i64::MAX));
        json.objects("orderList", orders.iter().enumerate(), |json, (index, order)| {
            let is_spoiled = has_unreadable_row && index == 0;
            common(json, order, if is_spoiled { Some(Spoiled::Status) } else { order.shape.spoiled });
        });
    })
}

/// The `data` of the order detail: the row again, with money, SKUs and parcels.
pub fn detail(order: &Order, shop: usize) -> String {
    let shape = order.shape;
    let sum = order.money;
    let tracking = order.shipped_ms.map(|shipped_ms| format!("SF{shipped_ms}")).unwrap_or_default();
    let carrier = if tracking.is_empty() { "" } else { "shunfeng" };
    Json::object(|json| {
        common(json, order, order.shape.spoiled);
        json.objects("skuList", &order.lines, |json, line| sku(json, order, line));
        number(json, "totalPayAmount", sum.total, shape);
        number(json, "totalShippingFree", sum.shipping, shape);
        number(json, "totalDepositAmount", 0, shape);
        number(json, "totalMerchantDiscount", sum.seller_discount, shape);
        number(json, "totalRedDiscount", sum.platform_discount, shape);
        number(json, "merchantActualReceiveAmount", sum.income, shape);
        number(json, "totalChangePriceAmount", 0, shape);
        number(json, "totalNetWeightAmount", 900, shape);
        // The published example of this integer is a string.
        json.string("outPromotionAmount", "0");
        json.boolean("unpack", false);
        json.string("expressTrackingNo", &tracking);
        json.string("expressCompanyCode", carrier);
        json.null("receiverName");
        json.null("receiverPhone");
        json.null("receiverAddress");
        empty(json, shape, "boundExtendInfo", Json::null);
        empty(json, shape, "transferExtendInfo", Json::null);
        json.string("openAddressId", &format!("b1946ac92492d2347c6235b4d261{:04x}", order.place));
        json.objects("simpleDeliveryOrderList", order.shipped_ms, |json, _| {
            json.number("deliveryOrderIndex", 0);
            json.number("status", order.status);
            json.string("expressTrackingNo", &tracking);
            json.string("expressCompanyCode", carrier);
        });
        json.number("paymentType", 1);
        json.string("shopId", &Platform::Xiaohongshu.account(shop));
        json.string("whcode", "CPartner");
        json.number("logisticsMode", 1);
        empty(json, shape, "customsCode", |json, name| json.string(name, ""));
    })
}

/// What list and detail both tell.
fn common(json: &mut Json, order: &Order, spoiled: Option<Spoiled>) {
    let shape = order.shape;
    let Region { country, province, city, district } = catalogue::places(Platform::Xiaohongshu)[order.place];
    match spoiled {
        Some(Spoiled::Number) => json.null("orderId"),
        _ => json.string("orderId", &order.number),
    }
    number(json, "orderType", 1, shape);
    match spoiled {
        Some(Spoiled::Status) => json.raw("orderStatus", r#"{"broken":true}"#),
        _ => number(json, "orderStatus", order.status, shape),
    }
    number(json, "orderAfterSalesStatus", order.after_sales, shape);
    number(json, "cancelStatus", 0, shape);
    number(json, "createdTime", order.created_ms, shape);
    time(json, "paidTime", order.paid_ms, shape);
    number(json, "updateTime", order.updated_ms, shape);
    time(json, "deliveryTime", order.shipped_ms, shape);
    time(json, "cancelTime", order.canceled_ms, shape);
    time(json, "finishTime", order.finished_ms, shape);
    number(json, "promiseLastDeliveryTime", order.ship_by_ms, shape);
    empty(json, shape, "planInfoId", |json, name| {
        json.string(name, "601a3f2b1c9d440001aafb49");
    });
    empty(json, shape, "planInfoName", |json, name| {
        json.string(name, "包邮-默认模板");
    });
    empty(json, shape, "receiverCountryId", |json, name| {
        json.string(name, "");
    });
    json.string("receiverCountryName", country);
    json.string("receiverProvinceName", province);
    json.string("receiverCityName", city);
    json.string("receiverDistrictName", district);
    json.raw("customerRemark", &order.buyer_note.to_json());
    json.raw("sellerRemark", &order.seller_note.to_json());
    number(json, "sellerRemarkFlag", 1, shape);
    empty(json, shape, "originalOrderId", Json::null);
    json.string("logistics", "red_auto");
    empty(json, shape, "orderTagList", |json, name| {
        json.strings(name, ["URGENT_SHIP"]);
    });
}

/// One row of `skuList`; the same SKU may come in several rows.
fn sku(json: &mut Json, order: &Order, line: &Line) {
    let shape = order.shape;
    let Product { name, spec, code, .. } = catalogue::products(Platform::Xiaohongshu)[line.product];
    let sku_id = catalogue::sku_id(Platform::Xiaohongshu, line.product);
    json.string("skuId", &sku_id);
    json.string("skuName", name);
    json.string("erpcode", code);
    json.string("skuSpec", spec);
    empty(json, shape, "skuImage", |json, member| {
        json.string(member, "https://qimg.xiaohongshu.com/arkgoods/example.jpg");
    });
    number(json, "skuQuantity", line.quantity, shape);
    number(json, "totalPaidAmount", line.total_minor(), shape);
    number(json, "totalMerchantDiscount", 0, shape);
    number(json, "totalRedDiscount", 0, shape);
    number(json, "totalTaxAmount", 0, shape);
    number(json, "totalNetWeight", 300, shape);
    number(json, "skuTag", i64::from(line.gift), shape);
    json.boolean("isChannel", false);
    json.boolean("channel", false);
    number(json, "deliveryMode", 0, shape);
    number(json, "skuAfterSaleStatus", 1, shape);
    json.string("itemId", &catalogue::product_id(Platform::Xiaohongshu, line.product));
    json.string("itemName", name);
    json.objects("skuDetailList", [line], |json, line| {
        json.string("skuId", &sku_id);
        json.string("erpCode", code);
        json.number("quantity", line.quantity);
        json.number("paidAmountPerSku", line.unit_minor);
        json.number("rawPricePerSku", line.unit_minor);
    });
}

/// A moment not reached is 0, null or left out.
fn time(json: &mut Json, name: &str, time_ms: Option<i64>, shape: Shape) {
    match (time_ms, shape.empty_members) {
        (Some(time_ms), _) => number(json, name, time_ms, shape),
        (None, EmptyMembers::Written) => number(json, name, 0, shape),
        (None, EmptyMembers::Null) => json.null(name),
        (None, EmptyMembers::Absent) => {}
    }
}
