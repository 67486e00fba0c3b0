//! `quarantine`: what could not be read, why, and another try.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{manual_run, output};
use crate::app::App;
use crate::cli::{QuarantineFilter, QuarantineVerb};
use crate::domain::record::Record;
use crate::error_text::chain;
use crate::exit::{Exit, Failure};
use crate::jobs::daemon::run::{RunError, Task};
use crate::store::Store;
use crate::store::records::quarantine::{QuarantineRow, Untried};
use crate::sync::progress::Counts;

/// The arguments of `quarantine retry`.
pub(super) struct Retry {
    pub(super) of: QuarantineFilter,
    pub(super) number: Option<String>,
    pub(super) is_json: bool,
}

/// What came of one record of one shop.
struct Tried {
    shop: String,
    record: Record,
    outcome: Result<Counts, RunError>,
    /// What is in quarantine still.
    left: u64,
}

/// `list` and `show`, which need neither key nor platform.
pub(super) async fn tell(store: &Store, verb: &QuarantineVerb) -> anyhow::Result<Exit> {
    match verb {
        QuarantineVerb::Show { shop, record, number, table } => {
            let row = store
                .quarantine()
                .get(shop, *record, number)
                .await?
                .ok_or_else(|| none(shop, *record, number))?;
            show(&row, table.json)?;
        }
        QuarantineVerb::List { of, table } | QuarantineVerb::Retry { of, table, .. } => {
            let mut rows = store.quarantine().list(of.shop.as_deref()).await?;
            rows.retain(|row| of.record.is_none_or(|record| row.record == record));
            list(&rows, table.json)?;
        }
    }
    Ok(Exit::Done)
}

fn list(rows: &[QuarantineRow], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(&rows.iter().map(as_value).collect());
    }
    output::table(
        ["shop", "record", "number", "tried", "first seen (UTC)", "last seen (UTC)", "reason"],
        rows.iter().map(|row| {
            [
                row.shop.clone(),
                row.record.to_string(),
                row.number.clone(),
                row.attempts.to_string(),
                output::when(Some(row.first_seen_at)),
                output::when(Some(row.last_seen_at)),
                row.reason.clone(),
            ]
        }),
    )
}

fn show(row: &QuarantineRow, as_json: bool) -> anyhow::Result<()> {
    let raw = serde_json::from_str::<serde_json::Value>(&row.raw);
    if as_json {
        let mut value = as_value(row);
        value["raw"] = raw.unwrap_or_else(|_| row.raw.clone().into());
        return output::json(&value);
    }
    output::line(format_args!("{} {} {}", row.shop, row.record, row.number))?;
    output::line(format_args!("  reason      {}", row.reason))?;
    output::line(format_args!("  first seen  {} UTC", output::when(Some(row.first_seen_at))))?;
    output::line(format_args!("  last seen   {} UTC", output::when(Some(row.last_seen_at))))?;
    let version = row.version.as_deref().unwrap_or("an older version");
    output::line(format_args!("  tried       {} times, last by {version}", row.attempts))?;
    let next = match row.next_try_at {
        Some(at) => format!("with the next run after {} UTC", output::when(Some(at))),
        None => "when it is listed again, or after an upgrade".to_owned(),
    };
    output::line(format_args!("  next try    {next}"))?;
    match raw {
        Ok(raw) => output::block(format_args!("{raw:#}")),
        Err(_) => output::line(&row.raw),
    }
}

fn as_value(row: &QuarantineRow) -> serde_json::Value {
    json!({
        "shop": row.shop, "record": row.record.as_str(), "number": row.number, "reason": row.reason,
        "attempts": row.attempts, "version": row.version,
        "first_seen_at": output::instant(Some(row.first_seen_at)),
        "last_seen_at": output::instant(Some(row.last_seen_at)),
        "next_try_at": output::instant(row.next_try_at),
    })
}

fn none(shop: &str, record: Record, number: &str) -> Failure {
    let text = format!(
        "{number} is not in quarantine among the {record} of `{shop}`; `shopsync quarantine list` shows what is"
    );
    Failure::new(Exit::BadInput, text)
}

pub(super) async fn retry(app: &App, args: &Retry, cancel: CancellationToken) -> anyhow::Result<Exit> {
    if let Some(name) = args.of.shop.as_deref().filter(|name| app.shop(name).is_none()) {
        return Err(super::unknown_shop(app, name).into());
    }
    app.store.runs().end_orphaned().await?;
    let number = args.number.as_deref();
    let mut tried = Vec::new();
    for shop in app.shops.iter().filter(|shop| args.of.shop.as_ref().is_none_or(|name| shop.name == *name)) {
        for record in shop.records.iter().copied().filter(|record| app.reads(shop, *record)) {
            let untried = Untried { shop: &shop.name, record, number, due_before: None };
            let is_asked_for = args.of.record.is_none_or(|asked| asked == record);
            if !is_asked_for || app.store.quarantine().count_untried(untried).await? == 0 {
                continue;
            }
            let task = Task::Quarantine(args.number.clone());
            let outcome = manual_run::run(app, shop, record, "quarantine", task, cancel.clone()).await;
            let left = app.store.quarantine().count_untried(untried).await?;
            tried.push(Tried { shop: shop.name.clone(), record, outcome, left });
        }
    }
    if let Some(number) = number.filter(|_| tried.is_empty()) {
        let text = format!("{number} is not in quarantine; `shopsync quarantine list` shows what is");
        return Err(Failure::new(Exit::BadInput, text).into());
    }
    print(&tried, args.is_json)?;
    conclude(&tried)
}

fn print(tried: &[Tried], as_json: bool) -> anyhow::Result<()> {
    let read = |tried: &Tried| {
        tried.outcome.as_ref().map_or(0, |counts| counts.rows_seen.saturating_sub(counts.rows_quarantined))
    };
    if as_json {
        let values = tried.iter().map(|tried| {
            json!({
                "shop": tried.shop, "record": tried.record.as_str(), "read": read(tried), "left": tried.left,
                "error": tried.outcome.as_ref().err().map(|error| chain(error)),
            })
        });
        return output::json(&values.collect());
    }
    if tried.is_empty() {
        return output::line("nothing is in quarantine");
    }
    output::table(
        ["shop", "record", "read now", "left", "result"],
        tried.iter().map(|tried| {
            [
                tried.shop.clone(),
                tried.record.to_string(),
                read(tried).to_string(),
                tried.left.to_string(),
                tried.outcome.as_ref().map_or_else(|error| chain(error), |_| "ok".to_owned()),
            ]
        }),
    )
}

/// What stays in quarantine is 3; what could not be tried gives its reason.
fn conclude(tried: &[Tried]) -> anyhow::Result<Exit> {
    let code = Exit::of_shops(tried.iter().map(|tried| match &tried.outcome {
        Err(error) => Exit::of_run(error),
        Ok(_) if tried.left > 0 => Exit::Partly,
        Ok(_) => Exit::Done,
    }));
    if code == Exit::Done {
        return Ok(Exit::Done);
    }
    let left: u64 = tried.iter().map(|tried| tried.left).sum();
    let text = format!("{left} cannot be read still; `shopsync quarantine show` shows why");
    Err(Failure::new(code, text).into())
}
