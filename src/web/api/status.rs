//! `GET /api/v1/status`: what `shopsync status` shows.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::AppError;
use crate::views::status::as_values;
use crate::views::text::instant;
use crate::web::Web;
use crate::web::answer::ApiError;

pub(super) async fn status(State(web): State<Web>) -> Result<Json<Value>, ApiError> {
    let app = web.live.app();
    let query = async move { Ok::<_, AppError>((as_values(&app).await?, app.clock.now())) };
    let ((records, shops), now) = web.reads().ask(query).await?;
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": instant(Some(web.started_at)),
        "now": instant(Some(now)),
        "records": records,
        "shops": shops,
    })))
}
