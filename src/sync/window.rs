//! One window, from its first page to its row in the ledger.

use std::collections::HashSet;

use super::digest::Digest;
use super::pass::{AskedPage, Reading};
use super::{RecordSync, SyncError};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::PlatformError;
use crate::store::leases::Lease;
use crate::store::windows::{Close, Closing};

/// How often a window whose rows do not add up is read before it is closed as short.
const PASSES_MAX: u32 = 3;

/// How a window ended.
pub(super) enum WindowEnd {
    /// It is in the ledger as read.
    Closed,
    /// It holds more than the platform pages through: these are to be read instead.
    Split(Window, Window),
}

impl RecordSync {
    /// Reads one window and closes it. Nothing is skipped: whatever goes wrong ends the window with an error,
    /// and the cursor stays before it.
    pub(super) async fn read_window(
        &self,
        lease: &Lease,
        lane: Lane,
        epoch: i64,
        window: Window,
    ) -> Result<WindowEnd, SyncError> {
        let ledger_id = self.store.open_window(lease, epoch, window, self.run_id).await?;
        let mut reading = Reading {
            sync: self,
            lease,
            lane,
            window,
            ledger_id,
            seen: HashSet::new(),
            waiting: Digest::default(),
        };
        let end = reading.read().await;
        if let Err(error) = &end
            && error.is_of_window()
        {
            self.store.fail_window(lease, ledger_id).await?;
        }
        if let Ok(WindowEnd::Split(first, second)) = &end {
            tracing::info!(
                event = "window.split", shop = %self.shop.name, record = %self.record,
                "the window {} to {} holds too many {} and is halved", window.from(), window.until(), self.record,
            );
            self.store.split_window(lease, ledger_id, [*first, *second]).await?;
        }
        end
    }
}

impl Reading<'_> {
    async fn read(&mut self) -> Result<WindowEnd, SyncError> {
        let mut total = 0;
        for _ in 0..PASSES_MAX {
            self.seen.clear();
            let first = self.first_page(None).await?;
            let pass = if first.page.total > self.sync.windows().rows_max {
                if let Some((first_half, second_half)) = self.window.halves() {
                    return Ok(WindowEnd::Split(first_half, second_half));
                }
                self.read_second(first).await?
            } else {
                self.read_pages(first, None).await?
            };
            total = pass.total;
            if !pass.is_doubtful && self.seen.len() as u64 >= pass.total {
                self.close(Closing::Complete, total).await?;
                return Ok(WindowEnd::Closed);
            }
        }
        tracing::warn!(
            event = "window.short", shop = %self.sync.shop.name, record = %self.sync.record,
            "the window {} to {} told of {total} {} and showed {}; it will be read again",
            self.window.from(), self.window.until(), self.sync.record, self.seen.len(),
        );
        self.close(Closing::Short, total).await?;
        Ok(WindowEnd::Closed)
    }

    /// A window of one second that holds more than the platform likes to page: once for each status where the
    /// platform stops listing, to its end where it does not.
    async fn read_second(&mut self, first: AskedPage) -> Result<super::pass::PassEnd, SyncError> {
        if self.sync.windows().dense_statuses.is_empty() {
            return self.read_pages(first, None).await;
        }
        let mut is_doubtful = false;
        for status in self.sync.windows().dense_statuses {
            let first = self.first_page(Some(status)).await?;
            if first.page.total > self.sync.windows().rows_max {
                return Err(SyncError::platform("reading a crowded second", PlatformError::TooDense));
            }
            is_doubtful |= self.read_pages(first, Some(status)).await?.is_doubtful;
        }
        // A status this version does not know is in no list above; the total over all statuses tells.
        let total = self.first_page(None).await?.page.total;
        is_doubtful |= total > first.page.total;
        Ok(super::pass::PassEnd { total, is_doubtful })
    }

    async fn close(&mut self, state: Closing, total: u64) -> Result<(), SyncError> {
        let close =
            Close { id: self.ledger_id, state, platform_total: total, rows_seen: self.seen.len() as u64 };
        self.write(Some(close)).await?;
        self.sync.progress.window_done();
        Ok(())
    }
}
