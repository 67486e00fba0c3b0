//! What a config must be beyond the shape of its values: bounds, names, and what refers to what.

use std::time::Duration;

use chrono::DateTime;
use croner::parser::{CronParser, Seconds, Year};
use serde_json::Value;
use wildmatch::WildMatch;

use crate::domain::record::Record;
use crate::telemetry;

use super::duration::parse_duration;
use super::jobs::with_seconds;
use super::problem::{Findings, nearest};
use super::{Config, JobConfig, ShopConfig, TokenStore, WebhookConfig, WebhookKind, file};

mod apps;

/// The least and the most of numbers and durations, as the file writes them. `*` stands for any name.
const LIMITS: [(&[&str], &str, &str); 17] = [
    // A server's own limit is a hundred unless it was raised.
    (&["database", "connections_max"], "1", "100"),
    (&["sync", "history"], "1s", LONGEST),
    // Every window begins this much early; a day of it would be read again with each run.
    (&["sync", "overlap"], "0s", "1d"),
    (&["sync", "settle"], "0s", "1h"),
    // A container's stop signal is followed by a kill after ten seconds.
    (&["sync", "shutdown_grace"], "0s", "9s"),
    // More of either only waits for the database.
    (&["sync", "shops_in_parallel"], "1", "256"),
    (&["sync", "windows_in_parallel"], "1", "64"),
    (&["retry", "attempts_max"], "1", "20"),
    (&["retry", "backoff_min"], "1ms", "10m"),
    (&["retry", "backoff_max"], "1ms", "10m"),
    (&["retry", "request_timeout"], "1s", "5m"),
    (&["notify", "lag_limit"], "1m", LONGEST),
    (&["apps", "*", "refresh_before"], "1m", "60d"),
    // More often than this a platform shows nothing new.
    (&["jobs", "*", "every"], "10s", LONGEST),
    (&["jobs", "*", "jitter"], "0s", "1h"),
    (&["jobs", "*", "full"], "1m", LONGEST),
    (&["jobs", "*", "days"], "1", "366"),
];
/// What durations may be at most.
const LONGEST: &str = "3650d";
const KEEP_MIN: Duration = Duration::from_hours(24);
/// Postgres cuts longer names.
const SCHEMA_BYTES_MAX: usize = 63;
const NAME_CHARS_MAX: usize = 64;
/// The fields of a cron pattern.
const FIELDS: &str = "[second] minute hour day month weekday";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Finds everything that is wrong.
pub fn validate(config: &Config, findings: &mut Findings<'_>) {
    limits(config, findings);
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
        self::shop(name, shop, config, findings);
    }
    for (name, job) in &config.jobs {
        self::job(name, job, config, findings);
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

/// Looks at the values as `config show` writes them: a number, or a duration as text.
fn limits(config: &Config, findings: &mut Findings<'_>) {
    let all = serde_json::to_value(config).expect("every value of the config has a form in JSON");
    for (pattern, min, max) in LIMITS {
        for (path, value) in values_at(&all, pattern) {
            let number =
                |text: &str| text.parse().ok().or(parse_duration(text).ok().map(|time| time.as_millis()));
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // `auto` is no number.
            if number(&text).is_some_and(|found| Some(found) < number(min) || Some(found) > number(max)) {
                findings.problem(&path, format!("expected {min} to {max}, found {text}"));
            }
        }
    }
}

fn values_at<'a>(value: &'a Value, pattern: &[&'a str]) -> Vec<(Vec<&'a str>, &'a Value)> {
    let (Some((first, rest)), Some(table)) = (pattern.split_first(), value.as_object()) else {
        return vec![(Vec::new(), value)];
    };
    let found = table.iter().filter(|(key, _)| *first == "*" || key.as_str() == *first);
    found
        .flat_map(|(key, inner)| {
            values_at(inner, rest)
                .into_iter()
                .map(move |(path, value)| ([vec![key.as_str()], path].concat(), value))
        })
        .collect()
}

fn database(config: &Config, findings: &mut Findings<'_>) {
    let schema = &config.database.schema;
    if schema.len() > SCHEMA_BYTES_MAX || schema.contains(['\0', '"', ',']) {
        findings.problem(&["database", "schema"], "this is no name of a Postgres schema");
    }
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
    for (key, keep) in [("keep_raw", sync.keep_raw), ("keep_runs", sync.keep_runs)] {
        if keep.is_some_and(|keep| keep < KEEP_MIN) {
            findings.problem(&["sync", key], "expected at least a day (`1d`), or `forever`");
        }
    }
}

fn retry(config: &Config, findings: &mut Findings<'_>) {
    if config.retry.backoff_min > config.retry.backoff_max {
        findings.problem(&["retry", "backoff_min"], "it is longer than `retry.backoff_max`");
    }
}

fn notify(config: &Config, findings: &mut Findings<'_>) {
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

/// A shop is of an app that exists, with records its platform has.
fn shop(name: &str, shop: &ShopConfig, config: &Config, findings: &mut Findings<'_>) {
    self::name(&["shops", name], name, findings);
    let path = ["shops", name, "app"];
    let Some(app) = config.apps.get(&shop.app) else {
        let message = match shop.app.as_str() {
            "" => "name the app it belongs to".to_owned(),
            app => match nearest(app, config.apps.keys().map(String::as_str)) {
                Some(near) => format!("there is no `[apps.{app}]`; did you mean `{near}`?"),
                None => format!("there is no `[apps.{app}]`"),
            },
        };
        return findings.problem(&path, message);
    };
    let (Some(records), Some(profile)) = (&shop.records, app.profile()) else {
        return;
    };
    let path = ["shops", name, "records"];
    if records.is_empty() {
        findings.problem(&path, "nothing would be copied; to pause a shop set `enabled = false`");
    }
    let has = profile.records(app.zone_name());
    for record in records.iter().filter(|record| !has.contains(record)) {
        let zone = app.zone.as_ref().map(|zone| format!(" in zone `{zone}`"));
        let known = names(has);
        let message = format!(
            "platform `{}`{} has no `{record}`; it has {known}",
            profile.name,
            zone.unwrap_or_default()
        );
        findings.problem(&path, message);
    }
    if shop.code_command.first().is_some_and(String::is_empty) {
        findings.problem(&["shops", name, "code_command"], "the first word is the program to run");
    }
}

fn names(records: &[Record]) -> String {
    if records.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = records.iter().map(|record| record.as_str()).collect();
    names.join(", ")
}

/// A job has one kind of work and one kind of schedule, and is about shops that exist.
fn job(name: &str, job: &JobConfig, config: &Config, findings: &mut Findings<'_>) {
    self::name(&["jobs", name], name, findings);
    if job.work().is_none() {
        findings
            .problem(&["jobs", name], "say what it does: `sync = \"orders\"` or `reconcile = \"orders\"`");
    }
    schedule(name, job, findings);
    if let Some(url) = &job.dead_man_url
        && !matches!(url.scheme(), "http" | "https")
    {
        findings.problem(&["jobs", name, "dead_man_url"], "expected http:// or https://");
    }
    for pattern in &job.shops {
        let pattern_matches = |shop: &String| WildMatch::new(pattern).matches(shop);
        if pattern != "*" && !config.shops.keys().any(pattern_matches) {
            let message = format!("`{pattern}` matches no shop");
            findings.warning(&["jobs", name, "shops"], message);
        }
    }
}

fn schedule(name: &str, job: &JobConfig, findings: &mut Findings<'_>) {
    match (&job.cron, job.every) {
        (Some(cron), None) => cron_pattern(name, cron, findings),
        (None, Some(_)) => {}
        _ => findings
            .problem(&["jobs", name], "say when it runs: `cron = \"0 */5 * * * *\"` or `every = \"5m\"`"),
    }
}

fn cron_pattern(name: &str, cron: &str, findings: &mut Findings<'_>) {
    let path = ["jobs", name, "cron"];
    let fields = cron.split_whitespace().count();
    if fields != 5 && fields != 6 {
        let message = format!("expected 5 fields, or 6 with seconds first; found {fields}");
        return findings.problem(&path, message);
    }
    let parser =
        CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
    match parser.parse(&with_seconds(cron)) {
        Err(error) => {
            let error = error.to_string();
            let error = error.trim_start_matches("Component error: ").trim_end_matches('.');
            findings.problem(&path, format!("`{cron}` is no cron pattern ({FIELDS}): {error}"));
        }
        // Any pattern that ever holds does so within the parser's own search limit.
        Ok(pattern) if pattern.find_next_occurrence(&DateTime::UNIX_EPOCH, true).is_err() => {
            findings.problem(&path, format!("`{cron}` names no moment that ever comes"));
        }
        Ok(_) => {}
    }
}
