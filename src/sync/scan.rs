//! Scans: a record read whole, so that what the platform no longer shows is known to be gone.
//!
//! Rows are stored page by page. A scan that is cut off marks nothing and is begun anew by the next run; what it has
//! stored makes that cheap.

use chrono::{DateTime, TimeDelta, Utc};

use super::pass::{AskedPage, PassEnd, Reading};
use super::seen::Seen;
use super::window::PASSES_MAX;
use super::{RecordSync, SyncError};
use crate::domain::entity::Kind;
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Range};
use crate::store::leases::Lease;
use crate::store::scans::ScanEnd;

/// Fewer rows than these may well be halved by their owner.
const ROWS_FOR_JUDGEMENT: u64 = 5;

/// A scan under way.
struct Scan<'a> {
    reading: Reading<'a>,
    /// What it has seen so far.
    seen: Seen,
    /// Whether what it has not seen is surely not there.
    is_sure: bool,
}

impl RecordSync {
    /// Reads the lists, one after the other: together they are all there is.
    pub(super) async fn scan_lists(
        &self,
        lease: &Lease,
        lists: &'static [&'static str],
        end: DateTime<Utc>,
        whole: bool,
    ) -> Result<(), SyncError> {
        let mut scan = Scan::new(self, lease);
        self.progress.windows_planned(lists.len());
        for list in lists {
            let range = Range::List(list);
            let first = scan.reading.page(range, 1).await?;
            scan.read(range, first).await?;
            self.progress.window_done();
        }
        scan.finish(end, whole).await
    }

    /// Reads everything as one closed window of update time, and then what was updated meanwhile: a row that was seen
    /// in neither is gone.
    pub(super) async fn scan_windows(
        &self,
        lease: &Lease,
        end: DateTime<Utc>,
        whole: bool,
    ) -> Result<(), SyncError> {
        let mut scan = Scan::new(self, lease);
        let mut waiting: Vec<Window> = Window::new(DateTime::UNIX_EPOCH, end).into_iter().collect();
        self.progress.windows_planned(waiting.len());
        while let Some(window) = waiting.pop() {
            let range = updated_in(window);
            let first = scan.reading.page(range, 1).await?;
            if first.page.total <= self.windows().rows_max || window.length() <= TimeDelta::seconds(1) {
                self.may_be_paged(window, &first)?;
                scan.read(range, first).await?;
                self.progress.window_done();
            } else if let Some((earlier, later)) = window.halves() {
                self.progress.windows_planned(1);
                waiting.extend([earlier, later]);
            }
        }
        scan.read_since(end).await?;
        scan.finish(end, whole).await
    }

    /// A second that cannot be halved any more is paged to its end, if the platform lets us.
    fn may_be_paged(&self, window: Window, first: &AskedPage) -> Result<(), SyncError> {
        let windows = self.windows();
        if first.page.total > windows.rows_max && !windows.dense_statuses.is_empty() {
            let doing = format!("reading the crowded second {}", window.from());
            return Err(SyncError::platform(&doing, PlatformError::TooDense));
        }
        Ok(())
    }
}

impl<'a> Scan<'a> {
    fn new(sync: &'a RecordSync, lease: &'a Lease) -> Self {
        Self { reading: Reading::new(sync, lease, Priority::Update), seen: Seen::default(), is_sure: true }
    }

    /// Reads one list or window to its end, again where it does not add up.
    async fn read(&mut self, range: Range, first: AskedPage) -> Result<(), SyncError> {
        let mut first = Some(first);
        let mut told = 0;
        for _ in 0..PASSES_MAX {
            let begin = match first.take() {
                Some(first) => first,
                None => self.reading.page(range, 1).await?,
            };
            let pass = self.pass(range, begin).await?;
            told = pass.total;
            if !pass.is_doubtful && self.reading.seen.most() >= pass.total {
                return Ok(());
            }
        }
        let sync = self.reading.sync;
        tracing::warn!(
            event = "window.short", shop = %sync.shop.name, record = %sync.record,
            "the list of {} told of {told} and showed {}; nothing is taken for gone",
            sync.record, self.reading.seen.most(),
        );
        self.is_sure = false;
        Ok(())
    }

    async fn pass(&mut self, range: Range, first: AskedPage) -> Result<PassEnd, SyncError> {
        self.reading.seen.clear();
        let pass = self.reading.read_pages(first, range).await?;
        self.reading.write(None).await?;
        self.seen.absorb(&self.reading.seen);
        Ok(pass)
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
                let first = self.reading.page(range, 1).await?;
                let pass = self.pass(range, first).await?;
                has_lost |= pass.has_shrunk || self.reading.seen.most() < pass.total;
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
        let Self { reading: Reading { sync, lease, .. }, seen, is_sure } = self;
        if !whole {
            sync.judge_scan(&seen).await?;
        }
        // A row that could be any may be the one that seems to be missing.
        let marks_gone = is_sure && !seen.has_nameless();
        let scan =
            ScanEnd { record: sync.record, started_at: end, seen: seen.into_present(sync), marks_gone };
        let gone = sync.store.finish_scan(lease, scan).await?;
        if gone > 0 {
            tracing::debug!(shop = %sync.shop.name, "{gone} {} are gone", sync.record);
        }
        Ok(())
    }
}

impl RecordSync {
    /// A list that suddenly shows less than half is more likely a platform in trouble than a seller who tidied up.
    async fn judge_scan(&self, seen: &Seen) -> Result<(), SyncError> {
        let shop = &self.shop.name;
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.record() == self.record);
        for kind in kinds {
            let (saw, present) = (seen.count(kind), self.store.rows_present(shop, kind).await?);
            if present >= ROWS_FOR_JUDGEMENT && saw * 2 < present {
                return Err(SyncError::ScanTooSmall {
                    record: self.record,
                    kind,
                    saw,
                    present,
                    shop: shop.clone(),
                });
            }
        }
        Ok(())
    }
}

fn updated_in(window: Window) -> Range {
    Range::Window { lane: Lane::Update, window, status: None }
}
