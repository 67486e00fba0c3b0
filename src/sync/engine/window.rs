//! One window, from its first page to its row in the ledger.

use super::completeness::{Doubt, Doubts, PassEnd, Verdict};
use super::pager::{Limit, LoadedPage, Origin, Sink, WalkEnd};
use super::pages::{Reading, report_doubts};
use super::seen::MissedRows;
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Range};
use crate::store::ledger::leases::Lease;
use crate::store::ledger::windows::{Close, Closing};
use crate::sync::{RecordSync, SyncError};

/// How often a range whose rows do not add up is read before the last result counts.
pub const PASSES_MAX: u32 = 3;

/// Windows of one lane that are read together.
#[derive(Clone, Copy)]
pub struct LaneWindows<'a> {
    pub lane: Lane,
    pub epoch: i64,
    /// Collects the rows that should have been here already. `None`: not collected.
    pub missed: Option<&'a MissedRows>,
}

/// How a window ended.
pub enum WindowEnd {
    /// It is in the ledger as read.
    Closed,
    /// These are to be read instead.
    Split { halves: [Window; 2], origin: Origin },
}

/// How a pass over a window ended.
enum PassResult {
    Ended(PassEnd),
    Split([Window; 2]),
}

/// Reads one window and closes it. Nothing is skipped: whatever goes wrong ends the window with an error,
/// and the cursor stays before it.
pub async fn read_window(
    sync: &RecordSync,
    lease: &Lease,
    of: LaneWindows<'_>,
    window: Window,
    origin: Origin,
) -> Result<WindowEnd, SyncError> {
    let ledger_id = sync.store.windows().open(lease, of.epoch, window, sync.run_id).await?;
    let mut reading = Reading::new(sync, lease, of.lane, priority_of(of.lane));
    reading.rows.missed = of.missed;
    let mut reading =
        WindowReading { reading, lane: of.lane, window, origin, foreign_total: None, ledger_id };
    let end = reading.read().await;
    if let Err(error) = &end
        && error.is_of_window()
    {
        sync.store.windows().fail(lease, ledger_id).await?;
    }
    if let Ok(WindowEnd::Split { halves, .. }) = &end {
        sync.store.windows().split(lease, ledger_id, *halves).await?;
    }
    end
}

struct WindowReading<'a> {
    reading: Reading<'a>,
    lane: Lane,
    window: Window,
    origin: Origin,
    /// A total that was found to be no total of this window. `None`: none was.
    foreign_total: Option<u64>,
    /// Row of the ledger.
    ledger_id: i64,
}

impl WindowReading<'_> {
    async fn read(&mut self) -> Result<WindowEnd, SyncError> {
        if self.is_known_unreachable() {
            return self.close(Closing::Unreachable, 0).await;
        }
        let mut total = 0;
        let mut last = None;
        for _ in 0..PASSES_MAX {
            let pass = match self.pass().await {
                Ok(PassResult::Ended(pass)) => pass,
                Ok(PassResult::Split(halves)) => return Ok(WindowEnd::Split { halves, origin: self.origin }),
                Err(error) if error.is_too_old() => return self.without_unreachable(error).await,
                Err(error) => return self.halved_for(error).await,
            };
            report_doubts(self.sync(), self.lane, pass.doubts);
            total = pass.total;
            if pass.is_complete() || self.is_total_of_another(&pass).await? {
                return self.close(Closing::Complete, total).await;
            }
            // A window that shows the same twice will not show more the third time.
            if last.replace((pass, self.seen())) == Some((pass, self.seen())) {
                break;
            }
        }
        tracing::warn!(
            event = "window.short", shop = %self.sync().shop.name, record = %self.sync().record,
            "the window {} to {} announced {total} {} and showed {}; it will be read again",
            self.window.from(), self.window.until(), self.sync().record, self.seen(),
        );
        self.close(Closing::Short, total).await
    }

    /// Reads the whole window once, or finds out that it has to be halved.
    async fn pass(&mut self) -> Result<PassResult, SyncError> {
        loop {
            self.reading.rows.seen.clear();
            let range = self.range(None);
            let first = self.reading.pager.first(range).await?;
            let (pager, total) = (&self.reading.pager, first.page.total);
            let halves = self.window.halves().map(|(earlier, later)| [earlier, later]);
            let mut limit = Limit { pages_max: pager.pages_max(), is_halved_beyond: halves.is_some() };
            if pager.is_too_much(&first.page) {
                if pager.is_read_unsplit(self.window, total, &mut self.origin).await? {
                    self.report_unfiltered(total);
                    self.foreign_total = Some(total);
                    limit = Limit { pages_max: pager.pages_at_last(), is_halved_beyond: false };
                } else if let Some(halves) = halves {
                    return Ok(self.split(halves, Some(total)));
                }
            }
            if halves.is_none() {
                match self.read_second(first).await? {
                    Some(pass) => return Ok(PassResult::Ended(pass)),
                    None => continue,
                }
            }
            match self.reading.read(range, first, limit).await? {
                WalkEnd::Ended(pass) => return Ok(PassResult::Ended(pass)),
                WalkEnd::Resized => {}
                WalkEnd::TooLong => {
                    if let Some(halves) = halves {
                        return Ok(self.split(halves, None));
                    }
                }
            }
        }
    }

    fn split(&mut self, halves: [Window; 2], total: Option<u64>) -> PassResult {
        self.report_split(&format!("holds too many {}", self.sync().record));
        self.origin.total = total;
        PassResult::Split(halves)
    }

    /// A window of one second: once for each status where it holds more than the platform lists, to its end where the
    /// platform sets none. `None`: pages have become smaller, and it is to be started again.
    async fn read_second(&mut self, first: LoadedPage) -> Result<Option<PassEnd>, SyncError> {
        let statuses = self.sync().windows().dense_statuses;
        let (total, pages_max) = (first.page.total, self.reading.pager.pages_at_last());
        if statuses.is_empty() || !self.reading.pager.exceeds_paging(&first.page) {
            let limit = Limit { pages_max, is_halved_beyond: !statuses.is_empty() };
            return match self.reading.read(self.range(None), first, limit).await? {
                WalkEnd::Ended(pass) => Ok(Some(pass)),
                WalkEnd::Resized => Ok(None),
                WalkEnd::TooLong => self.read_by_status(total).await,
            };
        }
        self.read_by_status(total).await
    }

    async fn read_by_status(&mut self, total: u64) -> Result<Option<PassEnd>, SyncError> {
        let limit = Limit { pages_max: self.reading.pager.pages_max(), is_halved_beyond: true };
        let too_dense = || SyncError::platform("reading a crowded second", PlatformError::TooDense);
        let mut doubts = Doubts::default();
        let mut are_complete = true;
        for &status in self.sync().windows().dense_statuses {
            let before = self.reading.rows.seen.take();
            let range = self.range(Some(status));
            let first = self.reading.pager.first(range).await?;
            if self.reading.pager.exceeds_paging(&first.page) {
                return Err(too_dense());
            }
            match self.reading.read(range, first, limit).await? {
                WalkEnd::Ended(pass) => {
                    are_complete &= pass.is_complete();
                    doubts = doubts.or(pass.doubts);
                }
                WalkEnd::Resized => return Ok(None),
                WalkEnd::TooLong => return Err(too_dense()),
            }
            self.reading.rows.seen.absorb(&before);
        }
        // A status this version does not know is in no list above; the total over all statuses shows it.
        let last = self.reading.pager.first(self.range(None)).await?.page.total;
        Ok(Some(PassEnd {
            total: last,
            verdict: if are_complete && last <= total && self.seen() >= last {
                Verdict::Complete
            } else {
                Verdict::Open
            },
            has_shrunk: last < total,
            doubts,
        }))
    }

    /// A platform that does not answer a long window may manage its halves.
    async fn halved_for(&self, error: SyncError) -> Result<WindowEnd, SyncError> {
        if !error.is_unanswered() || !self.reading.pager.may_answer_halves(self.window).await {
            return Err(error);
        }
        let Some((earlier, later)) = self.window.halves() else { return Err(error) };
        self.report_split("is not answered");
        Ok(WindowEnd::Split { halves: [earlier, later], origin: Origin::default() })
    }

    /// A window that begins before what the platform still shows: what lies before it cannot be read any more, the rest
    /// is.
    async fn without_unreachable(&mut self, error: SyncError) -> Result<WindowEnd, SyncError> {
        let turn = self.reading.sync.application.habits().turn_to_search().await;
        // Another window may have found it out meanwhile.
        if self.is_known_unreachable() {
            return self.close(Closing::Unreachable, 0).await;
        }
        let Some(since) = self.reading.pager.oldest_readable(self.window.from()).await? else {
            return Err(error);
        };
        let (sync, habits) = (self.sync(), self.sync().application.habits());
        habits.learn_readable_since(sync.record, self.lane, since, sync.clock.now());
        drop(turn);
        if habits.is_first_report(&sync.shop.name, sync.record, self.lane, "window.unreachable") {
            tracing::warn!(
                event = "window.unreachable", shop = %sync.shop.name, record = %sync.record,
                "the platform shows no {} from before {since} any more; windows before it are closed as unreachable, and reading goes on from there",
                sync.record,
            );
        }
        let older = Window::new(self.window.from(), since);
        match older.zip(Window::new(since, self.window.until())) {
            Some((older, rest)) => Ok(WindowEnd::Split { halves: [older, rest], origin: Origin::default() }),
            None => self.close(Closing::Unreachable, 0).await,
        }
    }

    fn is_known_unreachable(&self) -> bool {
        let sync = self.sync();
        let since = sync.application.habits().readable_since(sync.record, self.lane, sync.clock.now());
        since.is_some_and(|since| self.window.until() <= since)
    }

    /// Whether the total that contradicts the pass is not the total of this window, because the platform reports it for
    /// any window. A window without rows is believed only if this was seen for a window with rows.
    async fn is_total_of_another(&self, pass: &PassEnd) -> Result<bool, SyncError> {
        let may_be = match self.seen() {
            0 => pass.doubts.has(Doubt::PageEmpty) && self.knows_foreign_totals().await?,
            _ => pass.verdict == Verdict::TotalTooHigh,
        };
        let is_known = self.foreign_total == Some(pass.total);
        let is_unfiltered =
            may_be && (is_known || self.reading.pager.is_unfiltered(self.window, pass.total).await?);
        if is_unfiltered {
            self.report_unfiltered(pass.total);
        }
        Ok(is_unfiltered)
    }

    /// Whether a window of this record was read whole though its total was higher.
    async fn knows_foreign_totals(&self) -> Result<bool, SyncError> {
        let sync = self.sync();
        let is_known = sync.application.habits().is_unfiltered(sync.record, self.lane);
        Ok(is_known || sync.store.windows().has_foreign_totals(&sync.shop.name, sync.record).await?)
    }

    fn report_unfiltered(&self, total: u64) {
        let (sync, habits) = (self.sync(), self.sync().application.habits());
        habits.learn_unfiltered(sync.record, self.lane);
        if habits.is_first_report(&sync.shop.name, sync.record, self.lane, "window.unfiltered") {
            tracing::warn!(
                event = "window.unfiltered", shop = %sync.shop.name, record = %sync.record,
                "the platform reports {total} {} for any window, whatever time is requested; rows are stored as they come, and the total is not used",
                sync.record,
            );
        }
    }

    async fn close(&mut self, state: Closing, total: u64) -> Result<WindowEnd, SyncError> {
        let close = Close { id: self.ledger_id, state, platform_total: total, rows_seen: self.seen() };
        self.reading.rows.write(Some(close)).await?;
        self.sync().progress.window_done();
        Ok(WindowEnd::Closed)
    }

    fn report_split(&self, why: &str) {
        tracing::info!(
            event = "window.split", shop = %self.sync().shop.name, record = %self.sync().record,
            "the window {} to {} {why} and is halved", self.window.from(), self.window.until(),
        );
    }

    fn range(&self, status: Option<i64>) -> Range {
        Range::Window { lane: self.lane, window: self.window, status }
    }

    fn seen(&self) -> u64 {
        self.reading.rows.seen()
    }

    fn sync(&self) -> &RecordSync {
        self.reading.sync
    }
}

pub fn priority_of(lane: Lane) -> Priority {
    match lane {
        Lane::Update => Priority::Update,
        Lane::Create => Priority::Create,
        Lane::Amounts => Priority::Amounts,
    }
}
