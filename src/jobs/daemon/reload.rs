//! Taking over a changed config while the daemon runs: load, compare, refuse or swap, tell.
//!
//! One at a time, and either as a whole or not at all. Whatever is wrong with the new config, the one in use stays.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::Daemon;
use super::task::chain;
use crate::app::AppError;
use crate::app::live::Live;
use crate::config::{Change, ConfigError, Loaded};
use crate::domain::shop::Shop;
use crate::jobs::scheduler::schedule::jobs_of;
use crate::jobs::scheduler::ticker::{Ticker, TickerError, check};
use crate::jobs::unauthorised;
use crate::meters;

/// Changes told in one line; of more, how many they are.
const CHANGES_TOLD_MAX: usize = 20;

/// Makes the program log by the level of a config.
pub type SetLevel = Box<dyn Fn(&str) + Send + Sync>;

/// What goes by the config while the daemon runs.
pub struct Reloader<'a> {
    pub live: Live,
    pub daemon: &'a Daemon,
    pub ticker: &'a Ticker,
    /// `None`: how much is logged is not the config's to say.
    pub set_level: Option<SetLevel>,
    outcomes: watch::Sender<Option<ReloadOutcome>>,
}

/// How a reload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// In words: what changed.
    TakenOver { changes: Vec<String> },
    /// The config in use stays.
    Refused { reason: String },
}

impl<'a> Reloader<'a> {
    pub fn new(live: Live, daemon: &'a Daemon, ticker: &'a Ticker, set_level: Option<SetLevel>) -> Self {
        Self { live, daemon, ticker, set_level, outcomes: watch::Sender::new(None) }
    }

    /// How the last reload ended; `None` before the first.
    pub fn outcomes(&self) -> watch::Receiver<Option<ReloadOutcome>> {
        self.outcomes.subscribe()
    }

    /// Reloads at each signal, one after the other. Those that come during a reload are one more after it.
    pub async fn serve(&self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            self.reload().await;
        }
    }

    /// Reads the config again and goes by it, or says why not.
    pub async fn reload(&self) -> ReloadOutcome {
        let outcome = match self.take_over().await {
            Ok(changes) => ReloadOutcome::TakenOver { changes },
            Err(refusal) => ReloadOutcome::Refused { reason: in_a_line(&chain(&refusal)) },
        };
        outcome.tell();
        meters::config_reloaded(outcome.as_counted());
        self.outcomes.send_replace(Some(outcome.clone()));
        outcome
    }

    async fn take_over(&self) -> Result<Vec<String>, Refusal> {
        let former = self.live.app();
        let loaded = Arc::new(load_again(former.loaded.clone()).await?);
        let changes = former.config().changes_to(&loaded.config);
        let fixed: Vec<String> =
            changes.iter().filter(|change| change.needs_restart()).map(Change::key).collect();
        if !fixed.is_empty() {
            return Err(Refusal::NeedsRestart { keys: fixed });
        }
        let jobs = jobs_of(&loaded.config);
        check(&jobs)?;
        tell_warnings(&former.loaded, &loaded);
        let app = Arc::new(Box::pin(former.reloaded(loaded)).await?);

        // Neither fails, and nothing is waited for between them: there is no half of a reload.
        self.daemon.take_over(app.clone());
        self.ticker.replace(jobs)?;
        let level = &app.config().log.level;
        if let Some(set_level) = self.set_level.as_ref().filter(|_| *level != former.config().log.level) {
            set_level(level);
        }
        let is_new = |shop: &&Shop| former.shop(&shop.name).is_none();
        let new: Vec<Shop> = app.shops.iter().filter(is_new).cloned().collect();
        unauthorised::tell(&app, &new).await;
        Ok(changes.iter().map(ToString::to_string).collect())
    }
}

impl ReloadOutcome {
    /// What a person should know of it before all else. `None`: nothing.
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

    fn tell(&self) {
        match self {
            Self::TakenOver { changes } => {
                let changes = in_words(changes);
                tracing::info!(event = "config.reloaded", changes, "the config was read again: {changes}");
            }
            Self::Refused { reason } => tracing::error!(
                event = "config.refused",
                error = reason,
                "the config was not taken over, the one in use stays: {reason}",
            ),
        }
    }
}

/// Why a config is not taken over.
#[derive(Debug, thiserror::Error)]
enum Refusal {
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
    #[error("reading it ended in a fault of this program")]
    Broken(#[from] tokio::task::JoinError),
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        if error.is_database_away() { Self::DatabaseAway(error) } else { Self::App(error) }
    }
}

/// The file may lie on a disk that takes its time.
async fn load_again(loaded: Arc<Loaded>) -> Result<Loaded, Refusal> {
    Ok(tokio::task::spawn_blocking(move || loaded.again()).await??)
}

/// What looks wrong and did not before.
fn tell_warnings(former: &Loaded, loaded: &Loaded) {
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

fn in_words(changes: &[String]) -> String {
    match changes.get(CHANGES_TOLD_MAX..) {
        None if changes.is_empty() => "nothing changed".to_owned(),
        None | Some([]) => changes.join(", "),
        Some(more) => format!("{}, and {} more", changes[..CHANGES_TOLD_MAX].join(", "), more.len()),
    }
}

/// A list of faults, as it is printed at a start, in one line of the log.
fn in_a_line(text: &str) -> String {
    text.replace(":\n  ", ": ").replace("\n  ", "; ").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_in_one_line_however_much_it_is() {
        let changes =
            |count: usize| (0..count).map(|number| format!("`k{number}` changed")).collect::<Vec<_>>();
        assert_eq!(in_words(&[]), "nothing changed");
        assert_eq!(in_words(&changes(2)), "`k0` changed, `k1` changed");
        assert!(in_words(&changes(20)).ends_with("`k19` changed"));
        assert!(in_words(&changes(23)).ends_with("`k19` changed, and 3 more"));
        assert_eq!(in_a_line("it has 2 errors:\n  a: b\n  c: d"), "it has 2 errors: a: b; c: d");
    }
}
