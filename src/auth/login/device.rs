//! A login by a scanned code: started, polled, ended once. The code's secret lies sealed in the database, so that any
//! process may follow it, and only the one that takes the attempt exchanges it.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use crate::auth::context::AuthContext;
use crate::auth::error::{refusal, store_error};
use crate::auth::keys::seal::{Field, Place, SealError};
use crate::auth::login::pair;
use crate::auth::refresh::unsaved;
use crate::auth::{AuthError, GrantStatus};
use crate::domain::shop::Shop;
use crate::platform::DeviceLogin;
use crate::platform::device_login::DeviceProgress;
use crate::store::grants::login_attempts::{LoginAttempt, NewLogin};
use crate::store::shops::ShopRow;

/// How long an owner has to scan a code and say yes; the platforms' own codes live about as long.
pub const DEVICE_LOGIN_LIFE: TimeDelta = TimeDelta::minutes(5);

/// The word in the table.
const KIND: &str = "device";

/// What is sealed here belongs to a shop and to no version of its grant.
const GENERATION: i64 = 0;

/// A login that waits for its owner.
pub struct DeviceAttempt {
    pub id: String,
    /// What the picture to be scanned says.
    pub shown: String,
    pub expires_at: DateTime<Utc>,
}

/// Asks the platform for a code and writes the attempt down.
pub async fn begin_device_login(context: &AuthContext, shop: &Shop) -> Result<DeviceAttempt, AuthError> {
    let row = context.shop_row(shop).await?;
    let code = device_login(context, shop)?.begin().await.map_err(|source| refusal(shop, source))?;
    let keys = context.keyring();
    let sealed = keys.seal(&code.secret, &place(&row)).map_err(|source| seal_error(shop, source))?;
    let attempt = NewLogin {
        id: Uuid::new_v4().to_string(),
        shop: shop.name.clone(),
        kind: KIND,
        secret_sealed: Some(sealed),
        key_id: Some(keys.active_id()),
        life: DEVICE_LOGIN_LIFE,
    };
    let begun = context.store().logins().begin(&attempt).await;
    let expires_at = begun.map_err(|source| store_error(shop, source))?;
    Ok(DeviceAttempt { id: attempt.id, shown: code.shown, expires_at })
}

/// How far the owner has come. An attempt that was ended, or whose time is over, is dead.
pub async fn device_progress(
    context: &AuthContext,
    shop: &Shop,
    id: &str,
) -> Result<DeviceProgress, AuthError> {
    let row = context.shop_row(shop).await?;
    let attempt = context.store().logins().get(id).await;
    let attempt = attempt.map_err(|source| store_error(shop, source))?;
    let Some(attempt) = attempt.filter(|attempt| attempt.used_at.is_none()) else {
        return Ok(DeviceProgress::Dead);
    };
    let secret = secret_of(context, shop, &row, &attempt)?;
    let progress = device_login(context, shop)?.progress(&secret).await;
    progress.map_err(|source| refusal(shop, source))
}

/// Exchanges a code that its owner said yes to, and stores what it brings. Goes on to its end even if the caller
/// goes away.
pub async fn login_device(context: &AuthContext, shop: &Shop, id: &str) -> Result<GrantStatus, AuthError> {
    let (task_context, shop, id) = (context.clone(), shop.clone(), id.to_owned());
    context
        .run_to_end(shop.name.clone(), async move { exchange_device(&task_context, &shop, &id).await })
        .await
}

/// Ends an attempt without exchanging it: no one can any more.
pub async fn give_up_device_login(context: &AuthContext, shop: &Shop, id: &str) -> Result<(), AuthError> {
    let taken = context.store().logins().take(id).await;
    taken.map(drop).map_err(|source| store_error(shop, source))
}

async fn exchange_device(context: &AuthContext, shop: &Shop, id: &str) -> Result<GrantStatus, AuthError> {
    let row = context.shop_row(shop).await?;
    let taken = context.store().logins().take(id).await;
    let attempt = taken
        .map_err(|source| store_error(shop, source))?
        .filter(|attempt| attempt.shop == shop.name && attempt.kind == KIND)
        .ok_or_else(|| AuthError::LoginOver { shop: shop.name.clone() })?;
    let secret = secret_of(context, shop, &row, &attempt)?;
    let _room = unsaved::reserve(context, shop).await;
    let asked_at = context.now();
    let granted = device_login(context, shop)?.exchange(&secret).await;
    let granted = granted.map_err(|source| refusal(shop, source))?;
    pair::accept(context, shop, &row, granted, asked_at).await
}

fn device_login<'a>(context: &'a AuthContext, shop: &Shop) -> Result<&'a dyn DeviceLogin, AuthError> {
    let login = context.application(shop)?.platform().device_login();
    login.ok_or_else(|| AuthError::NoDeviceLogin { shop: shop.name.clone() })
}

fn secret_of(
    context: &AuthContext,
    shop: &Shop,
    row: &ShopRow,
    attempt: &LoginAttempt,
) -> Result<SecretString, AuthError> {
    let sealed = attempt.secret_sealed.as_deref().unwrap_or_default();
    let opened = context.keyring().open(sealed, &place(row));
    opened.map_err(|source| seal_error(shop, source))
}

fn place(row: &ShopRow) -> Place<'_> {
    Place { shop_id: &row.id, field: Field::Login, generation: GENERATION }
}

fn seal_error(shop: &Shop, source: SealError) -> AuthError {
    AuthError::Seal { shop: shop.name.clone(), source }
}
