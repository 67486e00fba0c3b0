//! The token service of a platform with as many sellers as a test wants, over real HTTP. It speaks what the client of
//! `auth_gateway` understands: a code `code-SELLER` brings a grant, and a refresh token works once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shopsync::clock::Clock;

/// The server's side. Ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) address: String,
    clock: Clock,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
pub(crate) struct World {
    sellers: HashMap<String, Seller>,
    /// How long an access token lives.
    pub(crate) life: TimeDelta,
    /// How long a refresh call takes.
    pub(crate) delay: Duration,
    pub(crate) is_down: bool,
    pub(crate) throttles: bool,
    pub(crate) scopes: Option<Vec<&'static str>>,
    /// How many refreshes went well, and how many sent a token that was spent.
    pub(crate) refreshes: usize,
    pub(crate) spent: usize,
    pub(crate) refresh_calls: usize,
    /// Refresh calls at this moment, and the most at one moment.
    in_flight: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) info_calls: usize,
    /// The codes that were sent.
    pub(crate) codes: Vec<String>,
}

struct Seller {
    number: usize,
    ends_at: DateTime<Utc>,
    is_revoked: bool,
}

impl Service {
    pub(crate) async fn start(clock: Clock, life: TimeDelta) -> Self {
        let world = Arc::new(Mutex::new(World { life, ..World::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let service = Self { address, clock, world };
        let router = Router::new().route("/", post(answer)).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.lock().unwrap())
    }

    /// Takes everything of a seller back.
    pub(crate) fn revoke(&self, seller: &str) {
        self.with(|world| world.sellers.get_mut(seller).unwrap().is_revoked = true);
    }

    /// A new token of a seller, as a console shows it.
    pub(crate) fn issue(&self, seller: &str) -> String {
        let now = self.clock.now();
        self.with(|world| world.rotate(seller, now));
        self.with(|world| access(seller, world.sellers[seller].number))
    }
}

impl World {
    fn rotate(&mut self, seller: &str, now: DateTime<Utc>) {
        let ends_at = now + self.life;
        let number = self.sellers.get(seller).map_or(0, |seller| seller.number) + 1;
        self.sellers.insert(seller.to_owned(), Seller { number, ends_at, is_revoked: false });
    }

    fn grant(&self, seller: &str) -> Value {
        let Seller { number, ends_at, .. } = self.sellers[seller];
        json!({"error_code": 0, "data": {
            "accessToken": access(seller, number), "accessTokenExpiresAt": ends_at.timestamp_millis(),
            "refreshToken": format!("refresh/{seller}/{number}"),
            "refreshTokenExpiresAt": (ends_at + self.life).timestamp_millis(), "sellerId": seller,
        }})
    }

    /// The seller of a token that is good.
    fn known(&self, token: &Value, kind: &str) -> Option<String> {
        let token = token.as_str().unwrap().strip_prefix(kind)?.strip_prefix('/')?;
        let (name, number) = token.split_once('/')?;
        let seller = self.sellers.get(name)?;
        (number == seller.number.to_string() && !seller.is_revoked).then(|| name.to_owned())
    }
}

fn access(seller: &str, number: usize) -> String {
    format!("access/{seller}/{number}")
}

async fn answer(State(service): State<Service>, body: String) -> Result<Json<Value>, StatusCode> {
    let call: Value = serde_json::from_str(&body).unwrap();
    match call["method"].as_str().unwrap() {
        "oauth.refreshToken" => refresh(&service, &call["refreshToken"]).await,
        "oauth.getAccessToken" => {
            let (code, now) = (call["code"].as_str().unwrap().to_owned(), service.clock.now());
            service.with(|world| {
                world.codes.push(code.clone());
                let Some(seller) = code.strip_prefix("code-") else {
                    return Ok(Json(refusal("code invalid")));
                };
                world.rotate(seller, now);
                Ok(Json(world.grant(seller)))
            })
        }
        _ => service.with(|world| {
            world.info_calls += 1;
            if world.is_down {
                return Err(StatusCode::SERVICE_UNAVAILABLE);
            }
            let Some(seller) = world.known(&call["accessToken"], "access") else {
                return Ok(Json(refusal("accessToken expired")));
            };
            let ends_at = world.sellers[&seller].ends_at.timestamp_millis();
            Ok(Json(json!({"data": {
                "sellerId": seller, "accessTokenExpiresAt": ends_at, "scopes": world.scopes,
            }})))
        }),
    }
}

async fn refresh(service: &Service, token: &Value) -> Result<Json<Value>, StatusCode> {
    let delay = service.with(|world| {
        world.refresh_calls += 1;
        world.in_flight += 1;
        world.in_flight_max = world.in_flight_max.max(world.in_flight);
        world.delay
    });
    tokio::time::sleep(delay).await;
    let now = service.clock.now();
    service.with(|world| {
        world.in_flight -= 1;
        if world.throttles {
            return Ok(Json(json!({"error_code": -9013})));
        }
        let Some(seller) = world.known(token, "refresh") else {
            world.spent += 1;
            return Ok(Json(refusal("refreshToken invalid")));
        };
        world.refreshes += 1;
        world.rotate(&seller, now);
        Ok(Json(world.grant(&seller)))
    })
}

fn refusal(message: &str) -> Value {
    json!({"error_code": 401, "error_msg": message})
}
