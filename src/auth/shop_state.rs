//! What this process knows of one shop's grant: the token at hand, the refresh under way, and a pair that could not
//! be stored yet.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::AuthError;
use super::policy::ACCESS_MARGIN;
use super::refresh::unsaved::file::Room;
use super::refresh::unsaved::pair::Unsaved;
use crate::domain::credential::Condition;
use crate::domain::grant::Access;

/// After this time the row is read again, because another program may have changed it.
const REREAD_AFTER: TimeDelta = TimeDelta::seconds(60);
/// The row is read at most this often while a renewal is overdue.
const REREAD_SPACING: TimeDelta = TimeDelta::seconds(1);

/// A store that failed more often than this while it took an intent has had time to show which it took.
const NEVER_SENT_MAX: usize = 16;

/// The result of a refresh task. `None`: it still runs.
pub(super) type RefreshResult = Option<Result<(), AuthError>>;

#[derive(Default)]
pub struct ShopTokenState {
    cached: Mutex<Option<Cached>>,
    /// The latest refresh task, ended or not.
    pub(super) refresh: Mutex<Option<watch::Receiver<RefreshResult>>>,
    /// One reader of the row at a time; the others find its result in the cache.
    pub(super) reading: tokio::sync::Mutex<()>,
    /// Who stores what is left; one at a time.
    pub(super) saving: tokio::sync::Mutex<()>,
    unsaved: Mutex<Option<Unsaved>>,
    /// Room that calls under way have taken on the disk.
    rooms: Mutex<Vec<Weak<Room>>>,
    /// Whether it was reported that a pair is not stored.
    unsaved_reported: AtomicBool,
    /// Files that could not be taken back when they were last looked at.
    kept_files: Mutex<BTreeSet<PathBuf>>,
    files_reported: Mutex<BTreeSet<PathBuf>>,
    /// Attempts of which it is not known whether the store took them, but that nothing was sent for; and the condition
    /// of the row before each.
    never_sent: Mutex<VecDeque<(String, Condition)>>,
    /// Whether a task is at work on what is left, and whether more was left since it looked last.
    recovery: Mutex<Recovery>,
    /// Whether it was reported that the grant is a copy.
    copy_reported: AtomicBool,
}

/// An access token in memory.
struct Cached {
    access: Access,
    ends_at: DateTime<Utc>,
    read_at: DateTime<Utc>,
    reread_at: DateTime<Utc>,
}

#[derive(Default)]
struct Recovery {
    is_under_way: bool,
    has_more: bool,
}

impl ShopTokenState {
    /// The token at hand, if no one could have a newer one and none is due.
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
    pub(super) fn claims_copy_warning(&self) -> bool {
        !self.copy_reported.swap(true, Ordering::Relaxed)
    }

    pub(super) fn forget(&self) {
        *lock(&self.cached) = None;
    }

    /// From now on this pair waits to be stored.
    pub(super) fn keep_unsaved(&self, unsaved: Option<Unsaved>) {
        *lock(&self.unsaved) = unsaved;
    }

    pub(super) fn unsaved(&self) -> Option<Unsaved> {
        lock(&self.unsaved).clone()
    }

    pub(super) fn keep_files(&self, files: BTreeSet<PathBuf>) {
        *lock(&self.kept_files) = files;
    }

    pub(super) fn keep_room(&self, room: &Arc<Room>) {
        lock(&self.rooms).push(Arc::downgrade(room));
    }

    /// Room for one file, if some was taken and is not used.
    pub(super) fn take_room(&self) -> Option<Arc<Room>> {
        let mut rooms = lock(&self.rooms);
        std::iter::from_fn(|| rooms.pop()).find_map(|room| room.upgrade())
    }

    /// The pair that waits is in a file.
    pub(super) fn set_file(&self, written: &Unsaved) {
        if let Some(unsaved) =
            lock(&self.unsaved).as_mut().filter(|unsaved| unsaved.attempt == written.attempt)
        {
            unsaved.file.clone_from(&written.file);
        }
    }

    /// The pair that waits is to be stored under another claim.
    pub(super) fn renew_claim(&self, claimed: &Unsaved) {
        if let Some(unsaved) =
            lock(&self.unsaved).as_mut().filter(|unsaved| unsaved.attempt == claimed.attempt)
        {
            unsaved.claim.clone_from(&claimed.claim);
        }
    }

    /// The pair of this attempt is stored. Its file, if it has one.
    pub(super) fn take_unsaved(&self, attempt: &str) -> Option<PathBuf> {
        lock(&self.unsaved).take_if(|unsaved| unsaved.attempt == attempt)?.file
    }

    /// Reports that a new pair is not in the store.
    pub(super) fn report_unsaved(&self, unsaved: &Unsaved, why: &AuthError, not_in_file: Option<io::Error>) {
        self.unsaved_reported.store(true, Ordering::Relaxed);
        let shop = &unsaved.claim.shop;
        let why = chain(why);
        let Some(file) = &unsaved.file else {
            tracing::error!(
                event = "token.unsaved",
                shop,
                error = why,
                not_spilled = not_in_file.map(tracing::field::display),
                "the new tokens of `{shop}` could not be stored and are in this process alone, which must not end: {why}",
            );
            return;
        };
        tracing::error!(
            event = "token.unsaved",
            shop,
            error = why,
            file = %file.display(),
            "the new tokens of `{shop}` could not be stored; they wait in {}, sealed, until the store answers: {why}",
            file.display(),
        );
    }

    /// Whether that was reported, and no one has reported the end of it.
    pub(super) fn claims_unsaved_report(&self) -> bool {
        self.unsaved_reported.swap(false, Ordering::Relaxed)
    }

    /// Whether a pair is known to wait for longer than a commit takes.
    pub(super) fn has_reported_unsaved(&self) -> bool {
        self.unsaved_reported.load(Ordering::Relaxed) && self.unsaved().is_some()
    }

    pub(super) fn kept_files(&self) -> BTreeSet<PathBuf> {
        lock(&self.kept_files).clone()
    }

    /// `true` once for each file.
    pub(super) fn claims_file_report(&self, file: PathBuf) -> bool {
        lock(&self.files_reported).insert(file)
    }

    /// Remembers an attempt that the store may have taken, and that came to nothing.
    pub(super) fn remember_never_sent(&self, attempt: String, before: Condition) {
        let mut attempts = lock(&self.never_sent);
        if attempts.len() == NEVER_SENT_MAX {
            attempts.pop_front();
        }
        attempts.push_back((attempt, before));
    }

    pub(super) fn has_unsure_intents(&self) -> bool {
        !lock(&self.never_sent).is_empty()
    }

    /// The condition of the row before this attempt. `None`: it was sent, or no one knows.
    pub(super) fn before_never_sent(&self, attempt: &str) -> Option<Condition> {
        let attempts = lock(&self.never_sent);
        attempts.iter().find(|(known, _)| known == attempt).map(|(_, before)| *before)
    }

    /// `true`: the caller starts the recovery. `false`: one is running, and looks again.
    pub(super) fn claims_recovery(&self) -> bool {
        let mut recovery = lock(&self.recovery);
        recovery.has_more = recovery.is_under_way;
        !std::mem::replace(&mut recovery.is_under_way, true)
    }

    /// `false`: more was left meanwhile.
    pub(super) fn ends_recovery(&self) -> bool {
        let mut recovery = lock(&self.recovery);
        recovery.is_under_way = std::mem::take(&mut recovery.has_more);
        !recovery.is_under_way
    }
}

impl Cached {
    fn is_usable(&self, now: DateTime<Utc>) -> bool {
        now + ACCESS_MARGIN < self.ends_at
    }
}

/// The error and all its causes, in one line.
fn chain(error: &AuthError) -> String {
    let first: &dyn Error = error;
    let causes = std::iter::successors(Some(first), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Nothing is ever left half done under these locks, so a panic elsewhere does not spoil them.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
