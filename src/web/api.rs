//! `/api/v1`: what the daemon knows and does, as JSON for programs. A name in an answer, once there, stays.

use axum::Router;
use axum::routing::{get, post};

use super::Web;

mod progress;
mod runs;
mod status;
mod sync;
mod token;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/status", get(status::status))
        .route("/runs", get(runs::runs))
        .route("/progress", get(progress::progress))
        .route("/sync", post(sync::sync))
        .route("/shops/{shop}/token", get(token::token))
}
