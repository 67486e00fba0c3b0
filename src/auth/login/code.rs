//! An authorisation code, exchanged once: it works once, so one that failed is never sent again.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::auth::context::AuthContext;
use crate::auth::error::{refusal, store_error};
use crate::auth::login::pair;
use crate::auth::refresh::unsaved;
use crate::auth::{AuthError, GrantStatus};
use crate::domain::shop::Shop;
use crate::platform::{PlatformError, Rejection};

/// Exchanges an authorisation code and stores what it brings. A code works once, so this goes on to its end
/// even if the caller goes away.
pub async fn login_code(
    context: &AuthContext,
    shop: &Shop,
    code: SecretString,
) -> Result<GrantStatus, AuthError> {
    let (task_context, shop) = (context.clone(), shop.clone());
    context.run_to_end(shop.name.clone(), async move { exchange(&task_context, &shop, &code).await }).await
}

async fn exchange(context: &AuthContext, shop: &Shop, code: &SecretString) -> Result<GrantStatus, AuthError> {
    let row = context.shop_row(shop).await?;
    let application = context.application(shop)?;
    let hash = hex::encode(Sha256::digest(code.expose_secret()));
    let store = context.store();
    if store.logins().has_code_failed(&shop.name, &hash).await.map_err(|source| store_error(shop, source))? {
        return Err(AuthError::CodeTriedBefore { shop: shop.name.clone() });
    }
    let _room = unsaved::reserve(context, shop).await;
    let asked_at = context.now();
    let mut answer = application.platform().exchange_code(code).await;
    if matches!(answer, Err(PlatformError::Rejected { why: Rejection::Clock, .. })) {
        // The timestamp was refused before the code was read, and the answer showed how far the clock is off.
        answer = application.platform().exchange_code(code).await;
    }
    let granted = match answer {
        Ok(granted) => granted,
        Err(error) => {
            if may_be_spent(&error) {
                record_failed_code(context, shop, &hash).await;
            }
            return Err(refusal(shop, error));
        }
    };
    let accepted = pair::accept(context, shop, &row, granted, asked_at).await;
    if matches!(accepted, Err(AuthError::OtherAccount { .. } | AuthError::SharedAccount { .. })) {
        record_failed_code(context, shop, &hash).await;
    }
    accepted
}

/// A code that failed is not sent again. The platform refuses it all the same when this cannot be written.
async fn record_failed_code(context: &AuthContext, shop: &Shop, hash: &str) {
    if let Err(error) = context.store().logins().keep_failed_code(&shop.name, hash).await {
        tracing::debug!(shop = %shop.name, "that the code failed was not written down: {error}");
    }
}

impl AuthError {
    /// Whether a code that brought nothing may be brought once more.
    pub fn leaves_code_unspent(&self) -> bool {
        matches!(self, Self::Platform { source, .. } if !may_be_spent(source))
    }
}

/// Whether the platform may have taken the code, or said that it never will: then it is of no more use. Trouble on the
/// way there, or with the app, is none of the code's.
fn may_be_spent(error: &PlatformError) -> bool {
    match error {
        PlatformError::NotSent { .. } | PlatformError::Throttled { .. } => false,
        PlatformError::Rejected { why, .. } => {
            !matches!(why, Rejection::App | Rejection::Address | Rejection::Clock | Rejection::Passing)
        }
        PlatformError::NoAnswer { .. }
        | PlatformError::Unavailable { .. }
        | PlatformError::NotFromPlatform { .. }
        | PlatformError::TokenRefused { .. }
        | PlatformError::NotGranted { .. }
        | PlatformError::TooDense
        | PlatformError::Malformed { .. } => true,
    }
}
