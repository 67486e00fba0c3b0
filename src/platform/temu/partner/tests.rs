//! Rows of SKCs: what they say of the product, and what of their own SKUs.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::convert::{product, rows, skc_name, sku};
use crate::domain::entity::{Answers, Kind};
use crate::domain::product::Sku;
use crate::platform::error::assert_names_field;
use crate::platform::{ListRow, Row};

fn skc() -> Value {
    let answer: Value = serde_json::from_str(include_str!("../testdata/partner_goods_list.json")).unwrap();
    answer["result"]["data"][0].clone()
}

/// The same product in another colour.
fn other_skc() -> Value {
    let mut other = skc();
    other["productSkcId"] = json!(7_000_000_002_i64);
    other["mainImageUrl"] = json!("https://img.example.com/2.jpg");
    other["skcSiteStatus"] = json!(0);
    other["createdAt"] = json!(1_733_100_000_000_i64);
    other["productSkuSummaries"] = json!([
        {"productSkuId": 9_000_000_002_i64, "extCode": "TS-RED-M", "virtualStock": 7, "productSkuSpecList":
            [{"parentSpecName": "颜色", "specName": "红色"}, {"parentSpecName": "尺码", "specName": "M"}]},
        {"productSkuId": "9000000003", "extCode": "", "virtualStock": "0",
            "productSkuWhExtAttr": {"productSkuBarCodes": [{"code": "6901234567892", "codeType": 1}]}},
    ]);
    other
}

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn readable(value: &Value) -> Vec<ListRow> {
    let readable = |row| match row {
        Row::Readable(row) => row,
        Row::Unreadable(row) => panic!("{}", row.reason),
    };
    rows(&raw(value)).into_iter().map(readable).collect()
}

fn answers(row: &ListRow) -> Answers {
    Answers { list: Some(row.raw.clone()), ..Answers::default() }
}

fn skus(value: &Value) -> Vec<Sku> {
    let rows = readable(value);
    rows.iter().filter(|row| row.kind == Kind::Sku).map(|row| sku(&answers(row)).unwrap()).collect()
}

#[test]
fn a_row_becomes_a_product_and_its_skus() {
    let rows = readable(&skc());
    assert_eq!(rows.len(), 2);
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("partner_product", product(&answers(&rows[0])).unwrap());
        insta::assert_debug_snapshot!("partner_sku", sku(&answers(&rows[1])).unwrap());
    });
}

#[test]
fn each_sku_is_its_own_and_says_whether_its_skc_is_on_the_site() {
    let skus = skus(&other_skc());
    let read: Vec<_> = skus.iter().map(|sku| (sku.id.as_str(), sku.stock, sku.on_sale)).collect();
    assert_eq!(read, [("9000000002", Some(7), Some(false)), ("9000000003", Some(0), Some(false))]);
    assert_eq!(skus[0].name.as_deref(), Some("红色 / M"));
    assert_eq!((skus[1].sku_code.as_deref(), skus[1].barcode.as_deref()), (None, Some("6901234567892")));
}

#[test]
fn a_product_in_two_rows_is_one_whichever_comes_last() {
    let (one, other) = (readable(&skc()).remove(0), readable(&other_skc()).remove(0));
    assert_eq!((&one.number, &one.list_hash), (&other.number, &other.list_hash));
    let content_hash = |row: &ListRow| product(&answers(row)).unwrap().content_hash;
    assert_eq!(content_hash(&one), content_hash(&other));
    assert_ne!(skc_name(&raw(&skc())), skc_name(&raw(&other_skc())));

    let mut renamed = skc();
    renamed["productName"] = json!("新名");
    assert_ne!(readable(&renamed)[0].list_hash, one.list_hash);
}

#[test]
fn a_sku_changes_with_its_own_row_only() {
    let before = readable(&other_skc());
    let mut sold = other_skc();
    sold["productSkuSummaries"][0]["virtualStock"] = json!(6);
    let after = readable(&sold);
    let changed: Vec<_> =
        before.iter().zip(&after).map(|(before, after)| before.list_hash != after.list_hash).collect();
    assert_eq!(changed, [false, true, false]);
    assert_eq!(sku(&answers(&after[1])).unwrap().content_hash, after[1].list_hash);

    let mut image = other_skc();
    image["mainImageUrl"] = json!("https://img.example.com/3.jpg");
    assert!(readable(&image).iter().zip(&before).all(|(one, other)| one.list_hash == other.list_hash));
}

#[test]
fn what_cannot_be_read_stops_nothing_else() {
    let mut broken = other_skc();
    broken["productSkuSummaries"][0]["virtualStock"] = json!({"broken": true});
    let rows = rows(&raw(&broken));
    let Row::Unreadable(odd) = &rows[1] else { panic!("it was read") };
    assert_eq!(odd.number.as_deref(), Some("9000000002"));
    assert!(matches!((&rows[0], &rows[2]), (Row::Readable(_), Row::Readable(_))));

    for (name, value, number) in [
        ("productId", json!({"broken": true}), None),
        ("productId", json!(null), None),
        ("createdAt", json!([]), Some("5000000001")),
    ] {
        let mut broken = skc();
        broken[name] = value;
        let rows = super::convert::rows(&raw(&broken));
        let Row::Unreadable(odd) = &rows[0] else { panic!("{name} was read") };
        assert_eq!(odd.number.as_deref(), number, "{name}");
        let sku = match &rows[1] {
            Row::Readable(sku) => Some(sku.number.as_str()),
            Row::Unreadable(sku) => sku.number.as_deref(),
        };
        assert_eq!((rows.len(), sku), (2, Some("9000000001")), "its SKU is still there");
    }
    for value in [json!(null), json!([1]), json!("text"), json!({"productSkuSummaries": 7, "productId": 1})] {
        assert!(super::convert::rows(&raw(&value)).iter().any(|row| matches!(row, Row::Unreadable(_))));
        assert!(!skc_name(&raw(&value)).is_empty());
    }
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    let listed = |text: &str| Answers { list: Some(text.to_owned()), ..Answers::default() };
    assert_names_field(product(&listed(r#"{"productName":{}}"#)), "productName");
    let skus = r#"{"productSkuSummaries":[{},{"extCode":{}}]}"#;
    assert_names_field(sku(&listed(skus)), "productSkuSummaries[1].extCode");
}
