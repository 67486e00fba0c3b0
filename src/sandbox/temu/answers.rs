//! How Temu writes orders: field by field as its documents print them, with the carelessness of real answers.

use super::Call;
use crate::sandbox::accounts::{Platform, temu_site};
use crate::sandbox::catalogue::{self, Product, Region};
use crate::sandbox::json::Json;
use crate::sandbox::order::{Line, Order};
use crate::sandbox::shape::{EmptyMembers, Shape, Spoiled, empty, identity, number};
use crate::sandbox::truth::item_number;

const LABELS: [&str; 6] = [
    "soon_to_be_overdue",
    "past_due",
    "pending_buyer_cancellation",
    "pending_buyer_address_change",
    "pending_risk_control_alert",
    "signature_required_on_delivery",
];

/// An order and those of its lines that its row holds.
pub type Row<'a> = (&'a Order, &'a [Line]);

/// The `result` of the order list.
pub fn list(rows: &[Row<'_>], total: usize, call: &Call<'_>) -> String {
    Json::object(|json| {
        json.number("totalItemNum", i64::try_from(total).unwrap_or(i64::MAX));
        json.objects("pageItems", rows.iter().enumerate(), |json, (index, (order, lines))| {
            let is_spoiled = call.has_unreadable_row && index == 0;
            let spoiled = if is_spoiled { Some(Spoiled::Status) } else { order.shape.spoiled };
            json.member("parentOrderMap", |json| {
                parent(json, order, call.shop, spoiled);
                number(json, "updateTime", seconds(order.updated_ms), order.shape);
            });
            json.objects("orderList", *lines, |json, line_| line(json, order, line_));
        });
    })
}

/// The `result` of the order detail: regions and packages, and no update time.
pub fn detail(order: &Order, call: &Call<'_>) -> String {
    let Region { country, province, city, .. } = catalogue::places(Platform::Temu)[order.place];
    Json::object(|json| {
        json.member("parentOrderMap", |json| {
            parent(json, order, call.shop, order.shape.spoiled);
            json.string("regionName1", country);
            json.string("regionName2", province);
            json.string("regionName3", city);
            json.null("paymentInfo");
        });
        json.objects("orderList", &order.lines, |json, line_| {
            line(json, order, line_);
            json.boolean("hasUploadedEvidence", false);
            json.objects("packageSnInfo", order.shipped_ms, |json, shipped_ms| {
                json.string("packageSn", &format!("PK-{shipped_ms}{:06}", line_.serial));
                json.number("packageDeliveryType", 1);
                json.null("callSuccess");
            });
        });
    })
}

/// What list and detail tell of the order itself.
fn parent(json: &mut Json, order: &Order, shop: usize, spoiled: Option<Spoiled>) {
    let shape = order.shape;
    let site = temu_site(shop);
    match spoiled {
        Some(Spoiled::Number) => json.null("parentOrderSn"),
        _ => json.string("parentOrderSn", &order.number),
    }
    match spoiled {
        Some(Spoiled::Status) => json.raw("parentOrderStatus", r#"{"broken":true}"#),
        _ => number(json, "parentOrderStatus", order.status, shape),
    }
    number(json, "parentOrderTime", seconds(order.created_ms), shape);
    time(json, "parentConfirmTime", order.paid_ms, shape);
    time(json, "parentOrderPendingFinishTime", order.paid_ms, shape);
    number(json, "expectShipLatestTime", seconds(order.ship_by_ms), shape);
    number(json, "latestDeliveryTime", seconds(order.ship_by_ms) + 7 * 86_400, shape);
    time(json, "parentShippingTime", order.shipped_ms, shape);
    json.number("siteId", site.id);
    json.number("regionId", site.region);
    json.null("hasShippingFee");
    json.string("orderPaymentType", "PPD");
    json.number("shippingMethod", 1);
    json.boolean("isShipmentConsolidatedByMainMall", false);
    empty(json, shape, "batchOrderNumberList", |json, name| {
        json.strings(name, []);
    });
    empty(json, shape, "fulfillmentWarning", |json, name| {
        json.strings(name, []);
    });
    json.objects("parentOrderLabel", LABELS, |json, label| {
        json.string("name", label);
        json.number("value", i64::from(label == "past_due" && order.shipped_ms.is_none()));
    });
}

/// One Temu SKU of the order.
fn line(json: &mut Json, order: &Order, line: &Line) {
    let shape = order.shape;
    let Product { name, spec, code, .. } = catalogue::products(Platform::Temu)[line.product];
    json.string("orderSn", &item_number(order, line));
    number(json, "quantity", line.quantity, shape);
    number(json, "originalOrderQuantity", line.quantity + line.canceled, shape);
    number(json, "canceledQuantityBeforeShipment", line.canceled, shape);
    identity(json, "goodsId", &catalogue::product_id(Platform::Temu, line.product), shape);
    identity(json, "skuId", &catalogue::sku_id(Platform::Temu, line.product), shape);
    json.string("spec", spec);
    json.string("goodsName", name);
    empty(json, shape, "originalSpecName", |json, member| {
        json.string(member, spec);
    });
    empty(json, shape, "originalGoodsName", |json, member| {
        json.string(member, name);
    });
    let image = format!("https://img.example.com/{}.jpg", line.product);
    empty(json, shape, "thumbUrl", |json, member| {
        json.string(member, &image);
    });
    number(json, "orderStatus", order.status, shape);
    json.string("fulfillmentType", "fulfillBySeller");
    json.string("orderPaymentType", "PPD");
    json.boolean("isCancelledDuringPending", false);
    json.null("inventoryDeductionWarehouseId");
    json.null("inventoryDeductionWarehouseName");
    empty(json, shape, "packageAbnormalTypeList", |json, member| {
        json.strings(member, []);
    });
    number(json, "orderCreateTime", seconds(order.created_ms), shape);
    time(json, "orderShippingTime", order.shipped_ms, shape);
    json.objects("productList", [line.product], |json, product| {
        json.raw("productId", &catalogue::partner_product_id(product));
        json.raw("productSkuId", &catalogue::partner_sku_id(product));
        json.number("soldFactor", 1);
        json.string("extCode", code);
    });
}

fn time(json: &mut Json, name: &str, time_ms: Option<i64>, shape: Shape) {
    match time_ms {
        Some(time_ms) => number(json, name, seconds(time_ms), shape),
        None if shape.empty_members == EmptyMembers::Absent => {}
        None => json.null(name),
    }
}

fn seconds(time_ms: i64) -> i64 {
    time_ms.div_euclid(1000)
}
