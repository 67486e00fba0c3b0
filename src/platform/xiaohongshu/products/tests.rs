//! The documents' own answers, and what becomes of careless ones.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::convert::{Parts, parts, product, reread, sku};
use crate::domain::entity::{Answers, Kind};
use crate::platform::any_json::any_json;
use crate::platform::error::assert_names_field;
use crate::platform::{ListRow, Row};

const ITEM: &str = "67b6831c7b3de40001a9fb78";
const SKU: &str = "67b6831c7b3de40001a9fb97";

fn row() -> Value {
    let answer: Value = serde_json::from_str(include_str!("../testdata/sku_list.json")).unwrap();
    answer["data"]["data"][0].clone()
}

fn read(row: &Value) -> Parts {
    parts(&RawValue::from_string(row.to_string()).unwrap())
}

fn listed(row: Option<Row>) -> ListRow {
    match row {
        Some(Row::Readable(row)) => row,
        other => panic!("{other:?}"),
    }
}

/// The number a part is set aside under.
fn odd(row: Option<Row>) -> Option<String> {
    match row {
        Some(Row::Unreadable(row)) => row.number,
        other => panic!("{other:?}"),
    }
}

fn answers(part: &Value) -> Answers {
    Answers { list: Some(part.to_string()), ..Answers::default() }
}

#[test]
fn a_row_becomes_a_product_and_a_sku() {
    let read = read(&row());
    assert_eq!(read.name, SKU);
    let (item, sku_row) = (listed(read.product), listed(read.sku));
    assert_eq!((item.kind, item.number.as_str()), (Kind::Product, ITEM));
    assert_eq!((sku_row.kind, sku_row.number.as_str()), (Kind::Sku, SKU));
    assert_eq!(item.raw, row()["item"].to_string());
    assert_eq!(sku_row.raw, row()["sku"].to_string());
    let millis = |row: &ListRow| row.updated_at.unwrap().timestamp_millis();
    assert_eq!((millis(&item), millis(&sku_row)), (1_740_014_448_000, 1_740_014_436_000), "each its own");

    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("product", product(&answers(&row()["item"])).unwrap());
        insta::assert_debug_snapshot!("sku", sku(&answers(&row()["sku"])).unwrap());
    });
}

#[test]
fn the_published_example_parses() {
    let text = include_str!("../testdata/product.getDetailSkuList.json");
    let example: Value = serde_json::from_str(text).unwrap();
    let row = &example["example"]["data"]["data"][0];

    let read = read(row);
    assert_eq!(listed(read.product).number, "64******412f1f");
    assert_eq!(listed(read.sku).number, "6123**5132");
    let made = product(&answers(&row["item"])).unwrap();
    assert_eq!((made.image_url, made.updated_at), (None, None), "an empty link and a zero are nothing");
    let made = sku(&answers(&row["sku"])).unwrap();
    assert_eq!((made.price_minor, made.list_price_minor, made.stock), (Some(80), Some(88), Some(5000)));
    assert_eq!((made.on_sale, made.sku_code.as_deref()), (Some(true), Some("001231")));
}

#[test]
fn a_part_that_is_missing_or_odd_does_not_take_the_other_along() {
    let with = |part: &str, value: Value| {
        let mut row = row();
        row[part] = value;
        read(&row)
    };
    let without_sku = with("sku", json!(null));
    assert_eq!(listed(without_sku.product).number, ITEM);
    assert!(without_sku.sku.is_none(), "an item may have no SKU yet");

    let without_item = with("item", json!(null));
    assert_eq!(without_item.name, SKU);
    assert_eq!(listed(without_item.sku).number, SKU);
    assert_eq!(odd(without_item.product).as_deref(), Some(ITEM), "it is there, and not gone");

    let odd_sku = with("sku", json!({"id": SKU, "itemId": ITEM, "price": {"broken": true}}));
    assert_eq!(odd_sku.name, SKU);
    assert_eq!(listed(odd_sku.product).number, ITEM);
    assert_eq!(odd(odd_sku.sku).as_deref(), Some(SKU));

    let odd_item = with("item", json!({"id": null, "name": "?"}));
    assert_eq!(listed(odd_item.sku).number, SKU);
    assert_eq!(odd(odd_item.product).as_deref(), Some(ITEM), "its SKU knows its number");

    for value in [json!({}), json!({"item": null}), json!(7), json!([1, 2]), json!(null)] {
        let read = read(&value);
        assert_eq!((read.name, odd(read.sku)), (value.to_string(), None), "counted all the same");
        assert!(read.product.is_none());
    }
}

#[test]
fn each_part_has_a_hash_of_its_own() {
    let hashes = |row: &Value| {
        let read = read(row);
        (listed(read.product).list_hash, listed(read.sku).list_hash)
    };
    let before = hashes(&row());
    let mut sold = row();
    sold["sku"]["stock"] = json!(99);
    assert_eq!(hashes(&sold).0, before.0, "a sale is no new version of the product");
    assert_ne!(hashes(&sold).1, before.1);
    let mut renamed = row();
    renamed["item"]["name"] = json!("另一个");
    assert_ne!(hashes(&renamed).0, before.0);
    assert_eq!(hashes(&renamed).1, before.1);

    let mut signed = row();
    signed["item"]["images"][0] = json!("http://qimg.xiaohongshu.com/arkgoods/example.jpg?sign=1&t=2");
    assert_eq!(hashes(&signed), before, "a link is signed anew in every answer");
    let mut picture = row();
    picture["item"]["images"][0] = json!("http://qimg.xiaohongshu.com/arkgoods/other.jpg");
    assert_ne!(hashes(&picture).0, before.0);
}

#[test]
fn numbers_may_come_as_text_and_texts_as_numbers() {
    let mut careless = row();
    let sku_part = &mut careless["sku"];
    sku_part["price"] = json!("400");
    sku_part["stock"] = json!("100");
    sku_part["updateTime"] = json!("1740014436000");
    sku_part["buyable"] = json!("true");
    sku_part["barcode"] = json!(6_900_000_000_016_i64);
    let mut plain = row();
    plain["sku"]["barcode"] = json!("6900000000016");
    let (mut careless, mut plain) =
        (sku(&answers(&careless["sku"])).unwrap(), sku(&answers(&plain["sku"])).unwrap());
    (careless.content_hash, plain.content_hash) = (String::new(), String::new());
    assert_eq!(careless, plain);
}

proptest! {
    #[test]
    fn no_json_panics(item in any_json(), part in any_json()) {
        let mut known = row();
        for (name, value) in part.as_object().into_iter().flatten() {
            known["item"][name] = value.clone();
            known["sku"][name] = value.clone();
        }
        for value in [item.clone(), json!({"item": item, "sku": part}), known] {
            let read = read(&value);
            prop_assert!(read.product.is_some() || read.sku.is_some());
            for part in [&value, &value["item"], &value["sku"]] {
                let _ = (product(&answers(part)), sku(&answers(part)));
            }
        }
    }
}

#[test]
fn a_part_that_was_set_aside_is_read_as_what_it_is() {
    let (item, sku) = (row()["item"].to_string(), row()["sku"].to_string());
    let number = |kind, raw: &str| reread(kind, raw).map(|row| (row.kind, row.number));
    assert_eq!(number(Kind::Product, &item), Some((Kind::Product, ITEM.to_owned())));
    assert_eq!(number(Kind::Sku, &sku), Some((Kind::Sku, SKU.to_owned())));
    assert_eq!(
        (number(Kind::Product, &sku), number(Kind::Sku, &item)),
        (None, None),
        "both have an id and a name"
    );
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    let listed = |text: &str| Answers { list: Some(text.to_owned()), ..Answers::default() };
    assert_names_field(product(&listed(r#"{"name":{}}"#)), "name");
    assert_names_field(sku(&listed(r#"{"stock":{}}"#)), "stock");
}
