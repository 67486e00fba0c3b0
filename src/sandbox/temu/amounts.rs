//! How Temu writes an order's money: three versions of one call. The first is one list of amounts; the second and
//! third come in two modules, what the seller gets and what the buyer paid, by the official amount guide.

use crate::sandbox::json::Json;
use crate::sandbox::order::Order;
use crate::sandbox::truth::item_number;

/// The second and the third version of the call.
pub const V2: &str = "temu.order.amount.v2.query";
pub const V3: &str = "temu.order.amount.v3.query";

/// The `result` of `bg.order.amount.query`.
pub fn first(order: &Order, currency: &str) -> String {
    let sum = order.money;
    Json::object(|json| {
        json.member("parentOrderMap", |json| {
            json.string("parentOrderSn", &order.number);
            let parts = [
                ("basePriceTotal", sum.goods),
                ("shippingAmountTotal", sum.shipping),
                ("taxTotal", sum.tax),
                ("discountFromSeller", sum.seller_discount),
                ("discountFromTEMU", sum.platform_discount),
                ("totalDiscount", sum.seller_discount + sum.platform_discount),
                ("refundsTotal", sum.refunded),
                ("estimatedRevenueDeduction", sum.refunded),
                ("estimatedRevenue", sum.income),
                ("retailPriceTotal", sum.goods),
                ("customerPaid", sum.total),
            ];
            amounts(json, &parts, currency);
            json.null("signOnDelivery");
        });
        json.objects("orderList", &order.lines, |json, line| {
            json.string("orderSn", &item_number(order, line));
            json.number("quantity", line.quantity);
            let parts = [
                ("basePrice", line.total_minor()),
                ("unitBasePrice", line.unit_minor),
                ("unitRetailPrice", line.unit_minor),
                ("discountFromSeller", 0),
                ("discountFromTEMU", 0),
            ];
            amounts(json, &parts, currency);
        });
        json.strings("warning", []);
    })
}

/// The `result` of `temu.order.amount.v2.query`: two modules, taxes apart.
pub fn second(order: &Order, currency: &str) -> String {
    let sum = order.money;
    let proceeds = [
        ("basePriceDiscountedTotal", sum.goods - sum.seller_discount),
        ("basePriceTotal", sum.goods),
        ("basePriceSellerDiscount", sum.seller_discount),
        ("basePriceOff", 0),
        ("shippingTotalTaxExcl", sum.shipping),
        ("shippingCustomerTotalTaxExcl", sum.shipping),
        ("productTax", sum.tax),
        ("productTaxCustomerDiscounted", sum.tax),
        ("productTaxTemu", 0),
        ("shippingTax", 0),
        ("estimatedDeduction", sum.refunded),
        ("estimatedSettlementTotal", sum.income),
    ];
    let paid = [
        ("retailPriceTotalTaxExcl", sum.goods),
        ("retailPriceSellerDiscountTaxExcl", sum.seller_discount),
        ("retailPriceTemuDiscountTaxExcl", sum.platform_discount),
        ("shippingCustomerTotalTaxExcl", sum.shipping),
        ("shippingTotalTaxExcl", sum.shipping),
        ("productTaxCustomerTotal", sum.tax),
        ("shippingTaxCustomerTotal", 0),
        ("productRefundsTotal", sum.refunded),
        ("customerPaidTotal", sum.total),
    ];
    modules(order, &proceeds, &paid, "unitRetailPriceTaxExcl", currency)
}

/// The `result` of `temu.order.amount.v3.query`: two modules, taxes included.
pub fn third(order: &Order, currency: &str) -> String {
    let sum = order.money;
    let proceeds = [
        ("basePriceDiscountedTotal", sum.goods - sum.seller_discount),
        ("basePriceTotal", sum.goods),
        ("basePriceSellerDiscount", sum.seller_discount),
        ("basePriceOff", 0),
        ("shippingTotalTaxIncl", sum.shipping),
        ("shippingCustomerTotalTaxIncl", sum.shipping),
        ("estimatedDeduction", sum.refunded),
        ("estimatedSettlementTotal", sum.income),
    ];
    let paid = [
        ("retailPriceTotalTaxIncl", sum.goods),
        ("retailPriceSellerDiscountTaxIncl", sum.seller_discount),
        ("retailPriceTemuDiscountTaxIncl", sum.platform_discount),
        ("shippingTotalTaxIncl", sum.shipping),
        ("shippingDiscountedTotalTaxIncl", sum.shipping),
        ("productRefundsTotal", sum.refunded),
        ("customerPaidTotal", sum.total),
    ];
    modules(order, &proceeds, &paid, "unitRetailPriceTaxIncl", currency)
}

fn modules(
    order: &Order,
    proceeds: &[(&str, i64)],
    paid: &[(&str, i64)],
    unit_name: &str,
    currency: &str,
) -> String {
    Json::object(|json| {
        json.member("parentOrderMap", |json| {
            json.string("parentOrderSn", &order.number);
            json.member("salesProceeds", |json| amounts(json, proceeds, currency));
            json.member("customerPaid", |json| amounts(json, paid, currency));
        });
        json.objects("orderList", &order.lines, |json, line| {
            json.string("orderSn", &item_number(order, line));
            json.number("quantity", line.quantity);
            let parts = [
                ("basePriceTotal", line.total_minor()),
                ("unitBasePrice", line.unit_minor),
                (unit_name, line.unit_minor),
            ];
            amounts(json, &parts, currency);
        });
        json.strings("warning", []);
    })
}

fn amounts(json: &mut Json, parts: &[(&str, i64)], currency: &str) {
    for (name, minor) in parts {
        json.member(name, |json| {
            json.number("amount", *minor);
            json.string("currency", currency);
        });
    }
}
