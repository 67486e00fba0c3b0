//! One pass over a window or a list: its pages from the last to the first.

use chrono::{DateTime, Utc};

use super::digest::Digest;
use super::reconcile::Watch;
use super::seen::Seen;
use super::{RecordSync, SyncError};
use crate::platform::rate::Priority;
use crate::platform::{Page, PageQuery, PlatformError, Range};
use crate::store::leases::Lease;
use crate::store::pages::PageCommit;
use crate::store::windows::Close;

/// Rows collected before they are written: near the best size for both databases.
const ROWS_PER_COMMIT: usize = 500;

/// Something being read: under which lease, and what was seen of it so far.
pub(super) struct Reading<'a> {
    pub sync: &'a RecordSync,
    pub lease: &'a Lease,
    pub priority: Priority,
    /// What this pass has seen.
    pub seen: Seen,
    /// Converted and not yet written.
    pub waiting: Digest,
    /// Who wants to know which of it should have been here. `None`: nobody.
    pub watch: Option<&'a Watch>,
}

/// A page, and the moment before it was asked for: what it shows is at least as new.
pub(super) struct AskedPage {
    pub page: Page,
    pub asked_at: DateTime<Utc>,
}

/// What a pass found out about its own completeness.
pub(super) struct PassEnd {
    /// The total told last.
    pub total: u64,
    /// Whether the totals told cannot be true of a closed window, which only loses rows, and not most of them at once:
    /// the total rose from one page to the next, or fell to less than half.
    pub is_doubtful: bool,
    /// Whether rows left while it was read.
    pub has_shrunk: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(sync: &'a RecordSync, lease: &'a Lease, priority: Priority) -> Self {
        Self { sync, lease, priority, seen: Seen::default(), waiting: Digest::default(), watch: None }
    }
}

impl Reading<'_> {
    /// Reads the pages that `first` announced.
    ///
    /// Last page first: a row updated meanwhile leaves the window, or one that was taken away the list, and the rows
    /// behind it move to lower pages. Reading downwards can see a row twice, but never misses one. Page 1 is read
    /// again at the end, for what moved onto it. Rows that come in between move others to higher pages, where they
    /// would be missed; then the total grows, and the pass is doubtful.
    pub(super) async fn read_pages(&mut self, first: AskedPage, range: Range) -> Result<PassEnd, SyncError> {
        let page_last = first.page.total.div_ceil(u64::from(self.sync.paging.page_size));
        let page_last = u32::try_from(page_last).map_err(|_| {
            SyncError::platform("counting pages", PlatformError::Malformed { path: "total".into() })
        })?;
        let told_first = first.page.total;
        let mut end = PassEnd { total: told_first, is_doubtful: false, has_shrunk: false };
        if page_last <= 1 {
            self.take(first).await?;
            return Ok(end);
        }
        for number in (1..=page_last).rev() {
            let page = self.page(range, number).await?;
            let total = page.page.total;
            end.is_doubtful |= total > end.total || total < end.total / 2;
            end.total = total;
            self.take(page).await?;
        }
        end.has_shrunk = end.total < told_first;
        Ok(end)
    }

    /// Writes what is waiting; with `close`, the ledger and the cursor in the same transaction.
    pub(super) async fn write(&mut self, close: Option<Close>) -> Result<(), SyncError> {
        let waiting = std::mem::take(&mut self.waiting);
        let (rows, quarantined) = (waiting.things.len() as u64, waiting.quarantined.len() as u64);
        let commit = PageCommit {
            run_id: self.sync.run_id,
            synced_at: self.sync.clock.now(),
            things: waiting.things,
            amounts_due: self.sync.wants_amounts(),
            quarantined: waiting.quarantined.clone(),
            close,
        };
        let committed = self.sync.store.commit_page(self.lease, commit).await?;
        self.sync.rows_stored(committed.written, rows - committed.written.min(rows), quarantined);
        self.sync.report_quarantine(&waiting.quarantined, &committed.quarantine);
        Ok(())
    }

    pub(super) async fn take(&mut self, page: AskedPage) -> Result<(), SyncError> {
        if let Some(watch) = self.watch {
            watch.look(self.sync, &page.page).await?;
        }
        let digest = self.sync.digest(page, self.priority, &mut self.seen).await?;
        self.waiting.append(digest);
        if self.waiting.things.len() >= ROWS_PER_COMMIT {
            self.write(None).await?;
        }
        Ok(())
    }

    /// Asks for one page. Page 1 tells how many rows there are.
    pub(super) async fn page(&self, range: Range, number: u32) -> Result<AskedPage, SyncError> {
        let asked_at = self.sync.clock.now();
        let query = PageQuery { range, page: number, page_size: self.sync.paging.page_size };
        Ok(AskedPage { page: self.sync.page(&query, self.priority).await?, asked_at })
    }
}
