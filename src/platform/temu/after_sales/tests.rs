//! The documents' own answers, and what becomes of careless ones.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::convert::{after_sale, list_row, status};
use crate::domain::after_sale::{AfterSaleKind, AfterSaleStatus};
use crate::domain::entity::Answers;
use crate::platform::Row;
use crate::platform::error::{ConvertError, assert_names_field};

fn data(answer: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["result"]["data"].clone()
}

fn case() -> Value {
    data(include_str!("../testdata/after_sales_list.json"))[0].clone()
}

fn items() -> Value {
    data(include_str!("../testdata/after_sales_items.json"))
}

fn answers(case: &Value, items: &Value) -> Answers {
    Answers { list: Some(case.to_string()), items: Some(items.to_string()), ..Answers::default() }
}

fn row(value: &Value) -> Row {
    list_row(&RawValue::from_string(value.to_string()).unwrap())
}

#[test]
fn a_case_with_its_items_becomes_a_case() {
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("after_sale", after_sale(&answers(&case(), &items())).unwrap());
    });
}

#[test]
fn the_published_samples_make_a_case_without_times() {
    let case = data(include_str!("../testdata/bg.aftersales.parentaftersales.list.get.1.json"))[0].clone();
    let items = data(include_str!("../testdata/bg.aftersales.aftersales.list.get.1.json"));
    let made = after_sale(&answers(&case, &items)).unwrap();
    assert_eq!((made.number.as_str(), made.updated_at, made.kind), ("test", None, AfterSaleKind::RefundOnly));
    assert_eq!((made.items.len(), made.items[0].sku_code.as_deref()), (1, Some("test")));
}

#[test]
fn unknown_values_are_kept_and_stop_nothing() {
    for (code, expected) in [
        ("1", AfterSaleStatus::Requested),
        ("2", AfterSaleStatus::Returning),
        ("3", AfterSaleStatus::Returning),
        ("4", AfterSaleStatus::Refunding),
        ("5", AfterSaleStatus::Refunded),
        ("6", AfterSaleStatus::Canceled),
        ("7", AfterSaleStatus::Rejected),
        ("8", AfterSaleStatus::AwaitingReturn),
        ("9", AfterSaleStatus::Refunding),
        ("10", AfterSaleStatus::Requested),
        ("11", AfterSaleStatus::PlatformReview),
        ("12", AfterSaleStatus::Unknown),
    ] {
        assert_eq!(status(code), expected, "{code}");
    }
    let mut new = case();
    (new["parentAfterSalesStatus"], new["afterSalesType"]) = (json!(77), json!(9));
    let made = after_sale(&answers(&new, &items())).unwrap();
    assert_eq!((made.status, made.platform_status.as_str()), (AfterSaleStatus::Unknown, "77"));
    assert_eq!(made.kind, AfterSaleKind::Unknown);
}

#[test]
fn an_item_given_twice_is_one_and_a_strangers_item_is_refused() {
    let mut twice = items();
    let mut later = twice[0].clone();
    later["afterSalesStatus"] = json!(6);
    twice.as_array_mut().unwrap().push(later);
    assert_eq!(after_sale(&answers(&case(), &twice)).unwrap().items.len(), 1);

    let mut strange = items();
    strange[0]["parentAfterSalesSn"] = json!("PAS-other");
    let error = after_sale(&answers(&case(), &strange)).unwrap_err();
    assert!(matches!(error, ConvertError::Unexpected { field: "parentAfterSalesSn", .. }));
}

#[test]
fn the_content_hash_sees_the_items() {
    let hash = |items: &Value| after_sale(&answers(&case(), items)).unwrap().content_hash;
    let mut changed = items();
    changed[0]["applyAfterSalesGoodsNumber"] = json!(2);
    assert_ne!(hash(&items()), hash(&changed));
    let alone = Answers { items: None, ..answers(&case(), &items()) };
    assert_ne!(after_sale(&alone).unwrap().content_hash, hash(&items()));
}

#[test]
fn a_row_of_an_impossible_shape_is_unreadable_and_keeps_its_number() {
    let mut broken = case();
    broken["parentAfterSalesStatus"] = json!({"broken": true});
    let mut unnumbered = case();
    unnumbered["parentAfterSalesSn"] = json!(null);
    for (value, number) in [(broken, Some("PAS-211-20000000000000001")), (unnumbered, None), (json!(7), None)]
    {
        let Row::Unreadable(row) = row(&value) else { panic!("{value} was read") };
        assert_eq!(row.number.as_deref(), number, "{value}");
    }
    let Row::Readable(row) = row(&case()) else { panic!("the documents' own row") };
    assert_eq!(row.updated_at.unwrap().timestamp(), 1_735_600_000);
}

proptest! {
    #[test]
    fn no_value_in_any_member_panics(member in 0_usize..10, value in "[-0-9.eE\\[\\]{}\"a:,]{0,12}|null|true|1e400") {
        let value: Value = serde_json::from_str(&value).unwrap_or_else(|_| json!(value));
        let (mut case, mut items) = (case(), items());
        for place in [&mut case, &mut items[0]] {
            if let Some((_, place)) = place.as_object_mut().unwrap().iter_mut().nth(member) {
                *place = value.clone();
            }
        }
        let _ = row(&case);
        let _ = after_sale(&answers(&case, &items));
        let _ = after_sale(&answers(&case, &value));
    }
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    let listed = |text: &str| Answers { list: Some(text.to_owned()), ..Answers::default() };
    let items = |text: &str| Answers {
        list: Some(r#"{"parentAfterSalesSn":"1"}"#.to_owned()),
        items: Some(text.to_owned()),
        ..Answers::default()
    };
    assert_names_field(after_sale(&listed(r#"{"afterSalesType":{}}"#)), "afterSalesType");
    let wrong = r#"[{},{"applyAfterSalesGoodsNumber":{}}]"#;
    assert_names_field(after_sale(&items(wrong)), "[1].applyAfterSalesGoodsNumber");
}
