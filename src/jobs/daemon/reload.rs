//! Reloads the config while the daemon runs: load, compare, refuse or replace, log.
//!
//! One reload at a time, and all of it or nothing. If anything is wrong with the new config, the daemon keeps the one in
//! use.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::Daemon;
use crate::app::AppError;
use crate::config::{Change, ConfigError, Loaded};
use crate::domain::shop::Shop;
use crate::error_text::chain;
use crate::jobs::scheduler::schedule::jobs_of;
use crate::jobs::scheduler::ticker::{Ticker, TickerError, check};
use crate::jobs::unauthorised;
use crate::meters;

/// Changes listed in one log line. Further ones are counted.
const CHANGES_LISTED_MAX: usize = 20;

/// Sets the log level.
pub type SetLevel = Box<dyn Fn(&str) + Send + Sync>;

/// Reloads everything that depends on the config.
pub struct Reloader {
    daemon: Daemon,
    ticker: Arc<Ticker>,
    /// `None`: the config does not set the log level.
    set_level: Option<SetLevel>,
    outcomes: watch::Sender<Option<ReloadOutcome>>,
}

/// How a reload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// `changes`: for people.
    TakenOver { changes: Vec<String> },
    /// The config in use stays.
    Refused { reason: String },
}

impl Reloader {
    pub fn new(daemon: Daemon, ticker: Arc<Ticker>, set_level: Option<SetLevel>) -> Self {
        Self { daemon, ticker, set_level, outcomes: watch::Sender::new(None) }
    }

    /// How the last reload ended; `None` before the first.
    pub fn outcomes(&self) -> watch::Receiver<Option<ReloadOutcome>> {
        self.outcomes.subscribe()
    }

    /// Reloads at each signal. Signals that come during a reload cause one more reload after it.
    pub async fn serve(&self, hangups: &mut Signal) {
        while hangups.recv().await.is_some() {
            self.reload().await;
        }
    }

    /// Reads the config again and uses it, or keeps the one in use and says why.
    pub async fn reload(&self) -> ReloadOutcome {
        let outcome = match self.take_over().await {
            Ok(changes) => ReloadOutcome::TakenOver { changes },
            Err(error) => ReloadOutcome::Refused { reason: on_one_line(&chain(&error)) },
        };
        outcome.log();
        meters::config_reloaded(outcome.as_counted());
        self.outcomes.send_replace(Some(outcome.clone()));
        outcome
    }

    async fn take_over(&self) -> Result<Vec<String>, ReloadError> {
        let former = self.daemon.live().app();
        let loaded = Arc::new(load_again(former.loaded.clone()).await?);
        let changes = former.config().changes_to(&loaded.config);
        let fixed: Vec<String> =
            changes.iter().filter(|change| change.needs_restart()).map(Change::key).collect();
        if !fixed.is_empty() {
            return Err(ReloadError::NeedsRestart { keys: fixed });
        }
        let jobs = jobs_of(&loaded.config);
        check(&jobs)?;
        log_new_warnings(&former.loaded, &loaded);
        let app = Arc::new(Box::pin(former.reloaded(loaded)).await?);

        // From here on nothing fails and nothing is awaited before both are replaced: a reload is never half done.
        self.daemon.take_over(app.clone());
        self.ticker.replace(jobs)?;
        let level = &app.config().log.level;
        if let Some(set_level) = self.set_level.as_ref().filter(|_| *level != former.config().log.level) {
            set_level(level);
        }
        let is_new = |shop: &&Shop| former.shop(&shop.name).is_none();
        let new: Vec<Shop> = app.shops.iter().filter(is_new).cloned().collect();
        unauthorised::log_never_authorised(&app, &new).await;
        Ok(changes.iter().map(ToString::to_string).collect())
    }
}

impl ReloadOutcome {
    /// For the status line, if the reload was refused.
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::TakenOver { .. } => None,
            Self::Refused { reason } => Some(format!("the changed config was refused: {reason}")),
        }
    }

    fn as_counted(&self) -> meters::Reload {
        match self {
            Self::TakenOver { .. } => meters::Reload::Ok,
            Self::Refused { .. } => meters::Reload::Refused,
        }
    }

    fn log(&self) {
        match self {
            Self::TakenOver { changes } => {
                let changes = describe(changes);
                tracing::info!(event = "config.reloaded", changes, "the config was read again: {changes}");
            }
            Self::Refused { reason } => tracing::error!(
                event = "config.refused",
                error = reason,
                "the new config was refused, the daemon keeps the one in use: {reason}",
            ),
        }
    }
}

/// Why a new config is refused.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{}", needs_restart(keys))]
    NeedsRestart { keys: Vec<String> },
    #[error(transparent)]
    Jobs(#[from] TickerError),
    #[error("the database is away; send SIGHUP again when it is back")]
    DatabaseAway(#[source] AppError),
    #[error(transparent)]
    App(AppError),
    #[error("reading the config failed because of a fault of this program")]
    Broken(#[from] tokio::task::JoinError),
}

impl From<AppError> for ReloadError {
    fn from(error: AppError) -> Self {
        if error.is_database_away() { Self::DatabaseAway(error) } else { Self::App(error) }
    }
}

/// In a thread for blocking work: the file may be on a slow disk.
async fn load_again(loaded: Arc<Loaded>) -> Result<Loaded, ReloadError> {
    Ok(tokio::task::spawn_blocking(move || loaded.again()).await??)
}

/// Logs the warnings that the config in use does not have.
fn log_new_warnings(former: &Loaded, loaded: &Loaded) {
    for line in loaded.warnings.iter().filter(|line| !former.warnings.contains(line)) {
        tracing::warn!(event = "config.warning", "{line}");
    }
}

fn needs_restart(keys: &[String]) -> String {
    let (listed, verb) = (keys.join("`, `"), if keys.len() == 1 { "is" } else { "are" });
    format!(
        "`{listed}` changed and {verb} read only at the start: restart shopsync, or put the old value back"
    )
}

fn describe(changes: &[String]) -> String {
    match changes.get(CHANGES_LISTED_MAX..) {
        None if changes.is_empty() => "nothing changed".to_owned(),
        None | Some([]) => changes.join(", "),
        Some(more) => format!("{}, and {} more", changes[..CHANGES_LISTED_MAX].join(", "), more.len()),
    }
}

/// Puts a list of errors, as printed at a start, on one line of the log.
fn on_one_line(text: &str) -> String {
    text.replace(":\n  ", ": ").replace("\n  ", "; ").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_logged_on_one_line_however_many_they_are() {
        let changes =
            |count: usize| (0..count).map(|number| format!("`k{number}` changed")).collect::<Vec<_>>();
        assert_eq!(describe(&[]), "nothing changed");
        assert_eq!(describe(&changes(2)), "`k0` changed, `k1` changed");
        assert!(describe(&changes(20)).ends_with("`k19` changed"));
        assert!(describe(&changes(23)).ends_with("`k19` changed, and 3 more"));
        assert_eq!(on_one_line("it has 2 errors:\n  a: b\n  c: d"), "it has 2 errors: a: b; c: d");
    }
}
