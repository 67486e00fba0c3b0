//! The sections that stand once in the file: database, HTTP, log, tokens, sync, retry, notify.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::telemetry::LogFormat;

use super::forms::{
    Address, FilePath, Forever, HostName, Length, Listen, Maybe, Parsed, SecretAddress, Text, Written,
};
use super::lists::{self, ListOf};

/// `[database]`
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    #[serde(default, with = "Written::<Maybe<SecretAddress>>", skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretString>,
    /// A file that holds the address instead.
    #[serde(default, with = "Written::<Maybe<FilePath>>", skip_serializing_if = "Option::is_none")]
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
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where it listens: an address and a port. Empty: HTTP is off.
    #[serde(with = "Written::<Maybe<Listen>>")]
    pub listen: Option<SocketAddr>,
    /// More host names that are answered, beside those of this machine and of `public_url`. An address in it may
    /// also request `/metrics` by any name.
    #[serde(with = "ListOf::<HostName>")]
    pub hosts: Vec<String>,
    /// The address that browsers use. Empty: no browser can be sent back to us.
    #[serde(with = "Written::<Maybe<Address>>")]
    pub public_url: Option<Url>,
    /// A file with the token that is needed to change something. Empty: the page is read-only.
    #[serde(with = "Written::<Maybe<FilePath>>")]
    pub admin_token_file: Option<PathBuf>,
    /// What the file holds, read again at each reload. `None`: no one may change anything or get a token.
    #[serde(skip)]
    pub admin_token: Option<SecretString>,
}

/// `[log]`
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or directives such as `info,shopsync=debug`.
    #[serde(with = "Written::<Text>")]
    pub level: String,
    /// How lines look; `auto`: the journal's protocol if the journal reads stderr, else text.
    #[serde(with = "Written::<Parsed<LogFormat>>")]
    pub format: LogFormat,
}

/// `[tokens]`
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokensConfig {
    /// Where tokens are kept.
    pub store: TokenStore,
    /// The folder for `store = "file"`.
    #[serde(with = "Written::<FilePath>")]
    pub directory: PathBuf,
    /// The file of the key that encrypts tokens. Empty: systemd's credential, or `shopsync.key` beside the database.
    #[serde(with = "Written::<Maybe<FilePath>>")]
    pub key_file: Option<PathBuf>,
    /// `false` only for `store = "file"`: tokens are then stored unencrypted.
    pub seal: bool,
    /// For `store = "memory"`: single-use tokens may be lost with the process.
    pub allow_memory: bool,
}

/// Where grants are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStore {
    Database,
    File,
    Memory,
}

/// `[sync]`
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SyncConfig {
    /// Whether jobs run. Without them, tokens are still renewed, and every verb works.
    pub enabled: bool,
    /// How far back the history of a new shop is read.
    #[serde(with = "Written::<Length>")]
    pub history: Duration,
    /// How far before the cursor each read begins.
    #[serde(with = "Written::<Length>")]
    pub overlap: Duration,
    /// How old a moment must be before it is read: platforms list some rows late.
    #[serde(with = "Written::<Length>")]
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
    #[serde(with = "Written::<Length>")]
    pub shutdown_grace: Duration,
}

/// `[retry]`
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// How often one call is tried, the first try counted.
    pub attempts_max: u32,
    /// The shortest pause between two tries.
    #[serde(with = "Written::<Length>")]
    pub backoff_min: Duration,
    /// The longest pause between two tries.
    #[serde(with = "Written::<Length>")]
    pub backoff_max: Duration,
    /// How long one try may take.
    #[serde(with = "Written::<Length>")]
    pub request_timeout: Duration,
}

/// `[notify]`
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyConfig {
    /// A shop that is further behind than this raises an alarm.
    #[serde(with = "Written::<Length>")]
    pub lag_limit: Duration,
    /// Where a message is sent when something needs a person.
    #[serde(deserialize_with = "lists::tables")]
    pub webhooks: Vec<WebhookConfig>,
}

/// One of `[notify] webhooks`.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Whose format it is reported in.
    pub kind: WebhookKind,
    /// A file that holds the hook's address.
    #[serde(with = "Written::<FilePath>")]
    pub url_file: PathBuf,
    /// A file that holds the secret that signs. Left out: unsigned.
    #[serde(default, with = "Written::<Maybe<FilePath>>", skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
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
