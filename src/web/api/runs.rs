//! `GET /api/v1/runs?shop=&failed=&n=`: the sync log, newest first.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::store::reports::runs::RunsFilter;
use crate::views::runs::as_value;
use crate::web::Web;
use crate::web::answer::ApiError;

/// Told when no one says how many.
const RUNS_DEFAULT: u64 = 50;
const RUNS_MAX: u64 = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    shop: Option<String>,
    #[serde(default)]
    failed: bool,
    n: Option<u64>,
}

pub(super) async fn runs(
    State(web): State<Web>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(wanted) = wanted.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let limit = wanted.n.unwrap_or(RUNS_DEFAULT);
    if !(1..=RUNS_MAX).contains(&limit) {
        return Err(ApiError::bad_request(format!("`n` is 1 to {RUNS_MAX}")));
    }
    let filter = RunsFilter { shop: wanted.shop, failed_only: wanted.failed, limit: Some(limit) };
    let store = web.live.app().store.clone();
    let runs = web.reads().ask(async move { store.runs().list(&filter).await }).await?;
    Ok(Json(json!({ "runs": runs.iter().map(as_value).collect::<Vec<_>>() })))
}
