//! Everything the status page shows, and nothing else: no word about a buyer, no secret.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::Serialize;

use crate::app::{App, AppError};
use crate::auth::GrantStatus;
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::jobs::report::{ShopReport, report};
use crate::store::reports::runs::{Outcome, RunRow, RunsFilter};

mod grant;
mod record;

pub use grant::{GrantState, GrantView, ToDo, What};
pub use record::{Freshness, GapView, RecordView};

/// How far back the chart goes, today included.
pub const DAYS: usize = 30;

/// Of so many of the newest runs, those are shown that are newest and those that did not end well.
const RUNS_LOOKED_AT: u64 = 200;
const NEWEST_RUNS: usize = 8;
const FAILED_RUNS: usize = 8;

/// How all shops are doing at a moment.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    pub at: DateTime<Utc>,
    pub version: &'static str,
    pub shops: Vec<ShopView>,
    /// The last [`DAYS`] days in UTC, oldest first; the last one is not over.
    pub days: Vec<DayView>,
    /// Newest first.
    pub runs: Vec<RunView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShopView {
    pub name: String,
    pub platform: &'static str,
    /// Empty where the platform has none.
    pub zone: String,
    /// What the platform calls it. `None`: it does not say.
    pub account: Option<String>,
    pub grant: GrantView,
    /// Why nothing is requested for it at present. `None`: it is not paused.
    pub paused: Option<String>,
    pub records: Vec<RecordView>,
}

/// How many orders were created on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DayView {
    pub day: NaiveDate,
    pub orders: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct RunView {
    pub id: i64,
    pub job: String,
    pub shop: String,
    #[serde(serialize_with = "record::as_word")]
    pub record: Record,
    pub started_at: DateTime<Utc>,
    /// `None`: it goes on.
    pub finished_at: Option<DateTime<Utc>>,
    /// `None`: it goes on.
    pub outcome: Option<&'static str>,
    pub rows_seen: u64,
    pub rows_written: u64,
    /// Why it did not end well. `None`: it did.
    pub error: Option<String>,
}

impl Overview {
    /// Everything but the days, which cost more and change less.
    pub async fn gather(app: &App, days: Vec<DayView>) -> Result<Self, AppError> {
        let at = app.clock.now();
        let shops = report(app).await?.into_iter().map(|report| shop_view(app, report, at)).collect();
        let filter = RunsFilter { limit: Some(RUNS_LOOKED_AT), ..RunsFilter::default() };
        let runs = worth_showing(app.store.runs().list(&filter).await?);
        Ok(Self { at, version: env!("CARGO_PKG_VERSION"), shops, days, runs })
    }

    /// The orders of each of the last [`DAYS`] days.
    pub async fn days(app: &App) -> Result<Vec<DayView>, AppError> {
        let today = app.clock.now().date_naive();
        let first = today - Days::new(DAYS as u64 - 1);
        let shops: Vec<String> = app.shops.iter().map(|shop| shop.name.clone()).collect();
        let found =
            app.store.reports().orders_per_day(&shops, first.and_time(NaiveTime::MIN).and_utc()).await?;
        Ok(days_from(first, &found))
    }
}

/// Every day, also those without orders.
fn days_from(first: NaiveDate, found: &BTreeMap<NaiveDate, u64>) -> Vec<DayView> {
    let days = first.iter_days().take(DAYS);
    days.map(|day| DayView { day, orders: found.get(&day).copied().unwrap_or(0) }).collect()
}

fn shop_view(app: &App, report: ShopReport, now: DateTime<Utc>) -> ShopView {
    let ShopReport { shop, row, grant, records } = report;
    let status = grant.as_ref().ok().and_then(Option::as_ref);
    let is_usable = status.is_some_and(|status| status.usable && !status.needs_owner());
    let (account, pause) = row.map_or((None, None), |row| (row.account.name, row.pause));
    ShopView {
        records: records.into_iter().map(|record| RecordView::of(record, is_usable)).collect(),
        grant: grant_view(app, &shop, &grant, now),
        name: shop.name,
        platform: shop.platform,
        zone: shop.zone,
        account,
        paused: pause.map(|pause| pause.reason),
    }
}

fn grant_view<E: std::error::Error>(
    app: &App,
    shop: &Shop,
    grant: &Result<Option<GrantStatus>, E>,
    now: DateTime<Utc>,
) -> GrantView {
    match grant {
        Ok(status) => GrantView::of(
            shop,
            app.applications.get(&shop.app).map(|application| application.platform()),
            status.as_ref(),
            now,
        ),
        Err(error) => GrantView::unreadable(error),
    }
}

/// The newest runs, and behind them the newest of those that did not end well.
fn worth_showing(runs: Vec<RunRow>) -> Vec<RunView> {
    let mut failed = 0;
    let shown = runs.into_iter().enumerate().filter(|(place, run)| {
        let is_failure = run.error.is_some();
        failed += usize::from(is_failure);
        *place < NEWEST_RUNS || (is_failure && failed <= FAILED_RUNS)
    });
    shown.map(|(_, run)| RunView::from(run)).collect()
}

impl From<RunRow> for RunView {
    fn from(run: RunRow) -> Self {
        Self {
            id: run.id,
            job: run.job,
            shop: run.shop,
            record: run.record,
            started_at: run.started_at,
            finished_at: run.finished_at,
            outcome: run.outcome.map(Outcome::as_str),
            rows_seen: run.rows_seen,
            rows_written: run.rows_written,
            error: run.error,
        }
    }
}
