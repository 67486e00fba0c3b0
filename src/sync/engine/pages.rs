//! Reads a range page by page: what was seen, and what is still to be written.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::completeness::Doubts;
use super::convert::Converted;
use super::drift_check::{WholeRows, check_drift};
use super::pager::{Limit, LoadedPage, Pager, Sink, WalkEnd};
use super::seen::{MissedRows, SeenNumbers};
use crate::domain::entity::{FUTURE_MAX, Kind};
use crate::domain::record::Lane;
use crate::platform::rate::Priority;
use crate::platform::{DetailNeed, ListRow, Range, Row, UnreadableRow};
use crate::store::StoreError;
use crate::store::ledger::leases::Lease;
use crate::store::ledger::windows::Close;
use crate::store::records::pages::PageCommit;
use crate::store::records::quarantine::{Quarantined, ShownIn};
use crate::store::records::things::Stored;
use crate::sync::engine::{convert, details, whole};
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
    /// Collects the rows that should have been here already. `None`: not collected.
    pub missed: Option<&'a MissedRows>,
}

/// What is to be written of one or several pages.
#[derive(Default)]
struct ConvertedPage {
    things: Vec<Stored>,
    quarantined: Vec<Quarantined>,
}

impl ConvertedPage {
    fn append(&mut self, mut later: Self) {
        // A row that may be only a part says nothing about another row of the same order.
        let whole = later.things.iter().filter(|stored| !stored.may_be_part);
        let readable: HashSet<&str> = whole.map(|stored| stored.entity.number()).collect();
        self.quarantined.retain(|unreadable| {
            unreadable.number.as_deref().is_none_or(|number| !readable.contains(number))
        });
        self.things.append(&mut later.things);
        self.quarantined.append(&mut later.quarantined);
    }
}

impl<'a> Reading<'a> {
    pub fn new(sync: &'a RecordSync, lease: &'a Lease, lane: Lane, priority: Priority) -> Self {
        let (seen, waiting) = (SeenNumbers::default(), ConvertedPage::default());
        let rows = Rows { sync, lease, priority, seen, waiting, shown_in: None, missed: None };
        Self { sync, lease, pager: Pager::new(sync, lane, priority), rows }
    }

    /// Reads the pages behind `first`, and that one.
    pub async fn read(
        &mut self,
        range: Range,
        first: LoadedPage,
        limit: Limit,
    ) -> Result<WalkEnd, SyncError> {
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
        Ok(matches!(walked, WalkEnd::Ended(pass) if pass.is_complete()))
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
        if let Some(missed) = self.missed {
            missed.add(self.sync, &page.page).await?;
        }
        let convert_page = convert_page(self.sync, page, self.priority, &mut self.seen).await?;
        self.waiting.append(convert_page);
        if self.waiting.things.len() >= ROWS_PER_COMMIT {
            self.write(None).await?;
        }
        Ok(())
    }

    fn seen(&self) -> u64 {
        match self.sync.paging.windows() {
            // Names of what the total counts are more exact than the rows that were converted.
            Some(_) if !self.seen.has_counted() => self.seen.rows(self.sync.paging.counted),
            _ => self.seen.most(),
        }
    }
}

/// Turns a page into what is to be written. `seen` takes every number of the page.
async fn convert_page(
    sync: &RecordSync,
    page: LoadedPage,
    priority: Priority,
    seen: &mut SeenNumbers,
) -> Result<ConvertedPage, SyncError> {
    let LoadedPage { page, requested_at: read_at } = page;
    let rows_total = page.rows.len();
    let mut whole = WholeRows::of(&page, sync.paging.counted);
    seen.add(&page);
    let (listed, unreadable) = sort_rows(page.rows);

    let listed_total = listed.len();
    let changed = changed(sync, listed).await?;
    let unchanged = listed_total - changed.len();
    let kinds: Vec<Kind> = changed.iter().map(|row| row.kind).collect();
    let mut unreadable_total = unreadable.len();
    let mut converted = ConvertedPage { things: Vec::with_capacity(changed.len()), quarantined: unreadable };
    for (outcome, kind) in
        details::complete_all(sync, changed, read_at, priority).await?.into_iter().zip(kinds)
    {
        match outcome {
            Converted::Complete(thing) => converted.things.push(*thing),
            Converted::Incomplete(thing, missing) => {
                converted.things.push(*thing);
                converted.quarantined.push(missing);
            }
            Converted::Unreadable(row) => {
                unreadable_total += 1;
                whole.unreadable += usize::from(kind == sync.paging.counted);
                converted.quarantined.push(row);
            }
        }
    }
    check_drift(rows_total, unreadable_total, &converted.quarantined)?;
    check_drift(whole.rows, whole.unreadable, &converted.quarantined)?;
    sync.rows_read(rows_total, unchanged);
    tracing::debug!(
        shop = %sync.shop.name, record = %sync.record, rows = rows_total, unchanged,
        "read a page",
    );
    Ok(converted)
}

/// The rows worth a closer look: those whose list row is not stored as it is now, and all where the list does not
/// show every change. Without those that are in quarantine as they are: they are requested again after new changes, and
/// no more often than that.
async fn changed(sync: &RecordSync, listed: Vec<ListRow>) -> Result<Vec<ListRow>, SyncError> {
    let changed = unlike_stored(sync, listed).await?;
    let numbers: Vec<&str> = changed.iter().map(|row| row.number.as_str()).collect();
    let kept = sync.store.quarantine().requested_again(&sync.shop.name, sync.record, &numbers).await?;
    if kept.is_empty() {
        return Ok(changed);
    }
    let is_kept = |row: &ListRow| {
        let kept = kept.get(&row.number).and_then(|kept| Some((kept, kept.answers().list?)));
        kept.is_some_and(|(kept, raw)| {
            raw == row.raw
                || !row.list_hash.is_empty()
                    && convert::listed_again(sync, kept, &raw)
                        .is_some_and(|kept| kept.list_hash == row.list_hash)
        })
    };
    Ok(changed.into_iter().filter(|row| !is_kept(row)).collect())
}

async fn unlike_stored(sync: &RecordSync, listed: Vec<ListRow>) -> Result<Vec<ListRow>, SyncError> {
    if sync.paging.details.is_some_and(|details| details.need == DetailNeed::EveryTime) {
        return Ok(listed);
    }
    let mut numbers: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for row in &listed {
        numbers.entry(row.kind).or_default().push(row.number.clone());
    }
    let mut stored: HashMap<Kind, HashMap<String, String>> = HashMap::new();
    for (kind, numbers) in numbers {
        stored.insert(kind, sync.store.pages().list_hashes(&sync.shop.name, kind, &numbers).await?);
    }
    let is_stored = |row: &ListRow| {
        stored.get(&row.kind).and_then(|hashes| hashes.get(&row.number)) == Some(&row.list_hash)
    };
    Ok(listed.into_iter().filter(|row| !is_stored(row)).collect())
}

/// Readable rows, the same number only once (the last one listed), and the others.
fn sort_rows(rows: Vec<Row>) -> (Vec<ListRow>, Vec<Quarantined>) {
    let mut listed: Vec<ListRow> = Vec::with_capacity(rows.len());
    let mut unreadable = Vec::new();
    for row in rows {
        match row {
            Row::Readable(row) => {
                match listed.iter_mut().find(|known| (known.kind, &known.number) == (row.kind, &row.number)) {
                    Some(known) => *known = row,
                    None => listed.push(row),
                }
            }
            Row::Unreadable(row) => {
                let UnreadableRow { number, reason, raw } = row;
                unreadable.push(Quarantined { number, reason, raw, has_own_call: false });
            }
        }
    }
    (listed, unreadable)
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
