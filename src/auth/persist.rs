//! Getting a new pair into the store, whatever it takes: after a refresh token is spent, its successor exists nowhere
//! but in this process until the store has taken it, or a file.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::AuthError;
use super::flight::{POLL, POLLS_MAX};
use super::token_store::TokenStoreError;
use super::tokens::Tokens;
use crate::domain::credential::{Claim, Condition, Credential, NewTokens};
use crate::domain::shop::Shop;

/// How long the outcome of a call is offered to a store that does not answer.
const PERSIST_FOR_MAX: Duration = Duration::from_mins(1);
const PERSIST_PAUSE_MIN: Duration = Duration::from_millis(50);
const PERSIST_PAUSE_MAX: Duration = Duration::from_secs(2);

/// A pair the platform gave and no store has taken. Sealed already.
#[derive(Clone)]
pub(super) struct Unsaved {
    pub(super) claim: Claim,
    pub(super) tokens: NewTokens,
    /// What it is sealed for.
    pub(super) shop_id: String,
    /// The attempt that brought it, however often the claim changes.
    pub(super) attempt: String,
    /// Where it waits. `None`: in this process alone.
    pub(super) file: Option<PathBuf>,
}

/// Where a new pair is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Stored,
    /// In a file, on its way to the store.
    InFile,
}

impl Unsaved {
    pub(super) fn new(claim: Claim, tokens: NewTokens, shop_id: &str) -> Self {
        let attempt = claim.attempt.clone().unwrap_or_default();
        Self { claim, tokens, shop_id: shop_id.to_owned(), attempt, file: None }
    }
}

impl Tokens {
    /// Puts a new pair where a crash does not reach it: into the store, else into a file at once. The refresh token it
    /// came from is spent.
    pub(super) async fn commit(&self, shop: &Shop, mut unsaved: Unsaved) -> Result<Kept, AuthError> {
        let slot = self.slot(&shop.name);
        let turn = slot.saving.lock().await;
        let Err(mut source) = self.store_pair(&mut unsaved).await else {
            return Ok(Kept::Stored);
        };
        let mut spilled = self.spill(&mut unsaved).await;
        let begun = Instant::now();
        let mut pause = PERSIST_PAUSE_MIN;
        // Nothing else keeps it: it is offered to both.
        while unsaved.file.is_none() && begun.elapsed() < PERSIST_FOR_MAX {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PERSIST_PAUSE_MAX);
            match self.store_pair(&mut unsaved).await {
                Ok(()) => return Ok(Kept::Stored),
                Err(error) => source = error,
            }
            spilled = self.spill(&mut unsaved).await;
        }
        tell_unsaved(&unsaved, &source, spilled.err());
        let kept = unsaved.file.is_some().then_some(Kept::InFile);
        slot.keep_unsaved(Some(unsaved));
        drop(turn);
        self.mend(shop);
        kept.ok_or_else(|| source.into())
    }

    /// Offers a pair to the store until it is there or somebody else's is. One that found its place taken is kept
    /// beside.
    pub(super) async fn store_pair(&self, unsaved: &mut Unsaved) -> Result<(), TokenStoreError> {
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
        let row = self.grants().load(&unsaved.claim.shop).await?;
        let Some(row) = row.filter(|row| is_place_free(row, unsaved)) else {
            return self.keep_orphan(&unsaved.claim, &unsaved.attempt, &unsaved.tokens).await.map(|()| true);
        };
        // Our own commit may have gone through though its answer was lost.
        if is_ours(&row, unsaved) {
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
    pub(super) async fn spill(&self, unsaved: &mut Unsaved) -> std::io::Result<()> {
        let Some(folder) = self.shared.spill.clone() else {
            return Ok(());
        };
        let pair = unsaved.clone();
        unsaved.file = Some(blocking(move || folder.write(&pair)).await?);
        Ok(())
    }
}

/// Whether the row still waits for the successor of the pair ours came from, or is ours already.
fn is_place_free(row: &Credential, unsaved: &Unsaved) -> bool {
    // A grant that was cleared and authorised anew begins with the same numbers.
    let is_same_grant = row.granted_at == unsaved.tokens.granted_at && !row.is_copied;
    is_ours(row, unsaved) || (row.version == unsaved.claim.version && is_same_grant)
}

fn is_ours(row: &Credential, unsaved: &Unsaved) -> bool {
    let (theirs, ours) = (&row.tokens, &unsaved.tokens.tokens);
    (&theirs.access_sealed, &theirs.refresh_sealed) == (&ours.access_sealed, &ours.refresh_sealed)
}

/// Offers a write until the store answers.
pub(super) async fn persist<T, F>(write: impl Fn() -> F) -> Result<T, TokenStoreError>
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
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn tell_unsaved(unsaved: &Unsaved, source: &TokenStoreError, not_spilled: Option<std::io::Error>) {
    let shop = &unsaved.claim.shop;
    let Some(file) = &unsaved.file else {
        tracing::error!(
            event = "token.unsaved",
            shop,
            error = %source.cause(),
            not_spilled = not_spilled.map(tracing::field::display),
            "the new tokens of `{shop}` could not be stored and are in this process alone, which must not end: {}",
            source.cause()
        );
        return;
    };
    tracing::error!(
        event = "token.unsaved",
        shop,
        error = %source.cause(),
        file = %file.display(),
        "the new tokens of `{shop}` could not be stored; they wait in {}, sealed, until the store answers: {}",
        file.display(),
        source.cause()
    );
}

#[derive(Debug, thiserror::Error)]
#[error("the row was never free")]
struct NeverFree;
