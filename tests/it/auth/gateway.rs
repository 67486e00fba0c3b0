//! A platform's token service over real HTTP, with single-use refresh tokens, and a client for it.
//!
//! It speaks the answer of Xiaohongshu's `oauth.*` calls and keeps its rules: a spent refresh token is dead at once.
//! Faults are queued, one for each call to come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shopsync::clock::Clock;
use shopsync::domain::grant::{Access, Account, GrantInfo, Granted};
use shopsync::platform::skew::Skew;
use shopsync::platform::{Platform, PlatformError, Profile};
use tokio::sync::{Semaphore, watch};

/// What happens to one refresh call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done, and the answer is cut off.
    NotDone,
    /// The tokens are rotated, and the answer is cut off.
    AnswerLost,
    /// Nothing is done, and a proxy answers.
    Page,
    /// The tokens are rotated, and a proxy answers.
    PageAfter,
    /// Rotated, and answered only after [`Gateway::release`].
    Held,
    Throttled,
    /// Nothing is done, and it is refused only after [`Gateway::release`].
    HeldRefusal,
    /// Refused in words that say the refresh token is dead.
    Refused,
    SamePair,
    /// Rotated, and the answer names another seller.
    OtherSeller,
    /// A spent token is honoured once more, as within a grace period.
    Honoured,
    /// Answered with a pair that the platform will not honour; the one of before lives on.
    Stillborn,
}

pub(crate) const SELLER: &str = "5a1510b6c2f3d40012e76ee8";
/// Stands in every token, so that it can be looked for.
pub(crate) const CANARY: &str = "canary7391";
/// Stands in tokens that were never valid.
const STILLBORN: usize = 999_999;
pub(crate) const ACCESS_LIFE: TimeDelta = TimeDelta::days(7);

/// The server's side. Ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) address: String,
    world: Arc<World>,
}

struct World {
    clock: Clock,
    state: Mutex<Tokens>,
    calls: watch::Sender<usize>,
    held: Semaphore,
}

#[derive(Default)]
struct Tokens {
    number: usize,
    access_ends_at: DateTime<Utc>,
    refresh_calls: usize,
    spent_calls: usize,
    faults: VecDeque<Fault>,
}

impl Tokens {
    fn access(&self) -> String {
        format!("token-{CANARY}-{}", self.number)
    }

    fn refresh(&self) -> String {
        format!("refresh-{CANARY}-{}", self.number)
    }

    /// The same ends, and nothing else.
    fn likeness(&self) -> Self {
        Self { access_ends_at: self.access_ends_at, ..Self::default() }
    }

    fn rotate(&mut self, now: DateTime<Utc>) {
        self.number += 1;
        self.access_ends_at = now + ACCESS_LIFE;
    }

    fn answer(&self, seller: &str) -> Value {
        let refresh_ends_at = self.access_ends_at + ACCESS_LIFE;
        json!({"error_code": 0, "success": true, "data": {
            "accessToken": self.access(), "accessTokenExpiresAt": self.access_ends_at.timestamp_millis(),
            "refreshToken": self.refresh(), "refreshTokenExpiresAt": refresh_ends_at.timestamp_millis(),
            "sellerId": seller, "sellerName": "测试旗舰店"
        }})
    }
}

impl Gateway {
    pub(crate) async fn start(clock: Clock) -> Self {
        let mut state = Tokens::default();
        state.rotate(clock.now());
        let world = Arc::new(World {
            clock,
            state: Mutex::new(state),
            calls: watch::Sender::new(0),
            held: Semaphore::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&world));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, world }
    }

    pub(crate) fn client(&self, profile: &'static Profile) -> Arc<dyn Platform> {
        client_of(self.address.clone(), profile)
    }

    pub(crate) fn next(&self, faults: &[Fault]) {
        self.world.state.lock().unwrap().faults.extend(faults);
    }

    /// How many refresh calls came in.
    pub(crate) fn refresh_calls(&self) -> usize {
        self.world.state.lock().unwrap().refresh_calls
    }

    /// How many of them sent a refresh token that was spent before.
    pub(crate) fn spent_calls(&self) -> usize {
        self.world.state.lock().unwrap().spent_calls
    }

    pub(crate) async fn until_refresh_call(&self, number: usize) {
        let mut calls = self.world.calls.subscribe();
        calls.wait_for(|calls| *calls >= number).await.unwrap();
    }

    pub(crate) fn release(&self) {
        self.world.held.add_permits(1);
    }

    /// The access token that is valid at the platform.
    pub(crate) fn access(&self) -> String {
        self.world.state.lock().unwrap().access()
    }

    pub(crate) fn refresh(&self) -> String {
        self.world.state.lock().unwrap().refresh()
    }
}

/// A client for whatever speaks like this at `address`.
pub(crate) fn client_of(address: String, profile: &'static Profile) -> Arc<dyn Platform> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    Arc::new(Client { profile, address, http, skew: Skew::default() })
}

async fn answer(State(world): State<Arc<World>>, body: String) -> Result<Json<Value>, Failed> {
    let call: Value = serde_json::from_str(&body).unwrap();
    match call["method"].as_str().unwrap() {
        "oauth.getAccessToken" => {
            let mut state = world.state.lock().unwrap();
            state.rotate(world.clock.now());
            let seller = call["code"].as_str().unwrap().trim_start_matches("code-");
            Ok(Json(state.answer(seller)))
        }
        "oauth.refreshToken" => refresh(&world, call["refreshToken"].as_str().unwrap()).await,
        _ => {
            let state = world.state.lock().unwrap();
            let is_current = call["accessToken"] == state.access();
            let known = json!({"success": true, "data": {
                "sellerId": SELLER, "accessTokenExpiresAt": state.access_ends_at.timestamp_millis()
            }});
            Ok(Json(if is_current { known } else { refusal("accessToken expired") }))
        }
    }
}

/// What comes instead of an answer.
type Failed = (StatusCode, &'static str);

const CUT_OFF: Failed = (StatusCode::OK, "{\"error_code\": 0, \"da");
const PAGE: Failed = (StatusCode::BAD_GATEWAY, "<html>");

async fn refresh(world: &World, token: &str) -> Result<Json<Value>, Failed> {
    let (fault, answer) = {
        let mut state = world.state.lock().unwrap();
        state.refresh_calls += 1;
        let fault = state.faults.pop_front();
        let is_spent = token != state.refresh();
        state.spent_calls += usize::from(is_spent);
        let answer = match fault {
            Some(Fault::NotDone | Fault::Page) => Value::Null,
            Some(Fault::Throttled) => json!({"error_code": -9013, "success": false}),
            Some(Fault::Refused | Fault::HeldRefusal) => refusal("refreshToken expired"),
            Some(Fault::SamePair) => state.answer(SELLER),
            Some(Fault::Stillborn) => Tokens { number: STILLBORN, ..state.likeness() }.answer(SELLER),
            Some(Fault::Honoured) => {
                state.rotate(world.clock.now());
                state.answer(SELLER)
            }
            _ if is_spent => refusal("refreshToken invalid"),
            other => {
                state.rotate(world.clock.now());
                state.answer(if other == Some(Fault::OtherSeller) { "another" } else { SELLER })
            }
        };
        (fault, answer)
    };
    world.calls.send_modify(|calls| *calls += 1);
    match fault {
        Some(Fault::NotDone | Fault::AnswerLost) => Err(CUT_OFF),
        Some(Fault::Page | Fault::PageAfter) => Err(PAGE),
        Some(Fault::Held | Fault::HeldRefusal) => {
            world.held.acquire().await.unwrap().forget();
            Ok(Json(answer))
        }
        _ => Ok(Json(answer)),
    }
}

fn refusal(message: &str) -> Value {
    json!({"error_code": 401, "error_msg": message, "success": false})
}

/// Speaks to the gateway, of tokens only.
struct Client {
    profile: &'static Profile,
    address: String,
    http: reqwest::Client,
    skew: Skew,
}

impl Client {
    async fn post(&self, call: Value) -> Result<Value, PlatformError> {
        let sent = self.http.post(&self.address).body(call.to_string()).send().await;
        let answer = sent.map_err(|source| PlatformError::NotSent { source })?;
        if answer.status() != StatusCode::OK {
            let status = answer.status().as_u16();
            return Err(PlatformError::Unavailable { status });
        }
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap())
            .map_err(|_| PlatformError::NoAnswer { what: "cut off".to_owned(), source: None })?;
        match answer["error_code"].as_i64() {
            None | Some(0) => Ok(answer["data"].clone()),
            Some(-9013) => Err(PlatformError::Throttled { retry_after: None }),
            Some(code) => Err(PlatformError::TokenRefused {
                code: code.to_string(),
                message: answer["error_msg"].as_str().unwrap_or_default().to_owned(),
            }),
        }
    }
}

fn granted(answer: &Value) -> Granted {
    let secret = |field: &str| SecretString::from(answer[field].as_str().unwrap());
    Granted {
        access: secret("accessToken"),
        access_ends_at: moment(answer, "accessTokenExpiresAt"),
        refresh: Some(secret("refreshToken")),
        refresh_ends_at: moment(answer, "refreshTokenExpiresAt"),
        account: account(answer),
    }
}

fn moment(answer: &Value, field: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(answer[field].as_i64()?)
}

fn account(answer: &Value) -> Account {
    let scopes = answer["scopes"].as_array();
    Account {
        id: answer["sellerId"].as_str().map(str::to_owned),
        scopes: scopes.map(|names| names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()),
        ..Account::default()
    }
}

#[async_trait]
impl Platform for Client {
    fn profile(&self) -> &'static Profile {
        self.profile
    }

    fn skew(&self) -> &Skew {
        &self.skew
    }

    fn authorize_link(&self, _state: &str) -> Option<String> {
        None
    }

    fn is_access_token(&self, _: &str) -> bool {
        false
    }

    fn console_page(&self) -> &'static str {
        "the test"
    }

    async fn exchange_code(&self, code: &SecretString) -> Result<Granted, PlatformError> {
        let call = json!({"method": "oauth.getAccessToken", "code": code.expose_secret()});
        Ok(granted(&self.post(call).await?))
    }

    async fn refresh(&self, refresh: &SecretString) -> Result<Granted, PlatformError> {
        let call = json!({"method": "oauth.refreshToken", "refreshToken": refresh.expose_secret()});
        Ok(granted(&self.post(call).await?))
    }

    async fn grant_info(&self, access: &Access) -> Result<GrantInfo, PlatformError> {
        let call = json!({"method": "info", "accessToken": access.token.expose_secret()});
        let answer = self.post(call).await?;
        Ok(GrantInfo { account: account(&answer), access_ends_at: moment(&answer, "accessTokenExpiresAt") })
    }

    async fn probe(&self, access: &Access) -> Result<(), PlatformError> {
        self.grant_info(access).await.map(drop)
    }
}
