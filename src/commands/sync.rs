//! `sync`: brings what the jobs cover, or the flags name, up to date now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::output;
use super::progress_bars::Bars;
use crate::app::App;
use crate::auth::required_action::authorise_command;
use crate::cli::SyncArgs;
use crate::config::JobConfig;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::error_text::chain;
use crate::exit::{Exit, Failure};
use crate::jobs::daemon::lanes::{self, LaneOutcomes};
use crate::jobs::daemon::run::{MANUAL, RunError, RunOptions, Task, switch_on};
use crate::language::text;
use crate::sync::Progress;
use crate::sync::progress::Counts;

/// How long a one-shot verb waits for a lane that another process holds.
pub(super) const LEASE_WAIT: Duration = Duration::from_mins(10);

/// What came of one record of one shop.
struct Synced {
    lanes: LaneOutcomes,
    /// Things that could not be read: those of these runs, and those that are requested again by themselves.
    left: u64,
}

/// What came of each record of each shop.
type Results = BTreeMap<(String, Record), Synced>;

pub(super) async fn run(app: Arc<App>, args: &SyncArgs, cancel: CancellationToken) -> anyhow::Result<Exit> {
    // What a killed process left as `running` in the sync log.
    app.store.runs().end_orphaned().await?;
    let selected = select(&app, args).await?;
    if selected.is_empty() {
        return Err(super::missing::nothing_done(&app, "nothing was synced").await?.into());
    }
    for (shop, record) in selected.iter().filter(|(shop, _)| args.shops.contains(&shop.name)) {
        switch_on(&app, &shop.name, *record).await?;
    }
    let started_at = Instant::now();
    let bars = Bars::new(!args.table.json);
    let mut tasks = JoinSet::new();
    for (shop, record) in selected {
        let options = RunOptions {
            job: args.job.clone().unwrap_or_else(|| "sync".to_owned()),
            trigger: MANUAL,
            lease_wait: LEASE_WAIT,
            task: if args.full { Task::Full } else { Task::Incremental },
            progress: Arc::new(Progress::default()),
            cancel: cancel.clone(),
        };
        bars.add(&shop.name, record, options.progress.clone());
        let app = app.clone();
        tasks.spawn(async move {
            let place = app.shop_permits.acquire().await;
            let outcomes = lanes::bring_up_to_date(app.clone(), shop.clone(), record, options).await;
            drop(place);
            (shop.name, record, outcomes)
        });
    }
    let mut results = Results::new();
    while let Some(ended) = tasks.join_next().await {
        let (shop, record, outcomes) = ended.context("a shop's task ended in a fault of this program")?;
        bars.finish(&shop, record);
        let left = left(&app, &shop, record, &outcomes).await?;
        results.insert((shop, record), Synced { lanes: outcomes, left });
    }
    bars.clear();
    print(&results, started_at.elapsed(), args.table.json)?;
    if cancel.is_cancelled() && results.values().flat_map(|of| &of.lanes).any(|(_, outcome)| outcome.is_err())
    {
        let text = "stopped; what is stored stays, and the next sync goes on from there";
        return Err(Failure::new(Exit::Later, text).into());
    }
    let exit = conclude(&results)?;
    refuse_short_windows(&app, &results).await?;
    Ok(exit)
}

/// A window that did not add up is not all that there is, though nothing failed.
async fn refuse_short_windows(app: &App, results: &Results) -> anyhow::Result<()> {
    let mut short = 0;
    for (shop, record) in results.keys() {
        short += app.store.windows().count_short(shop, *record).await?;
    }
    if short == 0 {
        return Ok(());
    }
    let text = format!(
        "{short} windows showed fewer than the platform reported; they are read again by themselves (`shopsync status` shows them)"
    );
    Err(Failure::new(Exit::Partly, text).into())
}

/// How much could not be read, in quarantine or but for an extra. What stays in quarantine because only a newer version
/// may read it counts in the run that put it there.
async fn left(app: &App, shop: &str, record: Record, outcomes: &LaneOutcomes) -> anyhow::Result<u64> {
    let of_runs: u64 = outcomes
        .iter()
        .filter_map(|(_, outcome)| outcome.as_ref().ok())
        .map(|counts| counts.rows_quarantined)
        .sum();
    let requested_again = app.store.quarantine().count_requested_again(shop, record).await?;
    let wants_extras = app.shop(shop).is_some_and(|shop| match record {
        Record::Orders => app.reads_amounts(shop),
        Record::Products => shop.options.stock_detail,
        Record::AfterSales | Record::Activities => false,
    });
    let extras = if wants_extras { app.store.reports().extras_unreadable(shop, record).await? } else { 0 };
    Ok(of_runs.max(requested_again + extras))
}

/// What to sync. A shop named on the command line must exist and be authorised; one a job merely covers is left out
/// when it never was.
async fn select(app: &App, args: &SyncArgs) -> anyhow::Result<Vec<(Shop, Record)>> {
    let job = args.job.as_deref().map(|name| sync_job(app, name)).transpose()?;
    if let Some(name) = args.shops.iter().find(|name| app.shop(name).is_none()) {
        return Err(super::unknown_shop(app, name).into());
    }
    let mut selected = Vec::new();
    for shop in &app.shops {
        let is_named = args.shops.contains(&shop.name);
        let is_wanted = |record: Record| match &job {
            Some(job) => job.sync == Some(record) && job.covers(shop),
            None => is_named || app.is_covered(shop, record),
        };
        let mut records: Vec<Record> = shop.records.clone();
        records.retain(|record| {
            let is_asked_for = args.records.is_empty() || args.records.contains(record);
            app.reads(shop, *record) && is_asked_for && is_wanted(*record)
        });
        if (!args.shops.is_empty() && !is_named) || records.is_empty() {
            continue;
        }
        if !is_named && app.tokens.status(shop).await?.is_none() {
            tell_unauthorised(shop);
            continue;
        }
        selected.extend(records.into_iter().map(|record| (shop.clone(), record)));
    }
    refuse_records_without_shop(app, args, &selected)?;
    Ok(selected)
}

fn sync_job<'a>(app: &'a App, name: &str) -> anyhow::Result<&'a JobConfig> {
    let jobs = &app.config().jobs;
    let what = text!("no job is called `{name}`", "没有叫 `{name}` 的任务");
    let job = jobs.get(name).ok_or_else(|| super::unknown(&what, name, jobs.keys()))?;
    if job.sync.is_none() {
        let text = format!("job `{name}` reconciles and does not sync; `shopsync verify` compares now");
        return Err(Failure::new(Exit::Usage, text).into());
    }
    Ok(job)
}

/// A record named by the user that none of the shops has is an error.
fn refuse_records_without_shop(
    app: &App,
    args: &SyncArgs,
    selected: &[(Shop, Record)],
) -> anyhow::Result<()> {
    let in_question = |shop: &&Shop| args.shops.is_empty() || args.shops.contains(&shop.name);
    for record in &args.records {
        let is_read = app.shops.iter().filter(in_question).any(|shop| app.reads(shop, *record));
        if !is_read && !selected.iter().any(|(_, selected)| selected == record) && !app.shops.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                format!("no shop in question has {record}: see `records` of its [shops.…] section"),
            )
            .into());
        }
    }
    Ok(())
}

fn tell_unauthorised(shop: &Shop) {
    tracing::info!(
        event = "shop.unauthorised", shop = %shop.name,
        "`{}` was never authorised and is left out; `{}`",
        shop.name,
        authorise_command(&shop.name, shop.platform)
    );
}

fn print(results: &Results, elapsed: Duration, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let mut shops: BTreeMap<&str, (Vec<serde_json::Value>, u64)> = BTreeMap::new();
        for ((shop, record), of) in results {
            let (lanes, left) = shops.entry(shop).or_default();
            lanes.extend(of.lanes.iter().map(|lane| lane_json(*record, lane)));
            *left += of.left;
        }
        let shops: Vec<_> = shops
            .into_iter()
            .map(|(shop, (lanes, left))| json!({ "shop": shop, "lanes": lanes, "left": left }))
            .collect();
        return output::json(&json!({ "shops": shops, "seconds": elapsed.as_secs_f64() }));
    }
    let lanes = || {
        results.iter().flat_map(|((shop, record), of)| {
            of.lanes.iter().map(move |(lane, outcome)| (shop, *record, *lane, outcome))
        })
    };
    output::table(
        ["shop", "record", "lane", "seen", "written", "set aside", "calls", "result"],
        lanes().map(|(shop, record, lane, outcome)| {
            // What a run that was cut off had done stands in `shopsync runs`.
            let count = |pick: fn(&Counts) -> u64| {
                outcome.as_ref().map_or_else(|_| "-".to_owned(), |counts| pick(counts).to_string())
            };
            [
                shop.clone(),
                record.to_string(),
                lane.to_string(),
                count(|counts| counts.rows_seen),
                count(|counts| counts.rows_written),
                count(|counts| counts.rows_quarantined),
                count(|counts| counts.calls),
                outcome.as_ref().map_or_else(|error| chain(error), |_| "ok".to_owned()),
            ]
        }),
    )?;
    let seen: u64 = lanes()
        // Amounts are of orders that another lane has read.
        .filter(|(_, _, lane, _)| *lane != Lane::Amounts)
        .filter_map(|(.., outcome)| outcome.as_ref().ok())
        .map(|counts| counts.rows_seen)
        .sum();
    tracing::info!(event = "verb.finished", "{seen} rows read in {:.1} s", elapsed.as_secs_f64());
    Ok(())
}

fn lane_json(record: Record, (lane, outcome): &(Lane, Result<Counts, RunError>)) -> serde_json::Value {
    match outcome {
        Ok(counts) => json!({
            "record": record.as_str(), "lane": lane.as_str(), "ok": true, "rows_seen": counts.rows_seen,
            "rows_written": counts.rows_written, "rows_unchanged": counts.rows_unchanged,
            "rows_quarantined": counts.rows_quarantined, "calls": counts.calls,
        }),
        Err(error) => json!({
            "record": record.as_str(), "lane": lane.as_str(), "ok": false, "error": chain(error),
        }),
    }
}

/// The exit code of several shops: 0 when all went well, the common reason when all failed for one, else 3; also 3
/// when all went well but for single things that are left. A record that is off has been reported once and is requested
/// again tomorrow; it counts only where a shop has nothing else.
fn conclude(results: &Results) -> anyhow::Result<Exit> {
    let mut shops: BTreeMap<&str, Vec<&Result<Counts, RunError>>> = BTreeMap::new();
    for ((shop, _), of) in results {
        shops.entry(shop).or_default().extend(of.lanes.iter().map(|(_, outcome)| outcome));
    }
    let mut failed: BTreeMap<&str, &RunError> = BTreeMap::new();
    for (shop, outcomes) in &shops {
        let has_read = outcomes.iter().any(|outcome| outcome.is_ok());
        let errors = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        if let Some(error) = errors.into_iter().find(|error| !(has_read && error.is_off())) {
            failed.insert(shop, error);
        }
    }
    let code = Exit::of_shops(
        shops.keys().map(|shop| failed.get(shop).map_or(Exit::Done, |error| Exit::of_run(error))),
    );
    if code == Exit::Done {
        return conclude_left(results);
    }
    let failed: Vec<&str> = failed.into_keys().collect();
    Err(Failure::new(
        code,
        format!("not everything was synced: {} (why, and when: `shopsync runs --failed`)", failed.join(", ")),
    )
    .into())
}

/// What is left of runs that all went well.
fn conclude_left(results: &Results) -> anyhow::Result<Exit> {
    let left: Vec<String> = results
        .iter()
        .filter(|(_, of)| of.left > 0)
        .map(|((shop, record), of)| format!("{} of the {record} of `{shop}`", of.left))
        .collect();
    if left.is_empty() {
        return Ok(Exit::Done);
    }
    let text = format!(
        "all else is synced, but something could not be read: {} (what, and why: `shopsync quarantine list`, `shopsync status`)",
        left.join(", ")
    );
    Err(Failure::new(Exit::Partly, text).into())
}
