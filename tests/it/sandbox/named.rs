//! Each named fault is what a client sees: one bad thing among good ones, lists that lie, odd times.

use serde_json::{Value, json};
use shopsync::sandbox::{Fault, NAMED_FAULTS, Platform, SandboxSettings, fault_list};

use super::{Caller, integer, refusal, start, temu_body, temu_code};

pub(super) const TEMU_LIST: &str = "bg.order.list.v2.get";
pub(super) const LIST: &str = "order.getOrderList";
pub(super) const DETAIL: &str = "order.getOrderDetail";

pub(super) fn fault(words: &str) -> Fault {
    words.parse().unwrap()
}

pub(super) async fn caller() -> Caller {
    let caller = Caller::new(SandboxSettings {
        orders: 60,
        products: 30,
        after_sales: 20,
        activities: 4,
        history: chrono::TimeDelta::minutes(20),
        ..SandboxSettings::default()
    })
    .await;
    // Half an emoji is more than the reader of these tests takes.
    for platform in Platform::ALL {
        for number in numbers(&caller, platform) {
            caller.world(|world| {
                world.change_order(platform, 0, &number, |order| {
                    (order.buyer_note, order.seller_note) = Default::default();
                });
            });
        }
    }
    caller
}

impl Caller {
    /// Instead of the faults there are.
    pub(super) fn suffer(&self, faults: impl IntoIterator<Item = Fault>) {
        self.world(|world| {
            world.clear_faults();
            faults.into_iter().for_each(|fault| world.add_fault(fault));
        });
    }

    /// Status, headers and bytes of a signed Xiaohongshu call.
    pub(super) async fn bytes(
        &self,
        method: &str,
        parameters: Value,
    ) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
        let body = self.xiaohongshu_body(method, parameters);
        let answer = self.http.post(self.sandbox.xiaohongshu_gateway()).body(body).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, answer.bytes().await.unwrap().to_vec())
    }

    pub(super) async fn text(&self, method: &str, parameters: Value) -> (u16, String) {
        let (status, _, bytes) = self.bytes(method, parameters).await;
        (status, String::from_utf8(bytes).unwrap())
    }

    pub(super) async fn temu_text(&self, api: &str, parameters: Value) -> (u16, String) {
        let body = temu_body(self.temu_parameters(api, parameters), shopsync::sandbox::TEMU_APP_SECRET);
        let answer = self.http.post(self.sandbox.temu_gateway()).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// The orders of the last half hour.
pub(super) fn window(page: i64, page_size: i64) -> Value {
    let now = start().timestamp();
    json!({"startTime": now - 1800, "endTime": now, "timeType": 2, "pageNo": page, "pageSize": page_size})
}

pub(super) fn temu_window(page: i64, page_size: i64) -> Value {
    let now = start().timestamp();
    json!({"updateAtStart": now - 1800, "updateAtEnd": now, "pageNumber": page, "pageSize": page_size})
}

pub(super) fn numbers(caller: &Caller, platform: Platform) -> Vec<String> {
    caller.world(|world| world.numbers(platform, 0))
}

#[tokio::test]
async fn a_name_is_read_with_dashes_or_underscores_a_number_and_a_share() {
    for named in NAMED_FAULTS {
        assert_eq!(fault(named.name).kind, named.kind);
        assert_eq!(fault(&named.name.replace('-', "_")).kind, named.kind);
        let script: Fault = serde_json::from_value(json!({"kind": named.name, "number": "P1"})).unwrap();
        assert_eq!((script.kind, script.number.as_deref()), (named.kind.clone(), Some("P1")));
        assert!(fault_list().contains(&format!("  {}", named.name)), "{} is listed", named.name);
    }
    let capped = fault("total-capped:50=0.5");
    assert_eq!((capped.parameter, capped.probability, capped.share), (Some(50), Some(0.5), None));
    let isolated = fault("isolated-500=0.02");
    assert_eq!((isolated.probability, isolated.share), (None, Some(0.02)), "a share of things");
    for wrong in ["nothing", "reset=2", "reset=x", "total-capped:x"] {
        assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn an_isolated_fault_strikes_the_calls_about_one_thing_alone() {
    let caller = caller().await;
    let orders = numbers(&caller, Platform::Xiaohongshu);
    let bad = |name: &str| fault(name).about(&orders[0]);
    let ask = |index: usize| json!({"orderId": orders[index]});

    caller.suffer([bad("isolated-500")]);
    for _ in 0..3 {
        assert_eq!(caller.text(DETAIL, ask(0)).await, (500, "Internal Server Error".to_owned()));
    }
    assert_eq!(refusal(&caller.xiaohongshu(DETAIL, ask(1)).await).0, 0);
    assert_eq!(caller.xiaohongshu(LIST, window(1, 50)).await["data"]["total"], 60);

    caller.suffer([bad("isolated-501-code")]);
    assert_eq!(refusal(&caller.xiaohongshu(DETAIL, ask(0)).await), (501, "系统内部错误"));
    caller.suffer([bad("isolated-refused")]);
    assert_eq!(refusal(&caller.xiaohongshu(DETAIL, ask(0)).await).1, "无权限查看该订单");
    caller.suffer([bad("isolated-empty")]);
    assert_eq!(caller.text(DETAIL, ask(0)).await, (200, String::new()));
    caller.suffer([bad("isolated-html")]);
    assert!(caller.text(DETAIL, ask(0)).await.1.starts_with("<html>"));
    caller.suffer([bad("isolated-cut")]);
    let (status, text) = caller.text(DETAIL, ask(0)).await;
    assert!(status == 200 && serde_json::from_str::<Value>(&text).unwrap_err().is_eof());
    caller.suffer([bad("isolated-hang")]);
    let body = caller.xiaohongshu_body(DETAIL, ask(0));
    let call = caller.http.post(caller.sandbox.xiaohongshu_gateway()).body(body);
    let silence = call.timeout(std::time::Duration::from_millis(60)).send().await.unwrap_err();
    assert!(silence.is_timeout());
    assert_eq!(refusal(&caller.xiaohongshu(DETAIL, ask(1)).await).0, 0);
}

#[tokio::test]
async fn an_isolated_fault_fits_every_call_about_one_thing() {
    let caller = caller().await;
    let (case, activity, sku) = caller.world(|world| {
        let case = world.truth_cases(Platform::Temu, 0)[0].number.clone();
        let activities = world.truth_activities(0);
        let live = activities.iter().find(|activity| !activity.is_gone && activity.ends_at > start());
        let activity = live.unwrap().activity_id.clone();
        (case, activity, world.truth_skus(Platform::Xiaohongshu, 0)[0].sku_id.clone())
    });
    let order = numbers(&caller, Platform::Temu)[0].clone();
    caller.suffer([fault("isolated-500")]);

    for (api, parameters) in [
        ("bg.order.detail.v2.get", json!({"parentOrderSn": order})),
        ("bg.order.amount.query", json!({"parentOrderSn": order})),
        ("bg.aftersales.aftersales.list.get", json!({"parentAfterSalesSnList": [case]})),
        (
            "bg.promotion.activity.goods.query",
            json!({"activityId": activity, "pageNumber": 1, "pageSize": 10}),
        ),
    ] {
        assert_eq!(caller.temu_text(api, parameters).await.0, 500, "{api}");
    }
    for api in ["inventory.getSkuStock", "inventory.getSkuStockV2"] {
        assert_eq!(caller.text(api, json!({"skuId": sku})).await.0, 500, "{api}");
    }
    // A call that the platform itself refuses stays refused.
    let unknown = caller.temu("bg.order.detail.v2.get", json!({"parentOrderSn": "PO-none"})).await;
    assert_eq!(temu_code(&unknown), 140_020_002);
}

#[tokio::test]
async fn a_sticky_share_strikes_the_same_things_until_it_is_cleared() {
    let caller = caller().await;
    caller.suffer([fault("isolated-500=0.3")]);
    let mut struck = Vec::new();
    for _ in 0..2 {
        let mut now = Vec::new();
        for order in numbers(&caller, Platform::Xiaohongshu) {
            if caller.text(DETAIL, json!({"orderId": order})).await.0 == 500 {
                now.push(order);
            }
        }
        struck.push(now);
    }
    assert!((8..=28).contains(&struck[0].len()), "{} of 60", struck[0].len());
    assert_eq!(struck[0], struck[1]);
    caller.suffer([]);
    assert_eq!(caller.text(DETAIL, json!({"orderId": struck[0][0]})).await.0, 200);
}

#[tokio::test]
async fn a_row_loses_its_number_or_becomes_unreadable_and_the_others_do_not() {
    let caller = caller().await;
    let order = numbers(&caller, Platform::Temu)[7].clone();
    caller.suffer([fault("null-number").about(&order)]);
    let rows = caller.temu(TEMU_LIST, temu_window(1, 100)).await["result"]["pageItems"].clone();
    let rows = rows.as_array().unwrap();
    let nameless = rows.iter().filter(|row| row["parentOrderMap"]["parentOrderSn"].is_null()).count();
    assert_eq!((rows.len(), nameless), (60, 1));

    caller.suffer([fault("null-item-number").about(&order).next(1)]);
    for expected in [1, 0] {
        let rows = caller.temu(TEMU_LIST, temu_window(1, 100)).await["result"]["pageItems"].clone();
        let of = |row: &&Value| row["orderList"][0].get("orderSn").is_some_and(Value::is_null);
        assert_eq!(rows.as_array().unwrap().iter().filter(of).count(), expected, "it strikes once");
    }

    for (form, shown) in
        [(0, ":NaN"), (1, ":-Infinity"), (2, r"it\'s"), (3, "a\u{1f}b"), (4, ":0x1F"), (5, "two\nlines")]
    {
        caller.suffer([fault(&format!("nan-row:{form}")).about(&order)]);
        let (_, text) = caller.temu_text(TEMU_LIST, temu_window(1, 100)).await;
        assert_eq!(text.matches(shown).count(), 1, "{shown}");
        assert!(serde_json::from_str::<Value>(&text).is_err());
    }
}

#[tokio::test]
async fn one_item_of_a_case_has_no_case() {
    let caller = caller().await;
    let cases = caller.world(|world| world.truth_cases(Platform::Temu, 0));
    let named = [&cases[0].number, &cases[1].number];
    caller.suffer([fault("null-item-number").about(named[0])]);

    let answer = caller
        .temu("bg.aftersales.aftersales.list.get", json!({"parentAfterSalesSnList": named, "pageSize": 100}))
        .await;

    let rows = answer["result"]["data"].as_array().unwrap();
    let nameless = rows.iter().filter(|row| row["parentAfterSalesSn"].is_null()).count();
    assert_eq!((nameless, rows.len()), (cases[0].items.len(), cases[0].items.len() + cases[1].items.len()));
}

#[tokio::test]
async fn times_are_ahead_once_old_once_or_in_the_other_unit() {
    let caller = caller().await;
    let order = numbers(&caller, Platform::Xiaohongshu)[0].clone();
    let updated =
        async || integer(&caller.xiaohongshu(DETAIL, json!({"orderId": order})).await["data"]["updateTime"]);
    let right = updated().await;

    caller.suffer([fault("time-ahead")]);
    assert_eq!((updated().await, updated().await), (right + 28_800_000, right));
    caller.suffer([fault("time-old")]);
    assert_eq!((updated().await, updated().await), (1_000_000_000_000, right));
    caller.suffer([fault("unit-swapped")]);
    assert_eq!(updated().await, right / 1000);
    let row =
        caller.temu(TEMU_LIST, temu_window(1, 1)).await["result"]["pageItems"][0]["parentOrderMap"].clone();
    assert!(integer(&row["updateTime"]) > 1_000_000_000_000, "seconds become milliseconds");
}

#[tokio::test]
async fn things_are_huge_keyed_or_without_money() {
    let caller = caller().await;
    let order = numbers(&caller, Platform::Xiaohongshu)[0].clone();
    let detail = async || caller.xiaohongshu(DETAIL, json!({"orderId": order})).await["data"].clone();

    caller.suffer([fault("huge-number:5000")]);
    assert_eq!(detail().await["orderId"].as_str().unwrap().len(), 5000);
    caller.suffer([fault("huge-row:70000")]);
    assert_eq!(detail().await["extendInfo"].as_str().unwrap().len(), 70_000);
    caller.suffer([fault("many-lines:300")]);
    assert_eq!(detail().await["skuList"].as_array().unwrap().len(), 300);
    caller.suffer([fault("keyed-skus")]);
    assert!(detail().await["skuList"]["0"]["skuId"].is_string());
    caller.suffer([fault("money-unreadable")]);
    assert_eq!(detail().await["totalPayAmount"], "--");

    let order = numbers(&caller, Platform::Temu)[0].clone();
    let amounts = async || caller.temu("bg.order.amount.query", json!({"parentOrderSn": order})).await;
    let total = |answer: &Value| answer["result"]["parentOrderMap"]["basePriceTotal"]["amount"].clone();
    assert_eq!(total(&amounts().await), "--");
    caller.suffer([fault("money-busy")]);
    assert_eq!(temu_code(&amounts().await), 140_020_009);
    assert!(total(&amounts().await).is_i64(), "only the first call is told to wait");
}
