//! The three versions of the answer, and how a region's version is found.

use serde_json::{Value, json};

use super::versions::{VERSION_1, VERSION_2, VERSION_3};
use super::{Versions, convert};
use crate::domain::money::Currency;
use crate::platform::error::{PlatformError, Rejection, assert_names_field};
use crate::platform::refusal::Refusal;

fn fixture() -> Value {
    let answer: Value = serde_json::from_str(include_str!("../testdata/order_amounts.json")).unwrap();
    answer["result"].clone()
}

/// The answers of versions 2 and 3, whose taxes differ by field name.
fn modules(tax: &str) -> Value {
    let eur = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    json!({
        "parentOrderMap": {
            "parentOrderSn": "PO-76-1",
            "salesProceeds": {"basePriceTotal": eur(1000), "estimatedSettlementTotal": eur(900)},
            "customerPaid": {
                "customerPaidTotal": eur(1340),
                format!("shippingTotal{tax}"): eur(300),
                format!("retailPriceSellerDiscount{tax}"): eur(100),
                format!("retailPriceTemuDiscount{tax}"): eur(50),
                "productTaxCustomerTotal": if tax == "TaxExcl" { eur(160) } else { Value::Null },
                "shippingTaxCustomerTotal": if tax == "TaxExcl" { eur(30) } else { Value::Null },
            },
        },
        "orderList": [{"orderSn": "76-1", "unitBasePrice": eur(500), "basePriceTotal": eur(1000)}],
    })
}

#[test]
fn the_first_version_is_read() {
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("amounts", convert(&fixture().to_string()).unwrap());
    });
}

#[test]
fn the_second_and_third_version_are_read() {
    for (tax, tax_minor) in [("TaxExcl", Some(190)), ("TaxIncl", None)] {
        let amounts = convert(&modules(tax).to_string()).expect(tax);
        let parts = [
            amounts.total_minor,
            amounts.shipping_minor,
            amounts.seller_discount_minor,
            amounts.platform_discount_minor,
            amounts.tax_minor,
            amounts.income_minor,
        ];
        let expected = [Some(1340), Some(300), Some(100), Some(50), tax_minor, Some(900)];
        assert_eq!(parts, expected, "{tax}");
        assert_eq!(amounts.currency, Currency::parse("EUR"), "{tax}");
        let item = &amounts.items[0];
        assert_eq!((item.unit_minor, item.total_minor), (Some(500), Some(1000)), "{tax}");
    }
}

#[test]
fn the_published_sample_parses_though_its_list_is_an_object() {
    let sample: Value =
        serde_json::from_str(include_str!("../testdata/bg.order.amount.query.1.json")).unwrap();
    let amounts = convert(&sample["result"].to_string()).unwrap();
    assert_eq!((amounts.total_minor, amounts.currency), (Some(1), None));
    assert_eq!(amounts.items[0].item_number, "test");
}

#[test]
fn money_in_another_currency_is_not_given_as_the_orders() {
    let mut mixed = fixture();
    mixed["parentOrderMap"]["estimatedRevenue"]["currency"] = json!("CNY");
    mixed["parentOrderMap"]["taxTotal"] = json!({"amount": "190", "currency": null});
    let amounts = convert(&mixed.to_string()).unwrap();
    assert_eq!(amounts.currency, Some(Currency::USD));
    assert_eq!(amounts.income_minor, None);
    assert_eq!(amounts.tax_minor, Some(190), "an amount without a currency is in the order's");
}

#[test]
fn what_was_not_given_is_none_and_never_zero() {
    let amounts = convert(r#"{"parentOrderMap":{"customerPaid":null},"orderList":null}"#).unwrap();
    assert_eq!(amounts, crate::domain::order::Amounts::default());
    for raw in ["{}", "[]", "7", r#"{"parentOrderMap":{"taxTotal":7}}"#] {
        assert!(convert(raw).is_err(), "{raw}");
    }
}

#[test]
fn a_regions_version_is_found_by_trying_each_once() {
    let refused = |code| Refusal::Rejected(Rejection::Account).into_error(code, "not applicable");
    let why = |error: &PlatformError| match error {
        PlatformError::Rejected { why, .. } => Some(*why),
        _ => None,
    };
    let versions = Versions::default();
    let region = Some("211");
    for (version, expected) in [
        (VERSION_1, Rejection::Passing),
        (VERSION_2, Rejection::Passing),
        (VERSION_3, Rejection::Account),
        (VERSION_3, Rejection::Account),
    ] {
        assert_eq!(versions.current("us", region), version);
        let error = versions.learn(version, region, refused("140020015"));
        assert_eq!(why(&error), Some(expected), "{version}");
    }
    assert_eq!(versions.current("us", Some("37")), VERSION_1, "another region");
    let error = versions.learn(VERSION_1, Some("37"), refused("140020001"));
    assert_eq!(why(&error), Some(Rejection::Account), "any other refusal stays what it is");
    assert_eq!(versions.current("us", Some("37")), VERSION_1);
}

#[test]
fn two_calls_side_by_side_skip_no_version() {
    let refused = || Refusal::Rejected(Rejection::Account).into_error("140020015", "");
    let versions = Versions::default();
    assert_eq!(versions.current("eu", None), VERSION_3);
    versions.learn(VERSION_3, None, refused());
    versions.learn(VERSION_3, None, refused());
    assert_eq!(versions.current("eu", None), VERSION_2);
}

#[test]
fn japan_and_korea_begin_with_the_second_version() {
    for region in ["100", "185"] {
        assert_eq!(Versions::default().current("global", Some(region)), VERSION_2, "{region}");
    }
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    assert_names_field(convert(r#"{"parentOrderMap":{"taxTotal":7}}"#), "parentOrderMap.taxTotal");
}
