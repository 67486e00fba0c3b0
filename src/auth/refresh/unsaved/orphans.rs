//! Pairs whose place was taken while they were on their way: kept, and tried before a grant is given up.
//!
//! An orphan is not requested anything while it is one. It is put in the place of the tokens that lead nowhere, and
//! proves itself there like any other pair: handed out, renewed with one call, given up when it is refused. So there
//! is one way in which a refresh token is used up, and a crash at any point leaves either the orphan or the grant.

use std::sync::Arc;

use crate::auth::AuthError;
use crate::auth::context::{AuthContext, persist};
use crate::auth::keys::pair::Pair;
use crate::auth::keys::seal::{Field, Place, SealError};
use crate::auth::policy::{ACCESS_MARGIN, OwnerReason};
use crate::auth::store::TokenStoreError;
use crate::domain::credential::{Claim, Condition, Credential, NewTokens, Orphan};

/// Keeps a pair that found its place taken.
pub async fn keep_orphan(
    context: &AuthContext,
    claim: &Claim,
    attempt: &str,
    tokens: &NewTokens,
) -> Result<(), TokenStoreError> {
    // It was found to be another account's: this shop will never want it.
    if tokens.condition == Condition::NeedsOwner {
        return Ok(());
    }
    let orphan = Orphan {
        shop: claim.shop.clone(),
        version: tokens.version,
        tokens: tokens.tokens.clone(),
        attempt: attempt.to_owned(),
    };
    let store = context.store();
    store.orphans().keep(&orphan).await.map_err(TokenStoreError::new)?;
    tracing::warn!(
        event = "token.orphaned",
        shop = %orphan.shop,
        version = orphan.version,
        "new tokens of `{}` came too late for their place and are kept in case it is lost",
        orphan.shop
    );
    Ok(())
}

/// Puts an orphan in the place of a pair that is about to be given up for `reason`, or was. `false`: there is none
/// that could do better, or the row has changed.
pub async fn adopt(
    context: &AuthContext,
    shop_id: &str,
    lost: &Credential,
    claim: &Claim,
    reason: OwnerReason,
) -> Result<bool, AuthError> {
    let store = context.store();
    let orphans = || async { store.orphans().of_shop(&lost.shop).await.map_err(TokenStoreError::new) };
    for orphan in persist(orphans).await? {
        // One that does not open waits for its key, and ends with its age.
        let Ok(Some(heir)) = successor(context, shop_id, lost, &orphan, reason) else {
            continue;
        };
        if !persist(|| context.grants().commit(claim, &heir)).await? {
            return Ok(false);
        }
        tracing::warn!(
            event = "token.adopted",
            shop = %lost.shop,
            version = heir.version,
            reason = reason.as_str(),
            "took over tokens of `{}` that had come too late, because {}",
            lost.shop,
            reason.describe()
        );
        store
            .orphans()
            .delete(&orphan.attempt)
            .await
            .map_err(|source| AuthError::Store { shop: lost.shop.clone(), source: Arc::new(source) })?;
        return Ok(true);
    }
    Ok(false)
}

/// What follows `lost` when `orphan` takes its place. `None`: nothing better.
fn successor(
    context: &AuthContext,
    shop_id: &str,
    lost: &Credential,
    orphan: &Orphan,
    reason: OwnerReason,
) -> Result<Option<NewTokens>, SealError> {
    let keys = context.keyring();
    let own = Pair::open(lost, keys, shop_id)?;
    let other = Pair::open_tokens(&orphan.tokens, orphan.version, lost.granted_at, keys, shop_id)?;
    let used = lost.attempt.as_ref().map(|attempt| attempt.refresh_hash.as_str());
    let has_same_refresh = other.refresh_hash() == own.refresh_hash() || Some(&*other.refresh_hash()) == used;
    let is_known = other.is_same_as(&own) || (other.refresh.is_some() && has_same_refresh);
    let soon = context.now() + ACCESS_MARGIN;
    let lives = |pair: &Pair| pair.access.is_some() && soon < pair.access_ends_at;
    // A grant that a later one replaced is better than none: it is of the same account.
    let is_of_use = other.refresh.is_some() || (lives(&other) && (reason.spoils_access() || !lives(&own)));
    if is_known || !is_of_use {
        return Ok(None);
    }
    // A token that still works is never displaced by one that does not.
    let keeps_access = !reason.spoils_access() && lives(&own) && !lives(&other);
    let next = if keeps_access {
        Pair { refresh: other.refresh, refresh_ends_at: other.refresh_ends_at, ..own.clone() }
    } else {
        other
    };
    let version = lost.version + 1;
    let place = Place { shop_id, field: Field::PreviousRefresh, generation: version };
    Ok(Some(NewTokens {
        version,
        condition: Condition::Active,
        tokens: next.seal(keys, shop_id, version)?,
        granted_at: lost.granted_at,
        previous_refresh_sealed: own.refresh.as_ref().map(|token| keys.seal(token, &place)).transpose()?,
        not_before: None,
        trouble: None,
    }))
}

/// Looks at the orphans of a grant that needs its owner: one may have come after it was given up.
pub async fn adopt_if_given_up(context: &AuthContext, shop: &str) -> Result<(), AuthError> {
    let Some(row) = context.grants().load(shop).await? else {
        return Ok(());
    };
    if row.condition != Condition::NeedsOwner {
        return Ok(());
    }
    let reason = row.owner_reason().unwrap_or(OwnerReason::AccessRefused);
    let kept = context.store().shops().get(shop).await;
    let kept = kept.map_err(|source| AuthError::Store { shop: shop.to_owned(), source: Arc::new(source) })?;
    if let Some(kept) = kept {
        adopt(context, &kept.id, &row, &row.claim(), reason).await?;
    }
    Ok(())
}
