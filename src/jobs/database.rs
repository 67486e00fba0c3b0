//! Waiting for a database that is away: told once, tried again, told when it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Between two tries.
pub const DATABASE_POLL: Duration = Duration::from_secs(2);

/// Whether the database answers, as far as runs have noticed.
pub struct DatabaseWatch {
    store: Store,
    is_away: AtomicBool,
    is_back: Notify,
}

impl DatabaseWatch {
    pub fn new(store: Store) -> Self {
        Self { store, is_away: AtomicBool::new(false), is_back: Notify::new() }
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

    /// Reports that the database is away. The first to notice tells it and waits until it is back; the others
    /// return, and wait with [`DatabaseWatch::wait`] before their next run.
    pub async fn lost(&self, error: String, cancel: &CancellationToken) {
        if self.is_away.swap(true, Ordering::SeqCst) {
            return;
        }
        tracing::error!(
            event = "database.lost",
            error,
            "the database is away; syncing goes on when it is back",
        );
        tokio::select! {
            () = cancel.cancelled() => return,
            () = self.until_back() => {}
        }
        self.is_away.store(false, Ordering::SeqCst);
        self.is_back.notify_waiters();
        tracing::info!(event = "database.back", "the database is back");
    }

    async fn until_back(&self) {
        loop {
            tokio::time::sleep(DATABASE_POLL).await;
            // A connection that survived the outage may be one that will never answer.
            let is_back = async {
                self.store.reconnect().await?;
                self.store.ping().await
            };
            if is_back.await.is_ok() {
                return;
            }
        }
    }
}
