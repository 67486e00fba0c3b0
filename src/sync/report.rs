//! What a run reports while it works: counted rows, quarantined rows, and what the grant does not cover.

use super::error::OFF_FOR;
use super::{RecordSync, SyncError};
use crate::meters::{self, RowResult};
use crate::store::records::quarantine::{Changes, Quarantined, number_in_quarantine};

/// What goes into quarantine together is logged one by one up to this number; the others are counted.
const LOGGED_MAX: usize = 20;

impl RecordSync {
    /// An answer held rows. `unchanged` of them are stored as they are.
    pub(super) fn rows_read(&self, rows: usize, unchanged: usize) {
        self.progress.page_read(rows, unchanged);
        self.count_rows(RowResult::Seen, rows as u64);
        self.count_rows(RowResult::Unchanged, unchanged as u64);
    }

    /// Rows are committed.
    pub(super) fn rows_stored(&self, written: u64, unchanged: u64, quarantined: u64) {
        self.progress.stored(written, unchanged, quarantined);
        self.count_rows(RowResult::Written, written);
        self.count_rows(RowResult::Unchanged, unchanged);
        self.count_rows(RowResult::Quarantined, quarantined);
    }

    /// Logs what a commit changed about the quarantine: each thing once when it goes there, and once when it leaves.
    pub(super) fn report_quarantine(&self, kept: &[Quarantined], changes: &Changes) {
        let (shop, record) = (&self.shop.name, self.record);
        let mut new = changes.new.clone();
        let mut logged = 0;
        for thing in kept {
            // One line for what is kept twice.
            if !new.remove(&number_in_quarantine(thing.number.as_deref(), &thing.raw)) {
                continue;
            }
            logged += 1;
            if logged <= LOGGED_MAX {
                tracing::warn!(
                    event = "record.quarantined", shop = %shop, record = %record,
                    "{} {} cannot be read and is set aside: {}",
                    self.paging.counted, thing.number.as_deref().unwrap_or("without number"), thing.reason,
                );
            }
        }
        if let Some(more @ 1..) = logged.checked_sub(LOGGED_MAX) {
            tracing::warn!(
                event = "record.quarantined", shop = %shop, record = %record,
                "{more} more {record} of `{shop}` cannot be read and are set aside; `shopsync quarantine list`",
            );
        }
        for number in &changes.released {
            tracing::info!(
                event = "record.recovered", shop = %shop, record = %record,
                "{} {number} could be read and is out of quarantine", self.paging.counted,
            );
        }
    }

    /// Stores that the grant does not cover `subject`, or that it covers it again.
    pub(super) async fn remember_grant(
        &self,
        subject: &str,
        outcome: &Result<(), SyncError>,
    ) -> Result<(), SyncError> {
        match outcome {
            Ok(()) => {
                self.store.cursors().switch_on(&self.shop.name, subject).await?;
            }
            Err(error) => {
                if let Some(reason) = error.not_granted() {
                    let until = self.clock.now() + OFF_FOR;
                    self.store.cursors().switch_off(&self.shop.name, subject, &reason, Some(until)).await?;
                    tracing::warn!(
                        event = "shop.paused", shop = %self.shop.name, record = subject,
                        "{subject} of `{}` are off until tomorrow: {reason}", self.shop.name,
                    );
                }
            }
        }
        Ok(())
    }

    fn count_rows(&self, result: RowResult, rows: u64) {
        meters::rows(&self.shop.name, self.record.as_str(), result, rows);
    }
}
