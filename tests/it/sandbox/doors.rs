//! The sandbox's other doors: consent pages for browsers, control and truth for scripts.

use std::collections::HashMap;

use serde_json::{Value, json};
use shopsync::sandbox::{
    Drift, Platform, Sandbox, SandboxError, SandboxSettings, TEMU_APP_KEY, XIAOHONGSHU_APP_ID,
};
use url::Url;

use super::Caller;

async fn control(caller: &Caller, message: Value) -> (u16, String) {
    let address = caller.sandbox.url() + "/_control";
    let answer = caller.http.post(address).body(message.to_string()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn truth(caller: &Caller, query: &str) -> Value {
    let address = format!("{}/_control/truth{query}", caller.sandbox.url());
    serde_json::from_str(&caller.http.get(address).send().await.unwrap().text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn consent_sends_the_browser_back_with_code_and_state() {
    let caller = Caller::with_orders(0).await;
    let redirects = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().no_proxy().redirect(redirects).build().unwrap();
    for (query, app) in [
        ("temu?appKey={app}&redirect_uri=http://localhost/back%3Fa%3D1&state=s%261&shop=1", TEMU_APP_KEY),
        ("xiaohongshu?appId={app}&redirectUri=http://localhost/back&state=s%261&shop=1", XIAOHONGSHU_APP_ID),
    ] {
        let address = format!("{}/authorize/{}", caller.sandbox.url(), query.replace("{app}", app));
        let answer = browser.get(&address).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        let told: HashMap<_, _> = back.query_pairs().into_owned().collect();
        assert_eq!(told["state"], "s&1");

        let code = json!(told["code"]);
        let account = if query.starts_with("temu") {
            let asked = json!({"code": code, "access_token": code});
            caller.temu("bg.open.accesstoken.create", asked).await["result"]["mallId"].to_string()
        } else {
            let asked = json!({"code": code, "accessToken": null});
            let answer = caller.xiaohongshu("oauth.getAccessToken", asked).await;
            answer["data"]["sellerId"].as_str().unwrap().to_owned()
        };
        let platform = if query.starts_with("temu") { Platform::Temu } else { Platform::Xiaohongshu };
        assert_eq!(account, platform.account(1));
    }
}

#[tokio::test]
async fn consent_is_refused_for_strangers() {
    let caller = Caller::with_orders(0).await;
    for (query, status) in [
        (format!("temu?appKey={TEMU_APP_KEY}"), 200),
        ("temu?appKey=nobody".into(), 400),
        (format!("temu?appKey={TEMU_APP_KEY}&shop=99"), 400),
        (format!("temu?appKey={TEMU_APP_KEY}&redirect_uri=file:///etc/passwd"), 400),
        ("elsewhere?appKey=x".into(), 404),
    ] {
        let address = format!("{}/authorize/{query}", caller.sandbox.url());
        assert_eq!(caller.http.get(&address).send().await.unwrap().status(), status, "{query}");
    }
}

#[tokio::test]
async fn control_sets_faults_and_makes_things_happen() {
    let caller = Caller::with_orders(0).await;
    let message = json!({
        "faults": [{"kind": {"business": {"code": 7, "message": "no"}}, "platform": "temu", "next": 1}],
        "skew_seconds": 60,
        "create_orders": {"platform": "temu", "count": 3},
        "issue_token": {"platform": "temu"},
    });

    let (status, text) = control(&caller, message).await;

    assert_eq!(status, 200, "{text}");
    let token = serde_json::from_str::<Value>(&text).unwrap()["access_token"].clone();
    let info = async || {
        let api = "bg.open.accesstoken.info.get";
        caller.temu(api, json!({"access_token": token})).await["errorCode"].clone()
    };
    assert_eq!(info().await, 7);
    assert_eq!(info().await, 1_000_000);
    let told = truth(&caller, "").await;
    assert_eq!(told["shops"][0]["orders"].as_array().unwrap().len(), 3);
    assert_eq!(told["calls"]["bg.open.accesstoken.info.get"], 2);
    assert_eq!(told["violations"]["wrong_signature"], 0);
    assert_eq!(told["now_ms"], caller.clock.now().timestamp_millis() + 60_000);
}

#[tokio::test]
async fn control_says_what_it_did_not_understand() {
    let caller = Caller::with_orders(0).await;
    for (message, words) in [
        (json!({"fault": []}), "fault"),
        (json!({"faults": [{"kind": "earthquake"}]}), "earthquake"),
        (json!({"faults": [{"kind": "reset", "probabilty": 0.1}]}), "probabilty"),
        (json!({"issue_code": {"platform": "temu", "shop": 99}}), "shops are counted"),
        (json!({"skew_seconds": i64::MAX}), "century"),
        (json!({"deny": {"platform": "temu", "shop": 99, "api": "x"}}), "shops are counted"),
    ] {
        let (status, text) = control(&caller, message).await;
        assert!(status == 400 && text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn the_truth_of_one_shop_can_be_requested() {
    let caller = Caller::with_orders(20).await;

    let told = truth(&caller, "?platform=xiaohongshu&shop=2").await;

    let expected = caller.world(|world| world.truth(Platform::Xiaohongshu, 2));
    let orders = told["shops"][0]["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 20);
    for (order, expected) in orders.iter().zip(expected) {
        assert_eq!(order["number"], expected.number);
        assert_eq!(order["updated_ms"], expected.updated_at.timestamp_millis());
        assert_eq!(order["buyer_note"].as_str(), expected.buyer_note.as_deref());
        assert_eq!(order["lines"].as_array().unwrap().len(), expected.lines.len());
    }
}

#[tokio::test]
async fn the_truth_shows_goods_cases_and_activities_too() {
    let caller = Caller::with_orders(3).await;
    let message = json!({
        "create_products": {"platform": "temu", "count": 2},
        "open_cases": {"platform": "temu", "count": 4},
    });
    assert_eq!(control(&caller, message).await.0, 200);
    caller.world(|world| world.create_activity(0, super::start(), true));

    let told = truth(&caller, "?platform=temu").await["shops"][0].clone();

    let count = |name: &str| told[name].as_array().unwrap().len();
    assert_eq!(["products", "skus", "after_sales", "activities"].map(count), [11, 16, 4, 1]);
    let sku = &caller.world(|world| world.truth_skus(Platform::Temu, 0))[0];
    assert_eq!(told["skus"][0]["sku_id"], sku.sku_id);
    assert_eq!(told["skus"][0]["created_ms"], sku.created_at.timestamp_millis());
    assert_eq!(told["after_sales"][0]["updated_ms"], caller.clock.now().timestamp_millis());
}

#[tokio::test]
async fn orders_change_in_the_background() {
    let caller = Caller::with_orders(5).await;
    caller.world(|world| {
        world.truth(Platform::Temu, 0);
        world.set_drift(Drift { per_second: 1000.0, ..Drift::default() });
    });
    let versions = |world: &mut shopsync::sandbox::World| {
        let numbers = world.numbers(Platform::Temu, 0);
        numbers.iter().map(|number| world.versions(Platform::Temu, 0, number).len()).sum::<usize>()
    };

    while caller.world(versions) < 50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let first = Sandbox::start(SandboxSettings::default()).await.unwrap();
    let listen = first.url().trim_start_matches("http://").parse().unwrap();

    let second = Sandbox::start(SandboxSettings { listen, ..SandboxSettings::default() }).await;

    assert!(matches!(second.err(), Some(SandboxError::Listen { address, .. }) if address == listen));
}
