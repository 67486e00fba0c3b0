//! A pair that a login brought: kept as carefully as that of a refresh. A code works once, so its pair exists nowhere
//! else.
//!
//! The order of things, each step safe to repeat and to be cut off after:
//!
//! 1. the pair is sealed and written to a file, before its account is requested and before any database;
//! 2. its account is checked; the pair of another account goes no further;
//! 3. the pair is put in the place of whatever grant there is, and read back; then the account is stored;
//! 4. the file is removed.
//!
//! A process that finds the file goes on at step 2. Without a folder for files, step 3 is tried for a minute.

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::auth::context::{AuthContext, PERSIST_FOR_MAX, PERSIST_PAUSE_MAX, PERSIST_PAUSE_MIN};
use crate::auth::keys::pair::Pair;
use crate::auth::login::settle;
use crate::auth::login::settle::is_retryable;
use crate::auth::refresh::unsaved;
use crate::auth::refresh::unsaved::pair::{LoginDetails, Unsaved};
use crate::auth::refresh::unsaved::recovery;
use crate::auth::{AuthError, GrantStatus};
use crate::domain::credential::Claim;
use crate::domain::grant::Granted;
use crate::domain::shop::Shop;
use crate::store::shops::ShopRow;

/// A pair in a file is sealed before anybody knows which version it becomes. No row has this one.
const GENERATION: i64 = 0;

/// Stores what a login brought, once it is known to be of the account this shop is.
pub async fn accept(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    granted: Granted,
    asked_at: DateTime<Utc>,
) -> Result<GrantStatus, AuthError> {
    let pair = Pair::first(&granted, &context.rules(shop)?.grant, asked_at);
    let login = LoginDetails { account: granted.account, asks_account: true, asked_at };
    accept_pair(context, shop, row, &pair, login).await?;
    context.grant_status(shop).await
}

/// The same for a pair from any process. One that is refused is dropped; one that could not be stored in time
/// waits in its file.
pub async fn accept_pair(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    pair: &Pair,
    login: LoginDetails,
) -> Result<(), AuthError> {
    let mut unsaved = unsaved_login(context, shop, row, pair, login)?;
    let mut not_in_file = unsaved::write_file(context, &mut unsaved).await.err();
    let begun = Instant::now();
    let mut pause = PERSIST_PAUSE_MIN;
    let mut is_found = false;
    loop {
        let why = match settle_in_time(context, shop, row, &unsaved, pair, is_found).await {
            Ok(()) => {
                settle::remove_file(&unsaved).await;
                return Ok(());
            }
            Err(error) if is_retryable(&error) => error,
            Err(error) => {
                settle::remove_file(&unsaved).await;
                return Err(error);
            }
        };
        if unsaved.file.is_none() {
            not_in_file = unsaved::write_file(context, &mut unsaved).await.err().or(not_in_file);
        }
        let shop_state = context.shop_state(&shop.name);
        if unsaved.file.is_some() {
            shop_state.report_unsaved(&unsaved, &why, None);
            recovery::spawn_recovery(context, shop);
            return Err(AuthError::NotStoredYet { shop: shop.name.clone(), source: Box::new(why) });
        }
        if begun.elapsed() > PERSIST_FOR_MAX || matches!(why, AuthError::Platform { .. }) {
            shop_state.report_unsaved(&unsaved, &why, not_in_file);
            return Err(why);
        }
        // The try before may have stored it and not said so.
        is_found = true;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PERSIST_PAUSE_MAX);
    }
}

fn unsaved_login(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    pair: &Pair,
    login: LoginDetails,
) -> Result<Unsaved, AuthError> {
    let claim = Claim { shop: shop.name.clone(), version: GENERATION, fence: 0, attempt: None };
    Ok(Unsaved {
        claim,
        tokens: settle::new_tokens(context, shop, row, pair, GENERATION)?,
        shop_id: row.id.clone(),
        attempt: format!("login-{}", Uuid::new_v4()),
        file: None,
        login: Some(login),
    })
}

/// Steps 2 and 3, unless the store does not answer or the program ends: whatever is left is done later.
async fn settle_in_time(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    unsaved: &Unsaved,
    pair: &Pair,
    is_found: bool,
) -> Result<(), AuthError> {
    let account = settle::account_of_login(context, shop, row, unsaved, pair);
    let account = context.unless_stopping(shop, account).await?;
    let shop_state = context.shop_state(&shop.name);
    let settled = async {
        let _turn = shop_state.saving.lock().await;
        // With its file gone, another program has taken it up.
        let is_taken_up = unsaved.file.as_ref().is_some_and(|file| !file.exists());
        settle::settle_login(context, shop, row, unsaved, pair, account, is_found || is_taken_up).await
    };
    tokio::select! {
        settled = settled => settled,
        late = context.store_is_late() => Err(late.into()),
    }
}
