//! What came of rows, counted as it happens: for whoever watches the run, and for monitoring.

use super::RecordSync;
use crate::meters::{self, RowResult};

impl RecordSync {
    /// An answer held rows, of which these need no closer look.
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

    fn count_rows(&self, result: RowResult, rows: u64) {
        meters::rows(&self.shop.name, self.record.as_str(), result, rows);
    }
}
