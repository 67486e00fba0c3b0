//! What the daemon does once a day so that its tables stay small: old runs go, old windows become one, and, where
//! the config says so, old answers are let go.

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::daemon::run::chain;
use crate::app::App;
use crate::app::live::Live;
use crate::config::SyncConfig;
use crate::store::shops::prune::Ages;

/// When it is pruned.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// After the start, so that the first catch-up has the database to itself.
    pub first_after: Duration,
    pub every: Duration,
}

impl Rhythm {
    pub const DAILY: Self = Self { first_after: Duration::from_mins(10), every: Duration::from_hours(24) };
}

/// Prunes until `cancel` fires, in small steps of which any may be the last.
pub async fn keep_small(live: &Live, rhythm: Rhythm, cancel: &CancellationToken) {
    let pruning = async {
        tokio::time::sleep(rhythm.first_after).await;
        loop {
            prune(&live.app()).await;
            tokio::time::sleep(rhythm.every).await;
        }
    };
    cancel.run_until_cancelled(pruning).await;
}

async fn prune(app: &App) {
    match app.store.pruning().prune(ages(&app.config().sync)).await {
        Ok(summary) => tracing::debug!(
            runs = summary.runs,
            windows = summary.windows,
            raw = summary.raw,
            "pruned the tables of the copying"
        ),
        // Told by those who need it now; tomorrow is another day.
        Err(error) if error.is_unavailable() => tracing::debug!("not pruned: {}", chain(&error)),
        Err(error) => tracing::warn!(
            event = "prune.failed",
            error = chain(&error),
            "old runs and windows could not be pruned; it is tried again tomorrow"
        ),
    }
}

fn ages(sync: &SyncConfig) -> Ages {
    let age = |keep: Option<Duration>| keep.and_then(|keep| TimeDelta::from_std(keep).ok());
    Ages { runs: age(sync.keep_runs), raw: age(sync.keep_raw), ..Ages::default() }
}
