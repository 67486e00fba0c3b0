//! Tokens that a person hands over are proved before anything is replaced: a file of dead tokens must not cost a grant
//! that works.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::auth::context::AuthContext;
use crate::auth::error::{refusal, store_error};
use crate::auth::keys::pair::Pair;
use crate::auth::login::accounts;
use crate::auth::login::token_input::TokenInput;
use crate::auth::policy::ACCESS_MARGIN;
use crate::auth::{AuthError, GrantStatus};
use crate::domain::credential::{Condition, Credential, Orphan};
use crate::domain::grant::{Access, Account, GrantInfo};
use crate::domain::shop::Shop;
use crate::platform::PlatformError;
use crate::store::shops::ShopRow;

/// What is known of tokens that were handed over.
pub struct Proof {
    pub reported: GrantInfo,
    /// Whether the platform took the access token.
    pub is_proven: bool,
}

impl Proof {
    fn proven(reported: GrantInfo) -> Self {
        Self { reported, is_proven: true }
    }

    fn open(access_ends_at: Option<DateTime<Utc>>) -> Self {
        Self { reported: GrantInfo { access_ends_at, ..GrantInfo::default() }, is_proven: false }
    }
}

/// What the platform says of the given access token. One that has ended proves nothing: only its refresh token can,
/// by being used.
pub async fn prove(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    given: &TokenInput,
) -> Result<Proof, AuthError> {
    let can_refresh = given.refresh.is_some();
    let has_ended = given.access_ends_at.is_some_and(|end| end <= context.now() + ACCESS_MARGIN);
    let Some(token) = given.access.clone().filter(|_| !(has_ended && can_refresh)) else {
        return Ok(Proof::open(None));
    };
    let access = Access { token, generation: 0, region: row.account.region.clone() };
    match accounts::request_grant_info(context, shop, &access).await {
        Ok(reported) => Ok(Proof::proven(reported)),
        // The token itself was accepted; only this call is not part of the grant.
        Err(PlatformError::NotGranted { .. }) => Ok(Proof::proven(GrantInfo::default())),
        Err(PlatformError::TokenRefused { .. }) if can_refresh => Ok(Proof::open(Some(context.now()))),
        Err(error) if !is_answer(&error) && given.may_be_unproven => {
            tracing::debug!(shop = %shop.name, "tokens are stored unproven: {error}");
            Ok(Proof::open(None))
        }
        Err(error) if !is_answer(&error) => Err(unproven(shop, error)),
        Err(error) => Err(refusal(shop, error)),
    }
}

/// Whether the shop has a grant that can still be read or renewed with.
pub async fn has_working_grant(context: &AuthContext, shop: &Shop) -> Result<bool, AuthError> {
    let Some(present) = context.load(&shop.name).await? else {
        return Ok(false);
    };
    Ok(!GrantStatus::of(&present, &context.rules(shop)?, context.now()).is_dead())
}

/// Uses the refresh token of `given`, whose access token proves nothing, before anything is replaced by it. An
/// answer that is lost leaves the shop with what it has; what was given is kept beside it. Whose the tokens are is
/// still to be checked: what comes back here is in no file yet.
pub async fn prove_by_refresh(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    given: &Pair,
) -> Result<(Pair, Account), AuthError> {
    let Some(refresh) = &given.refresh else {
        return Ok((given.clone(), Account::default()));
    };
    let asked_at = context.now();
    match context.application(shop)?.platform().refresh(refresh).await {
        Ok(granted) => {
            let next = given.renewed(&granted, &context.rules(shop)?.grant, asked_at);
            Ok((next, granted.account))
        }
        Err(error) if is_answer(&error) => Err(refusal(shop, error)),
        Err(error) => {
            let version = context.load(&shop.name).await?.map_or(0, |present| present.version);
            let sealed = given.seal(context.keyring(), &row.id, version);
            let tokens = sealed.map_err(|source| AuthError::Seal { shop: shop.name.clone(), source })?;
            keep_as_orphan(context, shop, version, tokens, format!("given:{}", Uuid::new_v4())).await?;
            Err(unproven(shop, error))
        }
    }
}

/// Keeps a pair whose place a new grant takes: should that one be refused, this may still be good.
pub async fn keep_replaced(
    context: &AuthContext,
    shop: &Shop,
    replaced: &Credential,
    next: &Pair,
    shop_id: &str,
) -> Result<(), AuthError> {
    let is_of_no_use = replaced.condition == Condition::NeedsOwner;
    let is_same = || {
        let keys = context.keyring();
        Pair::open(replaced, keys, shop_id).is_ok_and(|before| before.is_same_as(next))
    };
    if is_of_no_use || is_same() {
        return Ok(());
    }
    let attempt = format!("replaced:{}:{}", Uuid::new_v4(), replaced.version);
    keep_as_orphan(context, shop, replaced.version, replaced.tokens.clone(), attempt).await
}

/// Keeps a pair beside the grant of the shop, in case that one is refused. `version`: what it was sealed under.
pub async fn keep_as_orphan(
    context: &AuthContext,
    shop: &Shop,
    version: i64,
    tokens: crate::domain::credential::SealedTokens,
    attempt: String,
) -> Result<(), AuthError> {
    let orphan = Orphan { shop: shop.name.clone(), version, tokens, attempt };
    let kept = context.store().orphans().keep(&orphan).await;
    kept.map_err(|source| store_error(shop, source))
}

fn unproven(shop: &Shop, source: PlatformError) -> AuthError {
    AuthError::Unproven { shop: shop.name.clone(), source: Arc::new(source) }
}

/// Whether the platform's application itself said something about the tokens.
pub fn is_answer(error: &PlatformError) -> bool {
    match error {
        PlatformError::TokenRefused { .. } | PlatformError::NotGranted { .. } => true,
        PlatformError::Rejected { why, .. } => *why != crate::platform::Rejection::Passing,
        PlatformError::NotSent { .. }
        | PlatformError::NoAnswer { .. }
        | PlatformError::Unavailable { .. }
        | PlatformError::NotFromPlatform { .. }
        | PlatformError::Throttled { .. }
        | PlatformError::TooDense
        | PlatformError::Malformed { .. } => false,
    }
}
