//! The sandbox's HTTP: one router for the platforms, the consent pages and the control door.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Router, middleware};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::accounts::{Gateway, Platform};
use super::authorize::Consent;
use super::connection::Scissors;
use super::control::{Control, TruthQuery};
use super::gateway::{Date, Delivery, Reply};
use super::world::WorldHandle;
use super::{authorize, control, gateway, open115};

pub const TEMU_PATH: &str = "/temu/openapi/router";
pub const TEMU_PARTNER_PATH: &str = "/temu-partner/openapi/router";
pub const TEMU_CN_PATH: &str = "/temu-cn/openapi/router";
pub const XIAOHONGSHU_PATH: &str = "/xiaohongshu/ark/open_api/v3/common_controller";
/// What 115 takes; also with a charset behind it.
const FORM: &str = "application/x-www-form-urlencoded";
const BODY_BYTES_MAX: usize = 1 << 20;
/// What stands in a `Date` header, RFC 9110.
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

#[derive(Clone)]
pub struct Shared {
    pub world: WorldHandle,
    /// Stalled answers end with it.
    pub stop: CancellationToken,
}

pub fn router(shared: Shared) -> Router {
    let shared = Arc::new(shared);
    let platform = |gateway: Gateway| {
        post(move |shared, scissors, body| async move { call(shared, scissors, gateway, body).await })
    };
    let router = open115::Call::ALL.into_iter().fold(Router::new(), |router, call| {
        let answer = move |shared, scissors, query, headers, body| async move {
            call_115(shared, scissors, call, query, headers, body).await
        };
        let route = if call.is_get() { get(answer) } else { post(answer) };
        router.route(&format!("{}{}", open115::ROOT, call.path()), route)
    });
    router
        .route(TEMU_PATH, platform(Gateway::Temu))
        .route(TEMU_PARTNER_PATH, platform(Gateway::TemuPartner))
        .route(TEMU_CN_PATH, platform(Gateway::TemuCn))
        .route(XIAOHONGSHU_PATH, platform(Gateway::Xiaohongshu))
        .route("/authorize/{platform}", get(consent))
        .route("/_control", post(act))
        .route("/_control/truth", get(truth))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), date))
        .with_state(shared)
}

async fn call(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    gateway: Gateway,
    body: Bytes,
) -> Response<Body> {
    let reply = shared.world.with(|world| gateway::answer(world, gateway, &body));
    delivered(&shared, &scissors, reply).await
}

async fn call_115(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    call: open115::Call,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_form = header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with(FORM));
    let fields = match query {
        Some(query) if call.is_get() => form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        None if !call.is_get() && is_form => form_urlencoded::parse(&body).into_owned().collect(),
        _ => HashMap::new(),
    };
    let authorization = header(header::AUTHORIZATION).map(str::to_owned);
    let sent = open115::RequestFields { fields, authorization };
    let reply = shared.world.with(|world| gateway::answer_115(world, call, &sent));
    delivered(&shared, &scissors, reply).await
}

/// Sends a reply the way it is to arrive.
async fn delivered(shared: &Shared, scissors: &Scissors, reply: Reply) -> Response<Body> {
    match reply.delivery {
        Delivery::Whole => {}
        Delivery::ResetHalfway => scissors.cut_after(reply.body.bytes.len() / 2 + 1),
        Delivery::ResetBefore => scissors.cut_after(0),
        Delivery::Stalled(pause) => {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shared.stop.cancelled() => scissors.cut_after(0),
            }
        }
    }
    response(shared, reply)
}

fn response(shared: &Shared, reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body.bytes));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let mut say = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    say(header::CONTENT_TYPE, &reply.body.content_type);
    if let Some(encoding) = reply.body.content_encoding {
        say(header::CONTENT_ENCODING, encoding);
    }
    if let Some(value) = &reply.retry_after {
        say(header::RETRY_AFTER, value);
    }
    match reply.date {
        Date::Empty => say(header::DATE, ""),
        Date::Ahead(0) => {}
        Date::Ahead(seconds) => {
            let ahead = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).unwrap_or_default();
            let now = shared.world.with(|world| world.now());
            say(header::DATE, &(now + ahead).format(HTTP_DATE).to_string());
        }
    }
    response
}

/// The platforms' own time on every answer that says no other; hyper adds the machine's only where there is none.
async fn date(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    if !response.headers().contains_key(header::DATE) {
        let now = shared.world.with(|world| world.now());
        if let Ok(value) = HeaderValue::from_str(&now.format(HTTP_DATE).to_string()) {
            response.headers_mut().insert(header::DATE, value);
        }
    }
    response
}

async fn consent(
    State(shared): State<Arc<Shared>>,
    Path(platform): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(platform) = Platform::ALL.into_iter().find(|known| known.as_str() == platform) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match shared.world.with(|world| authorize::consent(world, platform, &parameters, host)) {
        Consent::Redirect(address) => (StatusCode::FOUND, [(header::LOCATION, address)]).into_response(),
        Consent::Code(code) => code.into_response(),
        Consent::Refused(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
    }
}

async fn act(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    match serde_json::from_slice::<Control>(&body) {
        Ok(control) => control_answer(shared.world.with(|world| control::act(world, control))),
        Err(error) => control_answer(Err(error.to_string())),
    }
}

async fn truth(State(shared): State<Arc<Shared>>, Query(query): Query<TruthQuery>) -> Response<Body> {
    control_answer(shared.world.with(|world| control::truth(world, &query)))
}

fn control_answer(result: Result<String, String>) -> Response<Body> {
    match result {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
    }
}
