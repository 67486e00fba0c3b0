//! `[apps.X]`: one registered application on a platform's gateway.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::platform::{self, Profile, SignMethod};

use super::forms::{Address, Auto, FilePath, Form, Maybe, Secret, Text, Written};

/// `[apps.X]`
// It has no `Debug`: it holds secrets.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// The platform on which the app is registered.
    #[serde(default, with = "Written::<Text>")]
    pub platform: String,
    /// The platform's zone; left out where it has none.
    #[serde(default, with = "Written::<Maybe<Text>>", skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The whole address that calls are sent to. Left out: the address of the zone or the platform.
    #[serde(default, with = "Written::<Maybe<Address>>", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Url>,
    /// The key or id that the platform's console shows.
    #[serde(default, alias = "app_id", with = "Written::<Text>")]
    pub app_key: String,
    /// The app's secret itself; or `app_secret_file`, or the systemd credential `NAME.app_secret`.
    #[serde(default, with = "Written::<Maybe<Secret>>", skip_serializing_if = "Option::is_none")]
    pub app_secret: Option<SecretString>,
    /// A file with nothing but the secret.
    #[serde(default, with = "Written::<Maybe<FilePath>>", skip_serializing_if = "Option::is_none")]
    pub app_secret_file: Option<PathBuf>,
    /// How many calls the platform allows the app, all its shops together. Left out: the platform's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// An `http`, `https` or `socks5` address that calls go through. Empty: no proxy.
    #[serde(default, with = "Written::<Maybe<Address>>")]
    pub proxy: Option<Url>,
    /// The hash in the signature, where the platform has several.
    #[serde(default, with = "Written::<SignMethodName>")]
    pub sign_method: SignMethod,
    /// How long before its end a token is renewed. `auto`: by the platform's rule.
    #[serde(default, with = "Written::<Auto>")]
    pub refresh_before: Option<Duration>,
    /// The API that refreshes a grant which has a refresh token, if the platform has no such API of its own.
    #[serde(default, with = "Written::<Maybe<Text>>")]
    pub refresh_type: Option<String>,
    /// Where the owner's browser is sent back to. Empty: our own callback under `[http] public_url`.
    #[serde(default, with = "Written::<Maybe<Text>>")]
    pub redirect_uri: Option<String>,
    /// The secret to use, from wherever it came; empty where the platform has none.
    #[serde(skip)]
    pub(super) effective_secret: SecretString,
}

impl AppConfig {
    /// `None` only before validation.
    pub(super) fn profile(&self) -> Option<&'static Profile> {
        platform::profile(&self.platform)
    }

    /// The platform's name for the zone; empty where it has none.
    pub fn zone_name(&self) -> &str {
        self.zone.as_deref().unwrap_or_default()
    }
}

struct SignMethodName;

impl Form for SignMethodName {
    type Value = SignMethod;

    fn read(text: &str) -> Result<SignMethod, String> {
        match text {
            "md5" => Ok(SignMethod::Md5),
            "hmac-sha256" => Ok(SignMethod::HmacSha256),
            _ => Err(format!("`{text}` is none of md5, hmac-sha256")),
        }
    }

    fn write(value: &SignMethod) -> String {
        match value {
            SignMethod::Md5 => "md5",
            SignMethod::HmacSha256 => "hmac-sha256",
        }
        .to_owned()
    }
}
