//! Verify: the platform's count against ours, and where they differ, number by number. Writes nothing.
//!
//! Judged like the windows that are read: a total is a hint, and what the pages show is what there is.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::engine::completeness::PassEnd;
use super::engine::pager::{Limit, Origin, Pager, Sink, Walked};
use super::engine::pages::LoadedPage;
use super::engine::window::PASSES_MAX;
use super::{RecordSync, SyncError};
use crate::domain::entity::Kind;
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Range, Row};
use crate::store::records::quarantine::number_in_quarantine;
use crate::sync::update;

/// Windows are cut to this, so that a difference names the day.
const WINDOW_MAX: TimeDelta = TimeDelta::days(1);

/// What a comparison came to.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    pub windows: u64,
    /// How many rows the platform has in them: its total, or what its pages show where that total cannot be right.
    pub rows: u64,
    /// How many rows are stored.
    pub stored: u64,
    /// Windows whose totals contradict what their pages show.
    pub doubtful: u64,
    /// Windows that are too long ago for the platform to show them.
    pub unreachable: u64,
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

/// The rows of a window, by number, as far as they matter here: when each was last updated.
struct Collected {
    counted: Kind,
    rows: BTreeMap<String, Option<DateTime<Utc>>>,
    /// What the total counts, where that is no kind of ours.
    named: HashSet<String>,
}

impl Collected {
    fn new(counted: Kind) -> Self {
        Self { counted, rows: BTreeMap::new(), named: HashSet::new() }
    }
}

impl Sink for Collected {
    async fn take(&mut self, page: LoadedPage) -> Result<(), SyncError> {
        self.named.extend(page.page.counted.into_iter().flatten());
        for row in page.page.rows {
            match row {
                Row::Readable(row) if row.kind == self.counted => {
                    self.rows.insert(row.number, row.updated_at);
                }
                Row::Readable(_) => {}
                Row::Unreadable(row) => {
                    self.rows.insert(number_in_quarantine(row.number.as_deref(), &row.raw), None);
                }
            }
        }
        Ok(())
    }

    fn seen(&self) -> u64 {
        self.rows.len().max(self.named.len()) as u64
    }
}

/// What became of a window.
enum Compared {
    Done(Verified),
    /// These are to be compared instead.
    Instead(Vec<(Window, Origin)>),
}

/// Compares what was created within `length`. Only a number that is missing here is a difference, and only if the
/// update lane should have brought it by now.
pub async fn recent(sync: &RecordSync, length: TimeDelta) -> Result<Verified, SyncError> {
    let end = update::closed_end(sync, Priority::Create).await?;
    let longest = sync.paging.create_max().unwrap_or(WINDOW_MAX).min(WINDOW_MAX);
    let whole = Window::new((end - length).max(DateTime::UNIX_EPOCH), end);
    let windows = whole.map(|whole| whole.pieces(longest)).unwrap_or_default();
    compare_all(sync, windows).await
}

/// Compares these windows of creation time.
pub async fn compare_all(sync: &RecordSync, windows: Vec<Window>) -> Result<Verified, SyncError> {
    sync.progress.windows_planned(windows.len());
    let compared: Vec<Verified> = stream::iter(windows)
        .map(|window| compare_halving(sync, window))
        .buffered(sync.policy.windows_in_parallel.max(1))
        .try_collect()
        .await?;
    Ok(compared.into_iter().fold(Verified::default(), Verified::and))
}

/// Compares a window, in pieces where the platform does not page through it.
async fn compare_halving(sync: &RecordSync, window: Window) -> Result<Verified, SyncError> {
    let mut verified = Verified::default();
    let mut waiting = vec![(window, Origin::default())];
    while let Some((window, origin)) = waiting.pop() {
        match compare(sync, window, origin).await? {
            Compared::Done(one) => verified = verified.and(one),
            Compared::Instead(pieces) => waiting.extend(pieces.into_iter().rev()),
        }
    }
    sync.progress.window_done();
    Ok(verified)
}

async fn compare(sync: &RecordSync, window: Window, mut origin: Origin) -> Result<Compared, SyncError> {
    let mut pager = Pager::new(sync, Lane::Create, Priority::Create);
    let range = created_in(window, None);
    let halves = |origin: Origin| {
        let halves = window.halves().map(|(earlier, later)| [(earlier, origin), (later, origin)]);
        halves.map(|halves| Compared::Instead(halves.into()))
    };
    let first = match pager.first(range).await {
        Ok(first) => first,
        Err(error) if error.is_too_old() => return without_unreachable(&pager, window, error).await,
        Err(error) if error.is_unanswered() && pager.may_answer_halves(window).await => {
            return halves(Origin::default()).ok_or(error);
        }
        Err(error) => return Err(error),
    };
    let total = first.page.total;
    let mut is_unfiltered = false;
    if pager.is_too_much(&first.page) {
        is_unfiltered = pager.is_read_as_it_comes(window, total, &mut origin).await?;
        origin.total = Some(total);
        if let Some(halves) = halves(origin).filter(|_| !is_unfiltered) {
            return Ok(halves);
        }
    }
    let (from, until) = window.query_bounds();
    let stored =
        sync.store.scans().created_between(&sync.shop.name, sync.paging.counted, from, until).await?;
    if stored == total && pager.ends_as_announced(range, &first.page).await? {
        return Ok(Compared::Done(Verified { windows: 1, rows: total, stored, ..Verified::default() }));
    }
    let is_halved_beyond = window.halves().is_some() && !is_unfiltered;
    let Some((shown, pass)) = shown(sync, &mut pager, window, first, is_halved_beyond).await? else {
        return halves(Origin::default()).ok_or_else(too_dense);
    };
    let rows = shown.len() as u64;
    let is_doubtful = !pass.is_complete() || pass.doubts.any();
    // A total that counts several rows of one thing is no number of things.
    let platform_total = if is_doubtful { rows } else { total.min(rows) };
    let missing = missing(sync, shown).await?;
    let difference = (!missing.is_empty()).then_some(Difference { window, platform_total, stored, missing });
    Ok(Compared::Done(Verified {
        windows: 1,
        rows: platform_total,
        stored,
        doubtful: u64::from(is_doubtful),
        unreachable: 0,
        differences: difference.into_iter().collect(),
    }))
}

/// The part of a window that the platform still shows.
async fn without_unreachable(
    pager: &Pager<'_>,
    window: Window,
    error: SyncError,
) -> Result<Compared, SyncError> {
    let Some(since) = pager.oldest_readable(window.from()).await? else { return Err(error) };
    Ok(match Window::new(since.max(window.from()), window.until()) {
        Some(rest) => Compared::Instead(vec![(rest, Origin::default())]),
        None => Compared::Done(Verified { unreachable: 1, ..Verified::default() }),
    })
}

/// The numbers that are not here and should be, sorted.
async fn missing(
    sync: &RecordSync,
    shown: BTreeMap<String, Option<DateTime<Utc>>>,
) -> Result<Vec<String>, SyncError> {
    let (shop, counted) = (&sync.shop.name, sync.paging.counted);
    let numbers: Vec<String> = shown.keys().cloned().collect();
    let here = sync.store.scans().versions(shop, counted, &numbers).await?;
    let aside = sync.store.scans().set_aside(shop, sync.record, &numbers).await?;
    let cursor = sync.store.cursors().get(shop, sync.record).await?.and_then(|cursor| cursor.last_sync_at);
    // What was updated since is on its way.
    let is_due = |at: Option<DateTime<Utc>>| at.zip(cursor).is_none_or(|(at, cursor)| at < cursor);
    let missing = shown.into_iter().filter(|(number, updated_at)| {
        !here.contains_key(number) && !aside.contains(number) && is_due(*updated_at)
    });
    Ok(missing.map(|(number, _)| number).collect())
}

/// Every row of a window, by its list alone, and how the reading of it is judged. `None`: it has to be halved.
async fn shown(
    sync: &RecordSync,
    pager: &mut Pager<'_>,
    window: Window,
    first: LoadedPage,
    is_halved_beyond: bool,
) -> Result<Option<(BTreeMap<String, Option<DateTime<Utc>>>, PassEnd)>, SyncError> {
    let statuses = sync.windows().dense_statuses;
    let mut all = Collected::new(sync.paging.counted);
    if statuses.is_empty() || is_halved_beyond || !pager.exceeds_paging(&first.page) {
        let pages_max = if is_halved_beyond { pager.pages_max() } else { pager.pages_at_last() };
        let limit = Limit { pages_max, is_halved_beyond };
        let pass = collect(pager, created_in(window, None), Some(first), limit, &mut all).await?;
        return Ok(pass.map(|pass| (all.rows, pass)));
    }
    let limit = Limit { pages_max: pager.pages_max(), is_halved_beyond: true };
    let mut whole: Option<PassEnd> = None;
    for &status in statuses {
        let range = created_in(window, Some(status));
        let first = pager.first(range).await?;
        if pager.exceeds_paging(&first.page) {
            return Err(too_dense());
        }
        let mut of_status = Collected::new(sync.paging.counted);
        let pass = collect(pager, range, Some(first), limit, &mut of_status).await?;
        let pass = pass.ok_or_else(too_dense)?;
        all.rows.append(&mut of_status.rows);
        whole = Some(whole.map_or(pass, |whole| PassEnd {
            verdict: if whole.is_complete() { pass.verdict } else { whole.verdict },
            doubts: whole.doubts.or(pass.doubts),
            ..pass
        }));
    }
    Ok(whole.map(|pass| (all.rows, pass)))
}

/// The rows of a range, read again where it does not add up. `None`: it has to be halved.
async fn collect(
    pager: &mut Pager<'_>,
    range: Range,
    mut first: Option<LoadedPage>,
    limit: Limit,
    rows: &mut Collected,
) -> Result<Option<PassEnd>, SyncError> {
    let mut passes: Vec<PassEnd> = Vec::new();
    loop {
        let begin = match first.take() {
            Some(first) => first,
            None => pager.first(range).await?,
        };
        match pager.read(rows, range, begin, limit).await? {
            Walked::Resized => {}
            Walked::TooLong => return Ok(None),
            Walked::Ended(pass) => {
                let is_last = pass.is_complete() || passes.last() == Some(&pass);
                if is_last || passes.len() + 1 >= PASSES_MAX as usize {
                    return Ok(Some(pass));
                }
                passes.push(pass);
            }
        }
    }
}

fn created_in(window: Window, status: Option<i64>) -> Range {
    Range::Window { lane: Lane::Create, window, status }
}

fn too_dense() -> SyncError {
    SyncError::platform("comparing a crowded second", PlatformError::TooDense)
}

impl Verified {
    /// How many numbers are missing.
    pub fn missing(&self) -> usize {
        let all: HashSet<&String> =
            self.differences.iter().flat_map(|difference| &difference.missing).collect();
        all.len()
    }

    fn and(mut self, other: Self) -> Self {
        self.windows += other.windows;
        self.rows += other.rows;
        self.stored += other.stored;
        self.doubtful += other.doubtful;
        self.unreachable += other.unreachable;
        self.differences.extend(other.differences);
        self
    }
}
