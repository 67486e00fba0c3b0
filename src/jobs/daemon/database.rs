//! Watching the database: whether it answers and takes writes. A loss is reported once, and so is the end of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::run::chain;
use crate::jobs::supervision::health::Health;
use crate::store::{Store, StoreError};

/// Between two tries.
pub const DATABASE_POLL: Duration = Duration::from_secs(2);
/// Between an answer of the database and the next question.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How long the probe waits for its turn to write. Others may hold the lock of a SQLite file for long.
const WRITE_PATIENCE: Duration = Duration::from_secs(15);

/// Whether the database answers, as far as runs and the probe have noticed.
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

    /// Where it is kept how the database does.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Returns at once while the database answers, otherwise when it does again.
    pub async fn wait(&self) {
        loop {
            let is_back = self.is_back.notified();
            if !self.is_away.load(Ordering::SeqCst) {
                return;
            }
            is_back.await;
        }
    }

    /// Reports that the database is away. The first to notice reports it and waits until it is back; the others
    /// return, and wait with [`DatabaseWatch::wait`] before their next run.
    pub async fn lost(&self, error: String, cancel: &CancellationToken) {
        if self.is_away.swap(true, Ordering::SeqCst) {
            return;
        }
        // A statement that was sent before an outage may fail long after its end, and a session may be cut alone: neither
        // means that the database is away now.
        let Some(looked) = cancel.run_until_cancelled(self.store.probe().write_alone()).await else { return };
        if looked.is_err() {
            self.health.database_lost();
            tracing::error!(
                event = "database.lost",
                error,
                "the database is away; syncing goes on when it is back",
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

    /// Asks the database again and again, until `cancel` fires, so that a loss shows while nothing runs.
    pub async fn probe(&self, cancel: CancellationToken) {
        loop {
            let Some(looked) = cancel.run_until_cancelled(self.look()).await else { return };
            match looked {
                // Another program holds its lock: that ends by itself, and a longer one shows in the health.
                Ok(()) | Err(StoreError::Busy { .. }) => {}
                Err(error) => self.lost(chain(&error), &cancel).await,
            }
            if cancel.run_until_cancelled(tokio::time::sleep(PROBE_EVERY)).await.is_none() {
                return;
            }
        }
    }

    async fn until_back(&self) {
        loop {
            tokio::time::sleep(DATABASE_POLL).await;
            // A connection that survived the outage may be one that will never answer.
            self.store.reconnect();
            if self.look().await.is_ok() {
                return;
            }
        }
    }

    /// Asks for an answer, then for a write.
    ///
    /// An answer is waited for however long it takes: giving one up would leave its connection's place in the pool taken
    /// (on Postgres its own deadline ends it), and meanwhile the last answer grows old by itself.
    async fn look(&self) -> Result<(), StoreError> {
        if let Err(error) = self.store.ping().await {
            self.health.database_heard();
            return Err(error);
        }
        self.health.database_heard();
        let written = tokio::time::timeout(WRITE_PATIENCE, self.store.probe().write()).await;
        // Whoever is in the way shows in the health, where the last write grows old.
        let Ok(written) = written else { return Ok(()) };
        match &written {
            Ok(()) => self.health.database_answered(),
            // All connections are in use: the others' statements have an end.
            Err(error) if error.is_pool_in_use() => self.health.database_heard(),
            Err(_) if self.store.probe().write_alone().await.is_ok() => {
                // The database takes writes, only not over our connections: a fault of ours, which new ones may cure. If
                // they do not, a new process may.
                self.health.database_stuck();
                self.store.reconnect();
            }
            Err(_) => self.health.database_heard(),
        }
        written
    }
}
