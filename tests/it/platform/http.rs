//! Conversations with a gateway over real HTTP: what comes of an answer that is late, cut, too long or no JSON,
//! and what may have reached the platform.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use shopsync::clock::Clock;
use shopsync::meters;
use shopsync::platform::error::Retry;
use shopsync::platform::http::Conversation;
use shopsync::platform::{AppSettings, ConnectError, PlatformError};
use tokio::net::TcpListener;

use crate::support::app_settings::app_settings;

const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn an_answer_of_json_comes_back_cleaned() {
    let gateway = Gateway::start(|| answer(" {\"note\":\"a\\u0000b\"}\n")).await;

    let text = gateway.conversation().post_json("test", "{\"a\":1}".to_owned(), as_it_came).await;

    assert_eq!(text.unwrap(), " {\"note\":\"a\\ufffdb\"}\n");
    let received = gateway.received();
    assert_eq!(received[0].body, "{\"a\":1}");
    assert_eq!(received[0].content_type, "application/json");
}

#[tokio::test]
async fn a_platform_may_want_another_content_type() {
    let gateway = Gateway::start(|| answer("[]")).await;
    let conversation = gateway.conversation();

    let conversation = conversation.with_content_type("application/json;charset=utf-8");
    conversation.post_json("test", String::new(), as_it_came).await.unwrap();

    assert_eq!(gateway.received()[0].content_type, "application/json;charset=utf-8");
}

#[tokio::test]
async fn a_page_of_html_and_an_empty_body_are_not_from_the_platform() {
    let gateway = Gateway::start(|| answer("<html>502 Bad Gateway</html>")).await;
    let error = gateway.read().await;
    assert!(matches!(error, PlatformError::NotFromPlatform { .. }), "{error:?}");

    let gateway = Gateway::start(|| answer("")).await;
    let error = gateway.read().await;
    assert!(matches!(error, PlatformError::NotFromPlatform { .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_no_answer() {
    let gateway = Gateway::start(|| {
        let parts = [Ok("{\"success\":"), Err("the line is cut")];
        Response::new(Body::from_stream(stream::iter(parts)))
    })
    .await;

    assert_no_answer(&gateway.read().await, "the connection broke");
    // Whoever sends again decides it himself: the HTTP client never does.
    assert_eq!(gateway.received().len(), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read_to_its_end() {
    let too_long = "the body is longer than 16777216 bytes";

    let announced = Gateway::start(|| answer("[".repeat(BODY_BYTES_MAX + 1))).await;
    assert_no_answer(&announced.read().await, too_long);

    let endless = Gateway::start(|| {
        let part = "[".repeat(64 * 1024);
        let parts = stream::repeat(part).map(Ok::<_, Infallible>);
        Response::new(Body::from_stream(parts))
    })
    .await;
    assert_no_answer(&endless.read().await, too_long);
}

#[tokio::test]
async fn a_gateway_that_stalls_is_left_at_the_deadline() {
    let in_the_body = Gateway::start(|| {
        let parts = stream::iter([Ok::<_, Infallible>("{")]).chain(stream::pending());
        Response::new(Body::from_stream(parts))
    })
    .await;
    assert_no_answer(&in_the_body.read_hastily().await, "it took too long");

    // The kernel accepts for it, nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let conversation = conversation_with(silent.local_addr().unwrap(), HASTE);
    assert_no_answer(
        &conversation.post_json("test", String::new(), as_it_came).await.unwrap_err(),
        "it took too long",
    );
}

#[tokio::test]
async fn a_refused_connection_is_known_to_have_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let conversation = conversation_with(address, REQUEST_TIMEOUT);

    let read = conversation.post_json("test", String::new(), as_it_came).await;
    let token_call = conversation.post_json_once("test", String::new(), as_it_came).await;

    assert!(matches!(read, Err(PlatformError::NotSent { .. })), "{read:?}");
    assert!(matches!(token_call, Err(PlatformError::NotSent { .. })), "{token_call:?}");
}

#[tokio::test]
async fn an_http_status_is_distinguished_by_what_it_asks_of_us() {
    let soon = "Tue, 14 Nov 2023 22:13:50 GMT";
    let before = "Tue, 14 Nov 2023 22:00:00 GMT";
    let pause = |seconds| Retry::After(Duration::from_secs(seconds));
    for (status, header, expected) in [
        (429, None, Retry::Backoff),
        (429, Some((RETRY_AFTER, "7")), pause(7)),
        (429, Some((RETRY_AFTER, soon)), pause(30)),
        (429, Some((RETRY_AFTER, before)), pause(0)),
        (429, Some((RETRY_AFTER, "soon")), Retry::Backoff),
        (503, Some((RETRY_AFTER, "2")), pause(2)),
        (500, None, Retry::Backoff),
        (502, None, Retry::Backoff),
        (403, None, Retry::Backoff),
        (302, Some((LOCATION, "/elsewhere")), Retry::Backoff),
    ] {
        let told = header.clone();
        let gateway = Gateway::start(move || {
            let mut response = answer("{}");
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response.headers_mut().insert(DATE, NOW.parse().unwrap());
            if let Some((name, value)) = &told {
                response.headers_mut().insert(name.clone(), value.parse().unwrap());
            }
            response
        })
        .await;

        let error = gateway.read().await;

        assert_eq!(error.retry(), expected, "{status} {header:?}: {error}");
        match status {
            429 => assert!(matches!(error, PlatformError::Throttled { .. })),
            302 | 403 | 500 | 502 => assert!(
                matches!(error, PlatformError::Unavailable { status: told } if told == status),
                "{error:?}"
            ),
            _ => {}
        }
        assert_eq!(gateway.received().len(), 1, "{status}: redirects are not followed");
    }
}

#[tokio::test]
async fn every_answer_teaches_the_platforms_clock() {
    let gateway = Gateway::start(|| {
        let mut response = answer("<html>down</html>");
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        let four_minutes_ahead = "Tue, 14 Nov 2023 22:17:20 GMT";
        response.headers_mut().insert(DATE, four_minutes_ahead.parse().unwrap());
        response
    })
    .await;
    let conversation = gateway.conversation();
    assert_eq!(conversation.platform_now(), now());
    assert_eq!(conversation.skew().measured_at(), None);

    conversation.post_json("test", String::new(), as_it_came).await.unwrap_err();

    assert_eq!(conversation.skew().measured_at(), Some(now()));
    let ahead = TimeDelta::minutes(4) + TimeDelta::milliseconds(500);
    assert_eq!(conversation.platform_now(), now() + ahead);
}

#[tokio::test]
async fn reads_share_connections_and_token_calls_never_do() {
    const CALLS: usize = 20;
    let gateway = Gateway::start(|| answer("{}")).await;
    let conversation = gateway.conversation();

    for _ in 0..CALLS {
        conversation.post_json("test", String::new(), as_it_came).await.unwrap();
    }
    assert!(gateway.connections() < CALLS, "{}", gateway.connections());

    gateway.forget();
    for _ in 0..CALLS {
        conversation.post_json_once("test", String::new(), as_it_came).await.unwrap();
    }
    assert_eq!(gateway.connections(), CALLS);
}

#[tokio::test]
async fn calls_go_through_the_proxy_of_the_app() {
    let proxy = Gateway::start(|| answer("{\"by\":\"proxy\"}")).await;
    let mut settings = settings("http://127.0.0.1:9/router");
    settings.proxy = Some(format!("http://{}", proxy.address).parse().unwrap());

    let conversation = Conversation::new("test", &settings).unwrap();

    let read = conversation.post_json("test", String::new(), as_it_came).await;
    let token_call = conversation.post_json_once("test", String::new(), as_it_came).await;
    assert_eq!(read.unwrap(), "{\"by\":\"proxy\"}");
    assert_eq!(token_call.unwrap(), "{\"by\":\"proxy\"}");
    assert_eq!(proxy.received()[0].target, "http://127.0.0.1:9/router");
}

#[test]
fn secrets_go_in_clear_to_this_machine_only() {
    for (gateway, is_accepted) in [
        ("https://openapi.example.com/router", true),
        ("http://127.0.0.1:9/router", true),
        ("http://[::1]:9/router", true),
        ("http://localhost:9/router", true),
        ("http://openapi.example.com/router", false),
        ("http://localhost.example.com/router", false),
        ("http://192.168.0.1/router", false),
        ("ftp://127.0.0.1/router", false),
    ] {
        let result = Conversation::new("test", &settings(gateway));
        match result {
            Ok(_) => assert!(is_accepted, "{gateway}"),
            Err(error) => {
                assert!(matches!(error, ConnectError::Gateway { .. }), "{gateway}: {error}");
                assert!(!is_accepted, "{gateway}");
            }
        }
    }
}

#[tokio::test]
async fn every_request_is_counted_by_what_came_of_it() {
    meters::install();
    let ask = async |reply: fn() -> Response, understand: fn(&str) -> Result<String, PlatformError>| {
        let gateway = Gateway::start(reply).await;
        let _ = gateway.conversation().post_json("counted", String::new(), understand).await;
    };
    let with_status = || Response::builder().status(429).body(Body::empty()).unwrap();
    ask(|| answer("{}"), as_it_came).await;
    ask(|| answer("{}"), as_it_came).await;
    ask(|| answer("<html>"), as_it_came).await;
    ask(with_status, as_it_came).await;
    ask(|| answer("{}"), |_| Err(PlatformError::Malformed { path: "$".to_owned() })).await;
    // Whoever asked goes away.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let conversation = conversation_with(silent.local_addr().unwrap(), REQUEST_TIMEOUT);
    let asking = conversation.post_json_once("counted", String::new(), as_it_came);
    assert!(tokio::time::timeout(HASTE, asking).await.is_err());

    let text = meters::render(|_| true);

    let counted = |outcome: &str| {
        let series =
            format!("shopsync_requests_total{{platform=\"test\",api=\"counted\",outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series))
    };
    for (outcome, expected) in
        [("ok", "2"), ("unavailable", "1"), ("throttled", "1"), ("malformed", "1"), ("given_up", "1")]
    {
        assert_eq!(counted(outcome), Some(expected), "{outcome}");
    }
    let durations = "shopsync_request_duration_seconds_count{platform=\"test\",api=\"counted\"} 6";
    assert!(text.lines().any(|line| line == durations), "{text}");
}

/// Generous: no test waits for it.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// For the tests that do wait.
const HASTE: Duration = Duration::from_millis(100);

/// The present moment of every test: 1,700,000,000 s.
const NOW: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

/// The text of an answer.
#[expect(clippy::unnecessary_wraps, reason = "what understands an answer may fail")]
fn as_it_came(text: &str) -> Result<String, PlatformError> {
    Ok(text.to_owned())
}

fn answer(body: impl Into<Body>) -> Response {
    Response::new(body.into())
}

fn settings(gateway: &str) -> AppSettings {
    AppSettings { request_timeout: REQUEST_TIMEOUT, ..app_settings(gateway, &Clock::manual(now())) }
}

fn conversation_with(address: SocketAddr, request_timeout: Duration) -> Conversation {
    let mut settings = settings(&format!("http://{address}/router"));
    settings.request_timeout = request_timeout;
    Conversation::new("test", &settings).unwrap()
}

#[track_caller]
fn assert_no_answer(error: &PlatformError, expected: &str) {
    match error {
        PlatformError::NoAnswer { what, .. } => assert_eq!(what, expected),
        error => panic!("{error:?}"),
    }
}

/// A tiny gateway that answers every call alike and remembers what it was sent.
struct Gateway {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

#[derive(Clone)]
struct Received {
    /// The other end of the connection.
    peer: SocketAddr,
    target: String,
    content_type: String,
    body: String,
}

impl Gateway {
    async fn start(reply: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        let handler = async move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap();
            log.lock().unwrap().push(Received {
                peer,
                target: head.uri.to_string(),
                content_type: head
                    .headers
                    .get(CONTENT_TYPE)
                    .map_or_else(String::new, |value| value.to_str().unwrap().to_owned()),
                body: String::from_utf8(body.to_vec()).unwrap(),
            });
            reply()
        };
        let service = Router::new().fallback(handler).into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, received }
    }

    fn conversation(&self) -> Conversation {
        conversation_with(self.address, REQUEST_TIMEOUT)
    }

    /// The error of one read.
    async fn read(&self) -> PlatformError {
        self.conversation().post_json("test", String::new(), as_it_came).await.unwrap_err()
    }

    async fn read_hastily(&self) -> PlatformError {
        let conversation = conversation_with(self.address, HASTE);
        conversation.post_json("test", String::new(), as_it_came).await.unwrap_err()
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn forget(&self) {
        self.received.lock().unwrap().clear();
    }

    /// How many connections the calls came over.
    fn connections(&self) -> usize {
        let received = self.received.lock().unwrap();
        let peers: std::collections::HashSet<_> = received.iter().map(|call| call.peer).collect();
        peers.len()
    }
}
