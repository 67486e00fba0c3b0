//! The one place that reads the wall clock; everything else is handed a [`Clock`] or an instant.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Where the time comes from: the machine, or a test's hand.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds since 1970 of a clock set by hand. `None`: the machine's clock.
    manual_ms: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { manual_ms: None }
    }

    /// A clock that stands still until [`Clock::advance`] or [`Clock::set`] moves it. Clones move together.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self { manual_ms: Some(Arc::new(AtomicI64::new(start.timestamp_millis()))) }
    }

    /// The present moment in whole milliseconds, which is what both databases keep.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.manual_ms {
            Some(ms) => DateTime::from_timestamp_millis(ms.load(Ordering::SeqCst))
                .expect("a manual clock is only ever set from a valid instant"),
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
            None => Utc::now().trunc_subsecs(3),
        }
    }

    /// Moves a manual clock.
    ///
    /// # Panics
    /// On the machine's clock, which nobody can move.
    pub fn advance(&self, by: TimeDelta) {
        self.hand().fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    /// Sets a manual clock.
    ///
    /// # Panics
    /// On the machine's clock, which nobody can move.
    pub fn set(&self, to: DateTime<Utc>) {
        self.hand().store(to.timestamp_millis(), Ordering::SeqCst);
    }

    fn hand(&self) -> &AtomicI64 {
        self.manual_ms.as_ref().expect("only a manual clock can be moved")
    }
}
