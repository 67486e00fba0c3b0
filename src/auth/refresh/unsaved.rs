//! Getting a new pair to where a crash does not reach it, whatever it takes: after a refresh token is spent, its
//! successor exists nowhere but in this process.
//!
//! The order of things, each step safe to repeat and to be cut off after:
//!
//! 1. room for a file is taken on the disk; the intent is written, and read back by a connection that did not write it;
//!    else nothing is sent;
//! 2. the refresh token is sent, once;
//! 3. the pair of the answer is sealed and written into that room, before any lock and any database, also when the disk
//!    is full by now: from here on it survives;
//! 4. the pair is committed under the claim of the intent, and read back as the intent was;
//! 5. the file is removed.
//!
//! Callers get the new token after step 4, or after [`STORE_WAIT`] with step 3 done; the rest then goes on without
//! them, and in the next process if need be: whoever finds the file takes it from step 4. Without a folder for the
//! file, step 4 is tried until it is done. What a login brings goes the same way, from step 3 on (`login_pair`). What is left to chance is the moment between the end of step 2 and the end
//! of step 3: a few milliseconds.

pub(in crate::auth) mod file;
pub(in crate::auth) mod orphans;
pub(in crate::auth) mod recovery;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::unsaved::file::Room;
use super::{POLL, POLLS_MAX};
use crate::auth::AuthError;
use crate::auth::error::Delay;
use crate::auth::login::pair::Login;
use crate::auth::shop_state::Slot;
use crate::auth::store::TokenStoreError;
use crate::auth::store::grants::holds;
use crate::auth::tokens::Tokens;
use crate::domain::credential::{Claim, Condition, Credential, NewTokens};
use crate::domain::shop::Shop;

/// How long the outcome of a call is offered to a store that does not answer.
pub const PERSIST_FOR_MAX: Duration = Duration::from_mins(1);
pub const PERSIST_PAUSE_MIN: Duration = Duration::from_millis(50);
pub const PERSIST_PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long those who wait for a new token wait for the store once the pair is in a file.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// The same while the program is ending, and how long it waits then for anything that may be done later as well.
pub const STOP_WAIT: Duration = Duration::from_secs(1);

/// A pair the platform gave and no store has taken. Sealed already.
#[derive(Clone)]
pub struct Unsaved {
    pub claim: Claim,
    pub tokens: NewTokens,
    /// What it is sealed for.
    pub shop_id: String,
    /// The attempt that brought it, however often the claim changes.
    pub attempt: String,
    /// Where it waits. `None`: in this process alone.
    pub file: Option<PathBuf>,
    /// `None`: a refresh brought it.
    pub login: Option<Login>,
}

/// Where a new pair is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Stored,
    /// In a file, on its way to the store.
    InFile,
}

impl Unsaved {
    pub fn new(claim: Claim, tokens: NewTokens, shop_id: &str) -> Self {
        let attempt = claim.attempt.clone().unwrap_or_default();
        Self { claim, tokens, shop_id: shop_id.to_owned(), attempt, file: None, login: None }
    }
}

impl Tokens {
    /// Puts a new pair where a crash does not reach it: into a file at once, then into the store. The refresh token it
    /// came from is spent.
    pub async fn commit(&self, shop: &Shop, mut unsaved: Unsaved) -> Result<Kept, AuthError> {
        let slot = self.slot(&shop.name);
        // Before any lock: whoever stores something else may be waiting for a database that is locked for minutes.
        let mut not_in_file = self.write_file(&mut unsaved).await.err();
        slot.keep_unsaved(Some(unsaved.clone()));
        let begun = Instant::now();
        let mut pause = PERSIST_PAUSE_MIN;
        loop {
            let why = match self.wait_for_store(shop).await {
                Ok(()) => return Ok(Kept::Stored),
                Err(why) => why,
            };
            if unsaved.file.is_some() {
                slot.report_unsaved(&unsaved, &why, None);
                return Ok(Kept::InFile);
            }
            // Nothing else keeps it: it is offered to both.
            not_in_file = self.write_file(&mut unsaved).await.err().or(not_in_file);
            slot.set_file(&unsaved);
            if unsaved.file.is_none() {
                if begun.elapsed() > PERSIST_FOR_MAX {
                    slot.report_unsaved(&unsaved, &why, not_in_file);
                    return Err(why);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PERSIST_PAUSE_MAX);
            }
        }
    }

    /// Offers the pair that waits to the store, in a task that goes on when nobody waits any more.
    async fn wait_for_store(&self, shop: &Shop) -> Result<(), AuthError> {
        let (tokens, stored_for) = (self.clone(), shop.clone());
        let storing = tokio::spawn(async move {
            let stored = tokens.store_unsaved(&tokens.slot(&stored_for.name)).await;
            if stored.is_err() {
                tokens.mend(&stored_for);
            }
            stored
        });
        tokio::select! {
            stored = storing => stored.unwrap_or_else(|_| Err(AuthError::Broken { shop: shop.name.clone() })),
            late = self.store_is_late() => Err(late.into()),
        }
    }

    /// Comes back once the store has been waited for long enough.
    pub async fn store_is_late(&self) -> TokenStoreError {
        tokio::select! {
            () = tokio::time::sleep(STORE_WAIT) => {}
            () = self.stopping_for(STOP_WAIT) => {}
        }
        TokenStoreError::new(NoAnswerYet)
    }

    /// Comes back this long after the program has begun to end.
    pub async fn stopping_for(&self, pause: Duration) {
        self.shared.stopping.cancelled().await;
        tokio::time::sleep(pause).await;
    }

    /// Does `work`, which costs nothing when it is cut off, unless the program is ending and it does not come to an end.
    pub async fn unless_stopping<T>(
        &self,
        shop: &Shop,
        work: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, AuthError> {
        tokio::select! {
            done = work => done,
            () = self.stopping_for(STOP_WAIT) => {
                Err(AuthError::Later { shop: shop.name.clone(), until: self.now(), why: Delay::Ending })
            }
        }
    }

    /// Stores the pair that waits, if one does, and removes its file.
    pub async fn store_unsaved(&self, slot: &Slot) -> Result<(), AuthError> {
        let _turn = slot.saving.lock().await;
        let Some(mut unsaved) = slot.unsaved() else { return Ok(()) };
        let stored = self.store_pair(&mut unsaved).await;
        if let Err(source) = stored {
            slot.renew_claim(&unsaved);
            return Err(source.into());
        }
        let file = slot.take_unsaved(&unsaved.attempt);
        self.has_stored(Unsaved { file, ..unsaved }, slot.takes_report()).await
    }

    /// Offers a pair to the store until it is there or somebody else's is. One that found its place taken is kept
    /// beside.
    pub async fn store_pair(&self, unsaved: &mut Unsaved) -> Result<(), TokenStoreError> {
        for _ in 0..POLLS_MAX {
            let is_committed = self.grants().commit(&unsaved.claim, &unsaved.tokens).await?;
            if is_committed || self.reclaim(unsaved).await? {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(TokenStoreError::new(NeverFree))
    }

    /// After a commit that was refused. `true`: our pair is kept after all. `false`: try again, with the claim this may
    /// have renewed.
    async fn reclaim(&self, unsaved: &mut Unsaved) -> Result<bool, TokenStoreError> {
        // Not as the writer sees it: a commit that never reached the disk looks there like one that did.
        let row = self.grants().read_back(&unsaved.claim.shop).await?;
        let Some(row) = row.filter(|row| is_place_free(row, unsaved)) else {
            return self.keep_orphan(&unsaved.claim, &unsaved.attempt, &unsaved.tokens).await.map(|()| true);
        };
        // Our own commit may have gone through though its answer was lost.
        if holds(&row, &unsaved.tokens) {
            return Ok(true);
        }
        if row.lease.is_some() {
            return Ok(false);
        }
        // We were taken for dead, and whoever took over came to nothing: they had only the token we had spent. Ours is
        // the only heir of this version.
        let refresh_hash = row.attempt.as_ref().map(|attempt| attempt.refresh_hash.clone());
        let intent =
            self.intent(Condition::Replaying, refresh_hash.unwrap_or_default(), DateTime::<Utc>::MAX_UTC);
        if let Some(begun) = self.grants().begin(&row.claim(), &intent).await? {
            unsaved.claim = begun;
        }
        Ok(false)
    }

    /// Writes the file of a pair. Where there is no folder for it, the pair stays in memory.
    pub async fn write_file(&self, unsaved: &mut Unsaved) -> std::io::Result<()> {
        let Some(folder) = self.shared.spill.clone() else {
            return Ok(());
        };
        let pair = unsaved.clone();
        let room = self.slot(&unsaved.claim.shop).take_room();
        unsaved.file = Some(blocking(move || folder.write(&pair, room.as_deref())).await?);
        Ok(())
    }

    /// Takes room on the disk for the pair of a call that is about to be made, until what comes back is dropped. `None`:
    /// there is no folder, or no room; then it is tried again when there is a pair.
    pub async fn reserve(&self, shop: &Shop) -> Option<Arc<Room>> {
        let folder = self.shared.spill.clone()?;
        match blocking(move || folder.reserve()).await {
            Ok(room) => {
                let room = Arc::new(room);
                self.slot(&shop.name).keep_room(&room);
                Some(room)
            }
            Err(error) => {
                tracing::debug!(shop = %shop.name, "no room was taken for the new tokens of `{}`: {error}", shop.name);
                None
            }
        }
    }
}

/// Whether the row still waits for the successor of the pair ours came from, or is ours already.
fn is_place_free(row: &Credential, unsaved: &Unsaved) -> bool {
    // A grant that was cleared and authorised anew begins with the same numbers.
    let is_same_grant = row.granted_at == unsaved.tokens.granted_at && !row.is_copied;
    holds(row, &unsaved.tokens) || (row.version == unsaved.claim.version && is_same_grant)
}

/// Offers a write until the store answers.
pub async fn persist<T, F>(write: impl Fn() -> F) -> Result<T, TokenStoreError>
where
    F: Future<Output = Result<T, TokenStoreError>>,
{
    let begun = Instant::now();
    let mut pause = PERSIST_PAUSE_MIN;
    loop {
        match write().await {
            Err(_) if begun.elapsed() < PERSIST_FOR_MAX => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause = (pause * 2).min(PERSIST_PAUSE_MAX);
    }
}

/// Does what waits for the disk where it keeps nobody from the processor.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

#[derive(Debug, thiserror::Error)]
#[error("the store has not answered yet")]
struct NoAnswerYet;

#[derive(Debug, thiserror::Error)]
#[error("the row was never free")]
struct NeverFree;
