//! A snapshot of how the shops are doing, for callers that ask often, such as metrics. It is read from the database at most
//! once every few seconds, and callers wait only a short time for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::App;
use crate::auth::{AuthError, GrantStatus, Tokens};
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::store::{self, Store};

/// How old a snapshot may be.
const FRESH: Duration = Duration::from_secs(5);

/// How long a caller waits. A read that takes longer continues, and serves later callers.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// What was read at one moment.
pub struct HealthSnapshot {
    pub records: store::reports::health_snapshot::HealthByRecord,
    /// By shop. Without the shops that were never authorised.
    pub grants: HashMap<String, Result<GrantStatus, AuthError>>,
}

/// The last snapshot.
#[derive(Default)]
pub(super) struct SnapshotCache(Arc<Mutex<Option<Cached>>>);

struct Cached {
    at: Instant,
    /// `None`: the database did not answer.
    snapshot: Option<Arc<HealthSnapshot>>,
}

impl App {
    /// All shops and records that are read: `status` and the metrics have a line for each.
    pub fn all_records_read(&self) -> impl Iterator<Item = (&Shop, Record)> {
        self.shops.iter().flat_map(|shop| self.records_read(shop).map(move |record| (shop, record)))
    }

    /// The records of one shop that are read.
    pub fn records_read<'a>(&'a self, shop: &'a Shop) -> impl Iterator<Item = Record> + 'a {
        shop.records.iter().copied().filter(move |record| self.reads(shop, *record))
    }

    /// How far behind a cursor is. `None`: there is none yet.
    pub fn lag(&self, last_sync_at: Option<DateTime<Utc>>) -> Option<TimeDelta> {
        last_sync_at.map(|at| self.clock.now() - at)
    }

    /// How the shops are doing, at most a few seconds ago. `None`: the database did not answer in time. There is at most one
    /// read at a time, so that a database that hangs gets no further queries.
    pub async fn health_snapshot(&self) -> Option<Arc<HealthSnapshot>> {
        let (cache, store, tokens, shops) =
            (self.snapshot_cache.0.clone(), self.store.clone(), self.tokens.clone(), self.shops.clone());
        let cached_or_read = async move {
            let mut cache = cache.lock_owned().await;
            if let Some(cached) = cache.as_ref().filter(|cached| cached.at.elapsed() < FRESH) {
                return cached.snapshot.clone();
            }
            // In a task of its own, because the caller may stop waiting.
            let reading = tokio::spawn(async move {
                let snapshot = read(&store, &tokens, &shops).await;
                *cache = Some(Cached { at: Instant::now(), snapshot: snapshot.clone() });
                snapshot
            });
            reading.await.ok().flatten()
        };
        timeout(WAIT_MAX, cached_or_read).await.ok().flatten()
    }
}

async fn read(store: &Store, tokens: &Tokens, shops: &[Shop]) -> Option<Arc<HealthSnapshot>> {
    let no_snapshot = "could not read how the shops are doing";
    let records = store
        .reports()
        .health_snapshot()
        .await
        .inspect_err(|error| tracing::debug!("{no_snapshot}: {error}"))
        .ok()?;
    let grants =
        tokens.statuses(shops).await.inspect_err(|error| tracing::debug!("{no_snapshot}: {error}")).ok()?;
    Some(Arc::new(HealthSnapshot { records, grants }))
}
