//! What comes after a sale: what both platforms tell of it, what they refuse, what a case does to its order.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shopsync::sandbox::{Drift, HeavyWindow, Platform, SandboxSettings};

use super::{Caller, integer, minutes, refusal, start, temu_code};

const TEMU_LIST: &str = "bg.aftersales.parentaftersales.list.get";
const TEMU_ITEMS: &str = "bg.aftersales.aftersales.list.get";
const LIST: &str = "afterSale.listAfterSaleInfos";
const DETAIL: &str = "afterSale.getAfterSaleInfo";
const XHS: Platform = Platform::Xiaohongshu;

fn settings() -> SandboxSettings {
    SandboxSettings { orders: 200, after_sales: 120, ..SandboxSettings::default() }
}

/// A window of Xiaohongshu that ends now.
fn window(length_ms: i64, time_type: i64) -> Value {
    let now = start().timestamp_millis();
    json!({"startTime": now - length_ms, "endTime": now, "timeType": time_type, "pageNo": 1, "pageSize": 100})
}

fn with(mut parameters: Value, name: &str, value: Value) -> Value {
    parameters[name] = value;
    parameters
}

/// Yuan as they stand on the wire, in fen.
fn fen(text: &str) -> i64 {
    (text.parse::<f64>().unwrap() * 100.0).round().to_string().parse().unwrap()
}

#[tokio::test]
async fn temu_answers_cases_and_items_as_the_truth_has_them() {
    let caller = Caller::new(settings()).await;
    let asked = json!({"createAtStart": 0, "createAtEnd": start().timestamp(), "pageSize": 200});
    let answer = caller.temu(TEMU_LIST, asked).await;
    let mut rows = answer["result"]["data"].as_array().unwrap().clone();
    rows.sort_by_key(|row| row["parentAfterSalesSn"].as_str().unwrap().to_owned());
    let truth = caller.world(|world| world.truth_cases(Platform::Temu, 0));

    assert_eq!((&answer["result"]["total"], rows.len()), (&json!(120), truth.len()));
    for (row, case) in rows.iter().zip(&truth) {
        assert_eq!(
            (&row["parentAfterSalesSn"], &row["parentOrderSn"]),
            (&json!(case.number), &json!(case.order_number))
        );
        assert_eq!(integer(&row["parentAfterSalesStatus"]).to_string(), case.platform_status);
        assert_eq!(integer(&row["createAt"]), case.created_at.timestamp());
        assert_eq!(integer(&row["updateAt"]), case.updated_at.timestamp());
        assert!(case.created_at <= case.updated_at && case.updated_at < start());
    }
    for cases in truth.chunks(50) {
        let numbers: Vec<&str> = cases.iter().map(|case| case.number.as_str()).collect();
        let mut told = Vec::new();
        for page in 1..=5 {
            let asked = json!({"parentAfterSalesSnList": numbers, "pageNo": page, "pageSize": 40});
            let answer = caller.temu(TEMU_ITEMS, asked).await;
            assert_eq!(answer["result"]["pageNumber"], page);
            told.extend(answer["result"]["data"].as_array().unwrap().iter().map(|row| {
                let number = row["afterSalesSn"].as_str().unwrap().to_owned();
                (number, integer(&row["skuId"]).to_string(), integer(&row["applyAfterSalesGoodsNumber"]))
            }));
        }
        let items = cases.iter().flat_map(|case| &case.items);
        let expected: Vec<_> = items
            .map(|item| (item.item_number.clone().unwrap(), item.sku_id.clone(), item.quantity))
            .collect();
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn temu_wants_a_window_in_seconds_and_no_more_than_it_manages() {
    let caller = Caller::new(settings()).await;
    let now = start().timestamp();
    for (api, asked, expected) in [
        (TEMU_LIST, json!({"updateAtStart": now - 9, "updateAtEnd": now}), 1_000_000),
        (TEMU_LIST, json!({"updateAtStart": now - 9, "updateAtEnd": now, "pageSize": 200}), 1_000_000),
        (TEMU_LIST, json!({"updateAtStart": now - 9, "updateAtEnd": now, "pageSize": 201}), 130_010_001),
        (TEMU_LIST, json!({}), 130_010_001),
        (TEMU_LIST, json!({"request": {"updateAtStart": now - 9, "updateAtEnd": now}}), 130_010_001),
        (TEMU_LIST, json!({"parentOrderSnList": ["PO-1"]}), 130_010_001),
        (TEMU_LIST, json!({"updateAtStart": now - 9}), 130_010_001),
        (TEMU_LIST, json!({"createAtEnd": now}), 130_010_001),
        (TEMU_LIST, json!({"updateAtStart": now, "updateAtEnd": now}), 130_010_001),
        (TEMU_LIST, json!({"updateAtStart": now * 1000 - 9, "updateAtEnd": now * 1000}), 130_010_001),
        (TEMU_ITEMS, json!({}), 130_010_001),
        (TEMU_ITEMS, json!({"parentAfterSalesSnList": vec!["PAS-1"; 51]}), 130_010_001),
        (TEMU_ITEMS, json!({"parentAfterSalesSnList": vec!["PAS-1"; 50]}), 1_000_000),
    ] {
        let answer = caller.temu(api, asked.clone()).await;
        assert_eq!(temu_code(&answer), expected, "{api} {asked} {answer}");
    }
    let violations = caller.world(|world| world.violations());
    assert_eq!((violations.unfiltered_list, violations.unknown_parameter), (3, 1));
    assert_eq!((violations.page_too_large, violations.window_in_milliseconds), (1, 1));
    assert_eq!(violations.bad_parameter, 5);
}

#[tokio::test]
async fn a_long_creation_window_with_many_cases_is_never_answered() {
    let caller = Caller::new(settings()).await;
    let heavy = HeavyWindow { longer_than: TimeDelta::days(15), more_than: 30, stall: None };
    caller.world(|world| world.set_heavy_window(Some(heavy)));
    let now = start().timestamp();
    let code = async |kind: &str, days: i64| {
        let names = [format!("{kind}AtStart"), format!("{kind}AtEnd")];
        temu_code(&caller.temu(TEMU_LIST, json!({&names[0]: now - days * 86_400, &names[1]: now})).await)
    };

    assert_eq!(code("create", 30).await, 4_000_000);
    assert_eq!(code("create", 15).await, 1_000_000);
    assert_eq!(code("update", 30).await, 1_000_000);
    caller.world(|world| world.set_heavy_window(Some(HeavyWindow { more_than: 1000, ..heavy })));
    assert_eq!(code("create", 30).await, 1_000_000);

    let stall = Some(Duration::from_hours(1));
    caller.world(|world| world.set_heavy_window(Some(HeavyWindow { stall, ..heavy })));
    let call = code("create", 30);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), call).await.is_err(),
        "it keeps the caller waiting"
    );
    assert_eq!(code("create", 15).await, 1_000_000, "the next call is not held back");
}

#[tokio::test]
async fn xiaohongshu_answers_cases_as_the_truth_has_them() {
    let caller = Caller::new(settings()).await;
    let truth = caller.world(|world| world.truth_cases(XHS, 0));
    let mut noisy = 0;
    for case in truth {
        let body = caller.xiaohongshu_body(DETAIL, json!({"returnsId": case.number}));
        let answer = caller.http.post(caller.sandbox.xiaohongshu_gateway()).body(body).send().await.unwrap();
        // Halves of emoji in the buyer's note.
        let text = answer.text().await.unwrap().replace("\\ud83d", "?").replace("\\ude00", "?");
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&answer["code"], &answer["success"]), (&json!(0), &json!(true)));
        let told = &answer["data"]["afterSaleInfo"];

        let order = &caller.world(|world| world.versions(XHS, 0, &case.order_number))[0];
        assert!(order.created_ms <= case.created_at.timestamp_millis());
        assert!(case.updated_at.timestamp_millis() <= order.updated_ms, "the order moves with its case");
        assert_eq!((&told["returnsId"], &told["orderId"]), (&json!(case.number), &json!(case.order_number)));
        assert_eq!(integer(&told["status"]).to_string(), case.platform_status);
        assert_eq!(integer(&told["updatedAt"]), case.updated_at.timestamp_millis());
        assert_eq!(told["reasonNameZh"].as_str(), case.reason.as_deref());
        let amount = told.get("refundAmountYuan").filter(|amount| !amount.is_null());
        let amount = amount.unwrap_or(&told["expectedRefundAmountYuan"]).to_string();
        assert_eq!(fen(&amount), case.refund_minor.unwrap());
        noisy += usize::from(amount.len() > 10);
        let items = told["skus"].as_array().unwrap();
        assert_eq!(items.len(), case.items.len());
        for (item, expected) in items.iter().zip(&case.items) {
            assert_eq!(item["skuId"], expected.sku_id);
            assert_eq!(fen(&item["appliedTotalAmountYuan"].to_string()), expected.refund_minor.unwrap());
        }
        assert!(told["returnAddress"].is_null());
    }
    assert!(noisy > 0, "amounts no two decimals can hold");
}

#[tokio::test]
async fn xiaohongshu_wants_short_windows_in_milliseconds() {
    let caller = Caller::new(settings()).await;
    let (half_an_hour, day) = (30 * 60_000, 24 * 3_600_000);
    let nothing = json!({"pageNo": 1, "pageSize": 100});
    for (asked, is_fine) in [
        (window(half_an_hour, 2), true),
        (window(half_an_hour + 1, 2), false),
        (window(day, 1), true),
        (window(day + 1, 1), false),
        (window(0, 2), false),
        (window(9, 3), false),
        (nothing.clone(), false),
        (with(nothing.clone(), "orderId", json!("P1")), true),
        (with(nothing, "timeType", json!(1)), false),
        (with(window(9, 2), "pageSize", json!(101)), false),
        (with(window(9, 2), "pageNo", json!(500)), true),
        (with(window(9, 2), "pageNo", json!(501)), false),
        (with(window(9, 2), "pageNo", json!(0)), false),
        (with(window(9, 2), "pageNo", json!(null)), false),
        (
            json!({"startTime": start().timestamp() - 9, "endTime": start().timestamp(), "timeType": 2,
                "pageNo": 1, "pageSize": 10}),
            true,
        ),
    ] {
        let answer = caller.xiaohongshu(LIST, asked.clone()).await;
        assert_eq!(answer["success"], is_fine, "{asked} {answer}");
        assert!(answer.get("code").is_some(), "the newer dialect, also for a refusal: {answer}");
    }
    let violations = caller.world(|world| world.violations());
    assert_eq!((violations.window_too_long, violations.page_too_far, violations.page_too_large), (2, 1, 1));
    assert_eq!((violations.unfiltered_list, violations.window_in_seconds), (1, 1));
}

#[tokio::test]
async fn both_ends_of_a_window_are_part_of_it() {
    let caller = Caller::with_orders(1).await;
    let case = caller.world(|world| {
        let order = world.numbers(XHS, 0).remove(0);
        world.open_case(XHS, 0, &order).unwrap()
    });
    let now = start().timestamp_millis();
    for (from, until, found) in
        [(now, now + 1, 1), (now - 1, now, 1), (now + 1, now + 2, 0), (now - 2, now - 1, 0)]
    {
        let asked = json!({"startTime": from, "endTime": until, "timeType": 2, "pageNo": 1, "pageSize": 9});
        let data = caller.xiaohongshu(LIST, asked).await["data"].clone();
        assert_eq!(data["totalCount"], found, "{from} {until} {case}");
    }
}

#[tokio::test]
async fn a_case_moves_its_order_at_xiaohongshu_and_takes_money_at_temu() {
    let caller = Caller::with_orders(20).await;
    caller.clock.advance(minutes(5));
    let order = |platform| {
        caller.world(|world| {
            world.truth(platform, 0).into_iter().find(|order| !order.lines.is_empty()).unwrap()
        })
    };
    for platform in Platform::ALL {
        let before = order(platform);
        let case = caller.world(|world| world.open_case(platform, 0, &before.number).unwrap());
        let opened = order(platform);
        caller.clock.advance(minutes(5));
        assert!(caller.world(|world| world.refund_case(platform, 0, &case, 150)));
        let refunded = order(platform);

        assert_eq!(caller.world(|world| world.case_versions(platform, 0, &case).len()), 2);
        if platform == XHS {
            assert_eq!(opened.after_sales_status.as_deref(), Some("2"));
            assert_eq!(refunded.after_sales_status.as_deref(), Some("3"));
            assert!(before.updated_at < opened.updated_at && opened.updated_at < refunded.updated_at);
            assert_eq!(refunded.income_minor, before.income_minor);
        } else {
            assert_eq!([opened.updated_at, refunded.updated_at], [before.updated_at; 2]);
            assert_eq!(refunded.income_minor, before.income_minor - 150);
            let asked = json!({"parentOrderSn": before.number});
            let amounts = caller.temu("bg.order.amount.query", asked).await;
            let told = &amounts["result"]["parentOrderMap"];
            assert_eq!(told["refundsTotal"]["amount"], 150);
            assert_eq!(told["estimatedRevenue"]["amount"], refunded.income_minor);
        }
    }
    assert_eq!(caller.world(|world| world.open_case(XHS, 0, "P-none")), None);
}

#[tokio::test]
async fn the_newer_calls_may_answer_within_the_older_gateways_answer() {
    let caller = Caller::new(settings()).await;
    caller.world(|world| world.set_double_envelope(true));

    let answer = caller.xiaohongshu(LIST, with(window(9, 2), "orderId", json!("P1"))).await;
    let refused = caller.xiaohongshu(LIST, window(0, 2)).await;

    assert_eq!(answer["error_code"], 0);
    assert_eq!((&answer["data"]["code"], &answer["data"]["data"]["totalCount"]), (&json!(0), &json!(0)));
    assert!(refusal(&refused).0 != 0);
}

#[tokio::test]
async fn cases_change_and_are_opened_while_they_are_read() {
    let drift = Drift { per_list_request: 10, ..Drift::default() };
    let caller = Caller::new(SandboxSettings { drift, ..settings() }).await;
    caller.clock.advance(minutes(1));
    let before: BTreeSet<String> =
        caller.world(|world| world.case_numbers(Platform::Temu, 0)).into_iter().collect();
    let window = json!({"updateAtStart": 0, "updateAtEnd": start().timestamp(), "pageSize": 20});
    let total = async || caller.temu(TEMU_LIST, window.clone()).await["result"]["total"].as_u64().unwrap();

    let first = total().await;
    for _ in 0..5 {
        total().await;
    }

    assert!(total().await < first, "changed cases left the window");
    assert!(caller.world(|world| world.case_numbers(Platform::Temu, 0).len()) > before.len());
}
