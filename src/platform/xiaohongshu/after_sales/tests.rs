//! The documents' own answers, and what becomes of careless ones.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::convert::{after_sale, kind, list_row, status};
use crate::domain::after_sale::{AfterSale, AfterSaleKind, AfterSaleStatus};
use crate::domain::entity::Answers;
use crate::platform::any_json::any_json;
use crate::platform::error::{ConvertError, assert_names_field};
use crate::platform::xiaohongshu::privacy;
use crate::platform::{ListRow, Row};

fn rows() -> Vec<Value> {
    let answer: Value = serde_json::from_str(include_str!("../testdata/after_sale_list.json")).unwrap();
    answer["data"]["afterSaleBasicInfos"].as_array().unwrap().clone()
}

fn detail() -> Value {
    let answer: Value = serde_json::from_str(include_str!("../testdata/after_sale_detail.json")).unwrap();
    answer["data"].clone()
}

fn answers(row: &Value, detail: &Value) -> Answers {
    Answers { list: Some(row.to_string()), detail: Some(detail.to_string()), ..Answers::default() }
}

fn row(value: &Value) -> Row {
    list_row(&RawValue::from_string(value.to_string()).unwrap())
}

fn listed(value: &Value) -> ListRow {
    match row(value) {
        Row::Readable(row) => row,
        Row::Unreadable(row) => panic!("{}", row.reason),
    }
}

/// The case of the fixtures, with one member of its detail changed.
fn with(name: &str, value: Value) -> Result<AfterSale, ConvertError> {
    let mut detail = detail();
    detail["afterSaleInfo"][name] = value;
    after_sale(&answers(&rows()[1], &detail))
}

#[test]
fn a_row_with_its_detail_becomes_a_case() {
    let listed = listed(&rows()[1]);
    assert_eq!(listed.number, "R7488183140002902");
    assert_eq!(listed.updated_at.unwrap().timestamp_millis(), 1_763_591_060_000);
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_debug_snapshot!("after_sale", after_sale(&answers(&rows()[1], &detail())).unwrap());
    });
}

#[test]
fn a_case_needs_its_detail_but_not_its_row() {
    let row_alone = Answers { list: Some(rows()[1].to_string()), ..Answers::default() };
    assert!(matches!(after_sale(&row_alone), Err(ConvertError::Missing { field: "detail" })));
    for empty in [json!({}), json!({"afterSaleInfo": null}), json!({"afterSaleInfo": ["R1", "5"]})] {
        let error = after_sale(&answers(&rows()[1], &empty));
        assert!(matches!(error, Err(ConvertError::Missing { field: "afterSaleInfo" })), "{empty}");
    }

    let detail_alone = Answers { detail: Some(detail().to_string()), ..Answers::default() };
    let mut alone = after_sale(&detail_alone).unwrap();
    let mut both = after_sale(&answers(&rows()[1], &detail())).unwrap();
    (alone.content_hash, both.content_hash) = (String::new(), String::new());
    assert_eq!(alone, both);
}

#[test]
fn a_detail_of_another_time_or_another_case_is_not_mixed_in() {
    let older = with("updatedAt", json!(1_763_591_059_999_i64));
    assert!(matches!(older, Err(ConvertError::StaleDetail)));
    let other = with("returnsId", json!("R1"));
    assert!(matches!(other, Err(ConvertError::Unexpected { field: "returnsId", .. })));
    let newer = with("updatedAt", json!(1_763_591_070_000_i64)).unwrap();
    assert_eq!(newer.updated_at.unwrap().timestamp(), 1_763_591_070);
    assert_eq!(with("reasonNameZh", json!("")).unwrap().reason.as_deref(), Some("不想要了"), "from the row");
}

#[test]
fn yuan_become_fen_exactly() {
    let refund = |yuan: Value| with("refundAmountYuan", yuan).map(|case| case.refund_minor);
    for (yuan, fen) in [
        (json!(15.01), 1501),
        (json!(10.0), 1000),
        (json!(10), 1000),
        (json!("15.01"), 1501),
        (json!(0.1 + 0.2), 30),
        (json!(1.140_000_000_000_000_1), 114),
        (json!(0), 0),
        (json!(10_000_000_000_000.01), 1_000_000_000_000_001),
        (json!(10_000_000_000_000_i64), 1_000_000_000_000_000),
    ] {
        assert_eq!(refund(yuan.clone()).unwrap(), Some(fen), "{yuan}");
    }
    for yuan in [json!(15.015), json!("15,01"), json!("many"), json!(1e300)] {
        let error = refund(yuan.clone());
        assert!(
            matches!(error, Err(ConvertError::Unexpected { field: "refundAmountYuan", .. })),
            "{yuan}: {error:?}"
        );
    }
    assert!(matches!(refund(json!({})), Err(ConvertError::Shape { .. })));
}

#[test]
fn what_was_refunded_counts_only_once_it_was() {
    for (status, refunded, expected) in [
        (json!(2), json!(12.5), Some(1250)),
        (json!("2"), json!(0), Some(0)),
        (json!(2), json!(null), Some(1501)),
        (json!(1), json!(12.5), Some(1501)),
        (json!(3), json!(0), Some(1501)),
        (json!(101), json!(null), Some(1501)),
        (json!(null), json!(12.5), Some(1501)),
    ] {
        let mut detail = detail();
        detail["afterSaleInfo"]["refundStatus"] = status.clone();
        detail["afterSaleInfo"]["refundAmountYuan"] = refunded.clone();
        let case = after_sale(&answers(&rows()[1], &detail)).unwrap();
        assert_eq!(case.refund_minor, expected, "{status} {refunded}");
    }
}

#[test]
fn the_lines_are_what_is_taken_back() {
    let mut detail = detail();
    detail["afterSaleInfo"]["exchangeSKUs"] = json!([{"skuId": "another", "appliedCount": "2"}]);
    let case = after_sale(&answers(&rows()[1], &detail)).unwrap();
    assert_eq!(case.items.len(), 1);
    assert_eq!(case.items[0].sku_code.as_deref(), Some("CUP-W-01"));

    detail["afterSaleInfo"]["skus"] = json!(null);
    let case = after_sale(&answers(&rows()[1], &detail)).unwrap();
    assert_eq!((case.items[0].sku_id.as_deref(), case.items[0].quantity), (Some("another"), Some(2)));
    assert_eq!(case.items[0].refund_minor, None, "not given, and not nothing");
}

#[test]
fn the_published_examples_are_of_the_shape_we_read() {
    let example = |text: &str| serde_json::from_str::<Value>(text).unwrap()["example"]["data"].clone();
    // Every value of both is an empty text, the number too.
    let list = example(include_str!("../testdata/afterSale.listAfterSaleInfos.json"));
    let Row::Unreadable(row) = row(&list["afterSaleBasicInfos"][0]) else {
        panic!("a case without a number")
    };
    assert_eq!((row.number, row.reason.as_str()), (None, "`returnsId` is missing"));

    let mut detail = example(include_str!("../testdata/afterSale.getAfterSaleInfo.json"));
    detail["afterSaleInfo"]["returnsId"] = json!("R1");
    detail["afterSaleInfo"]["status"] = json!("1");
    let answers = Answers { detail: Some(detail.to_string()), ..Answers::default() };
    let case = after_sale(&answers).unwrap();
    assert_eq!((case.number.as_str(), case.refund_minor, case.items.len()), ("R1", None, 1));
}

#[test]
fn a_row_of_an_impossible_shape_is_unreadable_and_keeps_its_number() {
    let mut broken = rows()[0].clone();
    broken["status"] = json!({"broken": true});
    for (value, number) in
        [(broken, Some("R7488183140002901")), (json!(7), None), (json!(["R7488183140002901"]), None)]
    {
        let Row::Unreadable(row) = row(&value) else { panic!("{value} was read") };
        assert_eq!(row.number.as_deref(), number, "{value}");
    }
}

#[test]
fn a_row_keeps_nothing_of_a_person_whether_it_can_be_read_or_not() {
    let mut changed = rows()[0].clone();
    changed["returnAddress"] = json!({"phone": "13800000000", "name": "王"});
    changed["proofPhotos"] = json!(["https://qimg.xiaohongshu.com/proof.jpg"]);
    assert_eq!(listed(&changed).raw, rows()[0].to_string());
    assert_eq!(listed(&changed).list_hash, listed(&rows()[0]).list_hash);

    changed["status"] = json!({"broken": true});
    let Row::Unreadable(row) = row(&changed) else { panic!("{changed} was read") };
    assert!(!row.raw.contains("13800000000") && !row.raw.contains("proof"), "{}", row.raw);
}

#[test]
fn the_hashes_see_every_change_but_pictures() {
    let before = after_sale(&answers(&rows()[1], &detail())).unwrap().content_hash;
    let mut other = detail();
    other["afterSaleInfo"]["skus"][0]["image"] = json!("https://qimg.xiaohongshu.com/other.jpg?sign=1");
    assert_eq!(after_sale(&answers(&rows()[1], &other)).unwrap().content_hash, before);
    assert_ne!(with("refundStatus", json!(1)).unwrap().content_hash, before);

    let mut changed = rows()[1].clone();
    changed["status"] = json!(5);
    assert_ne!(listed(&changed).list_hash, listed(&rows()[1]).list_hash);
}

#[test]
fn every_status_and_kind_has_its_word() {
    for (code, expected) in [
        ("1", AfterSaleStatus::Requested),
        ("2", AfterSaleStatus::AwaitingReturn),
        ("3", AfterSaleStatus::Returning),
        ("4", AfterSaleStatus::Completed),
        ("5", AfterSaleStatus::Canceled),
        ("6", AfterSaleStatus::Closed),
        ("9", AfterSaleStatus::Rejected),
        ("9001", AfterSaleStatus::Rejected),
        ("11", AfterSaleStatus::Refunding),
        ("12", AfterSaleStatus::Exchanging),
        ("13", AfterSaleStatus::Exchanging),
        ("14", AfterSaleStatus::PlatformReview),
        ("15", AfterSaleStatus::Unknown),
    ] {
        assert_eq!(status(code), expected, "{code}");
    }
    for (code, expected) in [
        (Some("1"), AfterSaleKind::ReturnAndRefund),
        (Some("2"), AfterSaleKind::Exchange),
        (Some("3"), AfterSaleKind::RefundOnly),
        (Some("4"), AfterSaleKind::RefundOnly),
        (Some("5"), AfterSaleKind::RefundOnly),
        (Some("6"), AfterSaleKind::PriceProtection),
        (Some("7"), AfterSaleKind::Unknown),
        (None, AfterSaleKind::Unknown),
    ] {
        assert_eq!(kind(code), expected, "{code:?}");
    }
}

proptest! {
    #[test]
    fn no_json_panics(whole in any_json(), part in any_json()) {
        let (mut changed_row, mut changed, mut changed_sku) = (rows()[1].clone(), detail(), detail());
        for (name, value) in part.as_object().into_iter().flatten() {
            changed_row[name] = value.clone();
            changed["afterSaleInfo"][name] = value.clone();
            changed_sku["afterSaleInfo"]["skus"][0][name] = value.clone();
        }
        for (list, detail) in [(&whole, &part), (&changed_row, &changed), (&rows()[1], &changed_sku), (&rows()[1], &whole)] {
            let _ = (row(list), after_sale(&answers(list, detail)));
            let _ = privacy::detail(&detail.to_string());
        }
    }
}

#[test]
fn the_reason_for_quarantine_names_the_field() {
    let read = |list: &str, detail: &str| {
        let (list, detail) = (Some(list.to_owned()), Some(detail.to_owned()));
        after_sale(&Answers { list, detail, ..Answers::default() })
    };
    assert_names_field(read(r#"{"status":{}}"#, "{}"), "status");
    let detail = r#"{"afterSaleInfo":{"returnsId":"R1","skus":[{"appliedCount":{}}]}}"#;
    assert_names_field(read("{}", detail), "skus[0].appliedCount");
}
