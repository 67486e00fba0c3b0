//! The simulated 115 refuses what the live one refuses, asked in plain HTTP.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shopsync::sandbox::{OPEN115_APP_ID, SandboxSettings};
use url::form_urlencoded;

use super::Caller;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

async fn caller() -> Caller {
    Caller::new(SandboxSettings::default()).await
}

async fn post(caller: &Caller, path: &str, fields: &[(&str, &str)]) -> Value {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = caller.http.post(caller.sandbox.open115_gateway() + path).body(body);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(answer.status(), 200, "business answers come as HTTP 200");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn user(caller: &Caller, token: &str) -> Value {
    let request = caller.http.get(caller.sandbox.open115_gateway() + "/open/user/info");
    let answer = request.header("authorization", format!("Bearer {token}")).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn control(caller: &Caller, message: Value) -> (u16, String) {
    let address = caller.sandbox.url() + "/_control";
    let answer = caller.http.post(address).body(json!({"115": message}).to_string()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A code whose challenge is `challenge`, said yes to by the first account.
async fn confirmed(caller: &Caller, challenge: &str) -> String {
    let fields =
        [("client_id", OPEN115_APP_ID), ("code_challenge", challenge), ("code_challenge_method", "sha256")];
    let answer = post(caller, "/open/authDeviceCode", &fields).await;
    assert_eq!(control(caller, json!({"confirm": 0})).await.0, 200);
    answer["data"]["uid"].as_str().unwrap().to_owned()
}

async fn exchange(caller: &Caller, uid: &str, verifier: &str) -> Value {
    post(caller, "/open/deviceCodeToToken", &[("uid", uid), ("code_verifier", verifier)]).await
}

async fn refresh(caller: &Caller, token: &str) -> Value {
    post(caller, "/open/refreshToken", &[("refresh_token", token)]).await
}

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer["data"][member].as_str().unwrap()
}

#[tokio::test]
async fn a_login_needs_the_padded_challenge_and_is_exchanged_once() {
    let caller = caller().await;
    let hash = Sha256::digest(VERIFIER.as_bytes());
    let uid = confirmed(&caller, &URL_SAFE_NO_PAD.encode(hash)).await;
    assert_eq!(exchange(&caller, &uid, VERIFIER).await["code"], 40_140_113);

    let uid = confirmed(&caller, &STANDARD.encode(hash)).await;
    assert_eq!(exchange(&caller, &uid, "short").await["code"], 40_140_112);
    let granted = exchange(&caller, &uid, VERIFIER).await;
    assert_eq!((&granted["state"], &granted["data"]["expires_in"]), (&json!(1), &json!(7200)));
    assert_eq!(user(&caller, text(&granted, "access_token")).await["state"], json!(true));
    assert_eq!(exchange(&caller, &uid, VERIFIER).await["code"], 40_140_105);
    assert_eq!(caller.world(|world| world.violations().spent_code), 1);
}

#[tokio::test]
async fn a_login_that_no_one_confirmed_or_that_is_old_gives_nothing() {
    let caller = caller().await;
    let challenge = STANDARD.encode(Sha256::digest(VERIFIER.as_bytes()));
    for (method, app, code) in
        [("S256", OPEN115_APP_ID, 40_140_102), ("sha256", "nobody", 40_140_100), ("sha256", "", 40_140_100)]
    {
        let fields = [("client_id", app), ("code_challenge", &*challenge), ("code_challenge_method", method)];
        assert_eq!(post(&caller, "/open/authDeviceCode", &fields).await["code"], code, "{method} {app}");
    }
    let uid = confirmed(&caller, &challenge).await;
    caller.clock.advance(TimeDelta::minutes(6));
    assert_eq!(exchange(&caller, &uid, VERIFIER).await["code"], 40_140_105);
}

#[tokio::test]
async fn a_refresh_token_works_once_not_too_often_and_never_longer_than_its_year() {
    let caller = caller().await;
    let first = caller.world(|world| world.open115_issue_token(0));
    let spent = first.refresh.unwrap();
    let fresh = refresh(&caller, &spent).await;
    assert_eq!(fresh["data"]["expires_in"], 2_592_000);
    assert_eq!(user(&caller, &first.access).await["code"], 40_140_125, "the old one is void at once");
    assert_eq!(refresh(&caller, &spent).await["code"], 40_140_120);
    assert_eq!(caller.world(|world| world.violations().spent_refresh_token), 1);
    let next = text(&fresh, "refresh_token").to_owned();
    assert_eq!(refresh(&caller, &next).await["code"], 40_140_117);
    for (token, code) in [("", 40_140_114), ("forged", 40_140_114), ("115r.forged", 40_140_115)] {
        assert_eq!(refresh(&caller, token).await["code"], code, "{token}");
    }

    caller.clock.advance(TimeDelta::days(364));
    let last = refresh(&caller, &next).await;
    caller.clock.advance(TimeDelta::days(1));
    assert_eq!(refresh(&caller, text(&last, "refresh_token")).await["code"], 40_140_119);
}

#[tokio::test]
async fn the_control_door_speaks_for_the_owner_and_chooses_the_frame() {
    let caller = caller().await;
    let issued: Value = serde_json::from_str(&control(&caller, json!({"issue_token": 1})).await.1).unwrap();
    let token = issued["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(control(&caller, json!({"confirm": 99})).await.0, 400);
    assert_eq!(control(&caller, json!({"refresh_spacing_seconds": -1})).await.0, 400);
    assert_eq!(control(&caller, json!({"unknown": 1})).await.0, 400);

    assert_eq!(control(&caller, json!({"revoke": 1, "says_errno": true})).await.0, 200);

    assert_eq!(refresh(&caller, &token).await, json!({"state": 0, "errno": 40_140_116, "error": "no auth"}));
    let address = caller.sandbox.url() + "/_control/truth";
    let truth = caller.http.get(address).send().await.unwrap().text().await.unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    assert_eq!(truth["grants_115"][0]["is_alive"], false);
}
