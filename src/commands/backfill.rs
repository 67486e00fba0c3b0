//! `backfill`: history of one record over a range of creation time, beside the daily work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::output;
use super::progress_bars::Bars;
use super::sync::LEASE_WAIT;
use crate::app::App;
use crate::cli::BackfillArgs;
use crate::domain::record::Lane;
use crate::domain::shop::Shop;
use crate::domain::window::Window;
use crate::error_text::chain;
use crate::exit::{Exit, Failure};
use crate::jobs::daemon::run::{MANUAL, RunError, RunOptions, Task, run_lane};
use crate::jobs::daemon::task::Target;
use crate::sync::Progress;
use crate::sync::progress::Counts;

type Results = BTreeMap<String, Result<Counts, RunError>>;

pub(super) async fn run(
    app: Arc<App>,
    args: &BackfillArgs,
    cancel: CancellationToken,
) -> anyhow::Result<Exit> {
    app.store.runs().end_orphaned().await?;
    let stretch = stretch(&app, args)?;
    let shops = select(&app, args)?;
    let started_at = Instant::now();
    let bars = Bars::new(!args.table.json);
    let mut tasks = JoinSet::new();
    for shop in shops {
        let options = RunOptions {
            job: "backfill".to_owned(),
            trigger: MANUAL,
            lease_wait: LEASE_WAIT,
            task: Task::Range(stretch),
            progress: Arc::new(Progress::default()),
            cancel: cancel.clone(),
        };
        bars.add(&shop.name, args.record, options.progress.clone());
        let (app, record) = (app.clone(), args.record);
        tasks.spawn(async move {
            let place = app.shop_permits.acquire().await;
            let outcome = run_lane(&app, Target { shop: &shop, record, lane: Lane::Create }, &options).await;
            drop(place);
            (shop.name, outcome)
        });
    }
    let mut results = Results::new();
    while let Some(ended) = tasks.join_next().await {
        let (shop, outcome) = ended.context("a shop's task ended in a fault of this program")?;
        bars.finish(&shop, args.record);
        results.insert(shop, outcome);
    }
    bars.clear();
    print(&results, args, started_at)?;
    if cancel.is_cancelled() && results.values().any(Result::is_err) {
        let text = "stopped; what is stored stays, and the same command, or the daemon, continues from there";
        return Err(Failure::new(Exit::Later, text).into());
    }
    conclude(&results)
}

fn stretch(app: &App, args: &BackfillArgs) -> anyhow::Result<Window> {
    let now = app.clock.now();
    let (from, until) = (args.from.resolve(now), args.until.resolve(now).min(now));
    Window::new(from, until).ok_or_else(|| {
        let (from, until) = (output::when(Some(from)), output::when(Some(until)));
        let text = format!("nothing lies between --from {from} UTC and --until {until} UTC");
        Failure::new(Exit::BadInput, text).into()
    })
}

fn select(app: &App, args: &BackfillArgs) -> anyhow::Result<Vec<Shop>> {
    let mut shops = BTreeMap::new();
    for name in &args.shops {
        let shop = app.shop(name).ok_or_else(|| super::unknown_shop(app, name))?;
        super::require_create_lane(app, shop, args.record)?;
        shops.insert(name.as_str(), shop.clone());
    }
    Ok(shops.into_values().collect())
}

fn print(results: &Results, args: &BackfillArgs, started_at: Instant) -> anyhow::Result<()> {
    let seconds = started_at.elapsed().as_secs_f64();
    if args.table.json {
        let shops: Vec<_> = results
            .iter()
            .map(|(shop, outcome)| match outcome {
                Ok(counts) => json!({
                    "shop": shop, "record": args.record.as_str(), "ok": true,
                    "windows": counts.windows_done, "rows_seen": counts.rows_seen,
                    "rows_written": counts.rows_written, "rows_unchanged": counts.rows_unchanged,
                    "rows_quarantined": counts.rows_quarantined, "calls": counts.calls,
                }),
                Err(error) => json!({
                    "shop": shop, "record": args.record.as_str(), "ok": false, "error": chain(error),
                }),
            })
            .collect();
        return output::json(&json!({ "shops": shops, "seconds": seconds }));
    }
    output::table(
        ["shop", "record", "windows", "seen", "written", "set aside", "calls", "result"],
        results.iter().map(|(shop, outcome)| {
            let count = |pick: fn(&Counts) -> u64| {
                outcome.as_ref().map_or_else(|_| "-".to_owned(), |counts| pick(counts).to_string())
            };
            [
                shop.clone(),
                args.record.to_string(),
                count(|counts| counts.windows_done),
                count(|counts| counts.rows_seen),
                count(|counts| counts.rows_written),
                count(|counts| counts.rows_quarantined),
                count(|counts| counts.calls),
                outcome.as_ref().map_or_else(|error| chain(error), |_| "ok".to_owned()),
            ]
        }),
    )
}

fn conclude(results: &Results) -> anyhow::Result<Exit> {
    let code = Exit::of_shops(
        results.values().map(|outcome| outcome.as_ref().err().map_or(Exit::Done, Exit::of_run)),
    );
    if code == Exit::Done {
        return Ok(Exit::Done);
    }
    let failed: Vec<&str> =
        results.iter().filter(|(_, outcome)| outcome.is_err()).map(|(shop, _)| shop.as_str()).collect();
    let text = format!(
        "not all history was read: {} (the same command, or the daemon, continues from there)",
        failed.join(", ")
    );
    Err(Failure::new(code, text).into())
}
