//! One pass over a window: its pages from the last to the first.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::digest::Digest;
use super::{RecordSync, SyncError};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{Page, PageQuery, PlatformError, Range};
use crate::store::leases::Lease;
use crate::store::pages::PageCommit;
use crate::store::windows::Close;

/// Rows collected before they are written: near the best size for both databases.
const ROWS_PER_COMMIT: usize = 500;

/// A window being read: where from, under which lease, and what was seen so far.
pub(super) struct Reading<'a> {
    pub sync: &'a RecordSync,
    pub lease: &'a Lease,
    pub lane: Lane,
    pub window: Window,
    /// Row of the ledger.
    pub ledger_id: i64,
    /// Numbers seen in this pass, of the kind that the total counts. Rows without a readable number count by their
    /// text.
    pub seen: HashSet<String>,
    /// Converted and not yet written.
    pub waiting: Digest,
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
}

impl Reading<'_> {
    /// Asks for page 1, which tells how many rows there are.
    pub(super) async fn first_page(&self, status: Option<&'static str>) -> Result<AskedPage, SyncError> {
        self.page(1, status).await
    }

    /// Reads the pages that `first` announced.
    ///
    /// Last page first: an order updated meanwhile leaves the window, and the rows behind it move to lower
    /// pages. Reading downwards can see a row twice, but never misses one. Page 1 is read again at the end,
    /// for what moved onto it.
    pub(super) async fn read_pages(
        &mut self,
        first: AskedPage,
        status: Option<&'static str>,
    ) -> Result<PassEnd, SyncError> {
        let page_last = first.page.total.div_ceil(u64::from(self.sync.paging.page_size));
        let page_last = u32::try_from(page_last).map_err(|_| {
            SyncError::platform("counting pages", PlatformError::Malformed { path: "total".into() })
        })?;
        let mut end = PassEnd { total: first.page.total, is_doubtful: false };
        if page_last <= 1 {
            self.take(first).await?;
            return Ok(end);
        }
        for number in (1..=page_last).rev() {
            let page = self.page(number, status).await?;
            let total = page.page.total;
            end.is_doubtful |= total > end.total || total < end.total / 2;
            end.total = total;
            self.take(page).await?;
        }
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
            quarantined: waiting.quarantined,
            close,
        };
        let committed = self.sync.store.commit_page(self.lease, commit).await?;
        self.sync.progress.stored(committed.written, rows - committed.written.min(rows), quarantined);
        Ok(())
    }

    async fn take(&mut self, page: AskedPage) -> Result<(), SyncError> {
        let digest = self.sync.digest(page, self.priority(), &mut self.seen).await?;
        self.waiting.append(digest);
        if self.waiting.things.len() >= ROWS_PER_COMMIT {
            self.write(None).await?;
        }
        Ok(())
    }

    async fn page(&self, number: u32, status: Option<&'static str>) -> Result<AskedPage, SyncError> {
        let asked_at = self.sync.clock.now();
        let query = PageQuery {
            range: Range::Window { lane: self.lane, window: self.window, status },
            page: number,
            page_size: self.sync.paging.page_size,
        };
        Ok(AskedPage { page: self.sync.page(&query, self.priority()).await?, asked_at })
    }

    fn priority(&self) -> Priority {
        match self.lane {
            Lane::Update => Priority::Update,
            Lane::Create => Priority::Create,
            Lane::Amounts => Priority::Amounts,
        }
    }
}
