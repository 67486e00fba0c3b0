//! Feeds systemd's watchdog, which ends and restarts a daemon that it hears nothing of.
//!
//! Fed is only on signs of life of the work itself, see [`super::health`]: since the last time the scheduler's loop turned
//! and the database answered. An answer may be an error: a database that is away is waited for, and a restart would
//! not bring it back. One that takes the writes of a new connection and, for a minute, none of ours is a reason: then the
//! fault is in this process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::health::Health;

/// Looks for signs of life within one limit of the watchdog. More than the two that systemd advises, because a look
/// that comes just before an answer of the database costs a whole turn.
const LOOKS_PER_LIMIT: u32 = 8;

/// Calls `alive` as long as there are new signs of life, often enough for a watchdog that waits for `limit`. Never ends.
pub async fn feed(health: Arc<Health>, limit: Duration, alive: impl Fn()) {
    let mut fed_at = Instant::now();
    loop {
        tokio::time::sleep(limit / LOOKS_PER_LIMIT).await;
        let now = Instant::now();
        if health.has_lived_since(fed_at) {
            alive();
            fed_at = now;
        }
    }
}
