//! One account in one zone is one shop: the same orders under two names would be counted twice, and on some platforms the later
//! authorisation ends the earlier one.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::store_error;
use crate::auth::AuthError;
use crate::auth::keys::pair::Pair;
use crate::auth::tokens::Tokens;
use crate::domain::credential::Orphan;
use crate::domain::grant::Account;
use crate::domain::shop::Shop;
use crate::language::{Said, said};
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
    pub fn told(&self) -> Said {
        let Self { platform, account, shops } = self;
        let shops = shops.join(", ");
        said!(
            "{shops} are one account of {platform} (`{account}`), so its orders are stored more than once: keep one of them \
             in the config, or authorise each by its own account",
            "{shops} 是 {platform} 的同一个账号（`{account}`），它的订单会重复保存：请在配置中只保留一个，或各自用自己的账号授权"
        )
    }
}

impl Tokens {
    /// The accounts that more than one authorised shop is. New ones are refused; a database may hold older ones.
    pub async fn shared_accounts(&self) -> Result<Vec<SharedAccount>, AuthError> {
        let rows = self.shared.parts.store.shops().all().await.map_err(all_shops)?;
        let mut authorised = Vec::new();
        for shared in shared_accounts(&rows) {
            let mut shops = Vec::new();
            for shop in shared.shops {
                if self.grants().load(&shop).await?.is_some() {
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
    pub async fn other_shop_of(&self, shop: &Shop, account: &Account) -> Result<Option<ShopRow>, AuthError> {
        let Some(account) = &account.id else { return Ok(None) };
        let rows = self.shared.parts.store.shops().all().await.map_err(|source| store_error(shop, source))?;
        let others = rows.into_iter().filter(|row| {
            row.name != shop.name
                && row.platform == shop.platform
                && row.zone == shop.zone
                && row.removed_at.is_none()
                && row.account.id.as_ref() == Some(account)
        });
        for row in others {
            // A grant that was cleared leaves the account free for another shop.
            if self.grants().load(&row.name).await?.is_some() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Refuses an account that is another shop already.
    pub async fn check_not_shared(&self, shop: &Shop, account: &Account) -> Result<(), AuthError> {
        match self.other_shop_of(shop, account).await? {
            Some(other) => Err(shared(shop, account, &other)),
            None => Ok(()),
        }
    }

    /// The same for a pair that the platform has just handed out. It may have ended the other shop's, so it is kept for
    /// that one, in case its own is refused.
    pub async fn check_not_shared_or_keep(
        &self,
        shop: &Shop,
        account: &Account,
        pair: &Pair,
    ) -> Result<(), AuthError> {
        let Some(other) = self.other_shop_of(shop, account).await? else {
            return Ok(());
        };
        if other.app == shop.app {
            self.keep_for(&other, pair).await?;
        }
        Err(shared(shop, account, &other))
    }

    async fn keep_for(&self, row: &ShopRow, pair: &Pair) -> Result<(), AuthError> {
        let Some(present) = self.grants().load(&row.name).await? else {
            return Ok(());
        };
        let sealed = pair.seal(&self.shared.parts.keyring, &row.id, present.version);
        let tokens = sealed.map_err(|source| AuthError::Seal { shop: row.name.clone(), source })?;
        let attempt = format!("login:{}", Uuid::new_v4());
        let orphan = Orphan { shop: row.name.clone(), version: present.version, tokens, attempt };
        let kept = self.shared.parts.store.orphans().keep(&orphan).await;
        kept.map_err(|source| AuthError::Store { shop: row.name.clone(), source: Arc::new(source) })
    }
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
