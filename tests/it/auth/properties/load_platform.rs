//! A platform for a load: many sellers, every tenth refresh fails, and the answer of every hundredth is lost. It writes down
//! what became of each refresh token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shopsync::clock::Clock;

const LIFE: TimeDelta = TimeDelta::days(7);
const FAILS_EVERY: usize = 10;
const LOSES_EVERY: usize = 100;

/// What became of a refresh token that was sent.
const CUT_OFF: &str = "{\"error_code\": 0, \"da";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Throttled,
    /// The answer is cut off, nothing was done.
    NotDone,
    /// Spent, and the answer is cut off.
    Lost,
    Renewed,
    /// It was spent before.
    Refused,
}

/// The server's side. Ends with the test's runtime.
#[derive(Clone)]
pub(super) struct LoadPlatform {
    pub(super) address: String,
    clock: Clock,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    calls: usize,
    /// The number of each seller's tokens.
    numbers: HashMap<String, usize>,
    sent: HashMap<String, Vec<Sent>>,
}

impl LoadPlatform {
    pub(super) async fn start(clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let platform = Self { address, clock, world: Arc::default() };
        let router = Router::new().route("/", post(answer)).with_state(platform.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        platform
    }

    pub(super) fn access(&self, seller: &str) -> String {
        format!("access/{seller}/{}", self.world.lock().unwrap().numbers[seller])
    }

    /// What became of the first refresh token of a seller, each time it was sent.
    pub(super) fn first_token(&self, seller: &str) -> Vec<Sent> {
        let world = self.world.lock().unwrap();
        world.sent.get(&format!("refresh/{seller}/1")).cloned().unwrap_or_default()
    }

    /// How many refresh tokens were ever sent.
    pub(super) fn tokens_sent(&self) -> usize {
        self.world.lock().unwrap().sent.len()
    }
}

impl World {
    fn grant(&mut self, seller: &str, now: DateTime<Utc>) -> Value {
        let number = self.numbers.entry(seller.to_owned()).or_default();
        *number += 1;
        json!({"error_code": 0, "data": {
            "accessToken": format!("access/{seller}/{number}"), "sellerId": seller,
            "accessTokenExpiresAt": (now + LIFE).timestamp_millis(),
            "refreshToken": format!("refresh/{seller}/{number}"),
            "refreshTokenExpiresAt": (now + LIFE * 50).timestamp_millis(),
        }})
    }

    fn refresh(&mut self, token: &str, now: DateTime<Utc>) -> Result<Value, &'static str> {
        self.calls += 1;
        let (seller, number) = token.trim_start_matches("refresh/").split_once('/').unwrap();
        let is_live = self.numbers[seller].to_string() == number;
        let sent = match self.calls {
            call if call.is_multiple_of(LOSES_EVERY) && is_live => Sent::Lost,
            call if call.is_multiple_of(2 * FAILS_EVERY) => Sent::Throttled,
            call if call.is_multiple_of(FAILS_EVERY) => Sent::NotDone,
            _ if is_live => Sent::Renewed,
            _ => Sent::Refused,
        };
        self.sent.entry(token.to_owned()).or_default().push(sent);
        match sent {
            Sent::Throttled => Ok(json!({"error_code": -9013})),
            Sent::Refused => Ok(json!({"error_code": 401, "error_msg": "refreshToken invalid"})),
            Sent::NotDone => Err(CUT_OFF),
            Sent::Lost => {
                self.grant(seller, now);
                Err(CUT_OFF)
            }
            Sent::Renewed => Ok(self.grant(seller, now)),
        }
    }
}

async fn answer(State(platform): State<LoadPlatform>, body: String) -> Result<Json<Value>, &'static str> {
    let call: Value = serde_json::from_str(&body).unwrap();
    let now = platform.clock.now();
    let mut world = platform.world.lock().unwrap();
    let text = |field: &str| call[field].as_str().unwrap();
    match text("method") {
        "oauth.refreshToken" => world.refresh(text("refreshToken"), now).map(Json),
        "oauth.getAccessToken" => Ok(Json(world.grant(text("code").trim_start_matches("code-"), now))),
        _ => {
            let seller = text("accessToken").split('/').nth(1).unwrap();
            Ok(Json(json!({"data": {"sellerId": seller}})))
        }
    }
}
