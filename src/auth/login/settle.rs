//! Checks whose tokens a login brought, and stores them: steps 2 and 3 of `login::pair`, also for a pair found in a
//! file.

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::AuthError;
use crate::auth::context::{AuthContext, CONFLICTS_MAX, blocking, persist};
use crate::auth::error::refusal;
use crate::auth::keys::pair::Pair;
use crate::auth::login::accounts::{check_account, expected_account};
use crate::auth::login::proof::is_answer;
use crate::auth::login::{accounts, proof};
use crate::auth::refresh::unsaved;
use crate::auth::refresh::unsaved::file;
use crate::auth::refresh::unsaved::pair::Unsaved;
use crate::domain::credential::{Condition, Credential, NewTokens};
use crate::domain::grant::{Access, Account};
use crate::domain::shop::Shop;
use crate::store::shops::ShopRow;

/// An authorisation further ahead than this was written down by a clock that was wrong.
const CLOCK_GRACE: TimeDelta = TimeDelta::minutes(5);

/// Goes on with a pair that was found in a file. `false`: its account is not known yet, and the file stays.
pub async fn merge_login(
    context: &AuthContext,
    shop: &Shop,
    unsaved: Unsaved,
    pair: &Pair,
) -> Result<bool, AuthError> {
    let row = context.shop_row(shop).await?;
    let settled = async {
        let account = account_of_login(context, shop, &row, &unsaved, pair).await?;
        settle_login(context, shop, &row, &unsaved, pair, account, true).await
    };
    match settled.await {
        Ok(()) => {
            unsaved::finish_stored(context, unsaved, true).await?;
            Ok(true)
        }
        Err(AuthError::Platform { source, .. }) if !is_answer(&source) => Ok(false),
        Err(error) if is_retryable(&error) => Err(error),
        Err(error) => {
            tracing::warn!(
                event = "token.login_dropped",
                shop = %shop.name,
                error = %error,
                "new tokens that waited for `{}` are not stored: {error}",
                shop.name
            );
            remove_file(&unsaved).await;
            Ok(true)
        }
    }
}

/// Whose tokens these are. A platform whose answer does not say is called for it; if that fails, they are taken all the
/// same where any account would do, because what gave them works only once.
pub async fn account_of_login(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    unsaved: &Unsaved,
    pair: &Pair,
) -> Result<Account, AuthError> {
    let Some(login) = &unsaved.login else { return Ok(Account::default()) };
    let reported = login.account.clone();
    let Some(token) = pair.access.clone().filter(|_| login.asks_account && reported.id.is_none()) else {
        return Ok(reported);
    };
    let access = Access { token, generation: 0, region: None };
    match accounts::request_grant_info(context, shop, &access).await {
        Ok(info) if info.account.id.is_some() => Ok(info.account),
        Err(error) if expected_account(shop, row).is_some() => Err(refusal(shop, error)),
        _ => Ok(reported),
    }
}

/// Checks the account and stores the pair with it. `is_found`: it may have been stored before, and a later login
/// may have come since.
pub async fn settle_login(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    unsaved: &Unsaved,
    pair: &Pair,
    account: Account,
    is_found: bool,
) -> Result<(), AuthError> {
    let asked_at = unsaved.login.as_ref().map_or(pair.granted_at, |login| login.asked_at);
    check_account(shop, row, &account)?;
    accounts::check_not_shared_or_keep(context, shop, &account, pair).await?;
    let present = if is_found { persist(|| context.grants().load(&shop.name)).await? } else { None };
    match present {
        // This very grant, perhaps renewed since.
        Some(present) if present.granted_at == pair.granted_at => {
            accounts::begin_grant(context, shop).await?;
        }
        Some(present) if is_authorised_since(context, row, asked_at) => {
            let tokens = new_tokens(context, shop, row, pair, present.version)?.tokens;
            return proof::keep_as_orphan(context, shop, present.version, tokens, unsaved.attempt.clone())
                .await;
        }
        _ => replace_grant(context, shop, row, pair).await?,
    }
    accounts::store_account(context, shop, &account, asked_at).await
}

fn is_authorised_since(context: &AuthContext, row: &ShopRow, asked_at: DateTime<Utc>) -> bool {
    let believable = row.authorised_at.filter(|at| *at <= context.now() + CLOCK_GRACE);
    believable.is_some_and(|at| at > asked_at)
}

/// Stores a new grant over whatever there is, and whatever is under way.
async fn replace_grant(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    pair: &Pair,
) -> Result<(), AuthError> {
    let keys = context.keyring();
    for _ in 0..CONFLICTS_MAX {
        let present = persist(|| context.grants().load(&shop.name)).await?;
        if let Some(present) = &present {
            // A grant that this key does not open is proof of a wrong key, and nothing is written with that.
            Pair::open(present, keys, &row.id)
                .map_err(|source| AuthError::Seal { shop: shop.name.clone(), source })?;
        }
        let version = present.as_ref().map_or(0, |present| present.version) + 1;
        let tokens = new_tokens(context, shop, row, pair, version)?;
        let claim = present.as_ref().map(Credential::claim);
        let mut is_stored = persist(|| context.grants().put(&shop.name, claim.as_ref(), &tokens)).await?;
        if !is_stored {
            // It may be ours: written, but the answer lost.
            let stored = persist(|| context.grants().read_back(&shop.name)).await?;
            is_stored = stored.is_some_and(|row| row.tokens.access_sealed == tokens.tokens.access_sealed);
        }
        if is_stored {
            if let Some(replaced) = &present
                && let Err(error) = proof::keep_replaced(context, shop, replaced, pair, &row.id).await
            {
                // The new grant is there; the one before was only a second chance.
                tracing::debug!(shop = %shop.name, "the replaced tokens were not kept: {error}");
            }
            accounts::begin_grant(context, shop).await?;
            return context.read(shop).await.map(drop);
        }
    }
    Err(context.keeps_changing(shop))
}

/// Removes the file of a pair that needs it no more.
pub async fn remove_file(unsaved: &Unsaved) {
    if let Some(file) = unsaved.file.clone()
        && let Err(error) = blocking(move || file::remove(&file)).await
    {
        tracing::debug!(shop = %unsaved.claim.shop, "the file of new tokens could not be removed: {error}");
    }
}

pub fn new_tokens(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    pair: &Pair,
    version: i64,
) -> Result<NewTokens, AuthError> {
    let sealed = pair.seal(context.keyring(), &row.id, version);
    Ok(NewTokens {
        version,
        condition: Condition::Active,
        tokens: sealed.map_err(|source| AuthError::Seal { shop: shop.name.clone(), source })?,
        granted_at: pair.granted_at,
        previous_refresh_sealed: None,
        not_before: None,
        trouble: None,
    })
}

/// Whether trying again later may still store the pair.
pub fn is_retryable(error: &AuthError) -> bool {
    match error {
        AuthError::TokenStore { .. }
        | AuthError::Store { .. }
        | AuthError::Later { .. }
        | AuthError::Broken { .. } => true,
        AuthError::Platform { source, .. } => !is_answer(source),
        _ => false,
    }
}
