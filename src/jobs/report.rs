//! The report of all shops and records, for `status`, the page and the API.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;

use super::late::is_record_late;
use super::scheduler::schedule;
use crate::app::{App, AppError};
use crate::auth::{AuthError, GrantStatus};
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::store::reports::overview::Overview;
use crate::store::shops::ShopRow;

/// One shop of the config.
pub struct ShopReport {
    pub shop: Shop,
    /// `None`: the database does not know it yet.
    pub row: Option<ShopRow>,
    /// `Ok(None)`: it was never authorised. An error: its row cannot be read. Other shops are reported all the same.
    pub grant: Result<Option<GrantStatus>, AuthError>,
    /// The records that are read.
    pub records: Vec<RecordReport>,
}

/// One record of a shop.
pub struct RecordReport {
    pub record: Record,
    pub overview: Overview,
    /// How far behind it is. `None`: there was no run yet.
    pub lag: Option<TimeDelta>,
    /// `None`: no job covers it.
    pub next_run: Option<DateTime<Utc>>,
    /// Whether it is too far behind, by the rule of the alerts. `None`: no job covers it, or nothing was read yet.
    pub is_late: Option<bool>,
}

/// Every shop, in the order of the config.
pub async fn report(app: &App) -> Result<Vec<ShopReport>, AppError> {
    let mut grants = app.tokens.statuses(&app.shops).await?;
    let rows = app.store.shops().all().await?;
    let mut rows: HashMap<String, ShopRow> = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
    let mut reports = Vec::with_capacity(app.shops.len());
    for shop in &app.shops {
        reports.push(ShopReport {
            row: rows.remove(&shop.name),
            grant: grants.remove(&shop.name).transpose(),
            records: try_join_all(app.records_read(shop).map(|record| of_record(app, shop, record))).await?,
            shop: shop.clone(),
        });
    }
    Ok(reports)
}

async fn of_record(app: &App, shop: &Shop, record: Record) -> Result<RecordReport, AppError> {
    let overview = app.store.reports().overview(&shop.name, record).await?;
    let synced_until = overview.cursor.as_ref().and_then(|cursor| cursor.last_sync_at);
    let next_run = schedule::next_run(app.config(), shop, record, app.clock.now());
    Ok(RecordReport {
        record,
        lag: app.lag(synced_until),
        is_late: synced_until.filter(|_| next_run.is_some()).map(|at| is_record_late(app, shop, record, at)),
        next_run,
        overview,
    })
}
