//! The one call that spends a refresh token, and what comes of it. Nothing here sends it a second time.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::unsaved::{Kept, Unsaved, persist};
use super::{outcome, trouble};
use crate::auth::AuthError;
use crate::auth::keys::pair::Pair;
use crate::auth::keys::seal::{Field, Place, SealError};
use crate::auth::loaded_grant::Held;
use crate::auth::login::check_account;
use crate::auth::policy::{Demand, Need, OwnerReason};
use crate::auth::store::TokenStoreError;
use crate::auth::tokens::Tokens;
use crate::domain::credential::{Claim, Condition, Credential, NewTokens, Settlement};
use crate::domain::grant::Granted;
use crate::domain::shop::Shop;
use crate::platform::PlatformError;

/// Longer than a platform's own deadline for token calls: the second lock on it.
const CALL_MAX: Duration = Duration::from_secs(10);

/// What a call led to that did not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    Done,
    /// The grant was about to be lost, and goes on with another pair.
    Adopted,
}

impl Tokens {
    /// Sends the refresh token, once, and writes down what came of it.
    pub async fn spend(&self, shop: &Shop, held: Held, claim: Claim) -> Result<Spent, AuthError> {
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
            Err(error) => self.unless_stopping(shop, self.settle(shop, &held, &claim, error)).await,
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
            Kept::Stored => self.unless_stopping(shop, self.read_after_commit(shop)).await?,
            Kept::InFile => {
                let held = Held { credential: heir, pair: next, ..held };
                self.publish(&held);
                held
            }
        };
        let credential = &held.credential;
        if let Some(reason) = credential.owner_reason() {
            let error = is_other.map(|error| error.to_string());
            let error = error.as_deref().unwrap_or(reason.describe());
            self.report_needs_owner(shop, reason, error, asked_at).await;
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
        before: &Held,
        claim: &Claim,
        error: PlatformError,
    ) -> Result<Spent, AuthError> {
        let outcome = outcome::classify(&error);
        let error = chain(&error);
        let settlement = outcome.settlement(&before.credential, &error, self.now());
        let was_given_up = before.credential.condition == Condition::NeedsOwner;
        let reason = settlement.trouble.as_ref().and_then(|trouble| OwnerReason::parse(&trouble.class));
        if let (Condition::NeedsOwner, Some(reason), false) = (settlement.condition, reason, was_given_up)
            && self.adopt(&before.row.id, &before.credential, claim, reason).await?
        {
            return Ok(Spent::Adopted);
        }
        let since = self.now();
        let is_settled = self.write_settlement(claim, &settlement).await?;
        // Whoever took over knows better; what they made of the grant is what counts.
        let held = self.read(shop).await?;
        if !is_settled && held.credential.version > claim.version {
            return Ok(Spent::Done);
        }
        if let Some(reason) = held.credential.owner_reason() {
            // Said once, by whoever wrote it down; also where the store took it and did not say so.
            if !was_given_up && (is_settled || follows(&held.credential, claim)) {
                self.report_needs_owner(shop, reason, &error, since).await;
            }
            return Err(held.without_token(Need::Owner(reason)));
        }
        tracing::warn!(
            event = "token.refresh_failed",
            shop = %shop.name,
            outcome = outcome.as_str(),
            error,
            "the token of `{}` was not renewed: {error}",
            shop.name,
        );
        let state = held.credential.state(&held.rules, Demand::Due, self.now());
        match state.need {
            Need::Owner(reason) if self.give_up(shop, &held, reason).await? => {
                Err(held.without_token(state.need))
            }
            Need::Owner(_) => Ok(Spent::Adopted),
            Need::Rest { .. } => Err(held.without_token(state.need)),
            _ => Err(held.without_token(Need::Rest { until: self.now() })),
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

/// Whether the row is what the holder of `claim` wrote next.
fn follows(row: &Credential, claim: &Claim) -> bool {
    let attempt = row.attempt.as_ref().map(|attempt| &attempt.id);
    (row.version, row.fence, attempt) == (claim.version, claim.fence + 1, claim.attempt.as_ref())
}

/// The error and all its causes, in one line.
fn chain(error: &PlatformError) -> String {
    let first: &dyn Error = error;
    let causes = std::iter::successors(Some(first), |&error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
