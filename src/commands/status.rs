//! `status`: one line per shop and record: how fresh, how much, what is missing, how long the token lasts.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::advice::to_do;
use super::output;
use super::runs::outcome;
use crate::app::App;
use crate::auth::GrantStatus;
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::exit::Exit;
use crate::jobs::schedule;
use crate::store::overview::Overview;
use crate::store::windows::WindowState;

struct Line {
    shop: String,
    record: Record,
    overview: Overview,
    lag: Option<TimeDelta>,
    next_run: Option<DateTime<Utc>>,
    token: String,
    token_ends_at: Option<DateTime<Utc>>,
    token_to_do: Option<String>,
    /// Why nothing is asked for the shop at present. `None`: it is not paused.
    paused: Option<String>,
}

pub(super) async fn run(app: &App, as_json: bool) -> anyhow::Result<Exit> {
    let mut lines = Vec::new();
    for (shop, record) in app.what_is_read() {
        lines.push(line(app, shop, record).await?);
    }
    if as_json {
        output::json(&lines.iter().map(|line| as_value(line, app.clock.now())).collect())?;
        return Ok(Exit::Done);
    }
    output::table(
        [
            "shop",
            "record",
            "rows",
            "synced until (UTC)",
            "lag",
            "last run",
            "next run",
            "gaps",
            "set aside",
            "token",
        ],
        lines.iter().map(|line| as_row(line, app.clock.now())),
    )?;
    // Also for shops of which nothing but the token is kept.
    for shop in &app.shops {
        let status = app.tokens.status(shop).await?;
        if let Some(text) = to_do(&shop.name, status.as_ref(), app.clock.now()) {
            output::line(format_args!("{}: {text}", shop.name))?;
        }
    }
    Ok(Exit::Done)
}

async fn line(app: &App, shop: &Shop, record: Record) -> anyhow::Result<Line> {
    let now = app.clock.now();
    let overview = app.store.overview(&shop.name, record).await?;
    let last_sync_at = overview.cursor.as_ref().and_then(|cursor| cursor.last_sync_at);
    let status = app.tokens.status(shop).await?;
    let row = app.store.shop_row(&shop.name).await?;
    Ok(Line {
        paused: row.and_then(|row| row.pause).map(|pause| pause.reason),
        shop: shop.name.clone(),
        record,
        lag: app.lag(last_sync_at),
        next_run: schedule::next_run(app.config(), shop, record, now),
        token: token_in_words(status.as_ref(), now),
        token_ends_at: status.as_ref().map(token_end),
        token_to_do: to_do(&shop.name, status.as_ref(), now),
        overview,
    })
}

/// When a person must act: with a refresh token, its own end; without, the access token's.
fn token_end(status: &GrantStatus) -> DateTime<Utc> {
    status.refresh_ends_at.unwrap_or(status.access_ends_at)
}

fn token_in_words(status: Option<&GrantStatus>, now: DateTime<Utc>) -> String {
    match status {
        None => "never authorised".to_owned(),
        Some(status) if status.needs_owner() => "needs its owner".to_owned(),
        Some(status) => format!("{} left", output::length(token_end(status) - now)),
    }
}

fn as_row(line: &Line, now: DateTime<Utc>) -> [String; 10] {
    let overview = &line.overview;
    let last_run = overview.last_run.as_ref().map_or_else(
        || "never".to_owned(),
        |run| format!("{} {} ago", outcome(run), output::length(now - run.started_at)),
    );
    [
        line.shop.clone(),
        line.record.to_string(),
        overview.rows.to_string(),
        overview
            .cursor
            .as_ref()
            .and_then(|cursor| cursor.last_sync_at)
            .map_or_else(|| "never".to_owned(), |at| at.format("%m-%d %H:%M").to_string()),
        line.lag.map_or_else(|| "-".to_owned(), output::length),
        last_run,
        line.next_run.map_or_else(|| "never".to_owned(), |at| format!("in {}", output::length(at - now))),
        gaps(overview),
        overview.quarantined.to_string(),
        if line.paused.is_some() { format!("paused; {}", line.token) } else { line.token.clone() },
    ]
}

/// What the ledger says is not, or not surely, there: how many windows, and since when.
fn gaps(overview: &Overview) -> String {
    let mut told: Vec<String> = [
        (WindowState::Planned, "unread"),
        (WindowState::Reading, "being read"),
        (WindowState::Failed, "failed"),
        (WindowState::Short, "short"),
    ]
    .into_iter()
    .filter_map(|(state, word)| gap(overview, state, word))
    .collect();
    if overview.amounts_due > 0 {
        told.push(format!("{} without money yet", overview.amounts_due));
    }
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

fn gap(overview: &Overview, state: WindowState, word: &str) -> Option<String> {
    let of_state = || overview.gaps.iter().filter(|gap| gap.state == state);
    let oldest = of_state().map(|gap| gap.oldest).min()?;
    let windows: u64 = of_state().map(|gap| gap.windows).sum();
    Some(format!("{windows} {word} from {}", oldest.format("%m-%d %H:%M")))
}

fn as_value(line: &Line, now: DateTime<Utc>) -> serde_json::Value {
    let overview = &line.overview;
    let cursor = overview.cursor.as_ref();
    let run = overview.last_run.as_ref();
    json!({
        "shop": line.shop,
        "record": line.record.as_str(),
        "rows": overview.rows,
        "last_sync_at": output::instant(cursor.and_then(|cursor| cursor.last_sync_at)),
        "lag_seconds": line.lag.map(|lag| lag.num_seconds()),
        "off_reason": cursor.and_then(|cursor| cursor.off_reason.clone()),
        "last_run": run.map(|run| json!({
            "id": run.id, "job": run.job, "trigger": run.trigger, "outcome": outcome(run),
            "started_at": output::instant(Some(run.started_at)), "finished_at": output::instant(run.finished_at),
            "error": run.error,
        })),
        "last_ok_at": output::instant(overview.last_ok.as_ref().and_then(|run| run.finished_at)),
        "next_run": output::instant(line.next_run),
        "windows_planned": overview.windows_planned,
        "windows_failed": overview.windows_failed,
        "windows_short": overview.windows_short,
        "gaps": overview.gaps.iter().map(|gap| json!({
            "lane": gap.lane.as_str(), "state": gap.state.as_str(), "windows": gap.windows,
            "oldest": output::instant(Some(gap.oldest)),
        })).collect::<Vec<_>>(),
        "token_seconds_left": line.token_ends_at.map(|at| (at - now).num_seconds().max(0)),
        "amounts_due": overview.amounts_due,
        "quarantined": overview.quarantined,
        "paused": line.paused,
        "token": line.token,
        "token_ends_at": output::instant(line.token_ends_at),
        "token_to_do": line.token_to_do,
    })
}
