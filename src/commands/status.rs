//! `status`: one line per shop and record: how fresh, how much, what is missing, how long the token lasts.

use chrono::{DateTime, Utc};

use super::output;
use crate::app::App;
use crate::auth::required_action::to_do;
use crate::domain::moment;
use crate::domain::record::Record;
use crate::exit::Exit;
use crate::store::ledger::windows::WindowState;
use crate::store::reports::overview::Overview;
use crate::views::runs::outcome;
use crate::views::status::{Line, as_value, lines};

pub(super) async fn run(app: &App, as_json: bool) -> anyhow::Result<Exit> {
    let (mut lines, shops) = lines(app).await?;
    let unknown = super::unknown_to_daemon(app).await?;
    // What the daemon does not know it does not read either.
    for line in lines.iter_mut().filter(|line| unknown.contains(&line.shop)) {
        line.next_run = None;
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
    for (shop, status) in shops {
        if let Some(text) = to_do(&shop, status.as_ref(), app.clock.now()).map(|text| text.english) {
            output::line(format_args!("{}: {text}", shop.name))?;
        }
    }
    for shared in app.tokens.shared_accounts().await? {
        output::line(shared.warning().english)?;
    }
    for shop in &unknown {
        output::line(super::not_known(shop).english)?;
    }
    Ok(Exit::Done)
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
            .map_or_else(|| "never".to_owned(), moment::to_minute_of_year),
        line.lag.map_or_else(|| "-".to_owned(), output::length),
        last_run,
        line.next_run.map_or_else(|| "never".to_owned(), |at| format!("in {}", output::length(at - now))),
        gaps(line.record, overview),
        overview.quarantined.to_string(),
        if line.paused.is_some() { format!("paused; {}", line.token) } else { line.token.clone() },
    ]
}

/// What the ledger says is not, or not surely, there: how many windows, and since when.
fn gaps(record: Record, overview: &Overview) -> String {
    let mut parts: Vec<String> = [
        (WindowState::Planned, "unread"),
        (WindowState::Reading, "being read"),
        (WindowState::Failed, "failed"),
        (WindowState::Short, "short"),
        (WindowState::Unreachable, "unreachable"),
    ]
    .into_iter()
    .filter_map(|(state, word)| gap(overview, state, word))
    .collect();
    if overview.amounts_due > 0 {
        parts.push(format!("{} without money yet", overview.amounts_due));
    }
    if overview.extras_unreadable > 0 {
        let what = if record == Record::Products { "stock" } else { "money" };
        parts.push(format!("{what} of {} unreadable", overview.extras_unreadable));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn gap(overview: &Overview, state: WindowState, word: &str) -> Option<String> {
    let of_state = || overview.gaps.iter().filter(|gap| gap.state == state);
    let oldest = of_state().map(|gap| gap.oldest).min()?;
    let windows: u64 = of_state().map(|gap| gap.windows).sum();
    Some(format!("{windows} {word} from {}", moment::to_minute_of_year(oldest)))
}
