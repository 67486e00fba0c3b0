//! The one call that uses up a refresh token, and its result. Nothing here sends it a second time.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::AuthError;
use crate::auth::context::{AuthContext, persist};
use crate::auth::keys::pair::Pair;
use crate::auth::keys::seal::{Field, Place, SealError};
use crate::auth::loaded_grant::LoadedGrant;
use crate::auth::login::accounts::check_account;
use crate::auth::policy::{Demand, Need, OwnerReason};
use crate::auth::refresh::outcome::trouble;
use crate::auth::refresh::unsaved::pair::{Kept, Unsaved};
use crate::auth::refresh::unsaved::{commit, orphans};
use crate::auth::refresh::{outcome, owner_needed};
use crate::auth::store::TokenStoreError;
use crate::domain::credential::{Claim, Condition, Credential, NewTokens, Settlement};
use crate::domain::grant::Granted;
use crate::domain::shop::Shop;
use crate::platform::PlatformError;

/// Longer than a platform's own deadline for token calls: the second lock on it.
const CALL_MAX: Duration = Duration::from_secs(10);

/// What a call led to that did not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendResult {
    Done,
    /// The grant was about to be lost, and goes on with another pair.
    Adopted,
}

/// Sends the refresh token, once, and writes down what came of it.
pub async fn send_refresh(
    context: &AuthContext,
    shop: &Shop,
    loaded: LoadedGrant,
    claim: Claim,
) -> Result<SendResult, AuthError> {
    let Some(refresh) = &loaded.pair.refresh else {
        return Err(loaded.without_token(Need::Owner(OwnerReason::NoRefreshToken)));
    };
    let asked_at = context.now();
    let call = context.application(shop)?.platform().refresh(refresh);
    let answer = tokio::time::timeout(CALL_MAX, call).await.unwrap_or_else(|_| {
        Err(PlatformError::NoAnswer {
            what: format!("nothing within {} s", CALL_MAX.as_secs()),
            source: None,
        })
    });
    match answer {
        Ok(granted) => store_answer(context, shop, loaded, claim, &granted, asked_at).await,
        Err(error) => {
            context.unless_stopping(shop, settle_failure(context, shop, &loaded, &claim, error)).await
        }
    }
}

async fn store_answer(
    context: &AuthContext,
    shop: &Shop,
    loaded: LoadedGrant,
    claim: Claim,
    granted: &Granted,
    asked_at: DateTime<Utc>,
) -> Result<SendResult, AuthError> {
    let next = loaded.pair.renewed(granted, &loaded.rules.grant, asked_at);
    if next.is_same_as(&loaded.pair) {
        let settlement = Settlement {
            condition: Condition::Active,
            not_before: Some(loaded.rules.ask_again_at(next.access_ends_at, context.now())),
            trouble: None,
            access_ends_at: Some(next.access_ends_at),
        };
        write_settlement(context, &claim, &settlement).await?;
        tracing::debug!(shop = %shop.name, "the platform handed the same tokens of `{}` back", shop.name);
        return context.read(shop).await.map(|_| SendResult::Done);
    }
    let is_other = check_account(shop, &loaded.row, &granted.account).err();
    let tokens = seal_successor(context, &loaded, &next, is_other.as_ref())
        .map_err(|source| AuthError::Seal { shop: shop.name.clone(), source })?;
    let heir = loaded.credential.renewed(&tokens);
    let ours = heir.tokens.access_sealed.clone();
    let loaded = match commit::commit(context, shop, Unsaved::new(claim, tokens, &loaded.row.id)).await? {
        Kept::Stored => context.unless_stopping(shop, read_after_commit(context, shop)).await?,
        Kept::InFile => {
            let loaded = LoadedGrant { credential: heir, pair: next, ..loaded };
            context.publish(&loaded);
            loaded
        }
    };
    let credential = &loaded.credential;
    if let Some(reason) = credential.owner_reason() {
        let error = is_other.map(|error| error.to_string());
        let error = error.as_deref().unwrap_or(reason.describe());
        owner_needed::report_needs_owner(context, shop, reason, error, asked_at).await;
        return Err(loaded.without_token(Need::Owner(reason)));
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
    Ok(SendResult::Done)
}

/// The row that a pair went into, or beside: a grant that is of no use to us may have an orphan that is.
async fn read_after_commit(context: &AuthContext, shop: &Shop) -> Result<LoadedGrant, AuthError> {
    let loaded = context.read(shop).await?;
    if loaded.credential.condition != Condition::NeedsOwner {
        return Ok(loaded);
    }
    orphans::adopt_if_given_up(context, &shop.name).await?;
    context.read(shop).await
}

/// The pair that follows `loaded`. One of another account is kept, but never handed out.
fn seal_successor(
    context: &AuthContext,
    loaded: &LoadedGrant,
    next: &Pair,
    is_other: Option<&AuthError>,
) -> Result<NewTokens, SealError> {
    let keys = context.keyring();
    let version = loaded.credential.version + 1;
    let place = Place { shop_id: &loaded.row.id, field: Field::PreviousRefresh, generation: version };
    let used = loaded.pair.refresh.as_ref();
    let spacing = loaded.rules.grant.spacing;
    Ok(NewTokens {
        version,
        condition: is_other.map_or(Condition::Active, |_| Condition::NeedsOwner),
        tokens: next.seal(keys, &loaded.row.id, version)?,
        granted_at: next.granted_at,
        previous_refresh_sealed: used.map(|token| keys.seal(token, &place)).transpose()?,
        not_before: (spacing > TimeDelta::zero()).then(|| next.obtained_at + spacing),
        trouble: is_other.map(|error| trouble(OwnerReason::OtherAccount, error.to_string())),
    })
}

async fn settle_failure(
    context: &AuthContext,
    shop: &Shop,
    before: &LoadedGrant,
    claim: &Claim,
    error: PlatformError,
) -> Result<SendResult, AuthError> {
    let outcome = outcome::classify(&error);
    let error = chain(&error);
    let settlement = outcome.settlement(&before.credential, &error, context.now());
    let was_given_up = before.credential.condition == Condition::NeedsOwner;
    let reason = settlement.trouble.as_ref().and_then(|trouble| OwnerReason::parse(&trouble.class));
    if let (Condition::NeedsOwner, Some(reason), false) = (settlement.condition, reason, was_given_up)
        && orphans::adopt(context, &before.row.id, &before.credential, claim, reason).await?
    {
        return Ok(SendResult::Adopted);
    }
    let since = context.now();
    let is_settled = write_settlement(context, claim, &settlement).await?;
    // Another process took over and knows better: its version of the grant counts.
    let loaded = context.read(shop).await?;
    if !is_settled && loaded.credential.version > claim.version {
        return Ok(SendResult::Done);
    }
    if let Some(reason) = loaded.credential.owner_reason() {
        // Reported once, by the process that wrote it; also where the store wrote it and its answer was lost.
        if !was_given_up && (is_settled || follows(&loaded.credential, claim)) {
            owner_needed::report_needs_owner(context, shop, reason, &error, since).await;
        }
        return Err(loaded.without_token(Need::Owner(reason)));
    }
    tracing::warn!(
        event = "token.refresh_failed",
        shop = %shop.name,
        outcome = outcome.as_str(),
        error,
        "the token of `{}` was not renewed: {error}",
        shop.name,
    );
    let state = loaded.credential.state(&loaded.rules, Demand::Due, context.now());
    match state.need {
        Need::Owner(reason) if owner_needed::give_up(context, shop, &loaded, reason).await? => {
            Err(loaded.without_token(state.need))
        }
        Need::Owner(_) => Ok(SendResult::Adopted),
        Need::Rest { .. } => Err(loaded.without_token(state.need)),
        _ => Err(loaded.without_token(Need::Rest { until: context.now() })),
    }
}

async fn write_settlement(
    context: &AuthContext,
    claim: &Claim,
    settlement: &Settlement,
) -> Result<bool, TokenStoreError> {
    persist(|| context.grants().settle(claim, settlement)).await
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
