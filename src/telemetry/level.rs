//! The log level: our own code logs at the requested level, other crates only warnings and errors unless they are requested by
//! name. The database driver logs nothing: what it warns of, it also returns as an error, which we log with its event.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use super::TelemetryError;

/// Crates that log each statement, connection and handshake.
const QUIET: [&str; 10] = [
    "axum",
    "h2",
    "hyper",
    "hyper_util",
    "mio",
    "reqwest",
    "rustls",
    "rustls_platform_verifier",
    "tokio_cron_scheduler",
    "tower",
];

/// The crates of the database driver.
const SILENT: [&str; 3] = ["sea_orm", "sea_orm_migration", "sqlx"];

/// Parses one level, or a list of levels and `target=level` separated by commas.
pub fn parse(text: &str) -> Result<Targets, TelemetryError> {
    let mut everything = LevelFilter::INFO;
    let mut requested: Vec<(&str, LevelFilter)> = Vec::new();
    for part in text.split(',').map(str::trim) {
        match part.split_once('=') {
            Some((target, word)) if is_target(target.trim()) => requested.push((target.trim(), level(word)?)),
            Some(_) => return Err(unknown(part)),
            None => everything = level(part)?,
        }
    }
    let quiet = QUIET.map(|name| (name, LevelFilter::WARN));
    let silent = SILENT.map(|name| (name, LevelFilter::OFF));
    let quiet = quiet
        .into_iter()
        .chain(silent)
        .filter(|(name, _)| !requested.iter().any(|(target, _)| in_crate(target, name)))
        .map(|(name, level)| (name, everything.min(level)));
    Ok(Targets::new().with_default(everything).with_targets(quiet).with_targets(requested.iter().copied()))
}

/// Only the six words. The crate's own parser also accepts numbers, and an empty word as `error`.
fn level(word: &str) -> Result<LevelFilter, TelemetryError> {
    let word = word.trim();
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(unknown(word));
    }
    LevelFilter::from_str(word).map_err(|_| unknown(word))
}

/// A path of a crate and its modules.
fn is_target(target: &str) -> bool {
    !target.is_empty()
        && target.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

fn in_crate(target: &str, name: &str) -> bool {
    target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn unknown(found: &str) -> TelemetryError {
    TelemetryError::Level { found: found.to_owned() }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn other_crates_are_quiet_unless_requested_by_name() {
        for (text, target, level, expected) in [
            ("info", "shopsync::sync", Level::INFO, true),
            ("info", "shopsync::sync", Level::DEBUG, false),
            ("debug", "shopsync::sync", Level::DEBUG, true),
            ("debug", "sqlx::query", Level::INFO, false),
            ("debug", "sqlx::query", Level::ERROR, false),
            ("debug", "hyper_util::client", Level::WARN, true),
            ("debug", "hyper_util::client", Level::DEBUG, false),
            ("error", "sqlx::query", Level::WARN, false),
            ("off", "sqlx::query", Level::ERROR, false),
            ("info,sqlx=debug", "sqlx::query", Level::DEBUG, true),
            ("info,sqlx::query=debug", "sqlx::query", Level::DEBUG, true),
            ("info,sqlx=debug", "reqwest::connect", Level::DEBUG, false),
            ("warn,shopsync::sync=trace", "shopsync::sync::orders", Level::TRACE, true),
            ("warn,shopsync::sync=trace", "shopsync::auth", Level::INFO, false),
            ("shopsync=debug", "shopsync::auth", Level::DEBUG, true),
            (" INFO , sqlx = Debug ", "sqlx", Level::DEBUG, true),
        ] {
            let targets = parse(text).unwrap();
            assert_eq!(targets.would_enable(target, &level), expected, "{text}: {target} at {level}");
        }
    }

    #[test]
    fn a_word_that_is_not_a_level_is_refused() {
        for text in ["", "inf", "info,", "verbose", "3", "shopsync=loud", "=debug", "info sqlx=debug"] {
            assert!(matches!(parse(text), Err(TelemetryError::Level { .. })), "{text}");
        }
    }
}
