//! Tokens that a person hands over, and what the platform says of those that are stored. Checked against the account
//! before anything is replaced.

pub mod accounts;
pub(super) mod code;
pub mod device;
pub mod link;
pub(super) mod pair;
pub(super) mod proof;
pub mod scopes;
pub(super) mod settle;
pub(super) mod token_file;
pub mod token_input;

use chrono::{DateTime, Utc};

use crate::auth::context::AuthContext;
use crate::auth::keys::pair::Pair;
use crate::auth::login::token_input::TokenInput;
use crate::auth::policy::{ACCESS_MARGIN, Demand};
use crate::auth::refresh::unsaved;
use crate::auth::refresh::unsaved::pair::LoginDetails;
use crate::auth::{AuthError, GrantStatus, refresh};
use crate::domain::credential::{Condition, Settlement};
use crate::domain::grant::{Account, GrantInfo, Granted};
use crate::domain::shop::Shop;

/// Stores tokens that a person brings. The platform is called for their owner, and refuses what is no token; a
/// wrong paste replaces nothing.
pub async fn set(context: &AuthContext, shop: &Shop, given: TokenInput) -> Result<GrantStatus, AuthError> {
    let (task_context, shop) = (context.clone(), shop.clone());
    context
        .run_to_end(shop.name.clone(), async move { store_token_input(&task_context, &shop, given).await })
        .await
}

async fn store_token_input(
    context: &AuthContext,
    shop: &Shop,
    given: TokenInput,
) -> Result<GrantStatus, AuthError> {
    let row = context.shop_row(shop).await?;
    let asked_at = context.now();
    let claimed =
        Account { id: given.account_id.clone(), name: given.account_name.clone(), ..Account::default() };
    accounts::check_account(shop, &row, &claimed)?;
    accounts::check_not_shared(context, shop, &claimed).await?;
    let proof = proof::prove(context, shop, &row, &given).await?;
    let mut account = or(proof.reported.account, claimed);
    accounts::check_account(shop, &row, &account)?;
    accounts::check_not_shared(context, shop, &account).await?;
    let _room = unsaved::reserve(context, shop).await;
    let may_be_unproven = given.may_be_unproven;
    let mut pair = pair_of_input(context, shop, given, proof.reported.access_ends_at, asked_at)?;
    if !proof.is_proven && !may_be_unproven && proof::has_working_grant(context, shop).await? {
        let (next, reported) = proof::prove_by_refresh(context, shop, &row, &pair).await?;
        account = or(reported, account);
        pair = next;
    }
    let login = LoginDetails { account, asks_account: false, asked_at };
    pair::accept_pair(context, shop, &row, &pair, login).await?;
    if pair.access.is_none() || pair.access_ends_at <= context.now() + ACCESS_MARGIN {
        refresh::wait(shop, refresh::spawn_refresh(context, shop, Demand::Due)).await?;
    }
    context.grant_status(shop).await
}

fn pair_of_input(
    context: &AuthContext,
    shop: &Shop,
    given: TokenInput,
    told_end: Option<DateTime<Utc>>,
    asked_at: DateTime<Utc>,
) -> Result<Pair, AuthError> {
    let rules = context.rules(shop)?.grant;
    let access_ends_at = told_end.or(given.access_ends_at);
    let has_access = given.access.is_some();
    let granted = Granted {
        access: given.access.unwrap_or_default(),
        access_ends_at,
        refresh: given.refresh,
        refresh_ends_at: given.refresh_ends_at,
        account: Account::default(),
    };
    // Lives that were not given count from when the tokens were handed out, not from when they came here. A
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

/// Stores what the platform answered about the token of `generation`: its account, scopes and end.
pub async fn store_grant_info(
    context: &AuthContext,
    shop: &Shop,
    generation: i64,
    info: &GrantInfo,
) -> Result<(), AuthError> {
    let row = context.shop_row(shop).await?;
    accounts::check_account(shop, &row, &info.account)?;
    if let Some(other) = accounts::other_shop_of(context, shop, &info.account).await? {
        warn_shared_account(shop, &other.name);
    }
    let loaded = context.read(shop).await?;
    let authorised_at = row.authorised_at.unwrap_or(loaded.credential.granted_at);
    accounts::store_account(context, shop, &info.account, authorised_at).await?;
    let credential = &loaded.credential;
    // Only a row no one is working on: the end of a token that is being replaced is of no interest.
    if let Some(end) = info.access_ends_at
        && credential.version == generation
        && credential.condition == Condition::Active
        && credential.tokens.access_ends_at != end
    {
        let settlement = Settlement {
            condition: credential.condition,
            not_before: credential.not_before,
            trouble: credential.trouble.clone(),
            access_ends_at: Some(end),
        };
        context.grants().settle(&credential.claim(), &settlement).await?;
        context.read(shop).await?;
    }
    Ok(())
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

/// Of two that were authorised before this was refused.
fn warn_shared_account(shop: &Shop, other: &str) {
    tracing::warn!(
        event = "account.shared",
        shop = %shop.name,
        "`{}` and `{other}` are one account: take one of them out of the config, or authorise it by its own account",
        shop.name
    );
}
