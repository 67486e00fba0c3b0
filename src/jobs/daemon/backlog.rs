//! Slots that are skipped because an earlier run has not ended. The first one is logged; the end is logged with their number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::record::Record;
use crate::meters;

/// A job, a shop and a record.
type Key = (String, String, Record);

/// All backlogs. Clones share the same state.
#[derive(Clone, Default)]
pub struct Backlogs {
    backlogs: Arc<Mutex<HashMap<Key, Backlog>>>,
}

#[derive(Clone, Copy, Default)]
struct Backlog {
    /// All skipped slots.
    skipped: u64,
    /// Those skipped since a run last started.
    since_run: u64,
}

impl Backlogs {
    /// Counts a slot that is skipped because of `reason`.
    pub fn slot_skipped(&self, job: &str, shop: &str, record: Record, reason: &dyn std::fmt::Display) {
        meters::run_skipped(job);
        if self.add(job, shop, record) {
            tracing::info!(
                event = "run.skipped", shop, %record, job, slots = 1,
                "{job} of `{shop}` {reason}; further slots are only counted",
            );
        }
    }

    /// A run that starts may end a backlog.
    pub fn run_started(&self, job: &str, shop: &str, record: Record) {
        if let Some(slots) = self.take_if_over(job, shop, record) {
            tracing::info!(
                event = "run.skipped", shop, %record, job, slots,
                "{job} of `{shop}` is on time again; {slots} slots were skipped meanwhile",
            );
        }
    }

    /// Returns whether the skipped slot is the first of a backlog, which is logged.
    fn add(&self, job: &str, shop: &str, record: Record) -> bool {
        let mut all = self.lock();
        let backlog = all.entry((job.to_owned(), shop.to_owned(), record)).or_default();
        backlog.skipped += 1;
        backlog.since_run += 1;
        backlog.skipped == 1
    }

    /// If no slot was skipped since the last run, this run is on time and the backlog is over. Returns how many slots it had,
    /// if there were more than the one that was logged.
    fn take_if_over(&self, job: &str, shop: &str, record: Record) -> Option<u64> {
        let mut all = self.lock();
        let key = (job.to_owned(), shop.to_owned(), record);
        let backlog = all.get_mut(&key)?;
        if std::mem::take(&mut backlog.since_run) > 0 {
            return None;
        }
        all.remove(&key).map(|backlog| backlog.skipped).filter(|skipped| *skipped > 1)
    }

    /// A panic elsewhere cannot leave the map half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Backlog>> {
        self.backlogs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_logged_once_at_its_start_and_counted_at_its_end() {
        let backlogs = Backlogs::default();
        let skip = || backlogs.add("orders", "acme", Record::Orders);
        let begin = || backlogs.take_if_over("orders", "acme", Record::Orders);
        assert_eq!(begin(), None);
        assert!(skip());
        assert!(!skip());
        assert_eq!(begin(), None, "late: slots were skipped before it");
        assert!(!skip());
        assert!(backlogs.add("orders", "other", Record::Orders), "each shop has its own");
        assert_eq!(begin(), None);
        assert_eq!(begin(), Some(3), "on time");
        assert_eq!(begin(), None);
        assert!(skip(), "another backlog");
        assert_eq!(begin(), None);
        assert_eq!(begin(), None, "its only slot was logged already");
    }
}
