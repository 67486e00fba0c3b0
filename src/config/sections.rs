//! The sections that stand once in the file: database, HTTP, log, tokens, sync, retry, notify.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::telemetry::LogFormat;

use super::forms::{Address, Forever, Length, Maybe, Parsed, Place, SecretAddress, Text, Written};
use super::lists;

/// `[database]`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    #[serde(default, with = "Written::<Maybe<SecretAddress>>", skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretString>,
    /// The file that holds the address instead.
    #[serde(default, with = "Written::<Maybe<Place>>", skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// Postgres schema; empty: the role's default.
    pub schema: String,
    /// The address to use, from wherever it came, with an absolute path for SQLite.
    #[serde(skip)]
    pub(super) effective_url: SecretString,
}

/// `[http]`: the status page, metrics and the way back from an authorisation.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// `None`: off.
    #[serde(with = "Written::<Maybe<Parsed<SocketAddr>>>")]
    pub listen: Option<SocketAddr>,
    /// What browsers reach. `None`: nothing can be redirected to us.
    #[serde(with = "Written::<Maybe<Address>>")]
    pub public_url: Option<Url>,
    /// `None`: the page is read-only.
    #[serde(with = "Written::<Maybe<Place>>")]
    pub admin_token_file: Option<PathBuf>,
    /// What the file holds, read again at each reload. `None`: nobody may change anything or get a token.
    #[serde(skip)]
    pub admin_token: Option<SecretString>,
}

/// `[log]`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or directives such as `info,shopsync=debug`.
    #[serde(with = "Written::<Text>")]
    pub level: String,
    #[serde(with = "Written::<Parsed<LogFormat>>")]
    pub format: LogFormat,
}

/// `[tokens]`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokensConfig {
    pub store: TokenStore,
    /// For the file store.
    #[serde(with = "Written::<Place>")]
    pub directory: PathBuf,
    /// `None`: systemd's credential, or `shopsync.key` beside the database.
    #[serde(with = "Written::<Maybe<Place>>")]
    pub key_file: Option<PathBuf>,
    pub seal: bool,
    /// Accepts that single-use tokens are lost with the process.
    pub allow_memory: bool,
}

/// Where grants are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStore {
    Database,
    File,
    Memory,
}

/// `[sync]`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SyncConfig {
    /// How far back a new shop is filled.
    #[serde(with = "Written::<Length>")]
    pub history: Duration,
    /// How far before the cursor an update window begins.
    #[serde(with = "Written::<Length>")]
    pub overlap: Duration,
    /// How old a moment must be before a window may include it.
    #[serde(with = "Written::<Length>")]
    pub settle: Duration,
    pub shops_in_parallel: usize,
    pub windows_in_parallel: usize,
    /// How long the platforms' own answers are kept. `None`: for ever.
    #[serde(with = "Written::<Forever>")]
    pub keep_raw: Option<Duration>,
    /// How long the sync log is kept. `None`: for ever.
    #[serde(with = "Written::<Forever>")]
    pub keep_runs: Option<Duration>,
    /// How long running work may take to end.
    #[serde(with = "Written::<Length>")]
    pub shutdown_grace: Duration,
}

/// `[retry]`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// The first one counted.
    pub attempts_max: u32,
    #[serde(with = "Written::<Length>")]
    pub backoff_min: Duration,
    #[serde(with = "Written::<Length>")]
    pub backoff_max: Duration,
    /// Of one attempt.
    #[serde(with = "Written::<Length>")]
    pub request_timeout: Duration,
}

/// `[notify]`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyConfig {
    /// A shop further behind than this is told.
    #[serde(with = "Written::<Length>")]
    pub lag_limit: Duration,
    #[serde(deserialize_with = "lists::tables")]
    pub webhooks: Vec<WebhookConfig>,
}

/// One of `[notify] webhooks`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    pub kind: WebhookKind,
    /// The file that holds the hook's address.
    #[serde(with = "Written::<Place>")]
    pub url_file: PathBuf,
    /// The file that holds the secret that signs. `None`: unsigned.
    #[serde(default, with = "Written::<Maybe<Place>>", skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
}

/// Who receives a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookKind {
    Feishu,
    Dingtalk,
    Wecom,
    Json,
}
