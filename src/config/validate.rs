//! What a config must be beyond the shape of its values: bounds, names, and what refers to what.

use std::time::Duration;

use crate::telemetry;

use super::problem::{Findings, nearest};
use super::{Config, TokenStore, WebhookConfig, WebhookKind, file};

mod apps;
mod jobs;
mod shops;

/// A container's stop signal is followed by a kill after ten seconds.
const SHUTDOWN_GRACE_MAX: Duration = Duration::from_secs(9);
const REQUEST_TIMEOUT_MIN: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_mins(5);
const BACKOFF_MIN: Duration = Duration::from_millis(1);
const BACKOFF_MAX: Duration = Duration::from_mins(10);
const ATTEMPTS_MAX: u32 = 20;
/// Every window begins this much early; a day of it would be read again with each run.
const OVERLAP_MAX: Duration = Duration::from_hours(24);
const SETTLE_MAX: Duration = Duration::from_hours(1);
const HISTORY_MIN: Duration = Duration::from_secs(1);
const HISTORY_MAX: Duration = super::duration::DURATION_MAX;
const KEEP_MIN: Duration = Duration::from_hours(24);
const LAG_LIMIT_MIN: Duration = Duration::from_mins(1);
/// More of either only waits for the database.
const SHOPS_IN_PARALLEL_MAX: usize = 256;
const WINDOWS_IN_PARALLEL_MAX: usize = 64;
/// A server's own limit is a hundred unless it was raised.
const CONNECTIONS_MAX: usize = 100;
/// Postgres cuts longer names.
const SCHEMA_BYTES_MAX: usize = 63;
const NAME_CHARS_MAX: usize = 64;
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Finds everything that is wrong.
pub(super) fn validate(config: &Config, findings: &mut Findings<'_>) {
    database(config, findings);
    http(config, findings);
    log(config, findings);
    tokens(config, findings);
    sync(config, findings);
    retry(config, findings);
    notify(config, findings);
    for (name, app) in &config.apps {
        apps::validate(name, app, findings);
    }
    for (name, shop) in &config.shops {
        shops::validate(name, shop, config, findings);
    }
    for (name, job) in &config.jobs {
        jobs::validate(name, job, config, findings);
    }
}

/// Whether an app, a shop or a job may be called so: names stand in file names, tables, metrics and addresses.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && name.chars().all(is_allowed)
}

fn name(path: &[&str], name: &str, findings: &mut Findings<'_>) {
    if !is_name(name) {
        let message = format!("a name has 1 to {NAME_CHARS_MAX} letters, digits, `.`, `_` or `-`");
        findings.problem(path, message);
    }
}

fn database(config: &Config, findings: &mut Findings<'_>) {
    let schema = &config.database.schema;
    if schema.len() > SCHEMA_BYTES_MAX || schema.contains(['\0', '"', ',']) {
        findings.problem(&["database", "schema"], "this is no name of a Postgres schema");
    }
    let path = ["database", "connections_max"];
    count(&path, config.database.connections_max as usize, CONNECTIONS_MAX, findings);
}

fn http(config: &Config, findings: &mut Findings<'_>) {
    if let Some(url) = &config.http.public_url
        && (!matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some())
    {
        let message = "expected http:// or https:// and nothing after the path";
        findings.problem(&["http", "public_url"], message);
    }
    if let Some(listen) = config.http.listen.filter(|listen| !listen.ip().is_loopback()) {
        let shows = match config.http.admin_token_file {
            Some(_) => "the page, and hears the admin token when it is sent without a TLS proxy in front",
            None => "the page, read-only as long as there is no `admin_token_file`",
        };
        findings.warning(&["http", "listen"], format!("every machine that reaches {listen} sees {shows}"));
    }
}

fn log(config: &Config, findings: &mut Findings<'_>) {
    let level = config.log.level.as_str();
    if let Err(error) = telemetry::check_level(level) {
        let hint = nearest(level, LEVELS).map(|level| format!("; did you mean `{level}`?"));
        findings.problem(&["log", "level"], format!("{error}{}", hint.unwrap_or_default()));
    }
}

fn tokens(config: &Config, findings: &mut Findings<'_>) {
    let tokens = &config.tokens;
    if !tokens.seal && tokens.store != TokenStore::File {
        let message = "only `store = \"file\"` can keep tokens unsealed";
        findings.problem(&["tokens", "seal"], message);
    }
}

fn sync(config: &Config, findings: &mut Findings<'_>) {
    let sync = &config.sync;
    if !sync.enabled {
        findings.warning(&["sync", "enabled"], "no job runs; tokens are still kept alive");
    }
    within(&["sync", "history"], sync.history, HISTORY_MIN, HISTORY_MAX, findings);
    within(&["sync", "overlap"], sync.overlap, Duration::ZERO, OVERLAP_MAX, findings);
    within(&["sync", "settle"], sync.settle, Duration::ZERO, SETTLE_MAX, findings);
    let grace = sync.shutdown_grace;
    within(&["sync", "shutdown_grace"], grace, Duration::ZERO, SHUTDOWN_GRACE_MAX, findings);
    for (key, keep) in [("keep_raw", sync.keep_raw), ("keep_runs", sync.keep_runs)] {
        if keep.is_some_and(|keep| keep < KEEP_MIN) {
            findings.problem(&["sync", key], "expected at least a day (`1d`), or `forever`");
        }
    }
    let path = ["sync", "shops_in_parallel"];
    count(&path, sync.shops_in_parallel, SHOPS_IN_PARALLEL_MAX, findings);
    let path = ["sync", "windows_in_parallel"];
    count(&path, sync.windows_in_parallel, WINDOWS_IN_PARALLEL_MAX, findings);
}

fn retry(config: &Config, findings: &mut Findings<'_>) {
    let retry = &config.retry;
    let attempts = retry.attempts_max as usize;
    count(&["retry", "attempts_max"], attempts, ATTEMPTS_MAX as usize, findings);
    within(&["retry", "backoff_min"], retry.backoff_min, BACKOFF_MIN, BACKOFF_MAX, findings);
    within(&["retry", "backoff_max"], retry.backoff_max, BACKOFF_MIN, BACKOFF_MAX, findings);
    if retry.backoff_min > retry.backoff_max {
        findings.problem(&["retry", "backoff_min"], "it is longer than `retry.backoff_max`");
    }
    let timeout = retry.request_timeout;
    let path = ["retry", "request_timeout"];
    within(&path, timeout, REQUEST_TIMEOUT_MIN, REQUEST_TIMEOUT_MAX, findings);
}

fn notify(config: &Config, findings: &mut Findings<'_>) {
    let limit = config.notify.lag_limit;
    within(&["notify", "lag_limit"], limit, LAG_LIMIT_MIN, HISTORY_MAX, findings);
    for WebhookConfig { kind, url_file, secret_file } in &config.notify.webhooks {
        if *kind == WebhookKind::Wecom && secret_file.is_some() {
            findings.warning(&["notify", "webhooks"], "`secret_file` is not used: WeCom knows no signature");
        }
        for path in [Some(url_file), secret_file.as_ref()].into_iter().flatten() {
            readable(path, &["notify", "webhooks"], findings);
        }
    }
}

/// A file that holds a secret and is read later on.
fn readable(path: &std::path::Path, key: &[&str], findings: &mut Findings<'_>) {
    if let Err(error) = std::fs::File::open(path) {
        findings.problem(key, format!("the file {} cannot be read: {error}", path.display()));
    } else if file::is_open_to_others(path) {
        findings.warning(key, format!("every user can read {0}; run: chmod 600 {0}", path.display()));
    }
}

fn one_of(path: &[&str], found: &str, known: &[&str], findings: &mut Findings<'_>) {
    if known.contains(&found) {
        return;
    }
    let hint = nearest(found, known.iter().copied()).map(|name| format!("; did you mean `{name}`?"));
    let known = known.join(", ");
    findings.problem(path, format!("`{found}` is none of {known}{}", hint.unwrap_or_default()));
}

fn count(path: &[&str], found: usize, max: usize, findings: &mut Findings<'_>) {
    if found == 0 || found > max {
        findings.problem(path, format!("expected 1 to {max}, found {found}"));
    }
}

fn within(path: &[&str], found: Duration, min: Duration, max: Duration, findings: &mut Findings<'_>) {
    if found < min || found > max {
        let [found, min, max] = [found, min, max].map(super::format_duration);
        findings.problem(path, format!("expected {min} to {max}, found {found}"));
    }
}
