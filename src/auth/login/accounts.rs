//! One account in one zone is one shop: the same orders under two names would be counted twice, and on some platforms
//! the later authorisation ends the earlier one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::auth::AuthError;
use crate::auth::context::AuthContext;
use crate::auth::error::store_error;
use crate::auth::keys::pair::Pair;
use crate::auth::shop_state::lock;
use crate::domain::credential::Orphan;
use crate::domain::grant::{Access, Account, GrantInfo};
use crate::domain::shop::Shop;
use crate::language::{Text, text};
use crate::platform::PlatformError;
use crate::platform::rate::Priority;
use crate::platform::retry::CallContext;
use crate::store::StoreError;
use crate::store::shops::ShopRow;

/// Several shops that are one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedAccount {
    pub platform: String,
    pub account: String,
    /// At least two, by name.
    pub shops: Vec<String>,
}

/// The accounts that more than one of these shops is. Shops that the config no longer names do not count. Pure.
pub fn shared_accounts(rows: &[ShopRow]) -> Vec<SharedAccount> {
    let mut shops: BTreeMap<(&str, &str, &str), Vec<String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.removed_at.is_none()) {
        if let Some(account) = &row.account.id {
            shops.entry((&row.platform, &row.zone, account)).or_default().push(row.name.clone());
        }
    }
    let shared = shops.into_iter().filter(|(_, shops)| shops.len() > 1);
    shared
        .map(|((platform, _, account), shops)| SharedAccount {
            platform: platform.to_owned(),
            account: account.to_owned(),
            shops,
        })
        .collect()
}

impl SharedAccount {
    pub fn warning(&self) -> Text {
        let Self { platform, account, shops } = self;
        let shops = shops.join(", ");
        text!(
            "{shops} are one account of {platform} (`{account}`), so its orders are stored more than once: keep one of them \
             in the config, or authorise each by its own account",
            "{shops} 是 {platform} 的同一个账号（`{account}`），它的订单会重复保存：请在配置中只保留一个，或各自用自己的账号授权"
        )
    }
}

/// The accounts that more than one authorised shop is. New ones are refused; a database may hold older ones.
pub async fn shared_by_authorised_shops(context: &AuthContext) -> Result<Vec<SharedAccount>, AuthError> {
    let rows = context.store().shops().all().await.map_err(all_shops)?;
    let mut authorised = Vec::new();
    for shared in shared_accounts(&rows) {
        let mut shops = Vec::new();
        for shop in shared.shops {
            if context.grants().load(&shop).await?.is_some() {
                shops.push(shop);
            }
        }
        if shops.len() > 1 {
            authorised.push(SharedAccount { shops, ..shared });
        }
    }
    Ok(authorised)
}

/// The other authorised shop that is this account.
pub async fn other_shop_of(
    context: &AuthContext,
    shop: &Shop,
    account: &Account,
) -> Result<Option<ShopRow>, AuthError> {
    let Some(account) = &account.id else { return Ok(None) };
    let rows = context.store().shops().all().await.map_err(|source| store_error(shop, source))?;
    let others = rows.into_iter().filter(|row| {
        row.name != shop.name
            && row.platform == shop.platform
            && row.zone == shop.zone
            && row.removed_at.is_none()
            && row.account.id.as_ref() == Some(account)
    });
    for row in others {
        // A grant that was cleared leaves the account free for another shop.
        if context.grants().load(&row.name).await?.is_some() {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Refuses an account that is another shop already.
pub async fn check_not_shared(
    context: &AuthContext,
    shop: &Shop,
    account: &Account,
) -> Result<(), AuthError> {
    match other_shop_of(context, shop, account).await? {
        Some(other) => Err(shared(shop, account, &other)),
        None => Ok(()),
    }
}

/// The same for a pair that the platform has just handed out. It may have ended the other shop's, so it is kept for
/// that one, in case its own is refused.
pub async fn check_not_shared_or_keep(
    context: &AuthContext,
    shop: &Shop,
    account: &Account,
    pair: &Pair,
) -> Result<(), AuthError> {
    let Some(other) = other_shop_of(context, shop, account).await? else {
        return Ok(());
    };
    if other.app == shop.app {
        keep_for_other_shop(context, &other, pair).await?;
    }
    Err(shared(shop, account, &other))
}

async fn keep_for_other_shop(context: &AuthContext, row: &ShopRow, pair: &Pair) -> Result<(), AuthError> {
    let Some(present) = context.grants().load(&row.name).await? else {
        return Ok(());
    };
    let sealed = pair.seal(context.keyring(), &row.id, present.version);
    let tokens = sealed.map_err(|source| AuthError::Seal { shop: row.name.clone(), source })?;
    let attempt = format!("login:{}", Uuid::new_v4());
    let orphan = Orphan { shop: row.name.clone(), version: present.version, tokens, attempt };
    let kept = context.store().orphans().keep(&orphan).await;
    kept.map_err(|source| AuthError::Store { shop: row.name.clone(), source: Arc::new(source) })
}

/// With a new grant the shop goes on by itself, in every program, and whatever was reported of the old one counts no
/// more.
pub async fn begin_grant(context: &AuthContext, shop: &Shop) -> Result<(), AuthError> {
    let begun = context.store().grants().begin(&shop.name).await;
    if begun.map_err(|source| store_error(shop, source))? {
        tracing::info!(
            event = "shop.resumed",
            shop = %shop.name,
            "`{}` was authorised again and goes on",
            shop.name
        );
        lock(&context.shared.resumed).insert(shop.name.clone());
    }
    Ok(())
}

pub async fn store_account(
    context: &AuthContext,
    shop: &Shop,
    account: &Account,
    authorised_at: DateTime<Utc>,
) -> Result<(), AuthError> {
    let kept = context.store().shops().set_account(&shop.name, account, authorised_at);
    kept.await.map_err(|source| store_error(shop, source))
}

pub async fn request_grant_info(
    context: &AuthContext,
    shop: &Shop,
    access: &Access,
) -> Result<GrantInfo, PlatformError> {
    let Ok(application) = context.application(shop) else {
        return Ok(GrantInfo::default());
    };
    let context = CallContext {
        priority: Priority::Update,
        calls: Arc::new(AtomicU64::new(0)),
        cancel: context.shared.stopping.clone(),
        patience: None,
    };
    application.call(&context, || application.platform().grant_info(access)).await
}

/// Whether the tokens are of the account this shop is.
pub fn check_account(shop: &Shop, row: &ShopRow, account: &Account) -> Result<(), AuthError> {
    match (expected_account(shop, row), &account.id) {
        (Some(expected), Some(found)) if expected != found => Err(AuthError::OtherAccount {
            shop: shop.name.clone(),
            expected: expected.clone(),
            found: found.clone(),
        }),
        _ => Ok(()),
    }
}

/// `None`: any account will do, and the first decides.
pub fn expected_account<'a>(shop: &'a Shop, row: &'a ShopRow) -> Option<&'a String> {
    shop.account.as_ref().or(row.account.id.as_ref())
}

fn shared(shop: &Shop, account: &Account, other: &ShopRow) -> AuthError {
    AuthError::SharedAccount {
        shop: shop.name.clone(),
        account: account.id.clone().unwrap_or_default(),
        other: other.name.clone(),
    }
}

fn all_shops(source: StoreError) -> AuthError {
    AuthError::Store { shop: "*".to_owned(), source: Arc::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, platform: &str, account: Option<&str>) -> ShopRow {
        ShopRow {
            name: name.to_owned(),
            id: name.to_owned(),
            platform: platform.to_owned(),
            app: "app".to_owned(),
            zone: String::new(),
            account: Account { id: account.map(str::to_owned), ..Account::default() },
            authorised_at: None,
            pause: None,
            removed_at: None,
            warned_at: None,
            inspected_at: None,
        }
    }

    #[test]
    fn an_account_is_shared_within_its_platform_only() {
        let gone =
            ShopRow { removed_at: Some(chrono::DateTime::UNIX_EPOCH), ..row("gone", "temu", Some("1")) };
        let rows = [
            row("a", "temu", Some("1")),
            row("b", "temu", Some("1")),
            row("c", "xiaohongshu", Some("1")),
            row("d", "temu", None),
            row("e", "temu", None),
            gone,
        ];
        let shared = shared_accounts(&rows);
        assert_eq!(shared.len(), 1);
        assert_eq!((&*shared[0].account, shared[0].shops.join(" ")), ("1", "a b".to_owned()));
    }
}
