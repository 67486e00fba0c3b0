//! What this process knows of one shop's grant: the token at hand, the refresh under way, and a pair that could not
//! be stored yet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::AuthError;
use super::credential::ACCESS_MARGIN;
use crate::domain::credential::{Claim, NewTokens};
use crate::domain::grant::Access;

/// After this time the row is read again, because another program may have changed it.
const REREAD_AFTER: TimeDelta = TimeDelta::seconds(60);
/// The row is read at most this often while a renewal is overdue.
const REREAD_SPACING: TimeDelta = TimeDelta::seconds(1);

/// How a flight ended. `None`: it has not.
pub(super) type Landing = Option<Result<(), AuthError>>;

#[derive(Default)]
pub(super) struct Slot {
    cached: Mutex<Option<Cached>>,
    /// The latest flight, over or not.
    pub(super) flight: Mutex<Option<watch::Receiver<Landing>>>,
    /// One reader of the row at a time; the others find its result in the cache.
    pub(super) reading: tokio::sync::Mutex<()>,
    unsaved: Mutex<Option<Unsaved>>,
}

/// An access token in memory.
struct Cached {
    access: Access,
    ends_at: DateTime<Utc>,
    read_at: DateTime<Utc>,
    reread_at: DateTime<Utc>,
}

/// A pair the platform gave and no store took. Sealed already.
pub(super) struct Unsaved {
    pub(super) claim: Claim,
    pub(super) tokens: NewTokens,
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

    pub(super) fn forget(&self) {
        *lock(&self.cached) = None;
    }

    pub(super) fn keep_unsaved(&self, unsaved: Unsaved) {
        *lock(&self.unsaved) = Some(unsaved);
    }

    pub(super) fn take_unsaved(&self) -> Option<Unsaved> {
        lock(&self.unsaved).take()
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
