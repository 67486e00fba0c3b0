//! Records and reports, once, that only the shop's owner can help.

use chrono::{DateTime, Utc};

use crate::auth::AuthError;
use crate::auth::context::AuthContext;
use crate::auth::error::store_error;
use crate::auth::loaded_grant::LoadedGrant;
use crate::auth::policy::OwnerReason;
use crate::auth::refresh::outcome::trouble;
use crate::auth::refresh::unsaved::orphans;
use crate::auth::required_action::authorise_command;
use crate::domain::credential::{Condition, Settlement};
use crate::domain::shop::Shop;
use crate::store::grants::grant_marks::GrantMark;

/// Writes down that only the owner can help, and says so, once. `false`: the row changed meanwhile, or an orphan
/// took the place of what was to be given up.
pub async fn give_up(
    context: &AuthContext,
    shop: &Shop,
    loaded: &LoadedGrant,
    reason: OwnerReason,
) -> Result<bool, AuthError> {
    let credential = &loaded.credential;
    if orphans::adopt(context, &loaded.row.id, credential, &credential.claim(), reason).await? {
        return Ok(false);
    }
    // A token that cannot be renewed before its end is no trouble until then.
    if credential.owner_reason() == Some(reason) || reason == OwnerReason::NoRefreshToken {
        return Ok(true);
    }
    let settlement = Settlement {
        condition: Condition::NeedsOwner,
        not_before: None,
        trouble: Some(trouble(reason, reason.describe().to_owned())),
        access_ends_at: None,
    };
    let since = context.now();
    let is_settled = context.grants().settle(&credential.claim(), &settlement).await?;
    if is_settled {
        context.read(shop).await?;
        report_needs_owner(context, shop, reason, reason.describe(), since).await;
    }
    Ok(is_settled)
}

/// Says that only the owner can help, unless another program has said so since the row does (`since`, or a little
/// later). `error`: what the platform said, or what we concluded.
pub async fn report_needs_owner(
    context: &AuthContext,
    shop: &Shop,
    reason: OwnerReason,
    error: &str,
    since: DateTime<Utc>,
) {
    // Better said twice than never.
    if claims_report(context, shop, since).await.is_ok_and(|takes| !takes) {
        return;
    }
    tracing::error!(
        event = "token.needs_owner",
        shop = %shop.name,
        reason = reason.as_str(),
        error,
        "shop `{}` needs its owner, because {}: run `{}`",
        shop.name,
        reason.describe(),
        authorise_command(&shop.name, shop.platform)
    );
}

/// Whether it is this program that reports the end of a grant: of all that see it, the one that moves the mark.
async fn claims_report(context: &AuthContext, shop: &Shop, since: DateTime<Utc>) -> Result<bool, AuthError> {
    let store = context.store();
    let marked_at = context.shop_row(shop).await?.warned_at;
    let now = context.now();
    if marked_at.is_some_and(|at| (since..=now).contains(&at)) {
        return Ok(false);
    }
    let takes = store.grants().mark(&shop.name, GrantMark::Warned, marked_at, Some(now)).await;
    takes.map_err(|source| store_error(shop, source))
}
