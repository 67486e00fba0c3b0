//! Feeds systemd's watchdog, which kills and restarts a daemon that sends no signs of life.
//!
//! Fed only if, since the last time, the scheduler looped and the database answered, see [`super::health`]. The answer may be
//! an error: a restart would not bring back a database that is away. But if the database takes the writes of a new
//! connection and, for a minute, none of ours, the fault is in this process, and the watchdog is not fed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::health::Health;

/// Checks within one limit of the watchdog. More than the two that systemd advises: a check just before the database answers
/// misses that answer until the next check.
const CHECKS_PER_LIMIT: u32 = 8;

/// Calls `alive` when there are new signs of life, often enough for a watchdog that waits for `limit`. Never ends.
pub async fn feed(health: Arc<Health>, limit: Duration, alive: impl Fn()) {
    let mut fed_at = Instant::now();
    loop {
        tokio::time::sleep(limit / CHECKS_PER_LIMIT).await;
        let now = Instant::now();
        if health.has_lived_since(fed_at) {
            alive();
            fed_at = now;
        }
    }
}
