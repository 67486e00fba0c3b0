//! `GET /api/v1/shops/{shop}/token`: an access token for another program. The refresh token never leaves.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::Value;
use tokio::time::timeout;

use crate::auth::AuthError;
use crate::error_text::chain;
use crate::views::token::as_value;
use crate::web::Web;
use crate::web::admin::AdminProgram;
use crate::web::answer::ApiError;

/// How long a program waits for a renewal; the renewal itself goes on.
const WAIT: Duration = Duration::from_secs(20);
/// When to request again for what only takes time.
const LATER_SECONDS: u64 = 30;

pub(super) async fn token(
    State(web): State<Web>,
    _: AdminProgram,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let app = web.live.app();
    let Some(shop) = app.shop(&name) else {
        return Err(ApiError::unknown_shop(&name));
    };
    match timeout(WAIT, app.tokens.access_for_others(shop)).await {
        Ok(Ok(token)) => Ok(Json(as_value(shop, &token))),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(later("the token is being renewed, which takes long")),
    }
}

/// Distinguishes errors by who can do something about them.
fn refused(error: &AuthError) -> ApiError {
    if error.is_database_away() {
        return ApiError::database_away();
    }
    if error.needs_owner() || matches!(error, AuthError::Copied { .. }) {
        return ApiError::new(StatusCode::CONFLICT, "needs_owner", chain(error));
    }
    if error.is_misconfigured() {
        return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "misconfigured", chain(error));
    }
    later(&chain(error))
}

fn later(message: &str) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "later", message).retry_after(LATER_SECONDS)
}
