//! Watches the database: does it answer, and does it take writes? A loss is reported once, and so is the return.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error_text::chain;
use crate::jobs::supervision::health::Health;
use crate::store::{Store, StoreError};

/// Between two tries to reach a database that is away.
pub const DATABASE_POLL: Duration = Duration::from_secs(2);
/// Between two probes.
pub const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How long the probe waits to write. Another program may hold the lock of a SQLite file for long.
const WRITE_WAIT_MAX: Duration = Duration::from_secs(15);

/// Whether the database is there, as far as runs and the probe have noticed.
pub struct DatabaseWatch {
    store: Store,
    health: Arc<Health>,
    is_away: AtomicBool,
    is_back: Notify,
}

impl DatabaseWatch {
    pub fn new(store: Store) -> Self {
        Self { store, health: Arc::default(), is_away: AtomicBool::new(false), is_back: Notify::new() }
    }

    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Waits until the database is back. Returns at once if it is not away.
    pub async fn wait(&self) {
        loop {
            let is_back = self.is_back.notified();
            if !self.is_away.load(Ordering::SeqCst) {
                return;
            }
            is_back.await;
        }
    }

    /// Reports that the database is away. The first caller logs it and waits until the database is back. Other callers
    /// return at once, and wait with [`DatabaseWatch::wait`] before their next run.
    pub async fn report_lost(&self, error: String, cancel: &CancellationToken) {
        if self.is_away.swap(true, Ordering::SeqCst) {
            return;
        }
        // A statement that was sent before an outage may fail long after its end, and one session may be cut alone. So
        // check on a new connection whether the database is away now.
        let Some(checked) = cancel.run_until_cancelled(self.store.probe().write_alone()).await else {
            return;
        };
        if checked.is_err() {
            self.health.database_lost();
            tracing::error!(
                event = "database.lost",
                error,
                "the database is away; syncing continues when it is back",
            );
            if cancel.run_until_cancelled(self.until_back()).await.is_none() {
                return;
            }
            self.health.database_answered();
            tracing::info!(event = "database.back", "the database is back");
        }
        self.is_away.store(false, Ordering::SeqCst);
        self.is_back.notify_waiters();
    }

    /// Checks the database once, and reports a loss. Waits until a lost database is back.
    pub async fn probe(&self, cancel: &CancellationToken) {
        match self.check().await {
            // `Busy`: another program holds its lock. That ends by itself; if it takes long, the health shows it.
            Ok(()) | Err(StoreError::Busy { .. }) => {}
            Err(error) => self.report_lost(chain(&error), cancel).await,
        }
    }

    async fn until_back(&self) {
        loop {
            tokio::time::sleep(DATABASE_POLL).await;
            // A connection from before the outage may never answer.
            self.store.reconnect();
            if self.check().await.is_ok() {
                return;
            }
        }
    }

    /// Waits for an answer, then for a write.
    ///
    /// The answer has no deadline here: giving up would keep its connection out of the pool (Postgres has a deadline of its
    /// own). Meanwhile the last answer grows old, and the health shows it.
    async fn check(&self) -> Result<(), StoreError> {
        if let Err(error) = self.store.ping().await {
            self.health.database_heard();
            return Err(error);
        }
        self.health.database_heard();
        let written = tokio::time::timeout(WRITE_WAIT_MAX, self.store.probe().write()).await;
        // Another program blocks the write. The last write grows old, and the health shows it.
        let Ok(written) = written else { return Ok(()) };
        match &written {
            Ok(()) => self.health.database_answered(),
            // All connections are in use. Their statements end by themselves.
            Err(error) if error.is_pool_in_use() => self.health.database_heard(),
            Err(_) if self.store.probe().write_alone().await.is_ok() => {
                // The database takes writes, but not over our connections. New connections may help; if they do not, the
                // watchdog restarts the process.
                self.health.database_stuck();
                self.store.reconnect();
            }
            Err(_) => self.health.database_heard(),
        }
        written
    }
}
