//! A grant as it was read: the row, opened, with the shop and the rules it belongs to.

use std::sync::Arc;

use super::AuthError;
use super::copied::tell_copied;
use super::duty::authorise_command;
use super::error::Delay;
use super::keys::pair::Pair;
use super::policy::{Demand, Need, Rules};
use super::store::TokenStoreError;
use super::tokens::Tokens;
use crate::domain::credential::Credential;
use crate::domain::grant::Access;
use crate::domain::shop::Shop;
use crate::store::shops::ShopRow;

/// A grant as it was read, with its tokens in the clear. Has no `Debug`.
pub struct Held {
    pub(super) credential: Credential,
    pub(super) pair: Pair,
    pub(super) row: ShopRow,
    pub(super) rules: Rules,
}

impl Tokens {
    /// Reads the row and takes over what it says.
    pub(super) async fn read(&self, shop: &Shop) -> Result<Held, AuthError> {
        let rules = self.rules(shop)?;
        let row = self.shop_row(shop).await?;
        let slot = self.slot(&shop.name);
        let Some(credential) = self.load(&shop.name).await? else {
            slot.forget();
            return Err(AuthError::never_authorised(shop));
        };
        tell_copied(&credential, &slot);
        let pair = Pair::open(&credential, &self.shared.parts.keyring, &row.id)
            .map_err(|source| AuthError::Seal { shop: shop.name.clone(), source })?;
        let held = Held { credential, pair, row, rules };
        self.publish(&held);
        Ok(held)
    }

    /// From now on callers get this token.
    pub(super) fn publish(&self, held: &Held) {
        let slot = self.slot(&held.credential.shop);
        let now = self.now();
        match held.access() {
            Some(access) if held.credential.state(&held.rules, Demand::Due, now).usable => {
                let ends_at = held.credential.tokens.access_ends_at;
                slot.keep(access, ends_at, held.credential.due_at(&held.rules), now);
            }
            _ => slot.forget(),
        }
    }

    /// The row, with the successor that waits to be stored, if the row still waits for that.
    pub(super) async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        let row = self.grants().load(shop).await?;
        let unsaved = self.slot(shop).unsaved();
        Ok(row.map(|row| match unsaved {
            Some(unsaved) if unsaved.file.is_some() && unsaved.claim == row.claim() => {
                row.renewed(&unsaved.tokens)
            }
            _ => row,
        }))
    }

    pub(super) async fn shop_row(&self, shop: &Shop) -> Result<ShopRow, AuthError> {
        let row = self.shared.parts.store.shops().get(&shop.name).await;
        row.map_err(|source| AuthError::Store { shop: shop.name.clone(), source: Arc::new(source) })?
            .ok_or_else(|| AuthError::NotRegistered { shop: shop.name.clone() })
    }
}

impl Held {
    /// `None` when the grant holds only a refresh token.
    pub(super) fn access(&self) -> Option<Access> {
        self.pair.access.as_ref().map(|token| Access {
            token: token.clone(),
            generation: self.credential.version,
            region: self.row.account.region.clone(),
        })
    }

    /// Why nothing can be handed out.
    pub(super) fn without_token(&self, need: Need) -> AuthError {
        let shop = self.credential.shop.clone();
        let until = match need {
            Need::Owner(reason) => {
                let command = authorise_command(&shop, &self.row.platform);
                return AuthError::NeedsOwner { shop, reason, command };
            }
            Need::Copied => return AuthError::Copied { shop },
            Need::Rest { until } => until,
            Need::Busy | Need::Refresh | Need::Replay => self.credential.tokens.access_ends_at,
        };
        let why = match &self.credential.trouble {
            Some(trouble) => Delay::Troubled(trouble.message.clone()),
            None if self.credential.attempt.is_none() => Delay::NeverRenewed,
            None => Delay::JustRenewed,
        };
        AuthError::Later { shop, until, why }
    }
}
