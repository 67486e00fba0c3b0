//! The sections of the file, key for key. The comment of a key is its description in the schema and in the papers.
//!
//! No section has `Debug`: several hold secrets.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::record::Record;
use crate::platform::{self, Profile, SignMethod};
use crate::telemetry::LogFormat;

use super::forms::{
    Auto, Forever, Form, HostName, Listen, Maybe, Parsed, Secret, SecretAddress, Written, section,
};
use super::lists::{self, ListOf, MaybeListOf};

section! {
    /// `[database]`
    pub struct DatabaseConfig {
        /// `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`.
        #[serde(default, with = "Written::<Maybe<SecretAddress>>", skip_serializing_if = "Option::is_none")]
        pub url: Option<SecretString>,
        /// A file that holds the address instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub url_file: Option<PathBuf>,
        /// Postgres schema; empty: the role's default.
        pub schema: String,
        /// How many connections to a Postgres server one process opens at most.
        pub connections_max: u32,
        /// The address to use, from wherever it came, with an absolute path for SQLite.
        #[serde(skip)]
        pub(super) effective_url: SecretString,
    }

    /// `[http]`: the status page, metrics and the way back from an authorisation.
    pub struct HttpConfig {
        /// Where it listens: an address and a port. Empty: HTTP is off.
        #[serde(with = "Written::<Maybe<Listen>>")]
        pub listen: Option<SocketAddr>,
        /// More host names that are answered, beside those of this machine and of `public_url`. An address in it may
        /// also request `/metrics` by any name.
        #[serde_with(skip_apply)]
        #[serde(with = "ListOf::<HostName>")]
        pub hosts: Vec<String>,
        /// The address that browsers use. Empty: no browser can be sent back to us.
        pub public_url: Option<Url>,
        /// A file with the token that is needed to change something. Empty: the page is read-only.
        pub admin_token_file: Option<PathBuf>,
        /// What the file holds, read again at each reload. `None`: no one may change anything or get a token.
        #[serde(skip)]
        pub admin_token: Option<SecretString>,
    }

    /// `[log]`
    pub struct LogConfig {
        /// A level, or directives such as `info,shopsync=debug`.
        pub level: String,
        /// How lines look; `auto`: the journal's protocol if the journal reads stderr, else text.
        #[serde(with = "Written::<Parsed<LogFormat>>")]
        pub format: LogFormat,
    }

    /// `[tokens]`
    pub struct TokensConfig {
        /// Where tokens are kept.
        pub store: TokenStore,
        /// The folder for `store = "file"`.
        pub directory: PathBuf,
        /// The file of the key that encrypts tokens. Empty: systemd's credential, or `shopsync.key` beside the database.
        pub key_file: Option<PathBuf>,
        /// `false` only for `store = "file"`: tokens are then stored unencrypted.
        pub seal: bool,
        /// For `store = "memory"`: single-use tokens may be lost with the process.
        pub allow_memory: bool,
    }

    /// `[sync]`
    pub struct SyncConfig {
        /// Whether jobs run. Without them, tokens are still renewed, and every verb works.
        pub enabled: bool,
        /// How far back the history of a new shop is read.
        pub history: Duration,
        /// How far before the cursor each read begins.
        pub overlap: Duration,
        /// How old a moment must be before it is read: platforms list some rows late.
        pub settle: Duration,
        /// How many shops are read at the same time.
        pub shops_in_parallel: usize,
        /// How many windows of one shop are read at the same time.
        pub windows_in_parallel: usize,
        /// How long the platforms' own answers are kept.
        #[serde(with = "Written::<Forever>")]
        pub keep_raw: Option<Duration>,
        /// How long the sync log is kept.
        #[serde(with = "Written::<Forever>")]
        pub keep_runs: Option<Duration>,
        /// How long running work may take to end when the daemon stops.
        pub shutdown_grace: Duration,
    }

    /// `[retry]`
    pub struct RetryConfig {
        /// How often one call is tried, the first try counted.
        pub attempts_max: u32,
        /// The shortest pause between two tries.
        pub backoff_min: Duration,
        /// The longest pause between two tries.
        pub backoff_max: Duration,
        /// How long one try may take.
        pub request_timeout: Duration,
    }

    /// `[notify]`
    pub struct NotifyConfig {
        /// A shop that is further behind than this raises an alarm.
        pub lag_limit: Duration,
        /// Where a message is sent when something needs a person.
        #[serde(deserialize_with = "lists::tables")]
        pub webhooks: Vec<WebhookConfig>,
    }

    /// One of `[notify] webhooks`.
    pub struct WebhookConfig {
        /// Whose format it is reported in.
        pub kind: WebhookKind,
        /// A file that holds the hook's address.
        pub url_file: PathBuf,
        /// A file that holds the secret that signs. Left out: unsigned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub secret_file: Option<PathBuf>,
    }

    /// `[apps.X]`
    #[derive(Default)]
    #[serde(default)]
    pub struct AppConfig {
        /// The platform on which the app is registered.
        pub platform: String,
        /// The platform's zone; left out where it has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub zone: Option<String>,
        /// The whole address that calls are sent to. Left out: the address of the zone or the platform.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub gateway: Option<Url>,
        /// The key or id that the platform's console shows.
        #[serde(alias = "app_id")]
        pub app_key: String,
        /// The app's secret itself; or `app_secret_file`, or the systemd credential `NAME.app_secret`.
        #[serde(with = "Written::<Maybe<Secret>>", skip_serializing_if = "Option::is_none")]
        pub app_secret: Option<SecretString>,
        /// A file with nothing but the secret.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub app_secret_file: Option<PathBuf>,
        /// How many calls the platform allows the app, all its shops together. Left out: the platform's default.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub requests_per_second: Option<f64>,
        /// An `http`, `https` or `socks5` address that calls go through. Empty: no proxy.
        pub proxy: Option<Url>,
        /// The hash in the signature, where the platform has several.
        #[serde(with = "Written::<SignMethodName>")]
        pub sign_method: SignMethod,
        /// How long before its end a token is renewed. `auto`: by the platform's rule.
        #[serde(with = "Written::<Auto>")]
        pub refresh_before: Option<Duration>,
        /// The API that refreshes a grant which has a refresh token, if the platform has no such API of its own.
        pub refresh_type: Option<String>,
        /// Where the owner's browser is sent back to. Empty: our own callback under `[http] public_url`.
        pub redirect_uri: Option<String>,
        /// The secret to use, from wherever it came; empty where the platform has none.
        #[serde(skip)]
        pub(super) effective_secret: SecretString,
    }

    /// `[shops.X]`
    #[expect(clippy::struct_excessive_bools, reason = "each is a switch of the file")]
    pub struct ShopConfig {
        /// The name of its app's section.
        #[serde(default)]
        pub app: String,
        /// Whether the shop is copied.
        #[serde(default = "yes")]
        pub enabled: bool,
        /// The seller's id that the grant must belong to. Empty: the id of the first grant.
        #[serde(default)]
        pub account: Option<String>,
        /// What is copied. Left out: every record that the platform and zone have.
        #[serde(default, with = "MaybeListOf::<Parsed<Record>>", skip_serializing_if = "Option::is_none")]
        pub records: Option<Vec<Record>>,
        /// Whether the money of each order is read, if that is a call of its own.
        #[serde(default = "yes")]
        pub amounts: bool,
        /// Whether the detail of each changed order is read, if the list does not hold it.
        #[serde(default)]
        pub detail: bool,
        /// Whether the stock by warehouse is read, if that is a call for each changed SKU.
        #[serde(default)]
        pub stock_detail: bool,
        /// A program and its arguments that prints a new authorisation code. It is run when only a new code helps. Empty: none.
        #[serde(default)]
        pub code_command: Vec<String>,
    }
}

/// Where grants are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStore {
    Database,
    File,
    Memory,
}

/// Who receives a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookKind {
    Feishu,
    Dingtalk,
    Wecom,
    Json,
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

fn yes() -> bool {
    true
}
