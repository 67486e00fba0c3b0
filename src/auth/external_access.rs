//! Access tokens for other programs: handed out only when they live long enough to be of use there.

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::context::AuthContext;
use crate::auth::loaded_grant::LoadedGrant;
use crate::auth::policy::{Demand, Need};
use crate::auth::{AuthError, refresh};
use crate::domain::grant::Access;
use crate::domain::shop::Shop;

/// How long a token handed to another program is good for, at least: that program requests another after it.
pub const HANDED_OUT_LIFE_MIN: TimeDelta = TimeDelta::minutes(5);

/// An access token and its end. Has no `Debug`.
pub struct ExternalToken {
    pub access: Access,
    pub ends_at: DateTime<Utc>,
}

/// An access token for another program. One that is due is renewed first, and waited for: the old one may end
/// with that, and the other program could not know.
pub async fn access_for_others(context: &AuthContext, shop: &Shop) -> Result<ExternalToken, AuthError> {
    let access = access_for(context, shop, HANDED_OUT_LIFE_MIN).await?;
    let ends_at = access.ends_at;
    tracing::info!(
        event = "token.handed_out",
        shop = %shop.name,
        %ends_at,
        "the access token of shop `{}` was handed out",
        shop.name
    );
    Ok(access)
}

/// An access token that is valid for `at_least`, renewed first if it is due.
async fn access_for(
    context: &AuthContext,
    shop: &Shop,
    at_least: TimeDelta,
) -> Result<ExternalToken, AuthError> {
    let loaded = context.read(shop).await?;
    let renewed = match loaded.credential.state(&loaded.rules, Demand::Due, context.now()).need {
        Need::Refresh | Need::Replay | Need::Busy => {
            refresh::wait(shop, refresh::spawn_refresh(context, shop, Demand::Due)).await
        }
        // Not reported yet: the refresh stores it and reports it.
        Need::Owner(_) if loaded.credential.owner_reason().is_none() => {
            refresh::wait(shop, refresh::spawn_refresh(context, shop, Demand::Due)).await
        }
        Need::Owner(_) | Need::Copied | Need::Rest { .. } => Ok(()),
    };
    let loaded = context.read(shop).await?;
    let now = context.now();
    let state = loaded.credential.state(&loaded.rules, Demand::Due, now);
    let ends_at = loaded.credential.tokens.access_ends_at;
    match loaded.access().filter(|_| state.usable) {
        Some(access) if now + at_least <= ends_at => Ok(ExternalToken { access, ends_at }),
        Some(_) => Err(AuthError::EndsSoon {
            shop: shop.name.clone(),
            ends_at,
            source: Box::new(renewed.err().unwrap_or_else(|| loaded.not_renewed(state.need))),
        }),
        None => Err(renewed.err().unwrap_or_else(|| loaded.without_token(state.need))),
    }
}

impl LoadedGrant {
    /// Why a token that still lives is not followed by another one.
    fn not_renewed(&self, need: Need) -> AuthError {
        let need = match need {
            Need::Rest { .. } if self.credential.tokens.refresh_sealed.is_none() => {
                Need::Owner(super::policy::OwnerReason::NoRefreshToken)
            }
            other => other,
        };
        self.without_token(need)
    }
}
