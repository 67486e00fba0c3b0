//! Keeps the daemon's own tables small: deletes old runs, merges old windows and, where the config says so, empties old
//! raw answers.

use std::time::Duration;

use chrono::TimeDelta;

use crate::app::App;
use crate::config::SyncConfig;
use crate::error_text::chain;
use crate::store::shops::prune::Ages;

/// Between the start and the first pruning, so that the first catch-up has the database to itself.
pub const FIRST_AFTER: Duration = Duration::from_mins(10);
pub const EVERY: Duration = Duration::from_hours(24);

/// Prunes once, in small steps. It may be cut off after any of them.
pub async fn prune(app: &App) {
    match app.store.pruning().prune(ages(&app.config().sync)).await {
        Ok(summary) => tracing::debug!(
            runs = summary.runs,
            windows = summary.windows,
            raw = summary.raw,
            "pruned the tables of runs, windows and raw answers"
        ),
        // The database probe reports this.
        Err(error) if error.is_unavailable() => tracing::debug!("not pruned: {}", chain(&error)),
        Err(error) => tracing::warn!(
            event = "prune.failed",
            error = chain(&error),
            "could not prune old runs and windows; trying again tomorrow"
        ),
    }
}

fn ages(sync: &SyncConfig) -> Ages {
    let age = |keep: Option<Duration>| keep.and_then(|keep| TimeDelta::from_std(keep).ok());
    Ages { runs: age(sync.keep_runs), raw: age(sync.keep_raw), ..Ages::default() }
}
