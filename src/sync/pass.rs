//! Something being read page by page: what was seen of it, and what of it is still to be written.

use chrono::{DateTime, Utc};

use super::completeness::Doubts;
use super::digest::Digest;
use super::pager::{Limit, Pager, Sink, Walked};
use super::reconcile::Watch;
use super::seen::Seen;
use super::{RecordSync, SyncError};
use crate::domain::entity::FUTURE_MAX;
use crate::domain::record::Lane;
use crate::platform::rate::Priority;
use crate::platform::{Page, Range};
use crate::store::leases::Lease;
use crate::store::pages::PageCommit;
use crate::store::windows::Close;

/// Rows collected before they are written: near the best size for both databases.
const ROWS_PER_COMMIT: usize = 500;

/// Something being read: under which lease, and what was seen of it so far.
pub(super) struct Reading<'a> {
    pub sync: &'a RecordSync,
    pub lease: &'a Lease,
    pub pager: Pager<'a>,
    /// What is used of it.
    pub rows: Rows<'a>,
}

/// The rows that were read.
pub(super) struct Rows<'a> {
    sync: &'a RecordSync,
    lease: &'a Lease,
    priority: Priority,
    /// What this pass has seen.
    pub seen: Seen,
    /// Converted and not yet written.
    waiting: Digest,
    /// Who wants to know which of it should have been here. `None`: nobody.
    pub watch: Option<&'a Watch>,
}

/// A page, and the moment before it was asked for: what it shows is at least as new.
pub(super) struct AskedPage {
    pub page: Page,
    pub asked_at: DateTime<Utc>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(sync: &'a RecordSync, lease: &'a Lease, lane: Lane, priority: Priority) -> Self {
        let rows =
            Rows { sync, lease, priority, seen: Seen::default(), waiting: Digest::default(), watch: None };
        Self { sync, lease, pager: Pager::new(sync, lane, priority), rows }
    }

    /// Reads the pages behind `first`, and that one.
    pub(super) async fn read(
        &mut self,
        range: Range,
        first: AskedPage,
        limit: Limit,
    ) -> Result<Walked, SyncError> {
        self.pager.read(&mut self.rows, range, first, limit).await
    }
}

impl Rows<'_> {
    /// Writes what is waiting; with `close`, the ledger and the cursor in the same transaction.
    pub(super) async fn write(&mut self, close: Option<Close>) -> Result<(), SyncError> {
        let waiting = std::mem::take(&mut self.waiting);
        let (rows, quarantined) = (waiting.things.len() as u64, waiting.quarantined.len() as u64);
        let commit = PageCommit {
            run_id: self.sync.run_id,
            synced_at: self.sync.clock.now(),
            believed_until: self.sync.platform_now() + FUTURE_MAX,
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
}

impl Sink for Rows<'_> {
    async fn take(&mut self, page: AskedPage) -> Result<(), SyncError> {
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

    fn seen(&self) -> u64 {
        match self.sync.paging.windows() {
            // What the platform counts itself is better than what we make of it.
            Some(_) if !self.seen.has_counted() => self.seen.rows(self.sync.paging.counted),
            _ => self.seen.most(),
        }
    }
}

impl RecordSync {
    /// Reports once that what the platform says about its lists contradicts what they show.
    pub(super) fn report_doubts(&self, lane: Lane, doubts: Doubts) {
        let habits = self.application.habits();
        if doubts.any() && habits.is_first_report(&self.shop.name, self.record, lane, "window.doubtful") {
            tracing::warn!(
                event = "window.doubtful", shop = %self.shop.name, record = %self.record,
                "the lists of {} show {}; pages are read until an empty or short one, and what was seen counts",
                self.record, doubts.describe(),
            );
        }
    }
}
