//! `plan`: what the next runs will cost, and what is left of the history. Asks no platform, not even for a token.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::json;

use super::output;
use crate::app::App;
use crate::cli::PlanArgs;
use crate::config::JobConfig;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::domain::window::{Closed, Pace, Window, plan};
use crate::exit::{Exit, Failure};
use crate::jobs::scheduler::schedule;
use crate::language::text;
use crate::platform::{Paging, Reach};
use crate::store::ledger::cursors::Cursor;
use crate::store::ledger::windows::LedgerWindow;

mod forecast;

use forecast::{Cost, Density, Prices};

/// How far back windows show how busy a shop is, and how many of them are looked at.
const BUSY_SINCE: TimeDelta = TimeDelta::days(7);
const BUSY_WINDOWS_MAX: u64 = 500;

struct Line {
    shop: String,
    app: String,
    record: Record,
    calls_per_second: f64,
    /// `None`: no enabled job covers it.
    next_run: Option<DateTime<Utc>>,
    /// From the next run to the one after.
    interval: Option<TimeDelta>,
    next: Cost,
    /// History still to be read, and money to be requested.
    rest: Cost,
}

pub(super) async fn run(app: &App, args: &PlanArgs) -> anyhow::Result<Exit> {
    let mut lines = Vec::new();
    for (shop, record) in select(app, args)? {
        lines.extend(line(app, shop, record).await?);
    }
    if args.table.json {
        output::json(&lines.iter().map(as_value).collect())?;
        return Ok(Exit::Done);
    }
    output::table(
        [
            "shop",
            "record",
            "next run (UTC)",
            "windows",
            "rows",
            "calls",
            "time",
            "rate",
            "history",
            "calls",
            "time",
        ],
        lines.iter().map(as_row),
    )?;
    for (name, (calls_per_second, share, rest)) in of_apps(&lines) {
        output::line(format_args!(
            "app {name}: the jobs take {} of its {calls_per_second} calls a second; what is left of the history and of the money takes at least {}",
            percent(share),
            output::length(rest)
        ))?;
    }
    Ok(Exit::Done)
}

fn select<'a>(app: &'a App, args: &PlanArgs) -> anyhow::Result<Vec<(&'a Shop, Record)>> {
    if let Some(name) = args.shops.iter().find(|name| app.shop(name).is_none()) {
        return Err(super::unknown_shop(app, name).into());
    }
    let job: Option<&JobConfig> = match &args.job {
        None => None,
        Some(name) => {
            let jobs = &app.config().jobs;
            let what = text!("no job is called `{name}`", "没有叫 `{name}` 的任务");
            Some(jobs.get(name).ok_or_else(|| super::unknown(&what, name, jobs.keys()))?)
        }
    };
    if job.is_some_and(|job| job.sync.is_none()) {
        let text = "a job that reconciles reads the last days by creation time and is not reckoned; name one that syncs";
        return Err(Failure::new(Exit::Usage, text).into());
    }
    let is_wanted = |shop: &Shop, record: Record| match job {
        Some(job) => job.sync == Some(record) && job.covers(shop),
        None => args.shops.contains(&shop.name) || app.is_covered(shop, record),
    };
    let shops = app.shops.iter().filter(|shop| args.shops.is_empty() || args.shops.contains(&shop.name));
    Ok(shops
        .flat_map(|shop| shop.records.iter().map(move |record| (shop, *record)))
        .filter(|(shop, record)| app.reads(shop, *record) && is_wanted(shop, *record))
        .collect())
}

/// `None`: this version cannot read it.
async fn line(app: &App, shop: &Shop, record: Record) -> anyhow::Result<Option<Line>> {
    let Some(paging) = app
        .applications
        .get(&shop.app)
        .and_then(|application| application.platform().source(record))
        .map(|source| source.paging().clone())
    else {
        return Ok(None);
    };
    let Some(calls_per_second) = app.config().requests_per_second(&shop.app) else {
        return Ok(None);
    };
    let now = app.clock.now();
    let next_run = schedule::next_run(app.config(), shop, record, now);
    let interval = next_run
        .and_then(|next| schedule::next_run(app.config(), shop, record, next).map(|after| after - next));
    let reckoning = Reckoning { app, shop, record, paging, now };
    let cursor = app.store.cursors().get(&shop.name, record).await?;
    let end = (next_run.unwrap_or(now) - app.policy.settle).trunc_subsecs(0);
    Ok(Some(Line {
        shop: shop.name.clone(),
        app: shop.app.clone(),
        record,
        calls_per_second,
        next_run,
        interval,
        next: reckoning.next(cursor.as_ref(), end).await?,
        rest: reckoning.rest(cursor.as_ref(), end).await?,
    }))
}

/// What is needed to reckon one record of one shop.
struct Reckoning<'a> {
    app: &'a App,
    shop: &'a Shop,
    record: Record,
    paging: Paging,
    now: DateTime<Utc>,
}

impl Reckoning<'_> {
    fn prices(&self) -> Prices {
        Prices { page_size: self.paging.page_size, details: self.paging.details_for(self.shop.options) }
    }

    async fn density(&self, lane: Lane) -> anyhow::Result<Density> {
        let since = self.now - BUSY_SINCE;
        let store = &self.app.store;
        let read =
            store.explain().windows_read(&self.shop.name, self.record, lane, since, BUSY_WINDOWS_MAX).await?;
        Ok(Density::of(read.iter().filter_map(held)))
    }

    /// The next run of the update lane, or the next scan.
    async fn next(&self, cursor: Option<&Cursor>, end: DateTime<Utc>) -> anyhow::Result<Cost> {
        let windows = match &self.paging.reach {
            Reach::Lists(lists) => {
                let rows = cursor.and_then(|cursor| cursor.last_full_rows);
                return Ok(Cost::of_lists(lists.len() as u64, rows, self.prices()));
            }
            Reach::Windows(windows) => windows,
        };
        // A new shop only gets its cursor; without a create lane it is read whole instead.
        let Some((cursor, last_sync_at)) = cursor.and_then(|cursor| Some((cursor, cursor.last_sync_at?)))
        else {
            return Ok(Cost { windows: 0, rows: None, calls: 1 });
        };
        let shop = &self.shop.name;
        let ahead =
            self.app.store.windows().closed_after(shop, self.record, cursor.epoch, last_sync_at).await?;
        let closed: Vec<Closed> = ahead
            .iter()
            .filter_map(|row| row.opened_at.map(|at| Closed { window: row.window, at }))
            .collect();
        let pace = Pace { window_max: windows.update_max, overlap: self.app.policy.overlap };
        let mut planned = plan(last_sync_at, end, &closed, pace);
        let short = self.app.store.windows().all_short(shop, self.record, Lane::Update, cursor.epoch).await?;
        planned.extend(short.into_iter().filter(|row| row.is_due_again(self.now)).map(|row| row.window));
        let density = self.density(Lane::Update).await?;
        Ok(Cost::of_windows(&planned, density, self.prices(), Some(end - last_sync_at)))
    }

    /// The create lane, and the money that is due.
    async fn rest(&self, cursor: Option<&Cursor>, end: DateTime<Utc>) -> anyhow::Result<Cost> {
        let store = &self.app.store;
        let windows = match self.paging.create_max() {
            None => Vec::new(),
            Some(longest) if cursor.is_none_or(|cursor| cursor.last_sync_at.is_none()) => {
                let history = Window::new(end - self.app.policy.history, end);
                history.map(|history| history.pieces(longest)).unwrap_or_default()
            }
            Some(_) => store.windows().history_left(&self.shop.name, self.record, self.now).await?,
        };
        let mut cost = if windows.is_empty() {
            Cost::default()
        } else {
            let created = self.density(Lane::Create).await?;
            let density =
                if created == Density::default() { self.density(Lane::Update).await? } else { created };
            Cost::of_windows(&windows, density, self.prices(), None)
        };
        if self.app.has_lane(self.shop, self.record, Lane::Amounts) {
            cost.calls +=
                store.amounts().count_due(&self.shop.name, self.now).await? + cost.rows.unwrap_or(0);
        }
        Ok(cost)
    }
}

fn held(row: &LedgerWindow) -> Option<(Window, u64)> {
    row.platform_total.map(|total| (row.window, total))
}

/// Of each app: its calls a second, the share that the jobs take, and how long the rest takes.
fn of_apps(lines: &[Line]) -> BTreeMap<&str, (f64, f64, TimeDelta)> {
    let mut apps = BTreeMap::new();
    for line in lines {
        let of_app = apps.entry(line.app.as_str()).or_insert((line.calls_per_second, 0.0, TimeDelta::zero()));
        of_app.1 += line.share().unwrap_or(0.0);
        of_app.2 = of_app.2.checked_add(&line.rest.time(line.calls_per_second)).unwrap_or(TimeDelta::MAX);
    }
    apps
}

impl Line {
    fn share(&self) -> Option<f64> {
        self.next.share(self.calls_per_second, self.interval?)
    }
}

fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.001 { "under 0.1 %".to_owned() } else { format!("{:.1} %", share * 100.0) }
}

fn as_row(line: &Line) -> [String; 11] {
    let rows = |cost: &Cost| cost.rows.map_or_else(|| "?".to_owned(), |rows| format!("~{rows}"));
    let calls = |cost: &Cost| match cost.rows {
        None if cost.calls > 0 => format!("{}+", cost.calls),
        _ => cost.calls.to_string(),
    };
    [
        line.shop.clone(),
        line.record.to_string(),
        line.next_run.map_or_else(|| "never".to_owned(), |at| at.format("%m-%d %H:%M:%S").to_string()),
        line.next.windows.to_string(),
        rows(&line.next),
        calls(&line.next),
        output::length(line.next.time(line.calls_per_second)),
        line.share().map_or_else(|| "-".to_owned(), percent),
        format!("{} windows", line.rest.windows),
        calls(&line.rest),
        output::length(line.rest.time(line.calls_per_second)),
    ]
}

fn as_value(line: &Line) -> serde_json::Value {
    let cost = |cost: &Cost| {
        json!({
            "windows": cost.windows, "rows": cost.rows, "calls": cost.calls,
            "seconds": cost.time(line.calls_per_second).as_seconds_f64(),
        })
    };
    json!({
        "shop": line.shop, "record": line.record.as_str(), "app": line.app,
        "calls_per_second": line.calls_per_second,
        "next_run": output::instant(line.next_run),
        "interval_seconds": line.interval.map(|interval| interval.num_seconds()),
        "next": cost(&line.next), "rate_share": line.share(),
        "history": cost(&line.rest),
    })
}
