//! A page becomes rows to store: unchanged ones are dropped, details fetched, odd ones set aside.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::pass::AskedPage;
use super::{OrderSync, RECORD, SyncError};
use crate::domain::order::{Answers, Order};
use crate::platform::rate::Priority;
use crate::platform::{ConvertError, DetailNeed, ListRow, PlatformError, Row};
use crate::store::orders::StoredOrder;
use crate::store::quarantine::Quarantined;

/// Detail calls under way at once for one page; the rate limit decides how fast they go.
const DETAILS_IN_PARALLEL: usize = 16;

/// A page with fewer rows says nothing about the platform as a whole.
const ROWS_FOR_JUDGEMENT: usize = 5;

/// A platform's clock may be off, but not by this much: such a time would block all later versions.
const FUTURE_MAX: TimeDelta = TimeDelta::days(1);

/// What is to be written of one or several pages.
#[derive(Default)]
pub(super) struct Digest {
    pub orders: Vec<StoredOrder>,
    pub quarantined: Vec<Quarantined>,
}

impl Digest {
    pub(super) fn append(&mut self, mut later: Self) {
        let readable: HashSet<&str> =
            later.orders.iter().map(|stored| stored.order.number.as_str()).collect();
        self.quarantined.retain(|odd| odd.number.as_deref().is_none_or(|number| !readable.contains(number)));
        self.orders.append(&mut later.orders);
        self.quarantined.append(&mut later.quarantined);
    }
}

/// How often a detail is fetched that is older than its list row, and the pause between.
const STALE_DETAILS_MAX: u32 = 3;
const STALE_DETAIL_PAUSE: Duration = Duration::from_millis(500);

enum Outcome {
    Order(Box<StoredOrder>),
    Odd(Quarantined),
}

impl OrderSync {
    /// Turns a page into what is to be written. `seen` takes every number of the page.
    pub(super) async fn digest(
        &self,
        page: AskedPage,
        priority: Priority,
        seen: &mut HashSet<String>,
    ) -> Result<Digest, SyncError> {
        let AskedPage { page, asked_at: read_at } = page;
        let rows_total = page.rows.len();
        let (listed, odd) = sort_rows(page.rows);
        seen.extend(listed.iter().map(|row| row.number.clone()));
        seen.extend(odd.iter().map(|row| row.number.clone().unwrap_or_else(|| row.raw.clone())));

        let numbers: Vec<String> = listed.iter().map(|row| row.number.clone()).collect();
        let stored = self.store.list_hashes(&self.shop.name, &numbers).await?;
        let listed_total = listed.len();
        let changed: Vec<ListRow> =
            listed.into_iter().filter(|row| stored.get(&row.number) != Some(&row.list_hash)).collect();
        let unchanged = listed_total - changed.len();

        let outcomes: Vec<Outcome> = stream::iter(changed)
            .map(|row| self.complete(row, read_at, priority))
            .buffered(DETAILS_IN_PARALLEL)
            .try_collect()
            .await?;
        let mut digest = Digest { orders: Vec::with_capacity(outcomes.len()), quarantined: odd };
        for outcome in outcomes {
            match outcome {
                Outcome::Order(order) => digest.orders.push(*order),
                Outcome::Odd(row) => digest.quarantined.push(row),
            }
        }
        judge(rows_total, &digest.quarantined)?;
        self.progress.page_read(rows_total, unchanged);
        for row in &digest.quarantined {
            tracing::warn!(
                event = "record.quarantined", shop = %self.shop.name, record = %RECORD,
                "order {} cannot be read and is set aside: {}", row.number.as_deref().unwrap_or("without number"), row.reason,
            );
        }
        Ok(digest)
    }

    /// Adds what else belongs to the order and converts it.
    async fn complete(
        &self,
        row: ListRow,
        read_at: DateTime<Utc>,
        priority: Priority,
    ) -> Result<Outcome, SyncError> {
        let ListRow { number, list_hash, raw, .. } = row;
        let mut answers = Answers { list: Some(raw), ..Answers::default() };
        let orders = self.source();
        let converted = if self.paging.wants_detail(self.shop.options) {
            match self.convert_with_detail(&number, &mut answers, priority).await {
                Ok(converted) => converted,
                Err(error) => match odd_detail(&error) {
                    Some(reason) if self.paging.detail == DetailNeed::Always => {
                        return Ok(Outcome::Odd(Quarantined {
                            number: Some(number),
                            reason,
                            raw: answers.to_json(),
                        }));
                    }
                    // The list row alone is an order here; its detail is only an extra.
                    Some(reason) => {
                        tracing::debug!(shop = %self.shop.name, "detail of {number} not stored: {reason}");
                        orders.convert_order(&answers)
                    }
                    None => return Err(error),
                },
            }
        } else {
            orders.convert_order(&answers)
        };
        match converted {
            Ok(mut order) => {
                let plausible = |at: &DateTime<Utc>| *at <= self.platform_now() + FUTURE_MAX;
                order.updated_at = order.updated_at.filter(plausible).or(Some(read_at));
                Ok(Outcome::Order(Box::new(StoredOrder { order, answers, read_at, list_hash })))
            }
            Err(error) => Ok(Outcome::Odd(Quarantined {
                number: Some(number),
                reason: describe(&error),
                raw: answers.to_json(),
            })),
        }
    }

    /// Fetches the detail and makes the order, again when the detail is older than the list row: the platform
    /// has not yet caught up with itself.
    async fn convert_with_detail(
        &self,
        number: &str,
        answers: &mut Answers,
        priority: Priority,
    ) -> Result<Result<Order, ConvertError>, SyncError> {
        let mut fetches = 1;
        loop {
            answers.detail = Some(self.detail(number, priority).await?);
            match self.source().convert_order(answers) {
                Err(ConvertError::StaleDetail) if fetches < STALE_DETAILS_MAX => fetches += 1,
                converted => return Ok(converted),
            }
            tokio::time::sleep(STALE_DETAIL_PAUSE).await;
        }
    }

    async fn detail(&self, number: &str, priority: Priority) -> Result<String, SyncError> {
        let orders = self.source();
        self.call(priority, "reading an order's detail", |access| async move {
            orders.order_detail(&access, number).await
        })
        .await
    }

    pub(super) fn platform_now(&self) -> DateTime<Utc> {
        self.clock.now() + self.application.platform().skew().offset()
    }
}

/// Readable rows, the same number only once (the last one told), and the others.
fn sort_rows(rows: Vec<Row>) -> (Vec<ListRow>, Vec<Quarantined>) {
    let mut listed: Vec<ListRow> = Vec::with_capacity(rows.len());
    let mut odd = Vec::new();
    for row in rows {
        match row {
            Row::Readable(row) => match listed.iter_mut().find(|known| known.number == row.number) {
                Some(known) => *known = row,
                None => listed.push(row),
            },
            Row::Unreadable(row) => {
                odd.push(Quarantined { number: row.number, reason: row.reason, raw: row.raw });
            }
        }
    }
    (listed, odd)
}

/// More than half of a page unreadable is a platform that changed, not an order that is odd.
fn judge(rows: usize, quarantined: &[Quarantined]) -> Result<(), SyncError> {
    match quarantined.first() {
        Some(first) if rows >= ROWS_FOR_JUDGEMENT && quarantined.len() * 2 > rows => {
            Err(SyncError::ChangedPlatform {
                unreadable: quarantined.len(),
                rows,
                example: first.reason.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Why a detail is missing for good, when it is this order's own fault.
fn odd_detail(error: &SyncError) -> Option<String> {
    match error {
        SyncError::Platform {
            source: source @ (PlatformError::Rejected { .. } | PlatformError::Malformed { .. }),
            ..
        } if source.retry() == crate::platform::error::Retry::No => Some(format!("detail: {source}")),
        _ => None,
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
