//! Logins by a link: the `state` in it is remembered, so that an address which comes back later, to another process,
//! is known to be the answer to a link of ours for this very shop.

use std::fmt;

use chrono::TimeDelta;
use uuid::Uuid;

use super::store_error;
use super::token_input::Returned;
use crate::auth::tokens::Tokens;
use crate::auth::{AuthError, GrantStatus};
use crate::domain::shop::Shop;
use crate::store::StoreError;
use crate::store::grants::login_attempts::NewLogin;

/// The word in `login_attempts`.
const KIND: &str = "link";

/// How long a link may lie in an owner's mailbox. The code it leads to lives for minutes.
const LINK_LIFE: TimeDelta = TimeDelta::days(7);

/// Why an address is not the answer to a link of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateFault {
    OtherShop(String),
    Used,
    TooOld,
    Unknown,
}

impl fmt::Display for StateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherShop(shop) => write!(f, "it answers the link of shop `{shop}`"),
            Self::Used => f.write_str("it was used already"),
            Self::TooOld => write!(f, "its link is older than {} days", LINK_LIFE.num_days()),
            Self::Unknown => f.write_str("it carries a `state` that no link of ours had"),
        }
    }
}

impl Tokens {
    /// The link where a shop's owner grants access. `None`: its platform has only a console page.
    pub async fn login_link(&self, shop: &Shop) -> Result<Option<String>, AuthError> {
        let state = Uuid::new_v4().simple().to_string();
        let Some(link) = self.application(shop)?.platform().authorize_link(&state) else {
            return Ok(None);
        };
        let login = NewLogin {
            id: state,
            shop: shop.name.clone(),
            kind: KIND,
            secret_sealed: None,
            key_id: None,
            life: LINK_LIFE,
        };
        let begun = self.shared.parts.store.logins().begin(&login).await;
        begun.map_err(|source| store_error(shop, source))?;
        Ok(Some(link))
    }

    /// The shop whose link had this `state`. `None`: no link of ours, or one that was forgotten since.
    pub async fn shop_of_link(&self, state: &str) -> Result<Option<String>, StoreError> {
        let known = self.shared.parts.store.logins().get(state).await?;
        Ok(known.filter(|login| login.kind == KIND).map(|login| login.shop))
    }

    /// Exchanges what an owner brought back. The `state` of an address is used up, and must be one of ours; a bare
    /// code has none.
    pub async fn login_returned(&self, shop: &Shop, returned: Returned) -> Result<GrantStatus, AuthError> {
        let Some(state) = returned.state else {
            return self.login_code(shop, returned.code).await;
        };
        self.take_state(shop, &state).await?;
        let outcome = self.login_code(shop, returned.code).await;
        // What is not spent may be brought again, and the owner need not be asked for another.
        if outcome.as_ref().is_err_and(AuthError::leaves_code_unspent) {
            let given_back = self.shared.parts.store.logins().give_back(&state).await;
            given_back.map_err(|source| store_error(shop, source))?;
        }
        outcome
    }

    async fn take_state(&self, shop: &Shop, state: &str) -> Result<(), AuthError> {
        let store = &self.shared.parts.store;
        let known = store.logins().get(state).await.map_err(|source| store_error(shop, source))?;
        let fault = match known.filter(|login| login.kind == KIND) {
            None => StateFault::Unknown,
            Some(login) if login.shop != shop.name => StateFault::OtherShop(login.shop),
            Some(login) => {
                let taken = store.logins().take(state).await.map_err(|source| store_error(shop, source))?;
                match (taken, login.used_at) {
                    (Some(_), _) => return Ok(()),
                    (None, None) if login.expires_at <= self.now() => StateFault::TooOld,
                    (None, _) => StateFault::Used,
                }
            }
        };
        Err(AuthError::ForeignLink { shop: shop.name.clone(), fault })
    }
}
