//! `GET /api/v1/progress`: what this daemon is reading at this moment, and how far it is. Asks no database.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::jobs::daemon::running::{LaneOfShop, RunningLane};
use crate::views::text::instant;
use crate::web::Web;

pub(super) async fn progress(State(web): State<Web>) -> Json<Value> {
    let runs: Vec<Value> = web.daemon.running().all().iter().map(as_value).collect();
    Json(json!({ "now": instant(Some(web.live.app().clock.now())), "runs": runs }))
}

fn as_value(((shop, record, lane), running): &(LaneOfShop, RunningLane)) -> Value {
    let counts = running.progress.counts();
    json!({
        "shop": shop,
        "record": record.as_str(),
        "lane": lane.as_str(),
        "job": running.job,
        "trigger": running.trigger,
        "since": instant(Some(running.since)),
        "idle_seconds": running.progress.idle().as_secs(),
        "calls": counts.calls,
        "rows_seen": counts.rows_seen,
        "rows_written": counts.rows_written,
        "rows_unchanged": counts.rows_unchanged,
        "rows_quarantined": counts.rows_quarantined,
        "windows_known": counts.windows_known,
        "windows_done": counts.windows_done,
    })
}
