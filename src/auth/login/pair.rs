//! A pair that a login brought: kept as carefully as that of a refresh. A code works once, so its pair exists nowhere
//! else.
//!
//! The order of things, each step safe to repeat and to be cut off after:
//!
//! 1. the pair is sealed and written to a file, before its account is asked for and before any database;
//! 2. its account is checked; the pair of another account goes no further;
//! 3. the pair is put in the place of whatever grant there is, and read back; then the account is stored;
//! 4. the file is removed.
//!
//! Whoever finds the file goes on at step 2. Without a folder for files, step 3 is tried for a minute.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::proof::is_answer;
use super::{check_account, expected_account, refusal};
use crate::auth::keys::pair::Pair;
use crate::auth::refresh::unsaved::{
    PERSIST_FOR_MAX, PERSIST_PAUSE_MAX, PERSIST_PAUSE_MIN, Unsaved, blocking, file, persist,
};
use crate::auth::tokens::Tokens;
use crate::auth::{AuthError, GrantStatus};
use crate::domain::credential::{Claim, Condition, Credential, NewTokens};
use crate::domain::grant::{Access, Account, Granted};
use crate::domain::shop::Shop;
use crate::store::shops::ShopRow;

/// How often a new grant is offered to a row that others are changing.
const CONFLICTS_MAX: usize = 8;
/// A pair in a file is sealed before anybody knows which version it becomes. No row has this one.
const GENERATION: i64 = 0;
/// An authorisation further ahead than this was written down by a clock that was wrong.
const CLOCK_GRACE: TimeDelta = TimeDelta::minutes(5);

/// What is known of a login besides its tokens.
#[derive(Clone)]
pub struct Login {
    pub account: Account,
    /// Whether the platform is asked whose the tokens are, where `account` does not say.
    pub asks_account: bool,
    /// When it was made.
    pub asked_at: DateTime<Utc>,
}

impl Tokens {
    /// Stores what a login brought, once it is known to be of the account this shop is.
    pub async fn accept(
        &self,
        shop: &Shop,
        row: &ShopRow,
        granted: Granted,
        asked_at: DateTime<Utc>,
    ) -> Result<GrantStatus, AuthError> {
        let pair = Pair::first(&granted, &self.rules(shop)?.grant, asked_at);
        let login = Login { account: granted.account, asks_account: true, asked_at };
        self.accept_pair(shop, row, &pair, login).await?;
        self.status_of(shop).await
    }

    /// The same for a pair, whoever brought it. One that is refused is let go; one that could not be stored in time
    /// waits in its file.
    pub async fn accept_pair(
        &self,
        shop: &Shop,
        row: &ShopRow,
        pair: &Pair,
        login: Login,
    ) -> Result<(), AuthError> {
        let mut unsaved = self.unsaved_login(shop, row, pair, login)?;
        let mut not_in_file = self.write_file(&mut unsaved).await.err();
        let begun = Instant::now();
        let mut pause = PERSIST_PAUSE_MIN;
        let mut is_found = false;
        loop {
            let why = match self.settle_in_time(shop, row, &unsaved, pair, is_found).await {
                Ok(()) => {
                    self.let_go(&unsaved).await;
                    return Ok(());
                }
                Err(error) if is_open(&error) => error,
                Err(error) => {
                    self.let_go(&unsaved).await;
                    return Err(error);
                }
            };
            if unsaved.file.is_none() {
                not_in_file = self.write_file(&mut unsaved).await.err().or(not_in_file);
            }
            let slot = self.slot(&shop.name);
            if unsaved.file.is_some() {
                slot.report_unsaved(&unsaved, &why, None);
                self.mend(shop);
                return Err(AuthError::NotStoredYet { shop: shop.name.clone(), source: Box::new(why) });
            }
            if begun.elapsed() > PERSIST_FOR_MAX || matches!(why, AuthError::Platform { .. }) {
                slot.report_unsaved(&unsaved, &why, not_in_file);
                return Err(why);
            }
            // The try before may have stored it and not said so.
            is_found = true;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PERSIST_PAUSE_MAX);
        }
    }

    /// Goes on with a pair that was found in a file. `false`: its account is not known yet, and the file stays.
    pub async fn merge_login(&self, shop: &Shop, unsaved: Unsaved, pair: &Pair) -> Result<bool, AuthError> {
        let row = self.shop_row(shop).await?;
        let settled = async {
            let account = self.account_of_login(shop, &row, &unsaved, pair).await?;
            self.settle_login(shop, &row, &unsaved, pair, account, true).await
        };
        match settled.await {
            Ok(()) => {
                self.has_stored(unsaved, true).await?;
                Ok(true)
            }
            Err(AuthError::Platform { source, .. }) if !is_answer(&source) => Ok(false),
            Err(error) if is_open(&error) => Err(error),
            Err(error) => {
                tracing::warn!(
                    event = "token.login_dropped",
                    shop = %shop.name,
                    error = %error,
                    "new tokens that waited for `{}` are not stored: {error}",
                    shop.name
                );
                self.let_go(&unsaved).await;
                Ok(true)
            }
        }
    }

    fn unsaved_login(
        &self,
        shop: &Shop,
        row: &ShopRow,
        pair: &Pair,
        login: Login,
    ) -> Result<Unsaved, AuthError> {
        let claim = Claim { shop: shop.name.clone(), version: GENERATION, fence: 0, attempt: None };
        Ok(Unsaved {
            claim,
            tokens: self.new_tokens(shop, row, pair, GENERATION)?,
            shop_id: row.id.clone(),
            attempt: format!("login-{}", Uuid::new_v4()),
            file: None,
            login: Some(login),
        })
    }

    fn new_tokens(
        &self,
        shop: &Shop,
        row: &ShopRow,
        pair: &Pair,
        version: i64,
    ) -> Result<NewTokens, AuthError> {
        let sealed = pair.seal(&self.shared.parts.keyring, &row.id, version);
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

    /// Steps 2 and 3, unless the store does not answer or the program ends: whatever is left is done later.
    async fn settle_in_time(
        &self,
        shop: &Shop,
        row: &ShopRow,
        unsaved: &Unsaved,
        pair: &Pair,
        is_found: bool,
    ) -> Result<(), AuthError> {
        let account = self.account_of_login(shop, row, unsaved, pair);
        let account = self.unless_stopping(shop, account).await?;
        let slot = self.slot(&shop.name);
        let settled = async {
            let _turn = slot.saving.lock().await;
            // With its file gone, another program has taken it up.
            let is_taken_up = unsaved.file.as_ref().is_some_and(|file| !file.exists());
            self.settle_login(shop, row, unsaved, pair, account, is_found || is_taken_up).await
        };
        tokio::select! {
            settled = settled => settled,
            late = self.store_is_late() => Err(late.into()),
        }
    }

    /// Whose tokens these are. A platform whose answer does not say is asked; if that fails, they are taken all the
    /// same where any account would do, because what gave them works only once.
    async fn account_of_login(
        &self,
        shop: &Shop,
        row: &ShopRow,
        unsaved: &Unsaved,
        pair: &Pair,
    ) -> Result<Account, AuthError> {
        let Some(login) = &unsaved.login else { return Ok(Account::default()) };
        let told = login.account.clone();
        let Some(token) = pair.access.clone().filter(|_| login.asks_account && told.id.is_none()) else {
            return Ok(told);
        };
        let access = Access { token, generation: 0, region: None };
        match self.ask(shop, &access).await {
            Ok(asked) if asked.account.id.is_some() => Ok(asked.account),
            Err(error) if expected_account(shop, row).is_some() => Err(refusal(shop, error)),
            _ => Ok(told),
        }
    }

    /// Checks the account and stores the pair with it. `is_found`: it may have been stored before, and a later login
    /// may have come since.
    async fn settle_login(
        &self,
        shop: &Shop,
        row: &ShopRow,
        unsaved: &Unsaved,
        pair: &Pair,
        account: Account,
        is_found: bool,
    ) -> Result<(), AuthError> {
        let asked_at = unsaved.login.as_ref().map_or(pair.granted_at, |login| login.asked_at);
        check_account(shop, row, &account)?;
        self.check_not_shared_or_keep(shop, &account, pair).await?;
        let present = if is_found { persist(|| self.grants().load(&shop.name)).await? } else { None };
        match present {
            // This very grant, perhaps renewed since.
            Some(present) if present.granted_at == pair.granted_at => self.begin_grant(shop).await?,
            Some(present) if self.is_authorised_since(row, asked_at) => {
                let tokens = self.new_tokens(shop, row, pair, present.version)?.tokens;
                return self.keep_beside(shop, present.version, tokens, unsaved.attempt.clone()).await;
            }
            _ => self.put(shop, row, pair).await?,
        }
        self.keep_account(shop, &account, asked_at).await
    }

    fn is_authorised_since(&self, row: &ShopRow, asked_at: DateTime<Utc>) -> bool {
        let believable = row.authorised_at.filter(|at| *at <= self.now() + CLOCK_GRACE);
        believable.is_some_and(|at| at > asked_at)
    }

    /// Stores a new grant over whatever there is, and whatever is under way.
    async fn put(&self, shop: &Shop, row: &ShopRow, pair: &Pair) -> Result<(), AuthError> {
        let keys = &self.shared.parts.keyring;
        for _ in 0..CONFLICTS_MAX {
            let present = persist(|| self.grants().load(&shop.name)).await?;
            if let Some(present) = &present {
                // A grant that this key does not open is proof of a wrong key, and nothing is written with that.
                Pair::open(present, keys, &row.id)
                    .map_err(|source| AuthError::Seal { shop: shop.name.clone(), source })?;
            }
            let version = present.as_ref().map_or(0, |present| present.version) + 1;
            let tokens = self.new_tokens(shop, row, pair, version)?;
            let claim = present.as_ref().map(Credential::claim);
            let mut is_stored = persist(|| self.grants().put(&shop.name, claim.as_ref(), &tokens)).await?;
            if !is_stored {
                // It may be ours: written, but the answer lost.
                let stored = persist(|| self.grants().read_back(&shop.name)).await?;
                is_stored = stored.is_some_and(|row| row.tokens.access_sealed == tokens.tokens.access_sealed);
            }
            if is_stored {
                if let Some(replaced) = &present
                    && let Err(error) = self.keep_replaced(shop, replaced, pair, &row.id).await
                {
                    // The new grant is there; the one before was only a second chance.
                    tracing::debug!(shop = %shop.name, "the replaced tokens were not kept: {error}");
                }
                self.begin_grant(shop).await?;
                return self.read(shop).await.map(drop);
            }
        }
        Err(self.keeps_changing(shop))
    }

    /// Removes the file of a pair that needs it no more.
    async fn let_go(&self, unsaved: &Unsaved) {
        if let Some(file) = unsaved.file.clone()
            && let Err(error) = blocking(move || file::remove(&file)).await
        {
            tracing::debug!(shop = %unsaved.claim.shop, "the file of new tokens could not be removed: {error}");
        }
    }
}

/// Whether trying again later may still store the pair.
fn is_open(error: &AuthError) -> bool {
    match error {
        AuthError::TokenStore { .. }
        | AuthError::Store { .. }
        | AuthError::Later { .. }
        | AuthError::Broken { .. } => true,
        AuthError::Platform { source, .. } => !is_answer(source),
        _ => false,
    }
}
