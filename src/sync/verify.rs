//! Verify: the platform's count against ours, and where they differ, number by number. Writes nothing.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{RecordSync, SyncError};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{Page, PageQuery, PlatformError, Range, Row};
use crate::store::quarantine::number_in_quarantine;

/// Windows are cut to this, so that a difference names the day.
const WINDOW_MAX: TimeDelta = TimeDelta::days(1);

/// What a comparison came to.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    pub windows: u64,
    /// How many rows the platform says there are in them.
    pub rows: u64,
    /// Oldest first.
    pub differences: Vec<Difference>,
}

/// A window of creation time of which something is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub window: Window,
    pub platform_total: u64,
    pub stored: u64,
    /// In the platform's numbers, sorted.
    pub missing: Vec<String>,
}

/// A row of the platform, as far as it matters here.
struct Shown {
    number: String,
    updated_at: Option<DateTime<Utc>>,
}

impl RecordSync {
    /// Compares what was created within `length`. Only a number that is missing here is a difference, and only if the
    /// update lane should have brought it by now.
    pub async fn verify(&self, length: TimeDelta) -> Result<Verified, SyncError> {
        let end = self.closed_end(Priority::Create).await?;
        let longest = self.paging.create_max().unwrap_or(WINDOW_MAX).min(WINDOW_MAX);
        let whole = Window::new((end - length).max(DateTime::UNIX_EPOCH), end);
        let windows = whole.map(|whole| whole.pieces(longest)).unwrap_or_default();
        self.compare_all(windows).await
    }

    /// Compares these windows of creation time.
    pub async fn compare_all(&self, windows: Vec<Window>) -> Result<Verified, SyncError> {
        self.progress.windows_planned(windows.len());
        let compared: Vec<Verified> = stream::iter(windows)
            .map(|window| self.compare_halving(window))
            .buffered(self.policy.windows_in_parallel.max(1))
            .try_collect()
            .await?;
        Ok(compared.into_iter().fold(Verified::default(), |mut all, one| {
            all.windows += one.windows;
            all.rows += one.rows;
            all.differences.extend(one.differences);
            all
        }))
    }

    /// Compares a window, in pieces where the platform does not page through it.
    async fn compare_halving(&self, window: Window) -> Result<Verified, SyncError> {
        let mut verified = Verified::default();
        let mut waiting = vec![window];
        while let Some(window) = waiting.pop() {
            let first = self.created_page(window, None, 1).await?;
            if first.total > self.windows().rows_max
                && let Some((earlier, later)) = window.halves()
            {
                waiting.extend([later, earlier]);
                continue;
            }
            verified.windows += 1;
            verified.rows += first.total;
            verified.differences.extend(self.compare(window, first).await?);
        }
        self.progress.window_done();
        Ok(verified)
    }

    async fn compare(&self, window: Window, first: Page) -> Result<Option<Difference>, SyncError> {
        let shop = &self.shop.name;
        let platform_total = first.total;
        let counted = self.paging.counted;
        let (from, until) = window.asked();
        let stored = self.store.created_between(shop, counted, from, until).await?;
        if stored == platform_total {
            return Ok(None);
        }
        let shown = self.shown(window, first).await?;
        let numbers: Vec<String> = shown.iter().map(|row| row.number.clone()).collect();
        let here = self.store.versions(shop, counted, &numbers).await?;
        let aside = self.store.set_aside(shop, self.record, &numbers).await?;
        let cursor = self.store.cursor(shop, self.record).await?.and_then(|cursor| cursor.last_sync_at);
        // What was updated since is on its way.
        let is_due = |row: &Shown| row.updated_at.zip(cursor).is_none_or(|(at, cursor)| at < cursor);
        let mut missing: Vec<String> = shown
            .into_iter()
            .filter(|row| !here.contains_key(&row.number) && !aside.contains(&row.number) && is_due(row))
            .map(|row| row.number)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        Ok((!missing.is_empty()).then_some(Difference { window, platform_total, stored, missing }))
    }

    /// Every row of a window, by its list alone.
    async fn shown(&self, window: Window, first: Page) -> Result<Vec<Shown>, SyncError> {
        let windows = self.windows();
        let mut rows = BTreeMap::new();
        if first.total <= windows.rows_max || windows.dense_statuses.is_empty() {
            self.collect(window, None, first, &mut rows).await?;
        } else {
            for &status in windows.dense_statuses {
                let first = self.created_page(window, Some(status), 1).await?;
                if first.total > windows.rows_max {
                    return Err(SyncError::platform("comparing a crowded second", PlatformError::TooDense));
                }
                self.collect(window, Some(status), first, &mut rows).await?;
            }
        }
        Ok(rows.into_iter().map(|(number, updated_at)| Shown { number, updated_at }).collect())
    }

    /// The rows of the pages that `first` announced, last page first as everywhere.
    async fn collect(
        &self,
        window: Window,
        status: Option<i64>,
        first: Page,
        rows: &mut BTreeMap<String, Option<DateTime<Utc>>>,
    ) -> Result<(), SyncError> {
        let page_last = first.total.div_ceil(u64::from(self.paging.page_size));
        let page_last = u32::try_from(page_last).map_err(|_| {
            SyncError::platform("counting pages", PlatformError::Malformed { path: "total".into() })
        })?;
        for number in (2..=page_last).rev() {
            self.add_rows(self.created_page(window, status, number).await?, rows);
        }
        self.add_rows(first, rows);
        Ok(())
    }

    fn add_rows(&self, page: Page, rows: &mut BTreeMap<String, Option<DateTime<Utc>>>) {
        for row in page.rows {
            match row {
                Row::Readable(row) if row.kind == self.paging.counted => {
                    rows.insert(row.number, row.updated_at);
                }
                Row::Readable(_) => {}
                Row::Unreadable(row) => {
                    rows.insert(number_in_quarantine(row.number.as_deref(), &row.raw), None);
                }
            }
        }
    }

    async fn created_page(
        &self,
        window: Window,
        status: Option<i64>,
        number: u32,
    ) -> Result<Page, SyncError> {
        let range = Range::Window { lane: Lane::Create, window, status };
        let query = PageQuery { range, page: number, page_size: self.paging.page_size };
        self.page(&query, Priority::Create).await
    }
}

impl Verified {
    /// How many numbers are missing.
    pub fn missing(&self) -> usize {
        let all: HashSet<&String> =
            self.differences.iter().flat_map(|difference| &difference.missing).collect();
        all.len()
    }
}
