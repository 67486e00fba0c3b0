//! One window, from its first page to its row in the ledger.

use chrono::TimeDelta;

use super::pass::{AskedPage, PassEnd, Reading};
use super::reconcile::Watch;
use super::{RecordSync, SyncError};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Range, Rejection};
use crate::store::leases::Lease;
use crate::store::windows::{Close, Closing};

/// How often something whose rows do not add up is read before it is taken as it is.
pub(super) const PASSES_MAX: u32 = 3;

/// A window no longer than this is not halved because the platform does not answer: by then it is not its size.
const TIMEOUT_SPLIT_MIN: TimeDelta = TimeDelta::days(1);

/// Windows of one lane that are read together.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'a> {
    pub lane: Lane,
    pub epoch: i64,
    /// Who wants to know which of it should have been here. `None`: nobody.
    pub watch: Option<&'a Watch>,
}

/// How a window ended.
pub(super) enum WindowEnd {
    /// It is in the ledger as read.
    Closed,
    /// These are to be read instead.
    Split(Window, Window),
}

impl RecordSync {
    /// Reads one window and closes it. Nothing is skipped: whatever goes wrong ends the window with an error,
    /// and the cursor stays before it.
    pub(super) async fn read_window(
        &self,
        lease: &Lease,
        of: Stretch<'_>,
        window: Window,
    ) -> Result<WindowEnd, SyncError> {
        let ledger_id = self.store.open_window(lease, of.epoch, window, self.run_id).await?;
        let reading = Reading { watch: of.watch, ..Reading::new(self, lease, priority_of(of.lane)) };
        let mut reading = WindowReading { reading, lane: of.lane, window, ledger_id };
        let end = reading.read().await;
        if let Err(error) = &end
            && error.is_of_window()
        {
            self.store.fail_window(lease, ledger_id).await?;
        }
        if let Ok(WindowEnd::Split(first, second)) = &end {
            self.store.split_window(lease, ledger_id, [*first, *second]).await?;
        }
        end
    }
}

struct WindowReading<'a> {
    reading: Reading<'a>,
    lane: Lane,
    window: Window,
    /// Row of the ledger.
    ledger_id: i64,
}

impl WindowReading<'_> {
    async fn read(&mut self) -> Result<WindowEnd, SyncError> {
        let mut total = 0;
        for _ in 0..PASSES_MAX {
            self.reading.seen.clear();
            let first = match self.reading.page(self.range(None), 1).await {
                Err(error) => return self.halved_for(error),
                Ok(first) => first,
            };
            let pass = if first.page.total > self.sync().windows().rows_max {
                if let Some((earlier, later)) = self.window.halves() {
                    self.tell_split(&format!("holds too many {}", self.sync().record));
                    return Ok(WindowEnd::Split(earlier, later));
                }
                self.read_second(first).await?
            } else {
                self.reading.read_pages(first, self.range(None)).await?
            };
            total = pass.total;
            if !pass.is_doubtful && self.seen() >= pass.total {
                self.close(Closing::Complete, total).await?;
                return Ok(WindowEnd::Closed);
            }
        }
        tracing::warn!(
            event = "window.short", shop = %self.sync().shop.name, record = %self.sync().record,
            "the window {} to {} told of {total} {} and showed {}; it will be read again",
            self.window.from(), self.window.until(), self.sync().record, self.seen(),
        );
        self.close(Closing::Short, total).await?;
        Ok(WindowEnd::Closed)
    }

    /// A platform that gives up on a long window may manage its halves.
    fn halved_for(&self, error: SyncError) -> Result<WindowEnd, SyncError> {
        let is_worth_it = self.sync().windows().halves_on_timeout
            && self.window.length() > TIMEOUT_SPLIT_MIN
            && is_given_up(&error);
        match self.window.halves().filter(|_| is_worth_it) {
            Some((earlier, later)) => {
                self.tell_split("is not answered");
                Ok(WindowEnd::Split(earlier, later))
            }
            None => Err(error),
        }
    }

    /// A window of one second that holds more than the platform likes to page: once for each status where the
    /// platform stops listing, to its end where it does not.
    async fn read_second(&mut self, first: AskedPage) -> Result<PassEnd, SyncError> {
        let statuses = self.sync().windows().dense_statuses;
        if statuses.is_empty() {
            return self.reading.read_pages(first, self.range(None)).await;
        }
        let mut is_doubtful = false;
        for &status in statuses {
            let range = self.range(Some(status));
            let first = self.reading.page(range, 1).await?;
            if first.page.total > self.sync().windows().rows_max {
                return Err(SyncError::platform("reading a crowded second", PlatformError::TooDense));
            }
            is_doubtful |= self.reading.read_pages(first, range).await?.is_doubtful;
        }
        // A status this version does not know is in no list above; the total over all statuses tells.
        let total = self.reading.page(self.range(None), 1).await?.page.total;
        is_doubtful |= total > first.page.total;
        Ok(PassEnd { total, is_doubtful, has_shrunk: total < first.page.total })
    }

    async fn close(&mut self, state: Closing, total: u64) -> Result<(), SyncError> {
        let close = Close { id: self.ledger_id, state, platform_total: total, rows_seen: self.seen() };
        self.reading.write(Some(close)).await?;
        self.sync().progress.window_done();
        Ok(())
    }

    fn tell_split(&self, why: &str) {
        tracing::info!(
            event = "window.split", shop = %self.sync().shop.name, record = %self.sync().record,
            "the window {} to {} {why} and is halved", self.window.from(), self.window.until(),
        );
    }

    fn range(&self, status: Option<i64>) -> Range {
        Range::Window { lane: self.lane, window: self.window, status }
    }

    fn seen(&self) -> u64 {
        self.reading.seen.most()
    }

    fn sync(&self) -> &RecordSync {
        self.reading.sync
    }
}

/// Whether the platform did not manage to answer, after all repetitions.
fn is_given_up(error: &SyncError) -> bool {
    matches!(
        error,
        SyncError::Platform {
            source: PlatformError::NoAnswer { .. }
                | PlatformError::Unavailable { .. }
                | PlatformError::NotFromPlatform { .. }
                | PlatformError::Rejected { why: Rejection::Passing, .. },
            ..
        }
    )
}

pub(super) fn priority_of(lane: Lane) -> Priority {
    match lane {
        Lane::Update => Priority::Update,
        Lane::Create => Priority::Create,
        Lane::Amounts => Priority::Amounts,
    }
}
