//! The documents' own answers, and what becomes of careless ones.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::convert::{list_row, product, reread, sku};
use super::{LISTS, search};
use crate::domain::entity::{Answers, Kind};
use crate::platform::error::{ConvertError, assert_names_field};
use crate::platform::{Range, Row};

fn goods() -> Value {
    let answer: Value = serde_json::from_str(include_str!("../testdata/goods_list.json")).unwrap();
    answer["result"]["goodsList"][0].clone()
}

/// The documents print no SKU with real values: the sample's members, with those of the goods.
fn sku_row() -> Value {
    let answer = include_str!("../testdata/bg.local.goods.sku.list.query.1.json");
    let answer: Value = serde_json::from_str(answer).unwrap();
    let mut row = answer["result"]["skuList"][0].clone();
    for (name, value) in [
        ("skuId", json!(17_590_000_000_001_i64)),
        ("goodsId", json!(601_090_000_000_001_i64)),
        ("skuSn", json!("TS-BLU-M")),
        ("specName", json!("Blue / M")),
        ("price", json!("7.99")),
        ("currency", json!("USD")),
        ("retailPrice", json!({"amount": "7.99", "currency": "USD"})),
        ("stock", json!(120)),
        ("status4VO", json!(2)),
        ("crtTime", json!(1_733_000_000)),
    ] {
        row[name] = value;
    }
    row
}

fn listed(row: &Value) -> Answers {
    Answers { list: Some(row.to_string()), ..Answers::default() }
}

fn row(kind: Kind, value: &Value) -> Row {
    list_row(kind, &RawValue::from_string(value.to_string()).unwrap())
}

fn list_hash(kind: Kind, value: &Value) -> String {
    match row(kind, value) {
        Row::Readable(row) => row.list_hash,
        Row::Unreadable(row) => panic!("{}", row.reason),
    }
}

#[test]
fn a_row_of_goods_becomes_a_product() {
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("product", product(&listed(&goods())).unwrap());
    });
}

#[test]
fn a_row_of_a_sku_becomes_a_sku() {
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("sku", sku(&listed(&sku_row())).unwrap());
    });
}

#[test]
fn the_published_samples_make_products_and_skus_without_times_and_prices() {
    let sample = include_str!("../testdata/bg.local.goods.list.query.1.json");
    let sample: Value = serde_json::from_str(sample).unwrap();
    let made = product(&listed(&sample["result"]["goodsList"][0])).unwrap();
    assert_eq!((made.id.as_str(), made.status.as_deref(), made.created_at), ("1", Some("1"), None));

    let sample = include_str!("../testdata/bg.local.goods.sku.list.query.1.json");
    let sample: Value = serde_json::from_str(sample).unwrap();
    let made = sku(&listed(&sample["result"]["skuList"][0])).unwrap();
    assert_eq!((made.id.as_str(), made.product_id.as_deref(), made.stock), ("1", Some("1"), Some(1)));
    assert_eq!((made.price_minor, made.currency, made.on_sale), (None, None, Some(true)));
}

#[test]
fn prices_are_read_by_their_currencys_decimals() {
    let priced = |price: Value, currency: &str| {
        let mut row = sku_row();
        (row["price"], row["currency"], row["retailPrice"]) = (price, json!(currency), json!(null));
        sku(&listed(&row)).map(|sku| (sku.price_minor, sku.currency.map(|currency| currency.to_string())))
    };
    for (price, currency, expected) in [
        (json!("7.99"), "USD", Some(799)),
        (json!(7.99), "USD", Some(799)),
        (json!("1500"), "JPY", Some(1500)),
        (json!("1.234"), "KWD", Some(1234)),
        (json!("1.1400000000000001"), "EUR", Some(114)),
        (json!(null), "USD", None),
        (json!(""), "USD", None),
    ] {
        let currency_told = expected.map(|_| currency.to_owned());
        assert_eq!(priced(price.clone(), currency).unwrap(), (expected, currency_told), "{price} {currency}");
    }
    for (price, currency) in [("7.995", "USD"), ("0.5", "JPY"), ("seven", "USD")] {
        let error = priced(json!(price), currency).unwrap_err();
        assert!(matches!(error, ConvertError::Unexpected { field: "price", .. }), "{price} {currency}");
    }
    assert_eq!(priced(json!("7.99"), "dollars").unwrap(), (None, None), "its minor unit is anybody's guess");
}

#[test]
fn a_list_price_in_another_currency_is_not_given_as_the_prices() {
    let mut row = sku_row();
    row["listPrice"] = json!({"amount": "12.99", "currency": "USD"});
    assert_eq!(sku(&listed(&row)).unwrap().list_price_minor, Some(1299));
    row["listPrice"]["currency"] = json!("EUR");
    assert_eq!(sku(&listed(&row)).unwrap().list_price_minor, None);
}

#[test]
fn a_sku_is_on_sale_by_its_own_state_before_that_of_its_goods() {
    for (status, goods_is_on_sale, expected) in [
        (json!(2), json!(0), Some(true)),
        (json!("3"), json!(1), Some(false)),
        (json!(4), json!(null), Some(false)),
        (json!(1), json!(1), Some(true)),
        (json!(null), json!(0), Some(false)),
        (json!(null), json!(7), None),
    ] {
        let mut row = sku_row();
        (row["status4VO"], row["goodsIsOnSale"]) = (status.clone(), goods_is_on_sale.clone());
        assert_eq!(sku(&listed(&row)).unwrap().on_sale, expected, "{status} {goods_is_on_sale}");
    }
}

#[test]
fn a_row_of_an_impossible_shape_is_unreadable_and_keeps_its_number() {
    let mut broken = goods();
    broken["status4VO"] = json!({"broken": true});
    let mut unnumbered = goods();
    unnumbered["goodsId"] = json!(null);
    let number = Some("601090000000001");
    for (value, number) in [(broken, number), (unnumbered, None), (json!(null), None), (json!([1]), None)] {
        let Row::Unreadable(row) = row(Kind::Product, &value) else { panic!("{value} was read") };
        assert_eq!(row.number.as_deref(), number, "{value}");
        let text = value.to_string();
        assert!(!row.reason.is_empty() && row.raw == text, "{value}");
    }
}

#[test]
fn hashes_see_every_change_but_images() {
    for (kind, before, changed) in
        [(Kind::Product, goods(), ["goodsName", "quantity"]), (Kind::Sku, sku_row(), ["stock", "price"])]
    {
        let mut image = before.clone();
        image["thumbUrl"] = json!("https://img.example.com/9.jpg?sign=x");
        assert_eq!(list_hash(kind, &image), list_hash(kind, &before));
        for name in changed {
            let mut after = before.clone();
            after[name] = json!(8);
            assert_ne!(list_hash(kind, &after), list_hash(kind, &before), "{name}");
        }
    }
}

#[test]
fn every_list_is_searched_by_a_number_of_its_own() {
    let searches: Vec<_> = LISTS.iter().map(|list| search(Range::List(list)).unwrap()).collect();
    assert_eq!(searches.iter().filter(|(kind, _)| *kind == Kind::Product).count(), 4);
    assert!(searches.iter().enumerate().all(|(index, one)| !searches[..index].contains(one)));
    assert_eq!(search(Range::List("something else")), None);
}

proptest! {
    #[test]
    fn no_value_in_any_member_panics(member in 0_usize..30, value in "[-0-9.eE\\[\\]{}\"a:,]{0,12}|null|true|1e400") {
        for (kind, mut row) in [(Kind::Product, goods()), (Kind::Sku, sku_row())] {
            let value: Value = serde_json::from_str(&value).unwrap_or_else(|_| json!(value));
            if let Some((_, place)) = row.as_object_mut().unwrap().iter_mut().nth(member) {
                *place = value;
            }
            let _ = self::row(kind, &row);
            let (_, _) = (product(&listed(&row)), sku(&listed(&row)));
        }
    }
}

#[test]
fn a_sku_that_was_set_aside_is_not_taken_for_its_goods() {
    let (goods, sku) = (goods().to_string(), sku_row());
    let number = |kind, raw: &str| reread(kind, raw).map(|row| (row.kind, row.number));
    assert_eq!(number(Kind::Sku, &sku.to_string()), Some((Kind::Sku, "17590000000001".to_owned())));
    assert_eq!(number(Kind::Product, &sku.to_string()), None);
    assert!(number(Kind::Product, &goods).is_some_and(|(kind, _)| kind == Kind::Product));
    assert_eq!(number(Kind::Sku, &goods), None);

    // Its goods are named in it all the same.
    let mut nameless = sku;
    nameless["skuId"] = Value::Null;
    for kind in [Kind::Product, Kind::Sku] {
        assert_eq!(number(kind, &nameless.to_string()), None);
    }
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    let listed = |text: &str| Answers { list: Some(text.to_owned()), ..Answers::default() };
    assert_names_field(product(&listed(r#"{"goodsName":{}}"#)), "goodsName");
    assert_names_field(sku(&listed(r#"{"listPrice":{"amount":[]}}"#)), "listPrice.amount");
}
