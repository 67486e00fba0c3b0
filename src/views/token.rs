//! An access token that is given to another program.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::text::instant;
use crate::auth::external_access::ExternalToken;
use crate::domain::shop::Shop;

/// As scripts and programs see it.
pub fn as_value(shop: &Shop, token: &ExternalToken) -> Value {
    json!({
        "shop": shop.name,
        "access_token": token.access.token.expose_secret(),
        "access_ends_at": instant(Some(token.ends_at)),
    })
}
