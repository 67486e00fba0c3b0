//! Grants in a database that was copied: used, but not renewed, until somebody says that the original is no longer
//! used.

use super::AuthError;
use super::error::Delay;
use super::shop_state::Slot;
use super::tokens::Tokens;
use crate::domain::credential::Credential;
use crate::domain::shop::Shop;

/// How often the right is offered to a row that others are changing.
const CONFLICTS_MAX: usize = 8;

impl Tokens {
    /// Makes a copied grant the one that is renewed from now on. `false`: it is no copy.
    pub async fn take_over(&self, shop: &Shop) -> Result<bool, AuthError> {
        for _ in 0..CONFLICTS_MAX {
            let Some(row) = self.grants().load(&shop.name).await? else {
                return Err(AuthError::never_authorised(shop));
            };
            if !row.is_copied {
                return Ok(false);
            }
            if self.grants().take_over(&row.claim()).await? {
                self.slot(&shop.name).forget();
                tracing::info!(
                    event = "token.taken_over",
                    shop = %shop.name,
                    "the token of `{}` is renewed here from now on",
                    shop.name
                );
                return Ok(true);
            }
        }
        Err(self.keeps_changing(shop))
    }

    pub(super) fn keeps_changing(&self, shop: &Shop) -> AuthError {
        AuthError::Later { shop: shop.name.clone(), until: self.now(), why: Delay::Contended }
    }
}

/// Says once in a process that a grant is a copy.
pub(super) fn tell_copied(credential: &Credential, slot: &Slot) {
    if !credential.is_frozen_copy() || !slot.is_first_told_of_copy() {
        return;
    }
    tracing::warn!(
        event = "token.copied",
        shop = %credential.shop,
        "the database was copied from elsewhere, so the token of `{}` is used but not renewed here: when nobody \
         uses the original any more, run `shopsync auth take-over {}`",
        credential.shop,
        credential.shop
    );
}
