//! Tokens that a person hands over, and what the platform says of those that are stored. Checked against the account
//! before anything is replaced.

pub mod accounts;
pub(super) mod code;
pub mod device;
pub mod link;
pub(super) mod pair;
pub(super) mod proof;
pub mod scopes;
pub(super) mod token_file;
pub mod token_input;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{DateTime, Utc};

use super::keys::pair::Pair;
use super::login::pair::Login;
use super::policy::{ACCESS_MARGIN, Demand};
use super::shop_state::lock;
use super::tokens::{Tokens, land};
use super::{AuthError, GivenTokens, GrantStatus};
use crate::domain::credential::{Condition, Settlement};
use crate::domain::grant::{Access, Account, GrantInfo, Granted};
use crate::domain::shop::Shop;
use crate::platform::PlatformError;
use crate::platform::rate::Priority;
use crate::platform::retry::CallContext;
use crate::store::StoreError;
use crate::store::shops::ShopRow;

impl Tokens {
    /// Stores tokens a person was given. The platform is asked whose they are, and refuses those that are none; a
    /// wrong paste replaces nothing.
    pub async fn set(&self, shop: &Shop, given: GivenTokens) -> Result<GrantStatus, AuthError> {
        let (tokens, shop) = (self.clone(), shop.clone());
        self.to_the_end(shop.name.clone(), async move { tokens.take_given(&shop, given).await }).await
    }

    /// Asks the platform what the present token is, and keeps what it tells of account, scopes and end.
    pub async fn inspect(&self, shop: &Shop) -> Result<GrantInfo, AuthError> {
        let mut access = self.access(shop).await?;
        let mut answer = self.ask(shop, &access).await;
        if let Err(error @ PlatformError::TokenRefused { .. }) = &answer {
            access = self.refused(shop, access.generation, error).await?;
            answer = self.ask(shop, &access).await;
        }
        let told = answer.map_err(|source| refusal(shop, source))?;
        let row = self.shop_row(shop).await?;
        check_account(shop, &row, &told.account)?;
        if let Some(other) = self.other_shop_of(shop, &told.account).await? {
            tell_shared(shop, &other.name);
        }
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

    async fn take_given(&self, shop: &Shop, given: GivenTokens) -> Result<GrantStatus, AuthError> {
        let row = self.shop_row(shop).await?;
        let asked_at = self.now();
        let claimed =
            Account { id: given.account_id.clone(), name: given.account_name.clone(), ..Account::default() };
        check_account(shop, &row, &claimed)?;
        self.check_not_shared(shop, &claimed).await?;
        let proof = self.proof(shop, &row, &given).await?;
        let mut account = or(proof.told.account, claimed);
        check_account(shop, &row, &account)?;
        self.check_not_shared(shop, &account).await?;
        let _room = self.reserve(shop).await;
        let may_be_unproven = given.may_be_unproven;
        let mut pair = self.given_pair(shop, given, proof.told.access_ends_at, asked_at)?;
        if !proof.is_proven && !may_be_unproven && self.has_working_grant(shop).await? {
            let (next, told) = self.prove_by_refresh(shop, &row, &pair).await?;
            account = or(told, account);
            pair = next;
        }
        let login = Login { account, asks_account: false, asked_at };
        self.accept_pair(shop, &row, &pair, login).await?;
        if pair.access.is_none() || pair.access_ends_at <= self.now() + ACCESS_MARGIN {
            land(shop, self.fly(shop, Demand::Due)).await?;
        }
        self.status_of(shop).await
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
        // Lives that were not told count from when the tokens were handed out, not from when they came here. A
        // moment so far back that nothing of then could still live is none.
        let earliest = asked_at - rules.refresh_life_default.unwrap_or(rules.access_life_max);
        let told_at = given.obtained_at.filter(|at| (earliest..=asked_at).contains(at));
        let obtained_at = told_at.unwrap_or(asked_at);
        let first = Pair::first(&granted, &rules, obtained_at);
        let has_ended = !has_access || access_ends_at.is_some_and(|end| end <= asked_at);
        Ok(Pair {
            access: first.access.filter(|_| has_access),
            access_ends_at: if has_ended { asked_at } else { first.access_ends_at },
            ..first
        })
    }

    /// With a new grant the shop goes on by itself, in every program, and whatever was told of the old one counts no
    /// more.
    pub(super) async fn begin_grant(&self, shop: &Shop) -> Result<(), AuthError> {
        let begun = self.shared.parts.store.grants().begin(&shop.name).await;
        if begun.map_err(|source| store_error(shop, source))? {
            tracing::info!(
                event = "shop.resumed",
                shop = %shop.name,
                "`{}` was authorised again and goes on",
                shop.name
            );
            lock(&self.shared.resumed).insert(shop.name.clone());
        }
        Ok(())
    }

    pub(super) async fn keep_account(
        &self,
        shop: &Shop,
        account: &Account,
        authorised_at: DateTime<Utc>,
    ) -> Result<(), AuthError> {
        let kept = self.shared.parts.store.shops().set_account(&shop.name, account, authorised_at);
        kept.await.map_err(|source| store_error(shop, source))
    }

    pub(super) async fn ask(&self, shop: &Shop, access: &Access) -> Result<GrantInfo, PlatformError> {
        let Ok(application) = self.application(shop) else {
            return Ok(GrantInfo::default());
        };
        let context = CallContext {
            priority: Priority::Update,
            calls: Arc::new(AtomicU64::new(0)),
            cancel: self.shared.stopping.clone(),
            patience: None,
        };
        application.call(&context, || application.platform().grant_info(access)).await
    }

    pub(super) async fn status_of(&self, shop: &Shop) -> Result<GrantStatus, AuthError> {
        let held = self.read(shop).await?;
        Ok(GrantStatus::of(&held.credential, &held.rules, self.now()))
    }

    /// Runs `work` where nobody's going away ends it.
    pub(super) async fn to_the_end(
        &self,
        shop: String,
        work: impl Future<Output = Result<GrantStatus, AuthError>> + Send + 'static,
    ) -> Result<GrantStatus, AuthError> {
        let done = self.shared.flights.spawn(work).await;
        done.unwrap_or(Err(AuthError::Broken { shop }))
    }
}

/// What `first` says, else `second`.
fn or(first: Account, second: Account) -> Account {
    Account {
        id: first.id.or(second.id),
        name: first.name.or(second.name),
        region: first.region.or(second.region),
        scopes: first.scopes.or(second.scopes),
    }
}

/// Whether the tokens are of the account this shop is.
pub(super) fn check_account(shop: &Shop, row: &ShopRow, account: &Account) -> Result<(), AuthError> {
    match (expected_account(shop, row), &account.id) {
        (Some(expected), Some(found)) if expected != found => Err(AuthError::OtherAccount {
            shop: shop.name.clone(),
            expected: expected.clone(),
            found: found.clone(),
        }),
        _ => Ok(()),
    }
}

/// Of two that were authorised before this was refused.
fn tell_shared(shop: &Shop, other: &str) {
    tracing::warn!(
        event = "account.shared",
        shop = %shop.name,
        "`{}` and `{other}` are one account: take one of them out of the config, or authorise it by its own account",
        shop.name
    );
}

pub(super) fn store_error(shop: &Shop, source: StoreError) -> AuthError {
    AuthError::Store { shop: shop.name.clone(), source: Arc::new(source) }
}

/// `None`: any account will do, and the first decides.
pub(super) fn expected_account<'a>(shop: &'a Shop, row: &'a ShopRow) -> Option<&'a String> {
    shop.account.as_ref().or(row.account.id.as_ref())
}

pub(super) fn refusal(shop: &Shop, source: PlatformError) -> AuthError {
    AuthError::Platform { shop: shop.name.clone(), source: Arc::new(source) }
}
