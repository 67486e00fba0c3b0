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
use crate::cli::SyncArgs;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::jobs::orders::{self, LaneOutcomes};
use crate::jobs::run::{MANUAL, RunOptions, chain};
use crate::sync::Progress;
use crate::sync::progress::Counts;

/// How long a one-shot verb waits for a lane that somebody else holds.
const LEASE_WAIT: Duration = Duration::from_mins(10);

pub(super) async fn run(app: Arc<App>, words: &SyncArgs, cancel: CancellationToken) -> anyhow::Result<Exit> {
    // What a killed process left as `running` in the sync log.
    app.store.end_orphaned_runs().await?;
    let shops = select(&app, words).await?;
    if shops.is_empty() {
        tracing::warn!(
            event = "shop.unauthorised",
            "no shop to sync: none is configured, enabled and authorised; see `shopsync check`"
        );
        return Ok(Exit::Done);
    }
    let started_at = Instant::now();
    let bars = Bars::new(!words.table.json);
    let mut tasks = JoinSet::new();
    for shop in shops {
        let options = RunOptions {
            job: words.job.clone().unwrap_or_else(|| "sync".to_owned()),
            trigger: MANUAL,
            lease_wait: LEASE_WAIT,
            full: words.full,
            progress: Arc::new(Progress::default()),
            cancel: cancel.clone(),
        };
        bars.add(&shop.name, options.progress.clone());
        let app = app.clone();
        tasks.spawn(async move {
            let place = app.shops_at_once.acquire().await;
            let outcomes = orders::bring_up_to_date(app.clone(), shop.clone(), options).await;
            drop(place);
            (shop.name, outcomes)
        });
    }
    let mut results = BTreeMap::new();
    while let Some(ended) = tasks.join_next().await {
        let (shop, outcomes) = ended.context("a shop's task ended in a fault of this program")?;
        bars.finish(&shop);
        results.insert(shop, outcomes);
    }
    bars.clear();
    print(&results, started_at.elapsed(), words.table.json)?;
    if cancel.is_cancelled() && results.values().flatten().any(|(_, outcome)| outcome.is_err()) {
        let text = "stopped; what is stored stays, and the next sync goes on from there";
        return Err(Failure::new(Exit::Later, text).into());
    }
    conclude(&results)
}

/// The shops to sync. A shop named on the command line must exist and be authorised; one a job merely covers
/// is left out when it never was.
async fn select(app: &App, words: &SyncArgs) -> anyhow::Result<Vec<Shop>> {
    for record in &words.records {
        if *record != Record::Orders {
            return Err(Failure::new(
                Exit::Usage,
                format!("{record} are not built yet: this version syncs orders"),
            )
            .into());
        }
    }
    let covered: Vec<&Shop> = match &words.job {
        Some(name) => {
            let job = app.config().jobs.get(name).ok_or_else(|| {
                super::unknown(&format!("no job is called `{name}`"), name, app.config().jobs.keys())
            })?;
            if job.sync != Some(Record::Orders) {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("job `{name}` is not built yet: this version syncs orders"),
                )
                .into());
            }
            app.shops.iter().filter(|shop| job.covers(shop)).collect()
        }
        None if words.shops.is_empty() => app.shops_of_jobs(Record::Orders),
        None => app.shops.iter().collect(),
    };
    let mut selected = Vec::new();
    for name in &words.shops {
        if app.shop(name).is_none() {
            return Err(super::unknown_shop(app, name).into());
        }
    }
    for shop in covered {
        let is_named = words.shops.contains(&shop.name);
        if (!words.shops.is_empty() && !is_named) || !app.reads(shop, Record::Orders) {
            continue;
        }
        if is_named || app.tokens.status(shop).await?.is_some() {
            selected.push(shop.clone());
        } else {
            tracing::info!(
                event = "shop.unauthorised", shop = %shop.name,
                "`{}` was never authorised and is left out; `shopsync auth login {}`",
                shop.name,
                shop.name
            );
        }
    }
    Ok(selected)
}

fn print(results: &BTreeMap<String, LaneOutcomes>, elapsed: Duration, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let shops: Vec<_> = results.iter().map(|(shop, outcomes)| shop_json(shop, outcomes)).collect();
        return output::json(&json!({ "shops": shops, "seconds": elapsed.as_secs_f64() }));
    }
    output::table(
        ["shop", "lane", "orders seen", "written", "set aside", "calls", "result"],
        results.iter().flat_map(|(shop, outcomes)| {
            outcomes.iter().map(|(lane, outcome)| {
                // What a run that was cut off had done stands in `shopsync runs`.
                let count = |pick: fn(&Counts) -> u64| {
                    outcome.as_ref().map_or_else(|_| "-".to_owned(), |counts| pick(counts).to_string())
                };
                [
                    shop.clone(),
                    lane.to_string(),
                    count(|counts| counts.rows_seen),
                    count(|counts| counts.rows_written),
                    count(|counts| counts.rows_quarantined),
                    count(|counts| counts.calls),
                    outcome.as_ref().map_or_else(|error| chain(error), |_| "ok".to_owned()),
                ]
            })
        }),
    )?;
    let seen: u64 = results
        .values()
        .flatten()
        // Amounts are of orders that another lane has read.
        .filter(|(lane, _)| *lane != Lane::Amounts)
        .filter_map(|(_, outcome)| outcome.as_ref().ok())
        .map(|counts| counts.rows_seen)
        .sum();
    tracing::info!(event = "verb.finished", "{seen} orders read in {:.1} s", elapsed.as_secs_f64());
    Ok(())
}

fn shop_json(shop: &str, outcomes: &LaneOutcomes) -> serde_json::Value {
    let lanes: Vec<_> = outcomes
        .iter()
        .map(|(lane, outcome)| match outcome {
            Ok(counts) => json!({
                "lane": lane.as_str(), "ok": true, "rows_seen": counts.rows_seen,
                "rows_written": counts.rows_written, "rows_unchanged": counts.rows_unchanged,
                "rows_quarantined": counts.rows_quarantined, "calls": counts.calls,
            }),
            Err(error) => json!({ "lane": lane.as_str(), "ok": false, "error": chain(error) }),
        })
        .collect();
    json!({ "shop": shop, "lanes": lanes })
}

/// The exit code of several shops: 0 when all went well, the common reason when all failed for one, else 3.
fn conclude(results: &BTreeMap<String, LaneOutcomes>) -> anyhow::Result<Exit> {
    let ends = results.values().map(|outcomes| {
        let error = outcomes.iter().find_map(|(_, outcome)| outcome.as_ref().err());
        error.map_or(Exit::Done, Exit::of_run)
    });
    let code = Exit::of_shops(ends);
    if code == Exit::Done {
        return Ok(Exit::Done);
    }
    let failed: Vec<&str> = results
        .iter()
        .filter(|(_, outcomes)| outcomes.iter().any(|(_, outcome)| outcome.is_err()))
        .map(|(shop, _)| shop.as_str())
        .collect();
    Err(Failure::new(
        code,
        format!("not everything was synced: {} (why, and when: `shopsync runs --failed`)", failed.join(", ")),
    )
    .into())
}
