//! What the clients send and how they take the answers the documents print, over real HTTP to a gateway that says
//! one thing.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::header::DATE;
use axum::response::IntoResponse;
use axum::routing::post;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shopsync::clock::Clock;
use shopsync::domain::grant::Access;
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::platform::{AppSettings, PageQuery, Platform, PlatformError, Range, Rejection, profile};
use tokio::net::TcpListener;

use crate::support::app_settings::app_settings;

#[tokio::test]
async fn a_temu_call_is_flat_complete_and_without_nulls() {
    let gateway = Gateway::start(r#"{"success":true,"errorCode":1000000,"result":{"totalItemNum":0}}"#).await;

    let page =
        gateway.temu("").source(Record::Orders).unwrap().page(&access(), &query(Lane::Update)).await.unwrap();

    assert_eq!((page.total, page.rows.len()), (0, 0));
    let mut sent = gateway.sent();
    assert_eq!(sent["sign"].as_str().unwrap().len(), 32);
    sent["sign"] = json!("");
    let expected = json!({
        "type": "bg.order.list.v2.get", "app_key": "key", "access_token": "token", "timestamp": NOW,
        "data_type": "JSON", "version": "V1", "sign": "", "pageNumber": 3, "pageSize": 100,
        "parentOrderStatus": 2, "sortby": "updateTime", "updateAtStart": NOW - 601, "updateAtEnd": NOW,
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_xiaohongshu_call_is_flat_and_asks_in_seconds() {
    let gateway =
        Gateway::start(r#"{"success":true,"error_code":0,"data":{"total":0,"orderList":null}}"#).await;

    let page = gateway
        .xiaohongshu()
        .source(Record::Orders)
        .unwrap()
        .page(&access(), &query(Lane::Create))
        .await
        .unwrap();

    assert_eq!((page.total, page.rows.len()), (0, 0));
    let mut sent = gateway.sent();
    assert_eq!(sent["sign"].as_str().unwrap().len(), 32);
    sent["sign"] = json!("");
    let expected = json!({
        "method": "order.getOrderList", "appId": "key", "accessToken": "token", "timestamp": NOW.to_string(),
        "version": "2.0", "sign": "", "pageNo": 3, "pageSize": 100, "orderStatus": 2, "timeType": 1,
        "startTime": NOW - 601, "endTime": NOW,
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn success_without_evidence_is_malformed() {
    for answer in [
        r#"{"success":true,"result":{"rows":[{"a":1}]},"data":{"rows":[{"a":1}]}}"#,
        r#"{"success":true,"result":{"totalItemNum":-1},"data":{"total":-1}}"#,
        r#"{"success":true,"result":{"totalItemNum":1},"data":{"total":1}}"#,
        r#"{"success":true,"result":7}"#,
    ] {
        let gateway = Gateway::start(answer).await;
        let first = PageQuery { page: 1, ..query(Lane::Update) };
        let error =
            gateway.temu("").source(Record::Orders).unwrap().page(&access(), &first).await.unwrap_err();
        assert!(matches!(error, PlatformError::Malformed { .. }), "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn the_documents_refusals_are_heard_as_meant() {
    type Expected = fn(&PlatformError) -> bool;
    let temu: [(&str, Expected); 3] = [
        (
            include_str!("../../../src/platform/temu/testdata/error_token_expired.json"),
            PlatformError::is_about_token,
        ),
        (include_str!("../../../src/platform/temu/testdata/error_throttled.json"), |error| {
            matches!(error, PlatformError::Throttled { .. })
        }),
        (
            include_str!("../../../src/platform/temu/testdata/bg.order.list.v2.get.1.json"),
            // The sample's error code is a placeholder.
            |error| matches!(error, PlatformError::Rejected { why: Rejection::Unknown, .. }),
        ),
    ];
    for (answer, is_expected) in temu {
        let gateway = Gateway::start(answer).await;
        let error = detail(&*gateway.temu(""), "PO-1").await.unwrap_err();
        assert!(is_expected(&error), "{answer} was heard as {error:?}");
    }
    let xiaohongshu: [(&str, Expected); 4] = [
        (include_str!("../../../src/platform/xiaohongshu/testdata/error_throttled.json"), |error| {
            matches!(error, PlatformError::Throttled { .. })
        }),
        (
            include_str!("../../../src/platform/xiaohongshu/testdata/error_token_expired.json"),
            PlatformError::is_about_token,
        ),
        (include_str!("../../../src/platform/xiaohongshu/testdata/error_not_granted.json"), |error| {
            matches!(error, PlatformError::NotGranted { .. })
        }),
        (
            include_str!("../../../src/platform/xiaohongshu/testdata/error_in_success.json"),
            |error| matches!(error, PlatformError::Rejected { code, .. } if code == "50209"),
        ),
    ];
    for (answer, is_expected) in xiaohongshu {
        let gateway = Gateway::start(answer).await;
        let error = detail(&*gateway.xiaohongshu(), "P1").await.unwrap_err();
        assert!(is_expected(&error), "{answer} was heard as {error:?}");
    }
}

#[tokio::test]
async fn an_answer_in_two_envelopes_is_opened_twice() {
    let answer = include_str!("../../../src/platform/xiaohongshu/testdata/double_envelope.json");
    let gateway = Gateway::start(answer).await;
    let inner = detail(&*gateway.xiaohongshu(), "P1").await.unwrap();
    let inner: Value = serde_json::from_str(&inner).unwrap();
    assert_eq!(inner["totalCount"], 0);
}

#[tokio::test]
async fn the_platforms_own_bytes_are_kept() {
    let content = r#"{ "b" : 1.10, "a":"中" }"#;
    let answer = format!(r#"{{"success":true,"errorCode":1000000,"error_code":0,"data":{content}}}"#);
    let gateway = Gateway::start(&answer.replace("1000000", "0")).await;
    assert_eq!(detail(&*gateway.xiaohongshu(), "P1").await.unwrap(), content);
    assert_eq!(detail(&*gateway.temu(""), "PO-1").await.unwrap(), content);
}

#[tokio::test]
async fn the_documents_token_answer_is_a_grant_with_plausible_ends() {
    let answer = include_str!("../../../src/platform/xiaohongshu/testdata/token.json");
    let gateway = Gateway::start(answer).await;

    let granted = gateway.xiaohongshu().exchange_code(&"code-1".into()).await.unwrap();

    assert!(granted.access.expose_secret().starts_with("token-2d22"));
    assert!(granted.refresh.unwrap().expose_secret().starts_with("refresh-72df"));
    assert_eq!(granted.access_ends_at, DateTime::from_timestamp(1_764_547_200, 0));
    assert_eq!(granted.refresh_ends_at, DateTime::from_timestamp(1_765_152_000, 0));
    assert_eq!(granted.account.id.as_deref(), Some("5a1510b6c2f3d40012e76ee8"));
    assert_eq!(granted.account.name.as_deref(), Some("测试旗舰店"));
    let sent = gateway.sent();
    assert_eq!((&sent["code"], &sent["accessToken"]), (&json!("code-1"), &Value::Null));
}

#[tokio::test]
async fn no_end_of_a_token_is_eternal_or_absurd() {
    let year = TimeDelta::days(365).num_seconds();
    for (told, expected) in [
        (json!(NOW + year), Some(NOW + year)),
        (json!((NOW + year).to_string()), Some(NOW + year)),
        (json!(NOW + 10 * year), Some(NOW + TimeDelta::days(400).num_seconds())),
        (json!((NOW + year) * 1000), Some(NOW + year)),
        (json!(0), None),
        (json!(-1), None),
        (json!(null), None),
    ] {
        let answer = json!({
            "success": true, "errorCode": 1_000_000,
            "result": {"accessToken": "a", "mallId": 630_000_000_000_001_i64, "expiredTime": told},
        });
        let gateway = Gateway::start(&answer.to_string()).await;
        let granted = gateway.temu("").exchange_code(&"code".into()).await.unwrap();
        let ends_at = granted.access_ends_at.map(|end| end.timestamp());
        assert_eq!(ends_at, expected, "{told}");
        assert_eq!(granted.account.id.as_deref(), Some("630000000000001"));
        assert!(granted.refresh.is_none());
    }
}

#[tokio::test]
async fn a_grant_of_the_guides_kind_is_refreshed_by_the_configured_call() {
    let answer = format!(
        r#"{{"success":true,"errorCode":1000000,"result":{{"accessToken":"a2","refreshToken":"r2","expiredTime":{}}}}}"#,
        NOW + 3600
    );
    let gateway = Gateway::start(&answer).await;

    let granted = gateway.temu("bg.open.accesstoken.refresh").refresh(&"r1".into()).await.unwrap();

    assert_eq!(granted.access.expose_secret(), "a2");
    assert_eq!(granted.refresh.unwrap().expose_secret(), "r2");
    let sent = gateway.sent();
    assert_eq!(sent["type"], "bg.open.accesstoken.refresh");
    assert_eq!(sent["refresh_token"], "r1");

    let error = gateway.temu("").refresh(&"r1".into()).await.err().unwrap();
    assert!(matches!(error, PlatformError::Rejected { .. }), "the live platform has none");
    assert_eq!(gateway.calls(), 1);
}

#[tokio::test]
async fn a_token_answer_without_a_token_is_malformed() {
    let gateway = Gateway::start(r#"{"success":true,"code":0,"data":{"sellerId":"s"}}"#).await;
    for platform in [gateway.temu(""), gateway.xiaohongshu()] {
        let error = platform.exchange_code(&"code".into()).await.err().unwrap();
        assert!(
            matches!(&error, PlatformError::Malformed { path } if path.ends_with("accessToken")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_pasted_token_is_distinguished_from_a_code() {
    let gateway = Gateway::start("{}").await;
    for (text, is_token) in [("token-1-2", true), ("code-1-2", false), ("", false)] {
        assert_eq!(gateway.xiaohongshu().is_access_token(text), is_token, "{text}");
    }
    assert!(gateway.temu("").is_access_token("anything"));
}

pub(crate) const NOW: i64 = 1_764_000_000;

/// Says the same to every call, or one thing after the other, and keeps what it was sent.
pub(crate) struct Gateway {
    address: String,
    received: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    pub(crate) async fn start(answer: &str) -> Self {
        Self::saying(&[answer]).await
    }

    /// The last answer is said again and again.
    pub(crate) async fn saying(answers: &[&str]) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let state = (answers, Arc::clone(&received));
        let router = Router::new().route("/router", post(reply)).with_state(state);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/router", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, received }
    }

    fn temu(&self, refresh_type: &str) -> Arc<dyn Platform> {
        self.connect("temu", "us", refresh_type)
    }

    pub(crate) fn xiaohongshu(&self) -> Arc<dyn Platform> {
        self.connect("xiaohongshu", "", "")
    }

    pub(crate) fn connect(&self, name: &str, zone: &str, refresh_type: &str) -> Arc<dyn Platform> {
        let settings = AppSettings {
            zone: zone.to_owned(),
            refresh_type: (!refresh_type.is_empty()).then(|| refresh_type.to_owned()),
            ..app_settings(&self.address, &Clock::manual(now()))
        };
        (profile(name).unwrap().connect)(settings).unwrap()
    }

    /// The body of the last call.
    pub(crate) fn sent(&self) -> Value {
        serde_json::from_str(self.received.lock().unwrap().last().unwrap()).unwrap()
    }

    pub(crate) fn calls(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

/// What is said, and what was heard.
type Conversation = (Vec<String>, Arc<Mutex<Vec<String>>>);

/// With the header that teaches the platform's clock, so that it is ours.
async fn reply(State((answers, received)): State<Conversation>, body: String) -> impl IntoResponse {
    let mut received = received.lock().unwrap();
    let answer = answers[received.len().min(answers.len() - 1)].clone();
    received.push(body);
    let date = now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    ([(DATE, date)], answer)
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

pub(crate) fn access() -> Access {
    Access { token: SecretString::from("token"), generation: 1, region: None }
}

/// The detail of one order.
async fn detail(platform: &dyn Platform, number: &str) -> Result<String, PlatformError> {
    let orders = platform.source(Record::Orders).unwrap();
    Ok(orders.details(&access(), &[number.to_owned()]).await?.remove(number).unwrap())
}

/// Page 3 of the last ten minutes, orders to be shipped only.
pub(crate) fn query(lane: Lane) -> PageQuery {
    let window = Window::new(now() - TimeDelta::minutes(10), now()).unwrap();
    PageQuery { range: Range::Window { lane, window, status: Some(2) }, page: 3, page_size: 100 }
}
