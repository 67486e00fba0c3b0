//! What this process knows of one shop's grant: the token at hand, the refresh under way, and a pair that could not
//! be stored yet.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::AuthError;
use super::credential::ACCESS_MARGIN;
use super::persist::Unsaved;
use crate::domain::grant::Access;

/// After this time the row is read again, because another program may have changed it.
const REREAD_AFTER: TimeDelta = TimeDelta::seconds(60);
/// The row is read at most this often while a renewal is overdue.
const REREAD_SPACING: TimeDelta = TimeDelta::seconds(1);

/// A store that failed more often than this while it took an intent has had time to show which it took.
const NEVER_SENT_MAX: usize = 16;

/// How a flight ended. `None`: it has not.
pub(super) type Landing = Option<Result<(), AuthError>>;

#[derive(Default)]
pub(super) struct Slot {
    cached: Mutex<Option<Cached>>,
    /// The latest flight, over or not.
    pub(super) flight: Mutex<Option<watch::Receiver<Landing>>>,
    /// One reader of the row at a time; the others find its result in the cache.
    pub(super) reading: tokio::sync::Mutex<()>,
    /// Who stores what is left; one at a time.
    pub(super) saving: tokio::sync::Mutex<()>,
    unsaved: Mutex<Option<Unsaved>>,
    /// Files that could not be taken back when they were last looked at.
    kept_files: Mutex<BTreeSet<PathBuf>>,
    files_told: Mutex<BTreeSet<PathBuf>>,
    /// Attempts of which it is not known whether the store took them, but that nothing was sent for.
    never_sent: Mutex<VecDeque<String>>,
    /// Whether a task is at work on what is left, and whether more was left since it looked last.
    mending: Mutex<Mending>,
    /// Whether it was told that the grant is a copy.
    copy_told: AtomicBool,
}

/// An access token in memory.
struct Cached {
    access: Access,
    ends_at: DateTime<Utc>,
    read_at: DateTime<Utc>,
    reread_at: DateTime<Utc>,
}

#[derive(Default)]
struct Mending {
    is_under_way: bool,
    has_more: bool,
}

impl Slot {
    /// The token at hand, if nobody could have a newer one and none is due.
    pub(super) fn fresh(&self, now: DateTime<Utc>) -> Option<Access> {
        let cached = lock(&self.cached);
        let cached = cached.as_ref()?;
        // A clock that stepped back says nothing of how old the reading is.
        let is_fresh = cached.read_at <= now && now < cached.reread_at && cached.is_usable(now);
        is_fresh.then(|| cached.access.clone())
    }

    /// The token at hand, if it has not ended: good enough when the row cannot be read.
    pub(super) fn usable(&self, now: DateTime<Utc>) -> Option<Access> {
        let cached = lock(&self.cached);
        let cached = cached.as_ref()?;
        cached.is_usable(now).then(|| cached.access.clone())
    }

    /// Takes over what the row says. `due_at`: when it is to be renewed, `None` when it cannot be.
    pub(super) fn keep(
        &self,
        access: Access,
        ends_at: DateTime<Utc>,
        due_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        let until_due = due_at.map_or(REREAD_AFTER, |due_at| due_at - now);
        *lock(&self.cached) = Some(Cached {
            access,
            ends_at,
            read_at: now,
            reread_at: now + until_due.clamp(REREAD_SPACING, REREAD_AFTER),
        });
    }

    /// `true` once.
    pub(super) fn is_first_told_of_copy(&self) -> bool {
        !self.copy_told.swap(true, Ordering::Relaxed)
    }

    pub(super) fn forget(&self) {
        *lock(&self.cached) = None;
    }

    /// `None`: it is stored.
    pub(super) fn keep_unsaved(&self, unsaved: Option<Unsaved>) {
        *lock(&self.unsaved) = unsaved;
    }

    pub(super) fn unsaved(&self) -> Option<Unsaved> {
        lock(&self.unsaved).clone()
    }

    pub(super) fn keep_files(&self, files: BTreeSet<PathBuf>) {
        *lock(&self.kept_files) = files;
    }

    pub(super) fn kept_files(&self) -> BTreeSet<PathBuf> {
        lock(&self.kept_files).clone()
    }

    /// `true` once for each file.
    pub(super) fn is_first_told_of_file(&self, file: PathBuf) -> bool {
        lock(&self.files_told).insert(file)
    }

    /// Remembers an attempt that the store may have taken, and that came to nothing.
    pub(super) fn remember_never_sent(&self, attempt: String) {
        let mut attempts = lock(&self.never_sent);
        if attempts.len() == NEVER_SENT_MAX {
            attempts.pop_front();
        }
        attempts.push_back(attempt);
    }

    pub(super) fn has_unsure_intents(&self) -> bool {
        !lock(&self.never_sent).is_empty()
    }

    pub(super) fn was_never_sent(&self, attempt: &str) -> bool {
        lock(&self.never_sent).iter().any(|known| known == attempt)
    }

    /// `true`: whoever asks is to mend. `false`: somebody is at it, and looks again.
    pub(super) fn begins_mending(&self) -> bool {
        let mut mending = lock(&self.mending);
        mending.has_more = mending.is_under_way;
        !std::mem::replace(&mut mending.is_under_way, true)
    }

    /// `false`: more was left meanwhile.
    pub(super) fn ends_mending(&self) -> bool {
        let mut mending = lock(&self.mending);
        mending.is_under_way = std::mem::take(&mut mending.has_more);
        !mending.is_under_way
    }
}

impl Cached {
    fn is_usable(&self, now: DateTime<Utc>) -> bool {
        now + ACCESS_MARGIN < self.ends_at
    }
}

/// Nothing is ever left half done under these locks, so a panic elsewhere does not spoil them.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
