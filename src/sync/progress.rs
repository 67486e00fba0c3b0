//! What a run has done so far, readable while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use std::sync::{Mutex, OnceLock};

/// Counters of one run. Shared with the code that shows them; only the run increments them.
#[derive(Debug)]
pub struct Progress {
    /// Calls sent, repetitions included.
    pub calls: Arc<AtomicU64>,
    rows_seen: AtomicU64,
    rows_written: AtomicU64,
    rows_unchanged: AtomicU64,
    rows_quarantined: AtomicU64,
    windows_known: AtomicU64,
    windows_done: AtomicU64,
    has_given_up_extras: AtomicBool,
    progressed_at: Mutex<Instant>,
    /// What the money lane has done, when it is counted apart.
    amounts: OnceLock<Arc<Self>>,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub calls: u64,
    pub rows_seen: u64,
    pub rows_written: u64,
    pub rows_unchanged: u64,
    pub rows_quarantined: u64,
    pub windows_known: u64,
    pub windows_done: u64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            calls: Arc::default(),
            rows_seen: AtomicU64::default(),
            rows_written: AtomicU64::default(),
            rows_unchanged: AtomicU64::default(),
            rows_quarantined: AtomicU64::default(),
            windows_known: AtomicU64::default(),
            windows_done: AtomicU64::default(),
            has_given_up_extras: AtomicBool::default(),
            progressed_at: Mutex::new(Instant::now()),
            amounts: OnceLock::new(),
        }
    }
}

impl Progress {
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            calls: read(&self.calls),
            rows_seen: read(&self.rows_seen),
            rows_written: read(&self.rows_written),
            rows_unchanged: read(&self.rows_unchanged),
            rows_quarantined: read(&self.rows_quarantined),
            windows_known: read(&self.windows_known),
            windows_done: read(&self.windows_done),
        }
    }

    /// The counters of the money lane, kept apart: orders and their money are not added up.
    pub fn amounts(&self) -> Arc<Self> {
        self.amounts.get_or_init(Arc::default).clone()
    }

    /// How long nothing has been read or stored.
    pub fn idle(&self) -> Duration {
        self.progressed_at.lock().map_or(Duration::ZERO, |progressed_at| progressed_at.elapsed())
    }

    pub(super) fn page_read(&self, rows: usize, unchanged: usize) {
        self.rows_seen.fetch_add(rows as u64, Ordering::Relaxed);
        self.rows_unchanged.fetch_add(unchanged as u64, Ordering::Relaxed);
        self.note_progress();
    }

    pub(super) fn stored(&self, written: u64, unchanged: u64, quarantined: u64) {
        self.rows_written.fetch_add(written, Ordering::Relaxed);
        self.rows_unchanged.fetch_add(unchanged, Ordering::Relaxed);
        self.rows_quarantined.fetch_add(quarantined, Ordering::Relaxed);
        self.note_progress();
    }

    /// Most calls for extras fail at present: this run makes no more of them.
    pub(super) fn give_up_extras(&self) {
        self.has_given_up_extras.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_given_up_extras(&self) -> bool {
        self.has_given_up_extras.load(Ordering::Relaxed)
    }

    pub(super) fn windows_planned(&self, windows: usize) {
        self.windows_known.fetch_add(windows as u64, Ordering::Relaxed);
    }

    pub(super) fn window_done(&self) {
        self.windows_done.fetch_add(1, Ordering::Relaxed);
        self.note_progress();
    }

    /// Notes progress: an answer or a commit. A page whose details take a quarter of an hour is slow, not stuck.
    pub(super) fn note_progress(&self) {
        if let Ok(mut progressed_at) = self.progressed_at.lock() {
            *progressed_at = Instant::now();
        }
    }
}

impl Counts {
    /// What was added since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls - before.calls,
            rows_seen: self.rows_seen - before.rows_seen,
            rows_written: self.rows_written - before.rows_written,
            rows_unchanged: self.rows_unchanged - before.rows_unchanged,
            rows_quarantined: self.rows_quarantined - before.rows_quarantined,
            windows_known: self.windows_known - before.windows_known,
            windows_done: self.windows_done - before.windows_done,
        }
    }
}
