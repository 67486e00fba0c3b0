//! The documents' own answers, and what becomes of careless ones.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::LISTS;
use super::convert::{activity, list_row};
use crate::domain::entity::Answers;
use crate::platform::Row;
use crate::platform::error::{ConvertError, assert_names_field};

fn result(answer: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["result"].clone()
}

fn listed() -> Value {
    result(include_str!("../testdata/activity_list.json"))["activityList"][0].clone()
}

fn goods() -> Value {
    result(include_str!("../testdata/activity_goods.json"))["goodsList"].clone()
}

fn answers(row: &Value, goods: &Value) -> Answers {
    Answers { list: Some(row.to_string()), items: Some(goods.to_string()), ..Answers::default() }
}

fn row(value: &Value) -> Row {
    list_row(&RawValue::from_string(value.to_string()).unwrap())
}

#[test]
fn a_row_with_its_goods_becomes_an_activity() {
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("activity", activity(&answers(&listed(), &goods())).unwrap());
    });
}

#[test]
fn the_published_samples_make_an_activity_without_times() {
    let row = result(include_str!("../testdata/bg.promotion.activity.query.1.json"));
    let goods = result(include_str!("../testdata/bg.promotion.activity.goods.query.1.json"));
    let made = activity(&answers(&row["activityList"][0], &goods["goodsList"])).unwrap();
    assert_eq!((made.id.as_str(), made.starts_at, made.joined), ("1", None, Some(true)));
    let skus = made.skus.unwrap();
    assert_eq!((skus.len(), skus[0].price_minor), (1, Some(1)));
}

#[test]
fn kinds_and_states_have_words_and_unknown_ones_keep_their_number() {
    let words = |kind: &str, status: Value| {
        let mut row = listed();
        (row["activityType"], row["activityStatus"]) = (json!(kind), status);
        let made = activity(&answers(&row, &goods())).unwrap();
        (made.kind, made.status)
    };
    let kinds: Vec<String> = LISTS.iter().map(|kind| words(kind, json!(1)).0).collect();
    assert_eq!(kinds, ["lightning_deal", "advanced_big_sale", "clearance", "official_big_sale"]);
    for (status, expected) in [(1, "not_started"), (2, "ongoing"), (3, "ended"), (4, "4")] {
        assert_eq!(words("77", json!(status)), ("77".to_owned(), expected.to_owned()));
    }
}

#[test]
fn an_activity_that_gives_no_goods_is_not_one_without_goods() {
    let over = Answers { items: None, ..answers(&listed(), &goods()) };
    assert_eq!(activity(&over).unwrap().skus, None);
    assert_eq!(activity(&answers(&listed(), &json!([]))).unwrap().skus, Some(Vec::new()));
    assert_ne!(
        activity(&over).unwrap().content_hash,
        activity(&answers(&listed(), &goods())).unwrap().content_hash
    );
}

#[test]
fn goods_given_twice_are_one_and_a_sku_without_a_number_is_odd() {
    let mut twice = goods();
    let mut later = twice[0].clone();
    later["remainingActivityQuantity"] = json!(30);
    twice.as_array_mut().unwrap().push(later);
    assert_eq!(activity(&answers(&listed(), &twice)).unwrap().skus.unwrap().len(), 1);

    let mut nameless = goods();
    nameless[0]["skuList"][0]["skuId"] = json!(null);
    let error = activity(&answers(&listed(), &nameless)).unwrap_err();
    assert!(matches!(error, ConvertError::Missing { field: "skuId" }));
}

#[test]
fn a_row_of_an_impossible_shape_is_unreadable_and_keeps_its_number() {
    let mut broken = listed();
    broken["activityStatus"] = json!({"broken": true});
    for (value, number) in
        [(broken, Some("900000001")), (json!({"activityId": null}), None), (json!(7), None)]
    {
        let Row::Unreadable(row) = row(&value) else { panic!("{value} was read") };
        assert_eq!(row.number.as_deref(), number, "{value}");
    }
}

proptest! {
    #[test]
    fn no_value_in_any_member_panics(member in 0_usize..8, value in "[-0-9.eE\\[\\]{}\"a:,]{0,12}|null|true|1e400") {
        let value: Value = serde_json::from_str(&value).unwrap_or_else(|_| json!(value));
        let (mut row, mut goods) = (listed(), goods());
        for place in [&mut row, &mut goods[0]] {
            if let Some((_, place)) = place.as_object_mut().unwrap().iter_mut().nth(member) {
                *place = value.clone();
            }
        }
        let _ = self::row(&row);
        let _ = activity(&answers(&row, &goods));
        let _ = activity(&answers(&row, &value));
    }
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    let listed = |text: &str| Answers { list: Some(text.to_owned()), ..Answers::default() };
    let items = |text: &str| Answers {
        list: Some(r#"{"activityId":"1"}"#.to_owned()),
        items: Some(text.to_owned()),
        ..Answers::default()
    };
    assert_names_field(activity(&listed(r#"{"activityName":{}}"#)), "activityName");
    assert_names_field(activity(&items(r#"[{"skuList":[{"skuId":{}}]}]"#)), "[0].skuList[0].skuId");
}
