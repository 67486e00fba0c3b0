//! Logins by a link: the `state` in it is remembered, so that an address which comes back later, to another process,
//! is known to be the answer to a link of ours for this very shop.

use uuid::Uuid;

use crate::auth::context::AuthContext;
use crate::auth::error::{LINK_LIFE, StateFault, store_error};
use crate::auth::login::code;
use crate::auth::login::token_input::Returned;
use crate::auth::{AuthError, GrantStatus};
use crate::domain::shop::Shop;
use crate::store::StoreError;
use crate::store::grants::login_attempts::NewLogin;

/// The word in `login_attempts`.
const KIND: &str = "link";

/// The link where a shop's owner grants access. `None`: its platform has only a console page.
pub async fn login_link(context: &AuthContext, shop: &Shop) -> Result<Option<String>, AuthError> {
    let state = Uuid::new_v4().simple().to_string();
    let Some(link) = context.application(shop)?.platform().authorize_link(&state) else {
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
    let begun = context.store().logins().begin(&login).await;
    begun.map_err(|source| store_error(shop, source))?;
    Ok(Some(link))
}

/// The shop whose link had this `state`. `None`: no link of ours, or one that was forgotten since.
pub async fn shop_of_link(context: &AuthContext, state: &str) -> Result<Option<String>, StoreError> {
    let known = context.store().logins().get(state).await?;
    Ok(known.filter(|login| login.kind == KIND).map(|login| login.shop))
}

/// Exchanges what an owner brought back. The `state` of an address is used up, and must be one of ours; a bare
/// code has none.
pub async fn login_returned(
    context: &AuthContext,
    shop: &Shop,
    returned: Returned,
) -> Result<GrantStatus, AuthError> {
    let Some(state) = returned.state else {
        return code::login_code(context, shop, returned.code).await;
    };
    take_state(context, shop, &state).await?;
    let outcome = code::login_code(context, shop, returned.code).await;
    // An unused code may be brought again, so the owner need not give another.
    if outcome.as_ref().is_err_and(AuthError::leaves_code_unspent) {
        let given_back = context.store().logins().give_back(&state).await;
        given_back.map_err(|source| store_error(shop, source))?;
    }
    outcome
}

async fn take_state(context: &AuthContext, shop: &Shop, state: &str) -> Result<(), AuthError> {
    let store = context.store();
    let known = store.logins().get(state).await.map_err(|source| store_error(shop, source))?;
    let fault = match known.filter(|login| login.kind == KIND) {
        None => StateFault::Unknown,
        Some(login) if login.shop != shop.name => StateFault::OtherShop(login.shop),
        Some(login) => {
            let taken = store.logins().take(state).await.map_err(|source| store_error(shop, source))?;
            match (taken, login.used_at) {
                (Some(_), _) => return Ok(()),
                (None, None) if login.expires_at <= context.now() => StateFault::TooOld,
                (None, _) => StateFault::Used,
            }
        }
    };
    Err(AuthError::ForeignLink { shop: shop.name.clone(), fault })
}
