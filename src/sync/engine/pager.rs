//! Requests the pages of a range as [`PageWalk`] says, in pages as large as the platform manages.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::timeout;

use super::completeness::PassEnd;
use super::page_walk::{Next, PageSummary, PageWalk};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{Page, PageQuery, Range, Row};
use crate::sync::{RecordSync, SyncError};

/// A page that is not answered is requested in halves, down to this many rows.
const PAGE_SIZE_MIN: u32 = 10;

/// How long to wait for the small call that shows whether the platform is away or the page was too large.
const CHECK_WAIT: Duration = Duration::from_secs(30);

/// No range is longer, where the platform itself sets no limit: 100,000 rows at 100 a page.
pub const PAGES_MAX: u32 = 1_000;

/// A window up to this length is not halved when the platform does not answer: its size is not the cause.
const UNANSWERED_SPLIT_MIN: TimeDelta = TimeDelta::minutes(1);

/// How exactly the oldest readable moment is searched for. It moves during the search.
const READABLE_STEP: TimeDelta = TimeDelta::minutes(1);

/// Totals at which search engines stop counting by default. A range that reports one of them may hold more.
const CAPS: [u64; 6] = [1_000, 2_000, 3_000, 5_000, 10_000, 50_000];

/// How far a platform pages through a window.
#[derive(Clone, Copy)]
struct PagingEnd {
    /// Rows of a full page.
    page_size: u32,
    /// In full pages.
    rows_max: u64,
}

impl PagingEnd {
    /// Whether a range whose first page shows `rows` of `total` is longer. Pages are counted, so smaller ones reach
    /// less far.
    fn is_exceeded(self, rows: u64, total: u64, requested: u32) -> bool {
        let is_given_less = rows < total && rows < u64::from(requested);
        let page_size = if is_given_less { rows } else { u64::from(requested) };
        let full = u128::from(self.page_size.max(1));
        rows > 0 && u128::from(total) >= u128::from(self.rows_max) * u128::from(page_size) / full
    }
}

/// Whether there may be more than a total says, also of rows.
fn may_be_cut_off(rows: u64, total: u64) -> bool {
    rows > 0 && is_capped(total)
}

/// Whether a total may be where the platform stops counting.
pub fn is_capped(total: u64) -> bool {
    CAPS.contains(&total)
}

/// A page, and the moment before it was requested: what it shows is at least as new.
pub struct LoadedPage {
    pub page: Page,
    pub requested_at: DateTime<Utc>,
}

/// Uses the pages that are read.
pub trait Sink: Send {
    fn take(&mut self, page: LoadedPage) -> impl Future<Output = Result<(), SyncError>> + Send;

    /// How many distinct rows of the range were used.
    fn seen(&self) -> u64;
}

/// How a walk ended.
pub enum WalkEnd {
    Ended(PassEnd),
    /// The platform does not manage pages of that size. The range must be requested again in smaller pages.
    Resized,
    /// There are more pages than may be requested, and the range can be halved: nothing of it was used.
    TooLong,
}

/// How far a range is read.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub pages_max: u32,
    /// Whether a range with more pages is to be halved instead of read.
    pub is_halved_beyond: bool,
}

/// What is known of a window from the one it is a half of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// The total that the platform reported of the whole. `None`: it was not halved because of its total.
    pub total: Option<u64>,
    /// Whether totals were seen to depend on the window.
    pub is_filter_obeyed: bool,
}

/// Reads ranges of one record.
pub struct Pager<'a> {
    sync: &'a RecordSync,
    priority: Priority,
    lane: Lane,
    page_size: u32,
}

impl<'a> Pager<'a> {
    pub fn new(sync: &'a RecordSync, lane: Lane, priority: Priority) -> Self {
        let learnt = sync.application.habits().page_size(sync.record, lane, sync.clock.now());
        let page_size = learnt.map_or(sync.paging.page_size, |learnt| learnt.min(sync.paging.page_size));
        Self { sync, priority, lane, page_size }
    }

    /// Page 1 of a range, in as many rows as the platform manages.
    pub async fn first(&mut self, range: Range) -> Result<LoadedPage, SyncError> {
        loop {
            match self.page(range, 1, self.page_size).await {
                Ok(first) => return Ok(first),
                Err(error) => self.shrink(range, 1, error).await?,
            }
        }
    }

    /// Reads the range to its end, as far as `limit` allows.
    pub async fn read<S: Sink>(
        &mut self,
        sink: &mut S,
        range: Range,
        first: LoadedPage,
        limit: Limit,
    ) -> Result<WalkEnd, SyncError> {
        let mut names = Names::default();
        let mut walk = self.walk(limit.pages_max);
        walk.show(PageSummary::of(&first.page, 1, names.add(&first.page)));
        let mut aside = BTreeMap::from([(1, first)]);
        loop {
            if limit.is_halved_beyond && walk.is_too_long() {
                return Ok(WalkEnd::TooLong);
            }
            match walk.next() {
                Next::Probe(number) | Next::Request(number) => {
                    let is_used = matches!(walk.next(), Next::Request(_));
                    let loaded = match self.page(range, number, self.page_size).await {
                        Ok(loaded) => loaded,
                        Err(error) if walk.may_be_absent(number) && error.is_no_such_page() => {
                            walk.show(PageSummary::absent(number));
                            continue;
                        }
                        Err(error) => {
                            self.shrink(range, number, error).await?;
                            return Ok(WalkEnd::Resized);
                        }
                    };
                    walk.show(PageSummary::of(&loaded.page, number, names.add(&loaded.page)));
                    if is_used {
                        sink.take(loaded).await?;
                    } else {
                        aside.insert(number, loaded);
                    }
                }
                Next::Use(number) => {
                    let page = aside.remove(&number);
                    aside.clear();
                    if let Some(page) = page {
                        sink.take(page).await?;
                    }
                    walk.used();
                }
                Next::Done => break,
            }
        }
        self.learn_rows_given(&walk);
        Ok(WalkEnd::Ended(walk.end(sink.seen())))
    }

    /// Whether the pages of a range end where its first page says: the cheap half of a walk, which uses nothing.
    pub async fn ends_as_announced(&self, range: Range, first: &Page) -> Result<bool, SyncError> {
        let mut names = Names::default();
        let mut walk = self.walk(PAGES_MAX);
        walk.show(PageSummary::of(first, 1, names.add(first)));
        while let Next::Probe(number) = walk.next() {
            let shown = match self.page(range, number, self.page_size).await {
                Ok(loaded) => PageSummary::of(&loaded.page, number, names.add(&loaded.page)),
                Err(error) if walk.may_be_absent(number) && error.is_no_such_page() => {
                    PageSummary::absent(number)
                }
                Err(error) => return Err(error),
            };
            walk.show(shown);
        }
        Ok(walk.ends_at(first.total))
    }

    fn walk(&self, pages_max: u32) -> PageWalk {
        let rows_given = self.sync.application.habits().rows_given(self.sync.record, self.lane);
        PageWalk::new(self.page_size, rows_given.filter(|_| !self.is_shrunk()), pages_max)
    }

    fn learn_rows_given(&self, walk: &PageWalk) {
        if walk.has_several_pages() && !self.is_shrunk() {
            let habits = self.sync.application.habits();
            habits.learn_rows_given(self.sync.record, self.lane, walk.rows_given());
        }
    }

    fn is_shrunk(&self) -> bool {
        self.page_size < self.sync.paging.page_size
    }

    /// How many pages of a window the platform lists.
    pub fn pages_max(&self) -> u32 {
        let pages = self.sync.windows().rows_max.div_ceil(u64::from(self.sync.paging.page_size.max(1)));
        u32::try_from(pages).unwrap_or(u32::MAX).max(1)
    }

    /// How many pages of a window that cannot be halved are read: no more than the platform lists, if that has an end.
    pub fn pages_at_last(&self) -> u32 {
        if self.sync.windows().dense_statuses.is_empty() { PAGES_MAX } else { self.pages_max() }
    }

    /// Whether a window is to be halved because it may hold more than it shows. A total at the limit of paging, or at
    /// one where search engines stop counting, counts as more.
    pub fn is_too_much(&self, first: &Page) -> bool {
        self.exceeds_paging(first) || may_be_cut_off(first.rows_sent(), first.total)
    }

    /// Whether it holds more than the platform pages through. A page without rows says nothing about how many there
    /// are.
    pub fn exceeds_paging(&self, first: &Page) -> bool {
        let listed =
            PagingEnd { page_size: self.sync.paging.page_size, rows_max: self.sync.windows().rows_max };
        listed.is_exceeded(first.rows_sent(), first.total, self.page_size)
    }

    /// Whether the platform reports a total that is not of this window: two single seconds of the window, which cannot
    /// both hold that many rows, report the same total.
    pub async fn is_unfiltered(&self, window: Window, total: u64) -> Result<bool, SyncError> {
        let second = TimeDelta::seconds(1);
        if total == 0 || window.length() <= second * 4 {
            return Ok(false);
        }
        // New orders may arrive meanwhile.
        let about_total = total - total / 10;
        for from in [window.from(), window.until() - second] {
            let Some(second) = Window::new(from, from + second) else { return Ok(false) };
            let page = self.page(self.range(second), 1, self.small()).await?.page;
            if page.total < about_total {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a window whose total is too large is read without halving it, because its halves report the same total.
    /// Notes in `origin` what it finds out.
    pub async fn is_read_unsplit(
        &self,
        window: Window,
        total: u64,
        origin: &mut Origin,
    ) -> Result<bool, SyncError> {
        let is_known = self.sync.application.habits().is_unfiltered(self.sync.record, self.lane);
        origin.is_filter_obeyed |= origin.total.is_some_and(|whole| total < whole);
        if origin.is_filter_obeyed || (origin.total.is_none() && !is_known) {
            return Ok(false);
        }
        let is_unfiltered = self.is_unfiltered(window, total).await?;
        origin.is_filter_obeyed |= !is_unfiltered;
        Ok(is_unfiltered)
    }

    /// The oldest moment from `from` on that the platform shows. `None`: age is not why it refuses, because it refuses
    /// the present too, or shows `from`.
    pub async fn oldest_readable(&self, from: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, SyncError> {
        let (mut refused, mut shown) = (from, self.sync.platform_now() - READABLE_STEP);
        if shown <= refused || self.shows(refused).await? || !self.shows(shown).await? {
            return Ok(None);
        }
        while shown - refused > READABLE_STEP {
            let middle = refused + (shown - refused) / 2;
            if self.shows(middle).await? {
                shown = middle;
            } else {
                refused = middle;
            }
        }
        Ok(Some(DateTime::from_timestamp(shown.timestamp() + 1, 0).unwrap_or(shown)))
    }

    async fn shows(&self, moment: DateTime<Utc>) -> Result<bool, SyncError> {
        let Some(second) = Window::new(moment, moment + TimeDelta::seconds(1)) else { return Ok(false) };
        match self.page(self.range(second), 1, self.small()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_too_old() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the platform may answer the halves of a window that it does not answer: it answers one second of it.
    pub async fn may_answer_halves(&self, window: Window) -> bool {
        let second = Window::new(window.from(), window.from() + TimeDelta::seconds(1));
        match second.filter(|_| window.length() > UNANSWERED_SPLIT_MIN) {
            Some(second) => self.answers(self.range(second), 1, self.small()).await,
            None => false,
        }
    }

    /// Makes pages smaller if their size may be why one of them was not answered. Otherwise it returns the error. A
    /// platform that is away does not answer the smallest page either, and costs no more than that one call.
    async fn shrink(&mut self, range: Range, number: u32, error: SyncError) -> Result<(), SyncError> {
        if !error.is_unanswered() || self.page_size <= PAGE_SIZE_MIN {
            return Err(error);
        }
        let begin = (number - 1).saturating_mul(self.page_size) / PAGE_SIZE_MIN;
        if !self.answers(range, begin + 1, PAGE_SIZE_MIN).await {
            return Err(error);
        }
        self.page_size = (self.page_size / 2).max(PAGE_SIZE_MIN);
        let sync = self.sync;
        sync.application.habits().learn_page_size(sync.record, self.lane, self.page_size, sync.clock.now());
        tracing::debug!(
            shop = %sync.shop.name, record = %sync.record, page_size = self.page_size, "pages are made smaller: {error}",
        );
        Ok(())
    }

    async fn answers(&self, range: Range, number: u32, page_size: u32) -> bool {
        let page = self.page(range, number, page_size);
        timeout(CHECK_WAIT, page).await.is_ok_and(|answer| answer.is_ok())
    }

    fn range(&self, window: Window) -> Range {
        Range::Window { lane: self.lane, window, status: None }
    }

    fn small(&self) -> u32 {
        self.page_size.min(PAGE_SIZE_MIN)
    }

    pub async fn page(&self, range: Range, number: u32, page_size: u32) -> Result<LoadedPage, SyncError> {
        let requested_at = self.sync.clock.now();
        let query = PageQuery { range, page: number, page_size };
        Ok(LoadedPage { page: self.sync.page(&query, self.priority).await?, requested_at })
    }
}

/// The names of the rows of a walk.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    /// How many rows of a page were on none before.
    fn add(&mut self, page: &Page) -> u64 {
        let name = |row: &Row| match row {
            Row::Readable(row) => format!("{} {}", row.kind, row.number),
            Row::Unreadable(row) => row.number.clone().unwrap_or_else(|| row.raw.clone()),
        };
        let before = self.0.len();
        match &page.counted {
            Some(counted) => self.0.extend(counted.iter().cloned()),
            None => self.0.extend(page.rows.iter().map(name)),
        }
        (self.0.len() - before) as u64
    }
}

#[cfg(test)]
mod tests;
