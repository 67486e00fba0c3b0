//! The one call that spends a refresh token, and what comes of it. Nothing here sends it a second time.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::AuthError;
use super::credential::{Demand, Need, OwnerReason};
use super::flight::{needs_owner, trouble};
use super::held::Held;
use super::login::check_account;
use super::outcome;
use super::pair::Pair;
use super::persist::{Kept, Unsaved, persist};
use super::seal::{Field, Place, SealError};
use super::token_store::TokenStoreError;
use super::tokens::Tokens;
use crate::domain::credential::{Claim, Condition, NewTokens, Settlement};
use crate::domain::grant::Granted;
use crate::domain::shop::Shop;
use crate::platform::PlatformError;

/// Longer than a platform's own deadline for token calls: the second lock on it.
const CALL_MAX: Duration = Duration::from_secs(10);

/// What a call led to that did not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    Done,
    /// The grant was about to be lost, and goes on with another pair.
    Adopted,
}

impl Tokens {
    /// Sends the refresh token, once, and writes down what came of it.
    pub(super) async fn spend(
        &self,
        shop: &Shop,
        held: Held,
        claim: Claim,
        is_replay: bool,
    ) -> Result<Spent, AuthError> {
        let Some(refresh) = &held.pair.refresh else {
            return Err(held.without_token(Need::Owner(OwnerReason::NoRefreshToken)));
        };
        let asked_at = self.now();
        let call = self.application(shop)?.platform().refresh(refresh);
        let answer = tokio::time::timeout(CALL_MAX, call).await.unwrap_or_else(|_| {
            Err(PlatformError::NoAnswer {
                what: format!("nothing within {} s", CALL_MAX.as_secs()),
                source: None,
            })
        });
        match answer {
            Ok(granted) => self.take(shop, held, claim, &granted, asked_at).await,
            Err(error) => self.settle(shop, &held, &claim, error, is_replay).await,
        }
    }

    async fn take(
        &self,
        shop: &Shop,
        held: Held,
        claim: Claim,
        granted: &Granted,
        asked_at: DateTime<Utc>,
    ) -> Result<Spent, AuthError> {
        let next = held.pair.renewed(granted, &held.rules.grant, asked_at);
        if next.is_same_as(&held.pair) {
            let settlement = Settlement {
                condition: Condition::Active,
                not_before: Some(held.rules.ask_again_at(next.access_ends_at, self.now())),
                trouble: None,
                access_ends_at: Some(next.access_ends_at),
            };
            self.write_settlement(&claim, &settlement).await?;
            tracing::debug!(shop = %shop.name, "the platform handed the same tokens of `{}` back", shop.name);
            return self.read(shop).await.map(|_| Spent::Done);
        }
        let is_other = check_account(shop, &held.row, &granted.account).err();
        let tokens = self
            .sealed(&held, &next, is_other.as_ref())
            .map_err(|source| AuthError::Seal { shop: shop.name.clone(), source })?;
        let heir = held.credential.renewed(&tokens);
        let ours = heir.tokens.access_sealed.clone();
        let held = match self.commit(shop, Unsaved::new(claim, tokens, &held.row.id)).await? {
            Kept::Stored => self.read_after_commit(shop).await?,
            Kept::InFile => {
                let held = Held { credential: heir, pair: next, ..held };
                self.publish(&held);
                held
            }
        };
        let credential = &held.credential;
        if let Some(reason) = credential.owner_reason() {
            let error = is_other.map(|error| error.to_string());
            needs_owner(shop, reason, error.as_deref().unwrap_or(reason.describe()));
            return Err(held.without_token(Need::Owner(reason)));
        }
        if credential.tokens.access_sealed == ours {
            tracing::info!(
                event = "token.refreshed",
                shop = %shop.name,
                version = credential.version,
                ends_at = %credential.tokens.access_ends_at,
                "renewed the token of `{}`",
                shop.name
            );
        }
        Ok(Spent::Done)
    }

    /// The row that a pair went into, or beside: a grant that is of no use to us may have an orphan that is.
    async fn read_after_commit(&self, shop: &Shop) -> Result<Held, AuthError> {
        let held = self.read(shop).await?;
        if held.credential.condition != Condition::NeedsOwner {
            return Ok(held);
        }
        self.reconsider(&shop.name).await?;
        self.read(shop).await
    }

    /// The pair that follows `held`. One of another account is kept, but never handed out.
    fn sealed(&self, held: &Held, next: &Pair, is_other: Option<&AuthError>) -> Result<NewTokens, SealError> {
        let keys = &self.shared.parts.keyring;
        let version = held.credential.version + 1;
        let place = Place { shop_id: &held.row.id, field: Field::PreviousRefresh, generation: version };
        let spent = held.pair.refresh.as_ref();
        let spacing = held.rules.grant.spacing;
        Ok(NewTokens {
            version,
            condition: is_other.map_or(Condition::Active, |_| Condition::NeedsOwner),
            tokens: next.seal(keys, &held.row.id, version)?,
            granted_at: next.granted_at,
            previous_refresh_sealed: spent.map(|token| keys.seal(token, &place)).transpose()?,
            not_before: (spacing > TimeDelta::zero()).then(|| next.obtained_at + spacing),
            trouble: is_other.map(|error| trouble(OwnerReason::OtherAccount, error.to_string())),
        })
    }

    async fn settle(
        &self,
        shop: &Shop,
        held: &Held,
        claim: &Claim,
        error: PlatformError,
        is_replay: bool,
    ) -> Result<Spent, AuthError> {
        let outcome = outcome::classify(&error, is_replay);
        let settlement = outcome.settlement(&held.credential, is_replay, chain(&error), self.now());
        if let (Condition::NeedsOwner, Some(reason)) = (settlement.condition, outcome.reason())
            && self.adopt(&held.row.id, &held.credential, claim, reason).await?
        {
            return Ok(Spent::Adopted);
        }
        let is_settled = self.write_settlement(claim, &settlement).await?;
        // Whoever took over knows better; what they made of the grant is what counts.
        let held = self.read(shop).await?;
        if !is_settled && held.credential.version > claim.version {
            return Ok(Spent::Done);
        }
        if let Some(reason) = held.credential.owner_reason() {
            needs_owner(shop, reason, &chain(&error));
            return Err(held.without_token(Need::Owner(reason)));
        }
        tracing::warn!(
            event = "token.refresh_failed",
            shop = %shop.name,
            outcome = outcome.as_str(),
            error = %chain(&error),
            "the token of `{}` was not renewed: {}",
            shop.name,
            chain(&error)
        );
        let need = Need::Rest { until: self.earliest(&held) };
        Err(held.without_token(need))
    }

    /// When the next attempt may be made.
    fn earliest(&self, held: &Held) -> DateTime<Utc> {
        let now = self.now();
        match held.credential.state(&held.rules, Demand::Due, now).need {
            Need::Rest { until } => until,
            _ => now,
        }
    }

    async fn write_settlement(
        &self,
        claim: &Claim,
        settlement: &Settlement,
    ) -> Result<bool, TokenStoreError> {
        persist(|| self.grants().settle(claim, settlement)).await
    }
}

/// The error and all its causes, in one line.
fn chain(error: &PlatformError) -> String {
    let first: &dyn Error = error;
    let causes = std::iter::successors(Some(first), |&error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
