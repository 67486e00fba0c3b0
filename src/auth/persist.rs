//! Getting a new pair into the store, whatever it takes: after a refresh token is spent, its successor exists nowhere
//! but in this process until the store has taken it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::AuthError;
use super::flight::{POLL, POLLS_MAX};
use super::slot::{Slot, Unsaved};
use super::token_store::TokenStoreError;
use super::tokens::Tokens;
use crate::domain::credential::{Claim, Condition, NewTokens};
use crate::domain::shop::Shop;

/// How long the outcome of a call is offered to a store that does not answer.
const PERSIST_FOR_MAX: Duration = Duration::from_mins(1);
const PERSIST_PAUSE_MIN: Duration = Duration::from_millis(50);
const PERSIST_PAUSE_MAX: Duration = Duration::from_secs(2);

impl Tokens {
    /// Stores what an earlier flight could not, before anything else is done with the grant.
    pub(super) async fn save_what_is_left(&self, shop: &Shop) -> Result<(), AuthError> {
        match self.slot(&shop.name).take_unsaved() {
            Some(Unsaved { claim, tokens }) => self.commit(shop, claim, tokens).await,
            None => Ok(()),
        }
    }

    /// Stores a new pair, whatever it takes: the refresh token it came from is spent.
    pub(super) async fn commit(
        &self,
        shop: &Shop,
        mut claim: Claim,
        tokens: NewTokens,
    ) -> Result<(), AuthError> {
        let Err(source) = self.write_pair(&mut claim, &tokens).await else {
            return Ok(());
        };
        tracing::error!(
            event = "token.refresh_failed",
            shop = %shop.name,
            outcome = "not_stored",
            error = %source.cause(),
            "the new tokens of `{}` could not be stored and are in this process alone: {}",
            shop.name,
            source.cause()
        );
        self.slot(&shop.name).keep_unsaved(Unsaved { claim, tokens });
        Err(source.into())
    }

    async fn write_pair(&self, claim: &mut Claim, tokens: &NewTokens) -> Result<(), TokenStoreError> {
        for _ in 0..POLLS_MAX {
            let is_committed = persist(|| self.grants().commit(claim, tokens)).await?;
            if is_committed || self.reclaim(claim, tokens).await? {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(TokenStoreError::new(NeverFree))
    }

    /// Offers a pair that no store took once more, before it goes with this process.
    pub(super) async fn offer_a_last_time(&self, slot: &Slot) {
        let Some(Unsaved { claim, tokens }) = slot.take_unsaved() else {
            return;
        };
        if let Ok(true) = self.grants().commit(&claim, &tokens).await {
            return;
        }
        tracing::error!(
            event = "token.refresh_failed",
            shop = %claim.shop,
            outcome = "not_stored",
            "the new tokens of `{}` could not be stored to the last and are lost",
            claim.shop
        );
    }

    /// After a commit that was refused. `true`: our pair is stored after all, or there is a newer one. `false`: try
    /// again, with the claim this may have renewed.
    async fn reclaim(&self, claim: &mut Claim, tokens: &NewTokens) -> Result<bool, TokenStoreError> {
        let Some(row) = persist(|| self.grants().load(&claim.shop)).await? else {
            return Ok(true);
        };
        // Our own commit may have gone through though its answer was lost.
        let is_ours = row.tokens.access_sealed == tokens.tokens.access_sealed;
        if is_ours || row.version != claim.version {
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
        let current = row.claim();
        if let Some(begun) = persist(|| self.grants().begin(&current, &intent)).await? {
            *claim = begun;
        }
        Ok(false)
    }
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

#[derive(Debug, thiserror::Error)]
#[error("the row was never free")]
struct NeverFree;
