//! What an authorisation gave: the tokens, their ends, and whose they are.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

/// A token answer of a platform, in our own units.
pub struct Granted {
    pub access: SecretString,
    /// `None` when the platform did not say or said something implausible; the token layer then assumes the
    /// platform's shortest known life.
    pub access_ends_at: Option<DateTime<Utc>>,
    /// `None` when the answer brought none: a refresh then keeps the old one.
    pub refresh: Option<SecretString>,
    pub refresh_ends_at: Option<DateTime<Utc>>,
    pub account: Account,
}

/// Whose grant it is and what it allows, as far as the platform says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Temu `mallId`, Xiaohongshu `sellerId`.
    pub id: Option<String>,
    pub name: Option<String>,
    /// Temu `regionId`.
    pub region: Option<String>,
    /// The API names the grant covers. `None` when the platform does not say.
    pub scopes: Option<Vec<String>>,
}

/// What a platform says of an access token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantInfo {
    pub account: Account,
    /// `None` when the platform did not say.
    pub access_ends_at: Option<DateTime<Utc>>,
}

/// A valid access token for one shop, to be passed to each call.
#[derive(Clone)]
pub struct Access {
    pub token: SecretString,
    /// The version of the grant it came from: a refusal of an older one is no reason to refresh.
    pub generation: i64,
    /// The account's region as the platform names it. `None` where unknown. Some calls differ by region.
    pub region: Option<String>,
}
