//! A run of the sync log.

use serde_json::{Value, json};

use super::text::instant;
use crate::domain::record::Lane;
use crate::store::reports::runs::RunRow;

/// A run without an outcome is still going on.
pub fn outcome(run: &RunRow) -> &'static str {
    run.outcome.map_or("running", |outcome| outcome.as_str())
}

/// As scripts and programs see it.
pub fn as_value(run: &RunRow) -> Value {
    json!({
        "id": run.id,
        "job": run.job,
        "shop": run.shop,
        "record": run.record.as_str(),
        "lane": run.lane.map(Lane::as_str),
        "trigger": run.trigger,
        "started_at": instant(Some(run.started_at)),
        "finished_at": instant(run.finished_at),
        "outcome": outcome(run),
        "calls": run.calls,
        "rows_seen": run.rows_seen,
        "rows_written": run.rows_written,
        "rows_unchanged": run.rows_unchanged,
        "rows_quarantined": run.rows_quarantined,
        "error": run.error,
        "note": run.note,
    })
}
