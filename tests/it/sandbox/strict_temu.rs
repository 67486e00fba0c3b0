//! What the simulated Temu refuses, and what it lets pass without a word.

use serde_json::json;
use shopsync::sandbox::{
    Platform, SandboxSettings, TEMU_APP_SECRET, TEMU_OTHER_APP_KEY, TEMU_OTHER_APP_SECRET, Violations,
};

use super::{Caller, start, temu_body, temu_code as code};

const LIST: &str = "bg.order.list.v2.get";
const INFO: &str = "bg.open.accesstoken.info.get";

#[tokio::test]
async fn each_gateway_rule_refuses_with_its_own_code() {
    let caller = Caller::with_orders(0).await;
    let now = start().timestamp();

    for (parameters, expected) in [
        (json!({}), 1_000_000),
        (json!({"timestamp": now.to_string()}), 1_000_000),
        (json!({"timestamp": now + 300}), 1_000_000),
        (json!({"timestamp": now - 300}), 1_000_000),
        (json!({"timestamp": now + 301}), 3_000_011),
        (json!({"timestamp": now - 301}), 3_000_012),
        (json!({"timestamp": null}), 3_000_010),
        (json!({"sign": "0123456789ABCDEF0123456789ABCDEF"}), 3_000_001),
        (json!({"app_key": "nobody"}), 3_000_026),
        (json!({"app_key": null}), 3_000_025),
        (json!({"type": null}), 3_000_002),
        (json!({"type": "bg.order.list.v9.get"}), 3_000_003),
        (json!({"type": "bg.open.accesstoken.info.get.global"}), 3_000_003),
        (json!({"data_type": null}), 3_000_013),
        (json!({"data_type": "XML"}), 3_000_014),
        (json!({"access_token": null}), 3_000_030),
        (json!({"access_token": "unknown"}), 3_000_031),
    ] {
        let answer = caller.temu(INFO, parameters.clone()).await;
        assert_eq!(code(&answer), expected, "{parameters} {answer}");
    }
}

#[tokio::test]
async fn a_missing_signature_has_a_code_of_its_own() {
    let caller = Caller::with_orders(0).await;
    let unsigned = serde_json::to_string(&caller.temu_parameters(INFO, json!({}))).unwrap();

    let answer = caller.post(&caller.sandbox.temu_gateway(), unsigned).await;

    assert_eq!(code(&answer), 3_000_040);
}

#[tokio::test]
async fn a_signature_over_other_parameters_is_wrong() {
    let caller = Caller::with_orders(0).await;
    let signed = temu_body(caller.temu_parameters(LIST, json!({"pageNumber": 1})), TEMU_APP_SECRET);
    let tampered = signed.replace("\"pageNumber\":1", "\"pageNumber\":2");
    let duplicate = signed.replacen('{', "{\"sign\":\"\",", 1);

    for body in [tampered, duplicate] {
        let answer = caller.post(&caller.sandbox.temu_gateway(), body).await;
        assert_eq!(code(&answer), 3_000_001);
    }
    assert_eq!(caller.world(|world| world.violations().wrong_signature), 2);
}

#[tokio::test]
async fn hmac_is_taken_only_where_it_is_set() {
    let settings = SandboxSettings { temu_hmac: true, ..SandboxSettings::default() };
    let caller = Caller::new(settings).await;

    let answer = caller.temu(INFO, json!({})).await;

    assert_eq!(code(&answer), 3_000_001, "an md5 signature is wrong there");
}

#[tokio::test]
async fn a_token_of_another_app_or_one_replaced_is_refused() {
    let caller = Caller::with_orders(0).await;
    let others = caller.world(|world| world.issue_token_to(Platform::Temu, 1, TEMU_OTHER_APP_KEY));

    let answer = caller.temu(INFO, json!({"access_token": others.access})).await;
    assert_eq!(code(&answer), 3_000_033);

    let own = json!({"access_token": others.access, "app_key": TEMU_OTHER_APP_KEY});
    let body = temu_body(caller.temu_parameters(INFO, own), TEMU_OTHER_APP_SECRET);
    let answer = caller.post(&caller.sandbox.temu_gateway(), body).await;
    assert_eq!(code(&answer), 1_000_000);

    caller.world(|world| world.issue_token(Platform::Temu, 0));
    assert_eq!(code(&caller.temu(INFO, json!({})).await), 3_000_034);
}

#[tokio::test]
async fn an_api_outside_the_grant_is_refused_and_not_listed() {
    let caller = Caller::with_orders(0).await;
    caller.world(|world| world.set_granted(Platform::Temu, 0, "bg.order.amount.query", false));

    let amount = caller.temu("bg.order.amount.query", json!({"parentOrderSn": "PO-1"})).await;
    let info = caller.temu(INFO, json!({})).await;

    assert_eq!(code(&amount), 3_000_032);
    let scopes = info["result"]["apiScopeList"].as_array().unwrap();
    assert!(scopes.contains(&json!(LIST)) && !scopes.contains(&json!("bg.order.amount.query")));
}

#[tokio::test]
async fn list_parameters_are_checked() {
    let caller = Caller::with_orders(0).await;
    let now = start().timestamp();

    for (parameters, expected) in [
        (json!({"updateAtStart": now - 9, "updateAtEnd": now}), 1_000_000),
        (json!({"updateAtStart": 0, "updateAtEnd": now}), 1_000_000),
        (json!({"updateAtStart": now - 9}), 140_020_013),
        (json!({"createBefore": now}), 140_020_013),
        (json!({"updateAtStart": now, "updateAtEnd": now}), 140_020_012),
        (json!({"updateAtStart": now * 1000 - 9, "updateAtEnd": now * 1000}), 140_020_014),
        (json!({"updateAtStart": "then", "updateAtEnd": now}), 3_000_000),
        (json!({"updateAtStart": now - 9, "updateAtEnd": now, "pageSize": 101}), 3_000_000),
        (json!({"updateAtStart": now - 9, "updateAtEnd": now, "pageNumber": 0}), 3_000_000),
        (json!({"parentOrderSnList": vec!["PO-1"; 21]}), 3_000_000),
    ] {
        let answer = caller.temu(LIST, parameters.clone()).await;
        assert_eq!(code(&answer), expected, "{parameters} {answer}");
    }
    assert_eq!(caller.world(|world| world.violations().bad_parameter), 8);
}

#[tokio::test]
async fn a_misspelt_or_nested_filter_is_ignored_and_counted() {
    let caller = Caller::with_orders(30).await;
    let now = start().timestamp();

    for parameters in [
        json!({"beginTime": now - 9, "endTime": now}),
        json!({"request": {"updateAtStart": now - 9, "updateAtEnd": now}}),
    ] {
        let answer = caller.temu(LIST, parameters).await;
        assert_eq!(answer["result"]["totalItemNum"], 30, "the whole shop");
    }

    let violations = caller.world(|world| world.violations());
    let expected = Violations { unfiltered_list: 2, unknown_parameter: 3, ..Violations::default() };
    assert_eq!(violations, expected);
}

#[tokio::test]
async fn more_calls_than_the_limit_are_throttled_and_counted() {
    let settings = SandboxSettings { requests_per_second: Some(0.001), ..SandboxSettings::default() };
    let caller = Caller::new(settings).await;

    assert_eq!(code(&caller.temu(INFO, json!({})).await), 1_000_000);
    assert_eq!(code(&caller.temu(INFO, json!({})).await), 4_000_004);

    assert_eq!(caller.world(|world| world.violations().rate_exceeded), 1);
    assert!((1..=2).contains(&caller.world(|world| world.rate_max(Platform::Temu))));
}

#[tokio::test]
async fn the_partner_zone_has_no_orders_and_its_own_token_call() {
    let caller = Caller::with_orders(0).await;

    for (api, expected) in
        [(LIST, 3_000_003), (INFO, 3_000_003), ("bg.open.accesstoken.info.get.global", 1_000_000)]
    {
        let body = temu_body(caller.temu_parameters(api, json!({})), TEMU_APP_SECRET);
        let answer = caller.post(&caller.sandbox.temu_partner_gateway(), body).await;
        assert_eq!(code(&answer), expected, "{api}");
    }
}

#[tokio::test]
async fn the_second_and_third_amount_call_belong_to_their_sites() {
    let caller = Caller::with_orders(1).await;
    for (shop, open) in [(0, [true, false, false]), (1, [true, true, false]), (2, [true, false, true])] {
        let (token, number) = caller.world(|world| {
            (world.issue_token(Platform::Temu, shop).access, world.numbers(Platform::Temu, shop).remove(0))
        });
        let apis = ["bg.order.amount.query", "temu.order.amount.v2.query", "temu.order.amount.v3.query"];
        for (api, is_open) in apis.into_iter().zip(open) {
            let asked = json!({"access_token": token, "parentOrderSn": number});
            let expected = if is_open { 1_000_000 } else { 140_020_015 };
            assert_eq!(code(&caller.temu(api, asked).await), expected, "{shop} {api}");
        }
    }
}
