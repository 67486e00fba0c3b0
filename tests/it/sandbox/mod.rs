//! The sandbox is what all other conversations are tested against, so it is tested itself: with a client of its
//! own, whose signatures come from the documents and not from the program.

mod activities;
mod after_sales;
mod doors;
mod faults;
mod goods;
mod named;
mod named_bytes;
mod named_lists;
mod offers;
mod open115;
mod orders;
mod permissions;
mod shapes;
mod strict_temu;
mod strict_xiaohongshu;
mod tokens;
mod truth;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use shopsync::clock::Clock;
use shopsync::sandbox::{
    Platform, Sandbox, SandboxSettings, TEMU_APP_KEY, TEMU_APP_SECRET, World, XIAOHONGSHU_APP_ID,
    XIAOHONGSHU_APP_SECRET,
};

/// A sandbox that stands still at a known moment, and a plain caller.
struct Caller {
    sandbox: Sandbox,
    clock: Clock,
    http: reqwest::Client,
    temu_token: String,
    xiaohongshu_token: String,
}

impl Caller {
    async fn new(settings: SandboxSettings) -> Self {
        // Whoever comes second finds it installed.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::manual(start());
        let sandbox = Sandbox::start(SandboxSettings { clock: clock.clone(), ..settings }).await.unwrap();
        let (temu, xiaohongshu) = sandbox.world().with(|world| {
            (world.issue_token(Platform::Temu, 0), world.issue_token(Platform::Xiaohongshu, 0))
        });
        Self {
            sandbox,
            clock,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            temu_token: temu.access,
            xiaohongshu_token: xiaohongshu.access,
        }
    }

    async fn with_orders(orders: usize) -> Self {
        Self::new(SandboxSettings { orders, ..SandboxSettings::default() }).await
    }

    fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.sandbox.world().with(act)
    }

    /// A signed Temu call; `parameters` replace common ones of the same name, null removes them.
    async fn temu(&self, api: &str, parameters: Value) -> Value {
        let body = temu_body(self.temu_parameters(api, parameters), TEMU_APP_SECRET);
        self.post(&self.sandbox.temu_gateway(), body).await
    }

    /// The same call in another of Temu's zones.
    async fn temu_at(&self, gateway: &str, api: &str, parameters: Value) -> Value {
        self.post(gateway, temu_body(self.temu_parameters(api, parameters), TEMU_APP_SECRET)).await
    }

    fn temu_parameters(&self, api: &str, parameters: Value) -> BTreeMap<String, Value> {
        let common = json!({
            "type": api,
            "app_key": TEMU_APP_KEY,
            "access_token": self.temu_token,
            "timestamp": self.clock.now().timestamp(),
            "data_type": "JSON",
            "version": "V1",
        });
        merged(common, parameters)
    }

    /// A signed Xiaohongshu call; `parameters` replace common ones of the same name, null removes them.
    async fn xiaohongshu(&self, method: &str, parameters: Value) -> Value {
        let body = self.xiaohongshu_body(method, parameters);
        self.post(&self.sandbox.xiaohongshu_gateway(), body).await
    }

    fn xiaohongshu_body(&self, method: &str, parameters: Value) -> String {
        let common = json!({
            "method": method,
            "appId": XIAOHONGSHU_APP_ID,
            "timestamp": self.clock.now().timestamp().to_string(),
            "version": "2.0",
            "accessToken": self.xiaohongshu_token,
        });
        let mut body = merged(common, parameters);
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let signed = format!(
            "{}?appId={}&timestamp={}&version={}{XIAOHONGSHU_APP_SECRET}",
            text("method"),
            text("appId"),
            text("timestamp"),
            text("version")
        );
        body.entry("sign".into()).or_insert_with(|| hex::encode(Md5::digest(signed)).into());
        serde_json::to_string(&body).unwrap()
    }

    async fn post(&self, address: &str, body: String) -> Value {
        let answer = self.http.post(address).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "business answers come as HTTP 200");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

/// Signed as the documents say: everything but the signature, sorted, nested values compact.
fn temu_body(mut parameters: BTreeMap<String, Value>, secret: &str) -> String {
    if !parameters.contains_key("sign") {
        let mut text = secret.to_owned();
        for (name, value) in &parameters {
            let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            text.push_str(&(name.to_owned() + &value));
        }
        text.push_str(secret);
        parameters.insert("sign".into(), hex::encode_upper(Md5::digest(text)).into());
    }
    serde_json::to_string(&parameters).unwrap()
}

fn merged(common: Value, parameters: Value) -> BTreeMap<String, Value> {
    let mut all: BTreeMap<String, Value> = serde_json::from_value(common).unwrap();
    all.extend(serde_json::from_value::<BTreeMap<String, Value>>(parameters).unwrap());
    all.retain(|_, value| !value.is_null());
    all
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_000_000, 0).unwrap()
}

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

/// Code and text of a Xiaohongshu answer, whichever dialect it is in.
fn refusal(answer: &Value) -> (i64, &str) {
    let code = answer.get("error_code").or(answer.get("code")).and_then(Value::as_i64);
    let text = answer.get("error_msg").or(answer.get("msg")).and_then(Value::as_str);
    (code.unwrap(), text.unwrap())
}

/// Temu's code, which stands in every answer.
fn temu_code(answer: &Value) -> i64 {
    assert_eq!(answer["success"], answer["errorCode"] == 1_000_000, "{answer}");
    answer["errorCode"].as_i64().unwrap()
}

/// A whole number, also one in quotes.
fn integer(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}
