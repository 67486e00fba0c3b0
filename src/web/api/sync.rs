//! `POST /api/v1/sync`: the daemon reads one record of a shop now, instead of at its next slot.

use std::convert::Infallible;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use crate::domain::record::Record;
use crate::error_text::chain;
use crate::jobs::daemon::on_request::NotStarted;
use crate::web::Web;
use crate::web::admin::Admin;
use crate::web::answer::{ApiError, language_of};
use crate::web::notice::notice;
use crate::web::server::Peer;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    shop: String,
    record: String,
}

/// JSON is answered with JSON. The form of a page without script is sent back to the page, or answered by a page that
/// says why not.
pub(super) async fn sync(
    State(web): State<Web>,
    _: Admin,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    // A browser's form expects a page; programs that send one, as `curl -d` does, take JSON.
    let is_form = is_kind(&headers, FORM) && wants_page(&headers);
    match begin(&web, peer, &headers, body).await {
        Ok(_) if is_form => Redirect::to("../../").into_response(),
        Ok((wanted, record)) => {
            let runs = format!("/api/v1/runs?shop={}", wanted.shop);
            let body = json!({
                "shop": wanted.shop, "record": record.as_str(), "progress": "/api/v1/progress", "runs": runs,
            });
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
        Err(error) if is_form => {
            let text = html! { p { (error.message) } p { a href="../../" { "←" } } };
            notice(error.status, language_of(&headers), "shopsync", &text)
        }
        Err(error) => error.into_response(),
    }
}

async fn begin(
    web: &Web,
    peer: Peer,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(Wanted, Record), ApiError> {
    let body = body.map_err(|rejection| {
        ApiError::new(rejection.status(), "bad_request", "the body is too large, or did not arrive")
    })?;
    let wanted = read(headers, &body)?;
    let Ok(record) = wanted.record.parse::<Record>() else {
        return Err(ApiError::bad_request("`record` is none of orders, products, after_sales, activities"));
    };
    let (daemon, shop) = (web.daemon.clone(), wanted.shop.clone());
    let begun = async move { Ok::<_, Infallible>(daemon.sync_now(&shop, record).await) };
    web.reads().ask(begun).await?.map_err(|error| refused(&error))?;
    tracing::info!(
        event = "sync.requested", shop = %wanted.shop, %record, from = %peer.remote.ip(),
        "{record} of `{}` are read on request", wanted.shop,
    );
    Ok((wanted, record))
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Wanted, ApiError> {
    let wrong =
        || ApiError::bad_request("the body must be {\"shop\": \"…\", \"record\": \"…\"} and nothing else");
    if is_kind(headers, JSON) {
        return serde_json::from_slice(body).map_err(|_| wrong());
    }
    let is_json = body.trim_ascii_start().starts_with(b"{");
    if !is_kind(headers, FORM) || is_json {
        let message = format!("`Content-Type` must be {JSON}");
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_type", message));
    }
    let fields = |name: &str| {
        let mut values = url::form_urlencoded::parse(body).filter(|(field, _)| field == name);
        values.next().map(|(_, value)| value.into_owned())
    };
    match (fields("shop"), fields("record")) {
        (Some(shop), Some(record)) => Ok(Wanted { shop, record }),
        _ => Err(wrong()),
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// Whatever stands behind the kind, such as a charset.
fn is_kind(headers: &HeaderMap, kind: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind))
}

fn refused(error: &NotStarted) -> ApiError {
    let message = chain(error);
    match error {
        NotStarted::UnknownShop { shop } => ApiError::unknown_shop(shop),
        NotStarted::NotRead { .. } => ApiError::new(StatusCode::NOT_FOUND, "not_read", message),
        NotStarted::Busy { .. } => ApiError::new(StatusCode::CONFLICT, "busy", message).retry_after(5),
        NotStarted::NeverAuthorised { .. } | NotStarted::NeedsOwner { .. } => {
            ApiError::new(StatusCode::CONFLICT, "needs_owner", message)
        }
        NotStarted::Stopping => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", message).retry_after(15)
        }
        NotStarted::Auth { source } if !source.is_database_away() => {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "misconfigured", message)
        }
        NotStarted::Auth { .. } | NotStarted::Store { .. } => ApiError::database_away(),
    }
}
