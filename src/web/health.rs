//! `/healthz`: is the daemon alive; `/readyz`: does it work. Both answer from what is known already and query nothing,
//! so they answer at once whatever hangs. Trouble with a shop is neither's business.

use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Web;

/// Asked by anybody, under any name.
pub(super) const PATHS: [&str; 2] = ["/healthz", "/readyz"];

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

/// What is said before there is a daemon: while the database is awaited, above all.
pub(super) fn starting() -> Router {
    Router::new().fallback(async || bad("starting: the database is awaited"))
}

/// The scheduler ticks and the database answers. Still so while the last runs come to their end.
async fn healthz(State(web): State<Web>) -> Response {
    match web.daemon.health().is_well(Instant::now()) {
        Ok(()) => good("ok"),
        Err(what) => bad(what),
    }
}

/// Config, database and schema are there, and work is taken.
async fn readyz(State(web): State<Web>) -> Response {
    if web.daemon.is_stopping() {
        return bad("the daemon is stopping");
    }
    match web.daemon.health().is_well(Instant::now()) {
        Ok(()) => good("ready"),
        Err(what) => bad(what),
    }
}

fn good(word: &'static str) -> Response {
    format!("{word}\n").into_response()
}

fn bad(what: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")).into_response()
}
