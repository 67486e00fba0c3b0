//! Scans: a record read whole, so that what the platform no longer shows is known to be gone.
//!
//! Rows are stored page by page. A scan that is cut off marks nothing and is started again by the next run; what it has
//! stored makes that cheap.

use chrono::{DateTime, TimeDelta, Utc};

use super::engine::completeness::PassEnd;
use super::engine::pager::{Limit, LoadedPage, Origin, PAGES_MAX, Sink, WalkEnd, is_capped};
use super::engine::pages::Reading;
use super::engine::seen::SeenNumbers;
use super::engine::window::PASSES_MAX;
use super::{RecordSync, SyncError};
use crate::domain::entity::Kind;
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Range};
use crate::store::ledger::leases::Lease;
use crate::store::records::scans::ScanEnd;
use crate::sync::engine::pages;

/// Of fewer rows, the seller may have deleted half.
const ROWS_FOR_JUDGEMENT: u64 = 5;

/// A scan reads every list and window of last resort to its end.
const TO_THE_END: Limit = Limit { pages_max: PAGES_MAX, is_halved_beyond: false };

/// A scan under way.
struct Scan<'a> {
    reading: Reading<'a>,
    /// What it has seen so far.
    seen: SeenNumbers,
    /// Whether a row that it has not seen is surely gone.
    is_sure: bool,
    /// Whether the platform hides what is too old.
    is_cut: bool,
}

/// Reads the lists, one after the other: together they are all there is.
pub async fn scan_lists(
    sync: &RecordSync,
    lease: &Lease,
    lists: &'static [&'static str],
    end: DateTime<Utc>,
    whole: bool,
) -> Result<(), SyncError> {
    let mut scan = Scan::new(sync, lease);
    sync.progress.windows_planned(lists.len());
    for list in lists {
        let range = Range::List(list);
        let first = scan.reading.pager.first(range).await?;
        Box::pin(scan.read(range, first, TO_THE_END)).await?;
        sync.progress.window_done();
    }
    scan.finish(end, whole).await
}

/// Reads everything as one closed window of update time, and then what was updated meanwhile: a row that was seen
/// in neither is gone.
pub async fn scan_windows(
    sync: &RecordSync,
    lease: &Lease,
    end: DateTime<Utc>,
    whole: bool,
) -> Result<(), SyncError> {
    let mut scan = Scan::new(sync, lease);
    let whole_time = Window::new(DateTime::UNIX_EPOCH, end);
    let mut waiting: Vec<(Window, Origin)> =
        whole_time.map(|window| (window, Origin::default())).into_iter().collect();
    sync.progress.windows_planned(waiting.len());
    while let Some((window, origin)) = waiting.pop() {
        match Box::pin(scan.window(window, origin)).await? {
            None => sync.progress.window_done(),
            Some(pieces) => {
                sync.progress.windows_planned(pieces.len().saturating_sub(1));
                waiting.extend(pieces);
            }
        }
    }
    Box::pin(scan.read_since(end)).await?;
    scan.finish(end, whole).await
}

impl<'a> Scan<'a> {
    fn new(sync: &'a RecordSync, lease: &'a Lease) -> Self {
        let reading = Reading::new(sync, lease, Lane::Update, Priority::Update);
        Self { reading, seen: SeenNumbers::default(), is_sure: true, is_cut: false }
    }

    /// Reads one window. `Some`: these are to be read instead.
    async fn window(
        &mut self,
        window: Window,
        mut origin: Origin,
    ) -> Result<Option<Vec<(Window, Origin)>>, SyncError> {
        let range = updated_in(window);
        let halves = window.halves().map(|(earlier, later)| [earlier, later]);
        let first = match self.reading.pager.first(range).await {
            Ok(first) => first,
            Err(error) => return self.instead_of(window, error).await.map(Some),
        };
        let (pager, total) = (&self.reading.pager, first.page.total);
        let mut limit = Limit { pages_max: pager.pages_max(), is_halved_beyond: halves.is_some() };
        if pager.is_too_much(&first.page) {
            let is_unsplit = pager.is_read_unsplit(window, total, &mut origin).await?;
            if let Some(halves) = halves.filter(|_| !is_unsplit) {
                origin.total = Some(total);
                return Ok(Some(halves.map(|half| (half, origin)).into()));
            }
            if pager.exceeds_paging(&first.page) && !self.reading.sync.windows().dense_statuses.is_empty() {
                return Err(SyncError::platform("scanning a crowded second", PlatformError::TooDense));
            }
            limit = TO_THE_END;
            self.is_sure = false;
        }
        match (self.read(range, first, limit).await?, halves) {
            (WalkEnd::TooLong, Some(halves)) => {
                self.is_sure = false;
                Ok(Some(halves.map(|half| (half, Origin::default())).into()))
            }
            _ => Ok(None),
        }
    }

    /// What to read instead of a window that is not answered or reaches back too far.
    async fn instead_of(
        &mut self,
        window: Window,
        error: SyncError,
    ) -> Result<Vec<(Window, Origin)>, SyncError> {
        let pager = &self.reading.pager;
        if error.is_too_old()
            && let Some(since) = pager.oldest_readable(window.from()).await?
        {
            (self.is_sure, self.is_cut) = (false, true);
            let rest = Window::new(since, window.until());
            return Ok(rest.map(|rest| (rest, Origin::default())).into_iter().collect());
        }
        match window.halves() {
            Some((earlier, later)) if error.is_unanswered() && pager.may_answer_halves(window).await => {
                Ok([earlier, later].map(|half| (half, Origin::default())).into())
            }
            _ => Err(error),
        }
    }

    /// Reads one list or window to its end, again where it does not add up.
    async fn read(&mut self, range: Range, first: LoadedPage, limit: Limit) -> Result<WalkEnd, SyncError> {
        let mut first = Some(first);
        let mut last = None;
        let mut passes = 0;
        while passes < PASSES_MAX {
            let begin = match first.take() {
                Some(first) => first,
                None => self.reading.pager.first(range).await?,
            };
            let pass = match self.pass(range, begin, limit).await? {
                WalkEnd::Ended(pass) => pass,
                WalkEnd::Resized => continue,
                WalkEnd::TooLong => return Ok(WalkEnd::TooLong),
            };
            passes += 1;
            let seen = self.reading.rows.seen();
            pages::report_doubts(self.reading.sync, Lane::Update, pass.doubts);
            // Wrong hints say nothing about what is gone.
            self.is_sure &= !(pass.is_complete() && (pass.doubts.any() || is_capped(pass.total)));
            if pass.is_complete() {
                return Ok(WalkEnd::Ended(pass));
            }
            if last.replace((pass, seen)) == Some((pass, seen)) {
                break;
            }
        }
        let sync = self.reading.sync;
        let total = last.map_or(0, |(pass, _): (PassEnd, u64)| pass.total);
        tracing::warn!(
            event = "window.short", shop = %sync.shop.name, record = %sync.record,
            "the list of {} announced {total} and showed {}; nothing is marked as gone",
            sync.record, self.reading.rows.seen(),
        );
        self.is_sure = false;
        Ok(WalkEnd::Resized)
    }

    async fn pass(&mut self, range: Range, first: LoadedPage, limit: Limit) -> Result<WalkEnd, SyncError> {
        self.reading.rows.seen.clear();
        let walked = self.reading.read(range, first, limit).await?;
        self.reading.rows.write(None).await?;
        self.seen.absorb(&self.reading.rows.seen);
        Ok(walked)
    }

    /// Reads what was updated since the scanned window ended, up to this moment: a row updated while the window was
    /// read has left it, and may not have been seen there. This stretch is not closed, so a row may leave it too; it
    /// is read until none did. It is evidence only: the cursor waits for the windows that are read once it is closed.
    async fn read_since(&mut self, end: DateTime<Utc>) -> Result<(), SyncError> {
        let sync = self.reading.sync;
        for _ in 0..PASSES_MAX {
            let now = sync.platform_now() + TimeDelta::seconds(1);
            let Some(since) = Window::new(end, now) else { return Ok(()) };
            let mut has_lost = false;
            for piece in since.pieces(sync.windows().update_max) {
                let range = updated_in(piece);
                let first = self.reading.pager.first(range).await?;
                has_lost |= match self.pass(range, first, TO_THE_END).await? {
                    WalkEnd::Ended(pass) => {
                        pass.has_shrunk || pass.doubts.any() || self.reading.rows.seen() < pass.total
                    }
                    WalkEnd::Resized | WalkEnd::TooLong => true,
                };
            }
            if !has_lost {
                return Ok(());
            }
        }
        self.is_sure = false;
        Ok(())
    }

    /// Marks what is gone and moves the cursor to the scan's start.
    async fn finish(self, end: DateTime<Utc>, whole: bool) -> Result<(), SyncError> {
        let Self { reading: Reading { sync, lease, .. }, seen, is_sure, is_cut } = self;
        if !whole && !is_cut {
            check_scan(sync, &seen).await?;
        }
        // A row without a readable number may be one that seems to be gone.
        let marks_gone = is_sure && !seen.has_nameless();
        let present = seen.into_present(sync);
        let scan =
            ScanEnd { record: sync.record, started_at: end, seen: present, marks_gone, is_whole: is_sure };
        let gone = sync.store.scans().finish_scan(lease, scan).await?;
        if gone > 0 {
            tracing::debug!(shop = %sync.shop.name, "{gone} {} are gone", sync.record);
        }
        Ok(())
    }
}

/// A list that suddenly shows less than half is more likely a failure of the platform than a change by the seller.
async fn check_scan(sync: &RecordSync, seen: &SeenNumbers) -> Result<(), SyncError> {
    let shop = &sync.shop.name;
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.record() == sync.record);
    for kind in kinds {
        let (saw, present) = (seen.count(kind), sync.store.scans().rows_present(shop, kind).await?);
        if present >= ROWS_FOR_JUDGEMENT && saw * 2 < present {
            return Err(SyncError::ScanTooSmall {
                record: sync.record,
                kind,
                saw,
                present,
                shop: shop.clone(),
            });
        }
    }
    Ok(())
}

fn updated_in(window: Window) -> Range {
    Range::Window { lane: Lane::Update, window, status: None }
}
