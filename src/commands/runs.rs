//! `runs`: the sync log.

use serde_json::json;

use super::output;
use crate::cli::RunsArgs;
use crate::exit::Exit;
use crate::store::Store;
use crate::store::runs::{RunRow, RunsFilter};

pub(super) async fn run(store: &Store, words: &RunsArgs) -> anyhow::Result<Exit> {
    let filter = RunsFilter { shop: words.shop.clone(), failed_only: words.failed, limit: Some(words.limit) };
    let runs = store.runs(&filter).await?;
    if words.table.json {
        output::json(&runs.iter().map(as_value).collect())?;
        return Ok(Exit::Done);
    }
    output::table(
        [
            "run",
            "job",
            "shop",
            "started (UTC)",
            "took",
            "outcome",
            "calls",
            "seen",
            "written",
            "set aside",
            "error",
        ],
        runs.iter().map(as_row),
    )?;
    Ok(Exit::Done)
}

fn as_row(run: &RunRow) -> [String; 11] {
    let took = run.finished_at.map_or_else(|| "-".to_owned(), |end| output::length(end - run.started_at));
    [
        run.id.to_string(),
        run.job.clone(),
        run.shop.clone(),
        output::when(Some(run.started_at)),
        took,
        outcome(run).to_owned(),
        run.calls.to_string(),
        run.rows_seen.to_string(),
        run.rows_written.to_string(),
        run.rows_quarantined.to_string(),
        run.error.clone().or_else(|| run.note.clone()).unwrap_or_default(),
    ]
}

/// A run without an outcome is still going on.
pub(super) fn outcome(run: &RunRow) -> &'static str {
    run.outcome.map_or("running", |outcome| outcome.as_str())
}

fn as_value(run: &RunRow) -> serde_json::Value {
    json!({
        "id": run.id,
        "job": run.job,
        "shop": run.shop,
        "record": run.record.as_str(),
        "trigger": run.trigger,
        "started_at": output::instant(Some(run.started_at)),
        "finished_at": output::instant(run.finished_at),
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
