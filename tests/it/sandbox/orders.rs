//! The simulated orders: what the lists show, what a careless reader loses, and that the truth is what is told.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::json;
use shopsync::sandbox::{
    Drift, Fault, FaultKind, Platform, SandboxSettings, Spoiled, TEMU_APP_SECRET, World,
};

use super::{Caller, integer, start, temu_body};

const LIST: &str = "bg.order.list.v2.get";
const PAGE_SIZE: u64 = 100;

/// Number and update time in seconds of every row, and the total, of one Temu page.
async fn page(caller: &Caller, page: u64, window: (i64, i64)) -> (Vec<(String, i64)>, u64) {
    let asked = json!({
        "updateAtStart": window.0, "updateAtEnd": window.1, "sortby": "updateTime",
        "pageNumber": page, "pageSize": PAGE_SIZE,
    });
    let answer = caller.temu(LIST, asked).await;
    let rows = answer["result"]["pageItems"].as_array().unwrap();
    let rows = rows.iter().map(|row| {
        let order = &row["parentOrderMap"];
        (order["parentOrderSn"].as_str().unwrap().to_owned(), integer(&order["updateTime"]))
    });
    (rows.collect(), answer["result"]["totalItemNum"].as_u64().unwrap())
}

/// The orders of the window that were neither read nor moved out of it, reading in this order of pages.
async fn lost(is_forward: bool) -> usize {
    let drift = Drift { per_list_request: 16, ..Drift::default() };
    let caller = Caller::new(SandboxSettings { orders: 1500, drift, ..SandboxSettings::default() }).await;
    let window = (0, start().timestamp());
    let in_window = |world: &mut World| {
        let truth = world.truth(Platform::Temu, 0).into_iter();
        truth.filter(|order| order.updated_at <= start()).map(|order| order.number).collect::<BTreeSet<_>>()
    };
    caller.clock.advance(TimeDelta::seconds(1));

    let (first, total) = page(&caller, 1, window).await;
    let mut seen: BTreeSet<String> = first.into_iter().map(|(number, _)| number).collect();
    let pages = total.div_ceil(PAGE_SIZE);
    for step in 1..=pages {
        let wanted = if is_forward { step } else { pages + 1 - step };
        seen.extend(page(&caller, wanted, window).await.0.into_iter().map(|(number, _)| number));
    }
    caller.world(in_window).difference(&seen).count()
}

#[tokio::test]
async fn reading_forward_while_orders_change_loses_some_and_backward_none() {
    assert_eq!(lost(false).await, 0);
    let lost = lost(true).await;
    assert!(lost > 20, "{lost}");
}

#[tokio::test]
async fn temu_lists_newest_first_with_both_ends_included() {
    let caller = Caller::with_orders(0).await;
    let at = |seconds| start() + TimeDelta::seconds(seconds);
    let numbers: Vec<String> = caller.world(|world| {
        [-30, -20, -10, 0].map(|seconds| world.place_order(Platform::Temu, 0, at(-60), at(seconds))).into()
    });

    let (rows, total) = page(&caller, 1, (at(-20).timestamp(), at(0).timestamp())).await;

    let expected: Vec<&String> = numbers[1..].iter().rev().collect();
    assert_eq!(rows.iter().map(|(number, _)| number).collect::<Vec<_>>(), expected);
    assert_eq!(total, 3);
}

#[tokio::test]
async fn temu_sorts_by_creation_unless_set_otherwise() {
    let caller = Caller::with_orders(300).await;
    let asked = json!({"updateAtStart": 0, "updateAtEnd": start().timestamp(), "pageSize": 100});

    let answer = caller.temu(LIST, asked).await;

    let rows = answer["result"]["pageItems"].as_array().unwrap().iter();
    let created: Vec<i64> = rows.map(|row| integer(&row["parentOrderMap"]["parentOrderTime"])).collect();
    assert!(created.len() == 100 && created.is_sorted_by(|a, b| a >= b));
}

#[tokio::test]
async fn temu_filters_by_status_and_numbers() {
    let caller = Caller::with_orders(200).await;
    let truth = caller.world(|world| world.truth(Platform::Temu, 0));
    let shipped = truth.iter().filter(|order| order.platform_status == "4").count();
    let window = json!({"createAfter": 0, "createBefore": start().timestamp()});

    let mut asked = window.clone();
    asked["parentOrderStatus"] = json!(4);
    assert_eq!(caller.temu(LIST, asked).await["result"]["totalItemNum"], shipped);
    let asked = json!({"parentOrderSnList": [truth[0].number, truth[7].number, "PO-none"]});
    assert_eq!(caller.temu(LIST, asked).await["result"]["totalItemNum"], 2);
    assert!(caller.world(|world| world.violations().is_empty()));
}

#[tokio::test]
async fn the_list_of_xiaohongshu_has_neither_money_nor_lines() {
    let caller = Caller::with_orders(0).await;
    caller.world(|world| world.create_order(Platform::Xiaohongshu, 0));
    let now = start().timestamp();

    let window = json!({"startTime": now - 60, "endTime": now, "timeType": 1, "pageSize": 20});
    let list = caller.xiaohongshu("order.getOrderList", window).await["data"].clone();

    assert_eq!((&list["total"], &list["maxPageNo"], &list["pageSize"]), (&json!(1), &json!(1), &json!(20)));
    let row = list["orderList"][0].as_object().unwrap();
    assert!(!row.contains_key("totalPayAmount") && !row.contains_key("skuList"));
}

#[tokio::test]
async fn a_tenth_of_the_orders_changes_within_one_second_of_a_burst() {
    let settings = SandboxSettings { orders: 500, burst: true, ..SandboxSettings::default() };
    let caller = Caller::new(settings).await;

    for platform in Platform::ALL {
        let mut seconds: BTreeMap<i64, usize> = BTreeMap::new();
        for order in caller.world(|world| world.truth(platform, 0)) {
            assert!(order.created_at <= order.updated_at && order.updated_at < start());
            *seconds.entry(order.updated_at.timestamp()).or_default() += 1;
        }
        assert!(seconds.values().any(|orders| *orders >= 50), "{platform:?}");
    }
}

#[tokio::test]
async fn the_same_seed_makes_the_same_shops_in_any_order_of_asking() {
    let (one, two) = (Caller::with_orders(40).await, Caller::with_orders(40).await);
    two.world(|world| world.truth(Platform::Xiaohongshu, 2));
    two.world(|world| world.create_order(Platform::Temu, 1));

    let truths = |caller: &Caller| caller.world(|world| world.truth(Platform::Temu, 0));

    assert_eq!(truths(&one), truths(&two));
    assert_ne!(truths(&one), one.world(|world| world.truth(Platform::Temu, 2)));
}

#[tokio::test]
async fn a_late_order_shows_only_when_it_is_indexed() {
    let caller = Caller::with_orders(0).await;
    let number = caller.world(|world| world.create_late_order(Platform::Temu, 0, TimeDelta::seconds(30)));
    let window = (start().timestamp() - 9, start().timestamp() + 9);

    caller.clock.advance(TimeDelta::seconds(29));
    assert_eq!(page(&caller, 1, window).await.1, 0);
    assert!(caller.world(|world| world.truth(Platform::Temu, 0)).is_empty());

    caller.clock.advance(TimeDelta::seconds(1));
    assert_eq!(page(&caller, 1, window).await.0, [(number, start().timestamp())]);
}

#[tokio::test]
async fn every_change_is_a_version_and_moves_the_order_to_its_new_time() {
    let caller = Caller::with_orders(5).await;
    let number = caller.world(|world| world.numbers(Platform::Temu, 0).remove(3));
    caller.clock.advance(TimeDelta::hours(1));

    caller.world(|world| {
        assert!(world.advance_status(Platform::Temu, 0, &number));
        assert!(world.change_lines(Platform::Temu, 0, &number));
        assert!(!world.touch(Platform::Temu, 0, "PO-none"));
    });

    let versions = caller.world(|world| world.versions(Platform::Temu, 0, &number));
    assert_eq!(versions.len(), 3);
    assert_ne!(versions[0].status, versions[1].status);
    assert_ne!(versions[1].lines, versions[2].lines);
    let window = (start().timestamp() + 1, caller.clock.now().timestamp());
    assert_eq!(page(&caller, 1, window).await.0, [(number, caller.clock.now().timestamp())]);
}

#[tokio::test]
async fn money_may_change_without_moving_the_update_time() {
    let caller = Caller::with_orders(1).await;
    let before = caller.world(|world| world.truth(Platform::Temu, 0).remove(0));
    caller.clock.advance(TimeDelta::hours(1));

    caller.world(|world| world.reprice(Platform::Temu, 0, &before.number));

    let after = caller.world(|world| world.truth(Platform::Temu, 0).remove(0));
    assert_eq!(after.updated_at, before.updated_at);
    assert_eq!(after.total_minor, before.total_minor - 100);
}

#[tokio::test]
async fn a_hook_scripts_what_happens_between_two_pages() {
    let caller = Caller::with_orders(0).await;
    caller.world(|world| {
        world.on_request(Box::new(|world, request| {
            assert_eq!((request.api.as_str(), request.shop), (LIST, Some(0)));
            assert_eq!(request.parameters["pageNumber"], "1");
            world.create_order(Platform::Temu, 0);
        }));
    });
    let window = (start().timestamp() - 9, start().timestamp() + 9);

    assert_eq!(page(&caller, 1, window).await.1, 1);
    assert_eq!(page(&caller, 1, window).await.1, 2);
    caller.world(World::remove_hook);
    assert_eq!(page(&caller, 2, window).await.1, 2);
}

#[tokio::test]
async fn a_hook_may_remove_itself_or_put_another_in_its_place() {
    let caller = Caller::with_orders(0).await;
    caller.world(|world| {
        world.on_request(Box::new(|world, _| {
            world.create_order(Platform::Temu, 0);
            world.on_request(Box::new(|world, _| world.remove_hook()));
        }));
    });
    let window = (start().timestamp() - 9, start().timestamp() + 9);

    for _ in 0..3 {
        assert_eq!(page(&caller, 1, window).await.1, 1);
    }
}

#[tokio::test]
async fn a_spoiled_row_cannot_be_read_until_it_is_mended() {
    let caller = Caller::with_orders(1).await;
    let number = caller.world(|world| world.numbers(Platform::Temu, 0).remove(0));
    let row = async || {
        let asked = json!({"updateAtStart": 0, "updateAtEnd": start().timestamp()});
        caller.temu(LIST, asked).await["result"]["pageItems"][0]["parentOrderMap"].clone()
    };
    let spoil = |spoiled| caller.world(|world| world.spoil(Platform::Temu, 0, &number, spoiled));

    assert!(spoil(Some(Spoiled::Status)));
    assert!(row().await["parentOrderStatus"].is_object() && row().await["parentOrderSn"] == number);
    assert!(spoil(Some(Spoiled::Number)));
    assert!(row().await["parentOrderSn"].is_null());
    assert!(spoil(None));
    caller.world(|world| world.add_fault(Fault::new(FaultKind::UnreadableRow).next(1)));
    assert!(row().await["parentOrderStatus"].is_object());
    assert!(!row().await["parentOrderStatus"].is_object());
}

#[tokio::test]
async fn calls_are_counted_by_api_and_forgotten_on_request() {
    let caller = Caller::with_orders(0).await;
    page(&caller, 1, (0, 9)).await;
    let unsigned = temu_body(caller.temu_parameters(LIST, json!({"sign": ""})), TEMU_APP_SECRET);
    caller.post(&caller.sandbox.temu_gateway(), unsigned).await;
    let counted = || caller.world(|world| (world.calls(LIST), world.calls("other"), world.calls_total()));

    assert_eq!(counted(), (2, 0, 2));
    caller.world(World::reset_counters);
    assert_eq!(counted(), (0, 0, 0));
    assert!(caller.world(|world| world.violations().is_empty()));
}
