//! What an owner brings: an authorisation code, or tokens. Checked against the account before anything is replaced.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::credential::{ACCESS_MARGIN, Demand};
use super::pair::Pair;
use super::persist::persist;
use super::tokens::{Tokens, land};
use super::{AuthError, GivenTokens, GrantStatus};
use crate::domain::credential::{Condition, NewTokens, Settlement};
use crate::domain::grant::{Access, Account, GrantInfo, Granted};
use crate::domain::shop::Shop;
use crate::platform::PlatformError;
use crate::platform::rate::Priority;
use crate::platform::retry::CallContext;
use crate::store::shops::ShopRow;

/// How often a new grant is offered to a row that others are changing.
const CONFLICTS_MAX: usize = 8;

impl Tokens {
    /// Exchanges an authorisation code and stores what it brings. A code works once, so this goes on to its end
    /// even if the caller goes away.
    pub async fn login_code(&self, shop: &Shop, code: SecretString) -> Result<GrantStatus, AuthError> {
        let (tokens, shop) = (self.clone(), shop.clone());
        self.to_the_end(shop.name.clone(), async move { tokens.exchange(&shop, &code).await }).await
    }

    /// Stores tokens a person was given. The platform is asked whose they are, and refuses those that are none; a
    /// wrong paste replaces nothing.
    pub async fn set(&self, shop: &Shop, given: GivenTokens) -> Result<GrantStatus, AuthError> {
        let (tokens, shop) = (self.clone(), shop.clone());
        self.to_the_end(shop.name.clone(), async move { tokens.take_given(&shop, given).await }).await
    }

    /// Asks the platform what the present token is, and keeps what it tells of account, scopes and end.
    pub async fn inspect(&self, shop: &Shop) -> Result<GrantInfo, AuthError> {
        let access = self.access(shop).await?;
        let told = self.ask(shop, &access).await.map_err(|source| refusal(shop, source))?;
        let row = self.shop_row(shop).await?;
        check_account(shop, &row, &told.account)?;
        let held = self.read(shop).await?;
        let authorised_at = row.authorised_at.unwrap_or(held.credential.granted_at);
        self.keep_account(shop, &told.account, authorised_at).await?;
        let credential = &held.credential;
        // Only a row nobody is working on: the end of a token that is being replaced is of no interest.
        if let Some(end) = told.access_ends_at
            && credential.version == access.generation
            && credential.condition == Condition::Active
            && credential.tokens.access_ends_at != end
        {
            let settlement = Settlement {
                condition: credential.condition,
                not_before: credential.not_before,
                trouble: credential.trouble.clone(),
                access_ends_at: Some(end),
            };
            self.grants().settle(&credential.claim(), &settlement).await?;
            self.read(shop).await?;
        }
        Ok(told)
    }

    async fn exchange(&self, shop: &Shop, code: &SecretString) -> Result<GrantStatus, AuthError> {
        let row = self.shop_row(shop).await?;
        let application = self.application(shop)?;
        let asked_at = self.now();
        let granted =
            application.platform().exchange_code(code).await.map_err(|source| refusal(shop, source))?;
        check_account(shop, &row, &granted.account)?;
        let pair = Pair::first(&granted, &self.rules(shop)?.grant, asked_at);
        self.put(shop, &row, &pair).await?;
        self.keep_account(shop, &granted.account, asked_at).await?;
        self.status_of(shop).await
    }

    async fn take_given(&self, shop: &Shop, given: GivenTokens) -> Result<GrantStatus, AuthError> {
        let row = self.shop_row(shop).await?;
        let asked_at = self.now();
        let claimed =
            Account { id: given.account_id.clone(), name: given.account_name.clone(), ..Account::default() };
        check_account(shop, &row, &claimed)?;
        let told = self.proof(shop, &row, &given).await?;
        check_account(shop, &row, &told.account)?;
        let pair = self.given_pair(shop, given, told.access_ends_at, asked_at)?;
        self.put(shop, &row, &pair).await?;
        let account = Account {
            id: told.account.id.or(claimed.id),
            name: told.account.name.or(claimed.name),
            ..told.account
        };
        self.keep_account(shop, &account, asked_at).await?;
        if pair.access.is_none() || pair.access_ends_at <= self.now() + ACCESS_MARGIN {
            land(shop, self.fly(shop, Demand::Due)).await?;
        }
        self.status_of(shop).await
    }

    /// What the platform says of the given access token. One that has ended proves nothing, and its refresh token is
    /// proved by being used.
    async fn proof(&self, shop: &Shop, row: &ShopRow, given: &GivenTokens) -> Result<GrantInfo, AuthError> {
        let can_refresh = given.refresh.is_some();
        let has_ended = given.access_ends_at.is_some_and(|end| end <= self.now() + ACCESS_MARGIN);
        let Some(token) = given.access.clone().filter(|_| !(has_ended && can_refresh)) else {
            return Ok(GrantInfo::default());
        };
        let access = Access { token, generation: 0, region: row.account.region.clone() };
        match self.ask(shop, &access).await {
            Ok(told) => Ok(told),
            // The token itself was accepted; only this call is not part of the grant.
            Err(PlatformError::NotGranted { .. }) => Ok(GrantInfo::default()),
            Err(PlatformError::TokenRefused { .. }) if can_refresh => {
                Ok(GrantInfo { access_ends_at: Some(self.now()), ..GrantInfo::default() })
            }
            Err(error) => Err(refusal(shop, error)),
        }
    }

    fn given_pair(
        &self,
        shop: &Shop,
        given: GivenTokens,
        told_end: Option<DateTime<Utc>>,
        asked_at: DateTime<Utc>,
    ) -> Result<Pair, AuthError> {
        let rules = self.rules(shop)?.grant;
        let access_ends_at = told_end.or(given.access_ends_at);
        let has_access = given.access.is_some();
        let granted = Granted {
            access: given.access.unwrap_or_default(),
            access_ends_at,
            refresh: given.refresh,
            refresh_ends_at: given.refresh_ends_at,
            account: Account::default(),
        };
        let first = Pair::first(&granted, &rules, asked_at);
        let has_ended = !has_access || access_ends_at.is_some_and(|end| end <= asked_at);
        Ok(Pair {
            access: first.access.filter(|_| has_access),
            access_ends_at: if has_ended { asked_at } else { first.access_ends_at },
            ..first
        })
    }

    /// Stores a new grant over whatever there is, and whatever is under way.
    async fn put(&self, shop: &Shop, row: &ShopRow, pair: &Pair) -> Result<(), AuthError> {
        let keys = &self.shared.parts.keyring;
        let seal_error = |source| AuthError::Seal { shop: shop.name.clone(), source };
        for _ in 0..CONFLICTS_MAX {
            let present = persist(|| self.grants().load(&shop.name)).await?;
            if let Some(present) = &present {
                // A grant that this key does not open is proof of a wrong key, and nothing is written with that.
                Pair::open(present, keys, &row.id).map_err(seal_error)?;
            }
            let version = present.as_ref().map_or(0, |present| present.version) + 1;
            let tokens = NewTokens {
                version,
                condition: Condition::Active,
                tokens: pair.seal(keys, &row.id, version).map_err(seal_error)?,
                granted_at: pair.granted_at,
                previous_refresh_sealed: None,
                not_before: None,
                trouble: None,
            };
            let claim = present.map(|present| present.claim());
            if persist(|| self.grants().put(&shop.name, claim.as_ref(), &tokens)).await? {
                return self.read(shop).await.map(drop);
            }
            // It may be ours: written, but the answer lost.
            let stored = persist(|| self.grants().load(&shop.name)).await?;
            if stored.is_some_and(|stored| stored.tokens.access_sealed == tokens.tokens.access_sealed) {
                return self.read(shop).await.map(drop);
            }
        }
        Err(AuthError::Later {
            shop: shop.name.clone(),
            until: self.now(),
            why: "others keep changing its grant".to_owned(),
        })
    }

    async fn keep_account(
        &self,
        shop: &Shop,
        account: &Account,
        authorised_at: DateTime<Utc>,
    ) -> Result<(), AuthError> {
        let kept = self.shared.parts.store.set_account(&shop.name, account, authorised_at);
        kept.await.map_err(|source| AuthError::Store { shop: shop.name.clone(), source: Arc::new(source) })
    }

    async fn ask(&self, shop: &Shop, access: &Access) -> Result<GrantInfo, PlatformError> {
        let Ok(application) = self.application(shop) else {
            return Ok(GrantInfo::default());
        };
        let context = CallContext {
            priority: Priority::Update,
            calls: Arc::new(AtomicU64::new(0)),
            cancel: self.shared.stopping.clone(),
        };
        application.call(&context, || application.platform().grant_info(access)).await
    }

    async fn status_of(&self, shop: &Shop) -> Result<GrantStatus, AuthError> {
        let held = self.read(shop).await?;
        Ok(GrantStatus::of(&held.credential, &held.rules, self.now()))
    }

    /// Runs `work` where nobody's going away ends it.
    async fn to_the_end(
        &self,
        shop: String,
        work: impl Future<Output = Result<GrantStatus, AuthError>> + Send + 'static,
    ) -> Result<GrantStatus, AuthError> {
        let done = self.shared.flights.spawn(work).await;
        done.unwrap_or(Err(AuthError::Broken { shop }))
    }
}

/// Whether the tokens are of the account this shop is.
pub(super) fn check_account(shop: &Shop, row: &ShopRow, account: &Account) -> Result<(), AuthError> {
    let expected = shop.account.as_ref().or(row.account.id.as_ref());
    match (expected, &account.id) {
        (Some(expected), Some(found)) if expected != found => Err(AuthError::OtherAccount {
            shop: shop.name.clone(),
            expected: expected.clone(),
            found: found.clone(),
        }),
        _ => Ok(()),
    }
}

fn refusal(shop: &Shop, source: PlatformError) -> AuthError {
    AuthError::Platform { shop: shop.name.clone(), source: Arc::new(source) }
}
