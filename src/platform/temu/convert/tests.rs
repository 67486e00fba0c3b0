//! The documents' own answers, and what becomes of careless ones.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{list_row, order, status};
use crate::domain::entity::Answers;
use crate::domain::order::OrderStatus;
use crate::platform::error::{ConvertError, assert_names_field};
use crate::platform::{ListRow, Row};

fn rows() -> Vec<Value> {
    let answer: Value = serde_json::from_str(include_str!("../testdata/order_list.json")).unwrap();
    answer["result"]["pageItems"].as_array().unwrap().clone()
}

fn detail() -> String {
    let answer: Value = serde_json::from_str(include_str!("../testdata/order_detail.json")).unwrap();
    answer["result"].to_string()
}

fn listed(row: &Value) -> Answers {
    Answers { list: Some(row.to_string()), ..Answers::default() }
}

fn row(value: &Value) -> Row {
    list_row(&RawValue::from_string(value.to_string()).unwrap())
}

fn readable(value: &Value) -> ListRow {
    match row(value) {
        Row::Readable(row) => row,
        Row::Unreadable(row) => panic!("{}", row.reason),
    }
}

#[test]
fn a_list_row_becomes_an_order() {
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("from_list", order(&listed(&rows()[0])).unwrap());
    });
}

#[test]
fn a_list_row_with_its_detail_becomes_an_order_with_regions() {
    let mut answers = listed(&rows()[1]);
    answers.detail = Some(detail());
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("from_list_and_detail", order(&answers).unwrap());
    });
}

#[test]
fn a_detail_alone_has_all_but_the_update_time() {
    let answers = Answers { detail: Some(detail()), ..Answers::default() };
    let mut alone = order(&answers).unwrap();
    let mut both = order(&Answers { list: Some(rows()[1].to_string()), ..answers }).unwrap();
    assert_eq!(alone.updated_at, None);
    // The documents print the detail with one line of the row's two.
    both.items.truncate(1);
    (both.updated_at, both.content_hash, alone.content_hash) = (None, String::new(), String::new());
    assert_eq!(alone, both);
}

#[test]
fn the_published_samples_make_orders_without_times() {
    let sample: Value =
        serde_json::from_str(include_str!("../testdata/bg.order.list.v2.get.1.json")).unwrap();
    let made = order(&listed(&sample["result"]["pageItems"][0])).unwrap();
    assert_eq!((made.number.as_str(), made.updated_at), ("test", None));
    let sample: Value =
        serde_json::from_str(include_str!("../testdata/bg.order.detail.v2.get.1.json")).unwrap();
    let answers = Answers { detail: Some(sample["result"].to_string()), ..Answers::default() };
    assert_eq!(order(&answers).unwrap().country.as_deref(), Some("test"));
}

#[test]
fn numbers_as_text_and_absent_fields_make_the_same_order() {
    let plain = rows()[0].clone();
    let mut careless = plain.clone();
    careless["parentOrderMap"]["parentOrderStatus"] = json!("2");
    careless["parentOrderMap"]["updateTime"] = json!("1735600901");
    careless["parentOrderMap"]["expectShipLatestTime"] = json!(1_735_772_400.0);
    careless["orderList"][0]["goodsId"] = json!("601090000000001");
    careless["orderList"][0]["quantity"] = json!("2");
    careless["orderList"][0]["somethingNew"] = json!({"a": []});
    careless["parentOrderMap"].as_object_mut().unwrap().remove("parentShippingTime");
    let (mut plain, mut careless) = (order(&listed(&plain)).unwrap(), order(&listed(&careless)).unwrap());
    (plain.content_hash, careless.content_hash) = (String::new(), String::new());
    assert_eq!(plain, careless);
}

#[test]
fn a_row_of_an_impossible_shape_is_unreadable_and_keeps_its_number() {
    let mut broken = rows()[0].clone();
    broken["parentOrderMap"]["parentOrderStatus"] = json!({"broken": true});
    let mut broken_line = rows()[0].clone();
    broken_line["orderList"][0]["quantity"] = json!(1.5);
    let mut unnumbered = rows()[0].clone();
    unnumbered["parentOrderMap"]["parentOrderSn"] = json!(null);
    let number = Some("PO-211-10000000000000001");
    for (value, number) in [
        (broken, number),
        (broken_line, number),
        (unnumbered, None),
        (json!(null), None),
        (json!([1]), None),
        (json!("text"), None),
    ] {
        let Row::Unreadable(row) = row(&value) else {
            panic!("{value} was read");
        };
        assert_eq!(row.number.as_deref(), number, "{value}");
        let text = value.to_string();
        assert!(!row.reason.is_empty() && row.raw == text, "{value}");
    }
}

#[test]
fn the_list_hash_sees_every_change_but_images() {
    let before = readable(&rows()[0]);
    assert_eq!(before.number, "PO-211-10000000000000001");
    assert_eq!(before.updated_at.unwrap().timestamp(), 1_735_600_901);

    let mut image = rows()[0].clone();
    image["orderList"][0]["thumbUrl"] = json!("https://img.example.com/9.jpg?sign=x");
    assert_eq!(readable(&image).list_hash, before.list_hash);
    assert_eq!(
        order(&listed(&image)).unwrap().content_hash,
        order(&listed(&rows()[0])).unwrap().content_hash
    );

    let mut label = rows()[0].clone();
    label["parentOrderMap"]["parentOrderLabel"][1]["value"] = json!(1);
    assert_ne!(readable(&label).list_hash, before.list_hash);
    assert_ne!(
        order(&listed(&label)).unwrap().content_hash,
        order(&listed(&rows()[0])).unwrap().content_hash
    );
}

#[test]
fn garbage_in_times_becomes_none() {
    let mut garbage = rows()[0].clone();
    garbage["parentOrderMap"]["updateTime"] = json!(i64::MAX);
    garbage["parentOrderMap"]["parentOrderTime"] = json!(-5);
    let made = order(&listed(&garbage)).unwrap();
    assert_eq!((made.updated_at, made.created_at), (None, None));
}

#[test]
fn a_detail_of_another_order_is_refused() {
    let mut answers = listed(&rows()[0]);
    answers.detail = Some(detail());
    assert!(matches!(order(&answers), Err(ConvertError::Unexpected { .. })));
    assert!(matches!(order(&Answers::default()), Err(ConvertError::Missing { .. })));
}

#[test]
fn an_unknown_status_is_kept_and_stops_nothing() {
    let mut new = rows()[0].clone();
    new["parentOrderMap"]["parentOrderStatus"] = json!(77);
    let made = order(&listed(&new)).unwrap();
    assert_eq!((made.status, made.platform_status.as_str()), (OrderStatus::Unknown, "77"));
    for (code, expected) in [
        ("1", OrderStatus::Pending),
        ("2", OrderStatus::ToShip),
        ("3", OrderStatus::Canceled),
        ("4", OrderStatus::Shipped),
        ("5", OrderStatus::Delivered),
        ("41", OrderStatus::PartiallyShipped),
        ("51", OrderStatus::PartiallyDelivered),
    ] {
        assert_eq!(status(code), expected, "{code}");
    }
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    let listed = |text: &str| Answers { list: Some(text.to_owned()), ..Answers::default() };
    assert_names_field(order(&listed(r#"{"orderList":[{},{"quantity":{}}]}"#)), "orderList[1].quantity");
}
