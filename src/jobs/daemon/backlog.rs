//! Slots that are skipped because a run before them is not done: reported once when that begins, and in a count when it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::record::Record;
use crate::meters;

/// A job of a shop, and the record it is about.
type Key = (String, String, Record);

/// What is behind at present. Cloned freely; all clones are one.
#[derive(Clone, Default)]
pub struct Backlogs {
    of: Arc<Mutex<HashMap<Key, Backlog>>>,
}

#[derive(Clone, Copy, Default)]
struct Backlog {
    /// Slots skipped since it began.
    skipped: u64,
    /// Of them, those since a run last began.
    since_begun: u64,
}

impl Backlogs {
    /// A slot is skipped because of `why`.
    pub fn skipped(&self, job: &str, shop: &str, record: Record, why: &dyn std::fmt::Display) {
        meters::run_skipped(job);
        if self.skip(job, shop, record) {
            tracing::info!(
                event = "run.skipped", shop, %record, job, slots = 1,
                "{job} of `{shop}` {why}; further slots are only counted",
            );
        }
    }

    /// A run begins.
    pub fn begins(&self, job: &str, shop: &str, record: Record) {
        if let Some(slots) = self.begin(job, shop, record) {
            tracing::info!(
                event = "run.skipped", shop, %record, job, slots,
                "{job} of `{shop}` is on time again; {slots} slots were skipped meanwhile",
            );
        }
    }

    /// Counts a slot that is skipped. Returns whether it is the first of a backlog, which is to be reported.
    fn skip(&self, job: &str, shop: &str, record: Record) -> bool {
        let mut all = self.lock();
        let backlog = all.entry((job.to_owned(), shop.to_owned(), record)).or_default();
        backlog.skipped += 1;
        backlog.since_begun += 1;
        backlog.skipped == 1
    }

    /// Counts a run that begins. One that begins after no skipped slot is on time: the backlog is over. Returns how many slots
    /// it had, if that is more than the one that was reported.
    fn begin(&self, job: &str, shop: &str, record: Record) -> Option<u64> {
        let mut all = self.lock();
        let key = (job.to_owned(), shop.to_owned(), record);
        let backlog = all.get_mut(&key)?;
        if std::mem::take(&mut backlog.since_begun) > 0 {
            return None;
        }
        all.remove(&key).map(|backlog| backlog.skipped).filter(|skipped| *skipped > 1)
    }

    /// The map stays whole whatever panics.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Backlog>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_reported_once_when_it_begins_and_counted_when_it_ends() {
        let backlogs = Backlogs::default();
        let skip = || backlogs.skip("orders", "acme", Record::Orders);
        let begin = || backlogs.begin("orders", "acme", Record::Orders);
        assert_eq!(begin(), None);
        assert!(skip());
        assert!(!skip());
        assert_eq!(begin(), None, "late: slots passed before it");
        assert!(!skip());
        assert!(backlogs.skip("orders", "other", Record::Orders), "each shop has its own");
        assert_eq!(begin(), None);
        assert_eq!(begin(), Some(3), "on time");
        assert_eq!(begin(), None);
        assert!(skip(), "another backlog");
        assert_eq!(begin(), None);
        assert_eq!(begin(), None, "one slot has been reported itself");
    }
}
