//! `verify`: does the database hold what the platform says it has? Number by number where it does not.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::output;
use super::sync::LEASE_WAIT;
use crate::app::App;
use crate::cli::VerifyArgs;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::domain::window::Window;
use crate::error_text::chain;
use crate::exit::{Exit, Failure};
use crate::jobs::daemon::run::{MANUAL, RunError, RunOptions, Task, run_lane};
use crate::jobs::daemon::task::Target;
use crate::sync::Progress;
use crate::sync::error::examples;
use crate::sync::verify::{self, Difference, Verified};

/// Missing numbers named in a line of the table; `--json` names more.
const NUMBERS_SHOWN: usize = 5;
const NUMBERS_IN_JSON: usize = 1_000;

/// What came of one record of one shop.
struct Comparison {
    shop: String,
    record: Record,
    outcome: Result<Verified, RunError>,
}

pub(super) async fn run(app: Arc<App>, args: &VerifyArgs, cancel: CancellationToken) -> anyhow::Result<Exit> {
    app.store.runs().end_orphaned().await?;
    let selected = select(&app, args).await?;
    if selected.is_empty() {
        return Err(super::missing::nothing_done(&app, "nothing was compared").await?.into());
    }
    let mut comparisons = Vec::new();
    for (shop, record) in selected {
        let target = Target { shop: &shop, record, lane: Lane::Create };
        let outcome = compare(&app, target, args, &cancel).await;
        let is_over = cancel.is_cancelled();
        comparisons.push(Comparison { shop: shop.name.clone(), record, outcome });
        if is_over {
            break;
        }
    }
    print(&comparisons, args.table.json)?;
    if cancel.is_cancelled() {
        return Err(Failure::new(Exit::Later, "stopped before everything was compared").into());
    }
    conclude(&comparisons)
}

/// The shops and records to compare. What has no create lane cannot be compared: an error if it was named, else left
/// out.
async fn select(app: &App, args: &VerifyArgs) -> anyhow::Result<Vec<(Shop, Record)>> {
    if let Some(name) = args.shops.iter().find(|name| app.shop(name).is_none()) {
        return Err(super::unknown_shop(app, name).into());
    }
    let mut selected = Vec::new();
    for shop in &app.shops {
        let is_named = args.shops.contains(&shop.name);
        if !args.shops.is_empty() && !is_named {
            continue;
        }
        if !is_named && app.tokens.status(shop).await?.is_none() {
            continue;
        }
        for record in &args.records {
            super::require_create_lane(app, shop, *record)?;
        }
        let records = shop.records.iter().filter(|record| {
            (args.records.is_empty() || args.records.contains(record))
                && app.has_lane(shop, **record, Lane::Create)
        });
        selected.extend(records.map(|record| (shop.clone(), *record)));
    }
    Ok(selected)
}

async fn compare(
    app: &App,
    target: Target<'_>,
    args: &VerifyArgs,
    cancel: &CancellationToken,
) -> Result<Verified, RunError> {
    let found = look(app, target, Look::Days(args.days), cancel).await?;
    if !args.repair || found.differences.is_empty() {
        return Ok(found);
    }
    let windows: Vec<Window> = found.differences.iter().map(|difference| difference.window).collect();
    let options = RunOptions {
        job: "verify".to_owned(),
        trigger: MANUAL,
        lease_wait: LEASE_WAIT,
        task: Task::Windows(windows.clone()),
        progress: Arc::new(Progress::default()),
        cancel: cancel.clone(),
    };
    run_lane(app, target, &options).await?;
    let left = look(app, target, Look::Windows(windows), cancel).await?;
    let repaired = found.missing().saturating_sub(left.missing()) as u64;
    Ok(Verified { stored: found.stored + repaired, differences: left.differences, ..found })
}

/// What is compared.
enum Look {
    Days(u32),
    Windows(Vec<Window>),
}

/// Asks and compares; writes nothing, and needs no lease.
async fn look(
    app: &App,
    target: Target<'_>,
    what: Look,
    cancel: &CancellationToken,
) -> Result<Verified, RunError> {
    let Some(sync) =
        app.record_sync(target.shop, target.record, Arc::new(Progress::default()), cancel.clone())
    else {
        return Ok(Verified::default());
    };
    // No run of the log: nothing is written that could name it.
    let sync = sync(0);
    let compared = match what {
        Look::Days(days) => Box::pin(verify::recent(&sync, TimeDelta::days(i64::from(days)))).await,
        Look::Windows(windows) => Box::pin(verify::compare_all(&sync, windows)).await,
    };
    compared.map_err(|source| target.failed(source))
}

fn print(comparisons: &[Comparison], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(&comparisons.iter().map(as_value).collect());
    }
    output::table(
        ["shop", "record", "from (UTC)", "until (UTC)", "platform", "stored", "missing here"],
        comparisons.iter().flat_map(rows_of),
    )
}

fn rows_of(comparison: &Comparison) -> Vec<[String; 7]> {
    let row = |from: String, until: String, platform: String, stored: String, missing: String| {
        [comparison.shop.clone(), comparison.record.to_string(), from, until, platform, stored, missing]
    };
    let dash = || "-".to_owned();
    match &comparison.outcome {
        Err(error) => vec![row(dash(), dash(), dash(), dash(), format!("not compared: {}", chain(error)))],
        Ok(verified) if verified.differences.is_empty() => {
            vec![row(
                dash(),
                dash(),
                verified.rows.to_string(),
                verified.stored.to_string(),
                remarks(verified),
            )]
        }
        Ok(verified) => verified
            .differences
            .iter()
            .map(|difference| {
                row(
                    output::when(Some(difference.window.from())),
                    output::when(Some(difference.window.until())),
                    difference.platform_total.to_string(),
                    difference.stored.to_string(),
                    missing_in_words(difference),
                )
            })
            .collect(),
    }
}

/// What is to be said where nothing is missing.
fn remarks(verified: &Verified) -> String {
    let Verified { doubtful, unreachable, .. } = verified;
    let mut remarks = vec!["nothing".to_owned()];
    if *doubtful > 0 {
        remarks.push(format!(
            "the platform's total cannot be trusted in {doubtful} windows, whose pages were counted"
        ));
    }
    if *unreachable > 0 {
        remarks.push(format!("{unreachable} windows are too old for the platform to show"));
    }
    remarks.join("; ")
}

fn missing_in_words(difference: &Difference) -> String {
    let named = &difference.missing[..difference.missing.len().min(NUMBERS_SHOWN)];
    format!("{}: {}", difference.missing.len(), examples(named, difference.missing.len()))
}

fn as_value(comparison: &Comparison) -> serde_json::Value {
    let (shop, record) = (&comparison.shop, comparison.record.as_str());
    match &comparison.outcome {
        Err(error) => json!({ "shop": shop, "record": record, "ok": false, "error": chain(error) }),
        Ok(verified) => {
            let differences: Vec<_> = verified
                .differences
                .iter()
                .map(|difference| {
                    json!({
                        "from": output::instant(Some(difference.window.from())),
                        "until": output::instant(Some(difference.window.until())),
                        "platform": difference.platform_total,
                        "stored": difference.stored,
                        "missing": difference.missing.len(),
                        "numbers": difference.missing.iter().take(NUMBERS_IN_JSON).collect::<Vec<_>>(),
                    })
                })
                .collect();
            json!({
                "shop": shop, "record": record, "ok": verified.differences.is_empty(),
                "windows": verified.windows, "rows": verified.rows, "stored": verified.stored,
                "doubtful": verified.doubtful, "unreachable": verified.unreachable,
                "missing": verified.missing(),
                "differences": differences,
            })
        }
    }
}

/// A difference that is left is 3; what could not be compared gives its reason.
fn conclude(comparisons: &[Comparison]) -> anyhow::Result<Exit> {
    let code = Exit::of_shops(comparisons.iter().map(|comparison| match &comparison.outcome {
        Ok(verified) if verified.differences.is_empty() => Exit::Done,
        Ok(_) => Exit::Partly,
        Err(error) => Exit::of_run(error),
    }));
    if code == Exit::Done {
        return Ok(Exit::Done);
    }
    let missing: usize = comparisons
        .iter()
        .filter_map(|comparison| comparison.outcome.as_ref().ok())
        .map(Verified::missing)
        .sum();
    let text = match missing {
        0 => "not everything could be compared".to_owned(),
        missing => format!("{missing} missing here; `shopsync verify --repair` reads them"),
    };
    Err(Failure::new(code, text).into())
}
