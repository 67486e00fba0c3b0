//! Each record of each shop: how fresh, how much, what is missing, how long the token lasts.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::runs::outcome;
use super::text::{instant, length};
use crate::app::{App, AppError};
use crate::auth::GrantStatus;
use crate::auth::required_action::to_do;
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::jobs::report::{RecordReport, ShopReport, report};
use crate::store::reports::overview::Overview;

/// One record of one shop.
pub struct Line {
    pub shop: String,
    pub record: Record,
    pub overview: Overview,
    pub lag: Option<TimeDelta>,
    pub next_run: Option<DateTime<Utc>>,
    pub token: String,
    pub token_ends_at: Option<DateTime<Utc>>,
    pub token_to_do: Option<String>,
    /// Why nothing is requested for the shop at present. `None`: it is not paused.
    pub paused: Option<String>,
}

/// A shop, and its grant; `None`: it was never authorised.
pub type Granted = (Shop, Option<GrantStatus>);

/// Each record of each shop that is read, and the shops themselves: also those of which nothing but the token is kept.
pub async fn lines(app: &App) -> Result<(Vec<Line>, Vec<Granted>), AppError> {
    let now = app.clock.now();
    let (mut lines, mut shops) = (Vec::new(), Vec::new());
    for shop in report(app).await? {
        let ShopReport { shop, row, grant, records } = shop;
        let grant = grant?;
        let paused = row.and_then(|row| row.pause).map(|pause| pause.reason);
        lines.extend(
            records.into_iter().map(|record| line(&shop, record, grant.as_ref(), paused.clone(), now)),
        );
        shops.push((shop, grant));
    }
    Ok((lines, shops))
}

/// The records and the shops, as programs see them.
pub async fn as_values(app: &App) -> Result<(Vec<Value>, Vec<Value>), AppError> {
    let now = app.clock.now();
    let (lines, shops) = lines(app).await?;
    let of_shop = |(shop, status): &Granted| {
        json!({
            "shop": shop.name,
            "platform": shop.platform,
            "token": token_in_words(status.as_ref(), now),
            "token_ends_at": instant(status.as_ref().map(token_end)),
            "token_to_do": to_do(shop, status.as_ref(), now).map(|text| text.english),
        })
    };
    Ok((lines.iter().map(|line| as_value(line, now)).collect(), shops.iter().map(of_shop).collect()))
}

fn line(
    shop: &Shop,
    record: RecordReport,
    grant: Option<&GrantStatus>,
    paused: Option<String>,
    now: DateTime<Utc>,
) -> Line {
    let RecordReport { record, overview, lag, next_run, .. } = record;
    Line {
        shop: shop.name.clone(),
        record,
        lag,
        next_run,
        token: token_in_words(grant, now),
        token_ends_at: grant.map(token_end),
        token_to_do: to_do(shop, grant, now).map(|text| text.english),
        paused,
        overview,
    }
}

/// When a person must act: with a refresh token, its own end; without, the access token's.
fn token_end(status: &GrantStatus) -> DateTime<Utc> {
    status.refresh_ends_at.unwrap_or(status.access_ends_at)
}

fn token_in_words(status: Option<&GrantStatus>, now: DateTime<Utc>) -> String {
    match status {
        None => "never authorised".to_owned(),
        Some(status) if status.needs_owner() => "needs its owner".to_owned(),
        Some(status) => format!("{} left", length(token_end(status) - now)),
    }
}

/// As scripts and programs see it; a name, once there, stays.
pub fn as_value(line: &Line, now: DateTime<Utc>) -> serde_json::Value {
    let overview = &line.overview;
    let cursor = overview.cursor.as_ref();
    let run = overview.last_run.as_ref();
    json!({
        "shop": line.shop,
        "record": line.record.as_str(),
        "rows": overview.rows,
        "last_sync_at": instant(cursor.and_then(|cursor| cursor.last_sync_at)),
        "lag_seconds": line.lag.map(|lag| lag.num_seconds()),
        "off_reason": cursor.and_then(|cursor| cursor.off_reason.clone()),
        "last_run": run.map(|run| json!({
            "id": run.id, "job": run.job, "trigger": run.trigger, "outcome": outcome(run),
            "started_at": instant(Some(run.started_at)), "finished_at": instant(run.finished_at),
            "error": run.error,
        })),
        "last_ok_at": instant(overview.last_ok.as_ref().and_then(|run| run.finished_at)),
        "next_run": instant(line.next_run),
        "windows_planned": overview.windows_planned,
        "windows_failed": overview.windows_failed,
        "windows_short": overview.windows_short,
        "windows_unreachable": overview.windows_unreachable,
        "gaps": overview.gaps.iter().map(|gap| json!({
            "lane": gap.lane.as_str(), "state": gap.state.as_str(), "windows": gap.windows,
            "oldest": instant(Some(gap.oldest)),
        })).collect::<Vec<_>>(),
        "token_seconds_left": line.token_ends_at.map(|at| (at - now).num_seconds().max(0)),
        "amounts_due": overview.amounts_due,
        "quarantined": overview.quarantined,
        "extras_unreadable": overview.extras_unreadable,
        "paused": line.paused,
        "token": line.token,
        "token_ends_at": instant(line.token_ends_at),
        "token_to_do": line.token_to_do,
    })
}
