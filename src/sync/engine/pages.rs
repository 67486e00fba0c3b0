//! Something being read page by page: what was seen of it, and what of it is still to be written.

use chrono::{DateTime, Utc};

use super::completeness::Doubts;
use super::convert::ConvertedPage;
use super::pager::{Limit, Pager, Sink, Walked};
use super::seen::SeenNumbers;
use crate::domain::entity::FUTURE_MAX;
use crate::domain::record::Lane;
use crate::platform::rate::Priority;
use crate::platform::{Page, Range};
use crate::store::StoreError;
use crate::store::ledger::leases::Lease;
use crate::store::ledger::windows::Close;
use crate::store::records::pages::PageCommit;
use crate::store::records::quarantine::ShownIn;
use crate::sync::engine::{convert, whole};
use crate::sync::reconcile::Watch;
use crate::sync::{RecordSync, SyncError};

/// Rows collected before they are written: near the best size for both databases.
const ROWS_PER_COMMIT: usize = 500;

/// Something being read: under which lease, and what was seen of it so far.
pub struct Reading<'a> {
    pub sync: &'a RecordSync,
    pub lease: &'a Lease,
    pub pager: Pager<'a>,
    /// What is used of it.
    pub rows: Rows<'a>,
}

/// The rows that were read.
pub struct Rows<'a> {
    sync: &'a RecordSync,
    lease: &'a Lease,
    priority: Priority,
    /// What this pass has seen.
    pub seen: SeenNumbers,
    /// Converted and not yet written.
    waiting: ConvertedPage,
    /// The window being read. `None`: no window, or one that is too long to be read again for single rows.
    shown_in: Option<ShownIn>,
    /// Who wants to know which of it should have been here. `None`: no one.
    pub watch: Option<&'a Watch>,
}

/// A page, and the moment before it was requested: what it shows is at least as new.
pub struct LoadedPage {
    pub page: Page,
    pub requested_at: DateTime<Utc>,
}

impl<'a> Reading<'a> {
    pub fn new(sync: &'a RecordSync, lease: &'a Lease, lane: Lane, priority: Priority) -> Self {
        let (seen, waiting) = (SeenNumbers::default(), ConvertedPage::default());
        let rows = Rows { sync, lease, priority, seen, waiting, shown_in: None, watch: None };
        Self { sync, lease, pager: Pager::new(sync, lane, priority), rows }
    }

    /// Reads the pages behind `first`, and that one.
    pub async fn read(&mut self, range: Range, first: LoadedPage, limit: Limit) -> Result<Walked, SyncError> {
        self.rows.shown_in = read_again_for_rows(self.sync, range);
        self.pager.read(&mut self.rows, range, first, limit).await
    }
}

impl Reading<'_> {
    /// Reads a window of which nothing is closed in the ledger, and returns whether every row of it was seen.
    pub async fn read_again(&mut self, ShownIn { lane, window }: ShownIn) -> Result<bool, SyncError> {
        let range = Range::Window { lane, window, status: None };
        let first = self.pager.first(range).await?;
        let limit = Limit { pages_max: self.pager.pages_at_last(), is_halved_beyond: false };
        let walked = self.read(range, first, limit).await?;
        self.rows.write(None).await?;
        Ok(matches!(walked, Walked::Ended(pass) if pass.is_complete()))
    }
}

impl Rows<'_> {
    /// Writes what is waiting; with `close`, the ledger and the cursor in the same transaction.
    pub async fn write(&mut self, close: Option<Close>) -> Result<(), SyncError> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut commit = PageCommit {
            run_id: self.sync.run_id,
            synced_at: self.sync.clock.now(),
            believed_until: self.sync.platform_now() + FUTURE_MAX,
            things: waiting.things,
            amounts_due: self.sync.wants_amounts(),
            quarantined: waiting.quarantined,
            shown_in: self.shown_in,
            close,
        };
        // Each round makes orders whole, and no whole order is refused: there are no more rounds than orders.
        let committed = loop {
            match self.sync.store.pages().commit(self.lease, &commit).await {
                Err(StoreError::InParts { numbers }) => {
                    whole::make_whole(self.sync, &mut commit, &numbers, self.priority).await?;
                }
                committed => break committed?,
            }
        };
        let (rows, quarantined) = (commit.things.len() as u64, commit.quarantined.len() as u64);
        self.sync.rows_stored(committed.written, rows - committed.written.min(rows), quarantined);
        self.sync.report_quarantine(&commit.quarantined, &committed.quarantine);
        Ok(())
    }
}

impl Sink for Rows<'_> {
    async fn take(&mut self, page: LoadedPage) -> Result<(), SyncError> {
        if let Some(watch) = self.watch {
            watch.look(self.sync, &page.page).await?;
        }
        let convert_page = convert::convert_page(self.sync, page, self.priority, &mut self.seen).await?;
        self.waiting.append(convert_page);
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

/// The window that is read again for rows of it that could not be read. A scan of all time is not: it comes again by
/// itself.
fn read_again_for_rows(sync: &RecordSync, range: Range) -> Option<ShownIn> {
    let Range::Window { lane, window, .. } = range else { return None };
    let windows = sync.windows();
    let longest = windows.update_max.max(windows.create_max.unwrap_or_default());
    (window.length() <= longest).then_some(ShownIn { lane, window })
}

/// Reports once that what the platform says about its lists contradicts what they show.
pub fn report_doubts(sync: &RecordSync, lane: Lane, doubts: Doubts) {
    let habits = sync.application.habits();
    if doubts.any() && habits.is_first_report(&sync.shop.name, sync.record, lane, "window.doubtful") {
        tracing::warn!(
            event = "window.doubtful", shop = %sync.shop.name, record = %sync.record,
            "the lists of {} show {}; pages are read until an empty or short one, and what was seen counts",
            sync.record, doubts.describe(),
        );
    }
}
