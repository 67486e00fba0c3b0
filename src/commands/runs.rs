//! `runs`: the sync log.

use super::output;
use crate::cli::RunsArgs;
use crate::exit::Exit;
use crate::store::Store;
use crate::store::reports::runs::{RunRow, RunsFilter};
use crate::views::runs::as_value;
pub(super) use crate::views::runs::outcome;

pub(super) async fn run(store: &Store, args: &RunsArgs) -> anyhow::Result<Exit> {
    let filter = RunsFilter { shop: args.shop.clone(), failed_only: args.failed, limit: Some(args.limit) };
    let runs = store.runs().list(&filter).await?;
    if args.table.json {
        output::json(&runs.iter().map(as_value).collect())?;
        return Ok(Exit::Done);
    }
    output::table(
        [
            "run",
            "job",
            "shop",
            "record",
            "lane",
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

fn as_row(run: &RunRow) -> [String; 13] {
    let took = run.finished_at.map_or_else(|| "-".to_owned(), |end| output::length(end - run.started_at));
    [
        run.id.to_string(),
        run.job.clone(),
        run.shop.clone(),
        run.record.to_string(),
        run.lane.map_or_else(|| "-".to_owned(), |lane| lane.to_string()),
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
