//! What a running program has learnt about how an app's platform answers its lists. Kept while the process lives, so
//! that the same lesson is not paid for at each window.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::record::{Lane, Record};

/// A smaller page size is kept this long; then the platform's own is tried again.
const PAGE_SIZE_KEPT: TimeDelta = TimeDelta::hours(24);

/// The oldest readable moment is searched again after this long; it moves with the clock.
const READABLE_KEPT: TimeDelta = TimeDelta::hours(1);

/// The lessons about one app, by record and, where time is requested, by lane.
#[derive(Debug, Default)]
pub struct Habits {
    of: Mutex<HashMap<(Record, Lane), Habit>>,
    /// What was reported of which shop.
    reported: Mutex<HashSet<(String, Record, Lane, &'static str)>>,
    search: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Habit {
    /// Rows a page that are answered, and since when that is known.
    page_size: Option<(u32, DateTime<Utc>)>,
    /// Rows a full page really has, where that is fewer than were requested.
    rows_given: Option<u64>,
    /// The oldest moment that can be read, and when that was found out.
    readable_since: Option<(DateTime<Utc>, DateTime<Utc>)>,
    is_unfiltered: bool,
}

impl Habits {
    /// How many rows to request at most. `None`: as many as the platform offers.
    pub fn page_size(&self, record: Record, lane: Lane, now: DateTime<Utc>) -> Option<u32> {
        let learnt = self.get(record, lane).page_size;
        learnt.filter(|(_, at)| now - *at < PAGE_SIZE_KEPT).map(|(page_size, _)| page_size)
    }

    pub fn learn_page_size(&self, record: Record, lane: Lane, page_size: u32, now: DateTime<Utc>) {
        self.change(record, lane, |habit| habit.page_size = Some((page_size, now)));
    }

    /// How many rows a full page has, where the platform gives fewer than it is requested. `None`: as many as
    /// requested.
    pub fn rows_given(&self, record: Record, lane: Lane) -> Option<u64> {
        self.get(record, lane).rows_given
    }

    pub fn learn_rows_given(&self, record: Record, lane: Lane, rows: Option<u64>) {
        self.change(record, lane, |habit| habit.rows_given = rows);
    }

    /// The oldest moment that could be read lately. `None`: not known.
    pub fn readable_since(&self, record: Record, lane: Lane, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let learnt = self.get(record, lane).readable_since;
        learnt.filter(|(_, at)| now - *at < READABLE_KEPT).map(|(since, _)| since)
    }

    /// The turn to search for the oldest readable moment: windows that are read side by side meet its end together, and
    /// one search is enough for all of them.
    pub async fn turn_to_search(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.search.lock().await
    }

    pub fn learn_readable_since(&self, record: Record, lane: Lane, since: DateTime<Utc>, now: DateTime<Utc>) {
        self.change(record, lane, |habit| habit.readable_since = Some((since, now)));
    }

    /// Whether `event` was not yet reported of a shop's record; from now on it was.
    pub fn is_first_report(&self, shop: &str, record: Record, lane: Lane, event: &'static str) -> bool {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        reported.insert((shop.to_owned(), record, lane, event))
    }

    /// Notes that totals do not depend on the window that is requested.
    pub fn learn_unfiltered(&self, record: Record, lane: Lane) {
        self.change(record, lane, |habit| habit.is_unfiltered = true);
    }

    /// Whether totals were found not to depend on the window.
    pub fn is_unfiltered(&self, record: Record, lane: Lane) -> bool {
        self.get(record, lane).is_unfiltered
    }

    fn get(&self, record: Record, lane: Lane) -> Habit {
        self.change(record, lane, |habit| *habit)
    }

    fn change<T>(&self, record: Record, lane: Lane, change: impl FnOnce(&mut Habit) -> T) -> T {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        change(of.entry((record, lane)).or_default())
    }
}
