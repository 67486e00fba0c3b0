//! The documents' own answers, and what becomes of careless ones.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{list_row, order, status};
use crate::domain::entity::Answers;
use crate::domain::order::OrderStatus;
use crate::platform::Row;
use crate::platform::error::{ConvertError, assert_names_field};

fn rows() -> Vec<Value> {
    let answer: Value = serde_json::from_str(include_str!("../testdata/order_list.json")).unwrap();
    answer["data"]["orderList"].as_array().unwrap().clone()
}

fn detail() -> Value {
    let answer: Value = serde_json::from_str(include_str!("../testdata/order_detail.json")).unwrap();
    answer["data"].clone()
}

fn answers(row: &Value, detail: &Value) -> Answers {
    Answers { list: Some(row.to_string()), detail: Some(detail.to_string()), ..Answers::default() }
}

fn row(value: &Value) -> Row {
    list_row(&RawValue::from_string(value.to_string()).unwrap())
}

#[test]
fn a_row_with_its_detail_becomes_an_order() {
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("order", order(&answers(&rows()[0], &detail())).unwrap());
    });
}

#[test]
fn an_order_needs_its_detail_but_not_its_row() {
    let row_alone = Answers { list: Some(rows()[0].to_string()), ..Answers::default() };
    assert!(matches!(order(&row_alone), Err(ConvertError::Missing { field: "detail" })));

    let detail_alone = Answers { detail: Some(detail().to_string()), ..Answers::default() };
    let mut alone = order(&detail_alone).unwrap();
    let mut both = order(&answers(&rows()[0], &detail())).unwrap();
    (alone.content_hash, both.content_hash) = (String::new(), String::new());
    assert_eq!(alone, both);
}

#[test]
fn a_detail_older_than_its_row_is_requested_again() {
    let mut older = detail();
    older["updateTime"] = json!(1_763_600_070_122_i64);
    assert!(matches!(order(&answers(&rows()[0], &older)), Err(ConvertError::StaleDetail)));
}

#[test]
fn the_newer_answer_gives_the_shared_fields() {
    let mut newer = detail();
    newer["updateTime"] = json!(1_763_600_099_000_i64);
    newer["orderStatus"] = json!(6);
    newer["deliveryTime"] = json!("1763600099000");
    newer["sellerRemark"] = json!("new");
    newer.as_object_mut().unwrap().remove("receiverCityName");
    let made = order(&answers(&rows()[0], &newer)).unwrap();
    assert_eq!((made.status, made.seller_note.as_deref()), (OrderStatus::Shipped, Some("new")));
    assert_eq!(made.shipped_at, made.updated_at);
    assert_eq!(made.city.as_deref(), Some("苏州市"), "filled from the row");

    let mut timeless = detail();
    timeless["updateTime"] = json!(0);
    timeless["orderStatus"] = json!(1);
    let made = order(&answers(&rows()[0], &timeless)).unwrap();
    assert_eq!(made.status, OrderStatus::ToShip, "a detail without a time is not known to be newer");
    assert_eq!(made.updated_at.unwrap().timestamp_millis(), 1_763_600_070_123);
}

#[test]
fn a_unit_price_is_reported_only_when_it_is_exact() {
    let unit = |change: fn(&mut Value)| {
        let mut detail = detail();
        change(&mut detail["skuList"][0]);
        order(&answers(&rows()[0], &detail)).unwrap().items[0].unit_minor
    };
    assert_eq!(unit(|_| {}), None, "two parts at two prices");
    assert_eq!(
        unit(|sku| {
            sku["skuDetailList"] = json!([{"quantity": 3, "paidAmountPerSku": "400"}]);
            sku["totalPaidAmount"] = json!(1200);
        }),
        Some(400)
    );
    assert_eq!(
        unit(|sku| sku["skuDetailList"] = json!([{"quantity": 3, "paidAmountPerSku": 333}])),
        None,
        "999 is not the total"
    );
    assert_eq!(unit(|sku| sku["skuDetailList"] = json!(null)), None);
    assert_eq!(
        unit(|sku| sku["skuDetailList"] = json!([{"quantity": i64::MAX, "paidAmountPerSku": i64::MAX}])),
        None
    );
}

#[test]
fn the_same_sku_twice_makes_two_lines_and_a_gift_is_one() {
    let mut twice = detail();
    let mut gift = twice["skuList"][0].clone();
    gift["skuTag"] = json!(1);
    twice["skuList"].as_array_mut().unwrap().push(gift);
    let items = order(&answers(&rows()[0], &twice)).unwrap().items;
    assert_eq!(items[0].sku_id, items[1].sku_id);
    assert_eq!((items[0].gift, items[1].gift), (Some(false), Some(true)));
}

#[test]
fn the_published_examples_parse() {
    let example = |text: &str| serde_json::from_str::<Value>(text).unwrap()["example"]["data"].clone();
    let list = example(include_str!("../testdata/order.getOrderList.json"));
    assert!(matches!(row(&list["orderList"][0]), Row::Readable(row) if row.number == "P141***1412"));
    let answers = Answers {
        detail: Some(example(include_str!("../testdata/order.getOrderDetail.json")).to_string()),
        ..Answers::default()
    };
    let made = order(&answers).unwrap();
    assert_eq!(made.amounts.unwrap().total_minor, Some(10_000));
    assert_eq!(made.items[0].quantity, Some(1));
}

#[test]
fn a_row_of_an_impossible_shape_is_unreadable_and_keeps_its_number() {
    let mut broken = rows()[0].clone();
    broken["orderStatus"] = json!({"broken": true});
    let mut unnumbered = rows()[0].clone();
    unnumbered["orderId"] = json!("");
    for (value, number) in [
        (broken, Some("P763821122427443521")),
        (unnumbered, None),
        (json!(7), None),
        (json!(["P763821122427443521", "4"]), None),
    ] {
        let Row::Unreadable(row) = row(&value) else {
            panic!("{value} was read");
        };
        assert_eq!(row.number.as_deref(), number, "{value}");
    }
    let mut broken = detail();
    broken["totalPayAmount"] = json!("12.5");
    assert!(matches!(order(&answers(&rows()[0], &broken)), Err(ConvertError::Shape { .. })));
}

#[test]
fn the_hashes_see_every_change_but_images() {
    let hash = |value: &Value| match row(value) {
        Row::Readable(row) => row.list_hash,
        Row::Unreadable(row) => panic!("{}", row.reason),
    };
    let mut tagged = rows()[0].clone();
    tagged["orderTagList"] = json!([]);
    assert_ne!(hash(&rows()[0]), hash(&tagged));

    let before = order(&answers(&rows()[0], &detail())).unwrap().content_hash;
    let mut image = detail();
    image["skuList"][0]["skuImage"] = json!("https://qimg.xiaohongshu.com/other.jpg?sign=1");
    assert_eq!(order(&answers(&rows()[0], &image)).unwrap().content_hash, before);
    let mut money = detail();
    money["totalPayAmount"] = json!(1501);
    assert_ne!(order(&answers(&rows()[0], &money)).unwrap().content_hash, before);
    assert_ne!(order(&answers(&tagged, &detail())).unwrap().content_hash, before);
}

#[test]
fn a_detail_of_another_order_is_refused() {
    let other = answers(&rows()[1], &detail());
    assert!(matches!(order(&other), Err(ConvertError::Unexpected { field: "orderId", .. })));
}

#[test]
fn every_status_has_its_word() {
    for (code, expected) in [
        ("1", OrderStatus::Unpaid),
        ("2", OrderStatus::Processing),
        ("3", OrderStatus::Customs),
        ("4", OrderStatus::ToShip),
        ("5", OrderStatus::PartiallyShipped),
        ("6", OrderStatus::Shipped),
        ("7", OrderStatus::Completed),
        ("8", OrderStatus::Closed),
        ("9", OrderStatus::Canceled),
        ("10", OrderStatus::ExchangeRequested),
        ("11", OrderStatus::Unknown),
        ("", OrderStatus::Unknown),
    ] {
        assert_eq!(status(code), expected, "{code}");
    }
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    let read = |list: &str, detail: &str| {
        let (list, detail) = (Some(list.to_owned()), Some(detail.to_owned()));
        order(&Answers { list, detail, ..Answers::default() })
    };
    assert_names_field(read(r#"{"orderStatus":{}}"#, r#"{"orderId":"P1"}"#), "orderStatus");
    let detail = r#"{"orderId":"P1","skuList":[{"skuQuantity":{}}]}"#;
    assert_names_field(read("{}", detail), "skuList[0].skuQuantity");
}
