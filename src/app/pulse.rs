//! How the shops are doing, for those who ask often: looked up at most once in a while, however many ask, and never waited
//! for long.

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

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(5);

/// How long anybody waits for one. A look that takes longer goes on alone and is there for those who ask later.
const WAIT: Duration = Duration::from_secs(2);

/// What was found at one look.
pub struct Pulse {
    pub records: store::reports::pulse::Pulse,
    /// By shop. A shop that was never authorised is not among them.
    pub grants: HashMap<String, Result<GrantStatus, AuthError>>,
}

/// The last look.
#[derive(Default)]
pub(super) struct LastLook(Arc<Mutex<Option<Look>>>);

struct Look {
    at: Instant,
    /// `None`: the database did not answer.
    found: Option<Arc<Pulse>>,
}

impl App {
    /// Everything that is read: what `status` and the metrics have a line for.
    pub fn what_is_read(&self) -> impl Iterator<Item = (&Shop, Record)> {
        self.shops.iter().flat_map(|shop| self.records_read(shop).map(move |record| (shop, record)))
    }

    /// The same of one shop.
    pub fn records_read<'a>(&'a self, shop: &'a Shop) -> impl Iterator<Item = Record> + 'a {
        shop.records.iter().copied().filter(move |record| self.reads(shop, *record))
    }

    /// How far behind a cursor is. `None`: there is none yet.
    pub fn lag(&self, last_sync_at: Option<DateTime<Utc>>) -> Option<TimeDelta> {
        last_sync_at.map(|at| self.clock.now() - at)
    }

    /// How the shops are doing, at most some seconds ago. `None` when the database does not tell soon enough. There is at
    /// most one look at a time, so that a database that hangs is not asked again and again.
    pub async fn pulse(&self) -> Option<Arc<Pulse>> {
        let (last, store, tokens, shops) =
            (self.last_look.0.clone(), self.store.clone(), self.tokens.clone(), self.shops.clone());
        let look = async move {
            let mut last = last.lock_owned().await;
            if let Some(look) = last.as_ref().filter(|look| look.at.elapsed() < FRESH) {
                return look.found.clone();
            }
            // A task of its own: whoever waits may go away.
            let looking = tokio::spawn(async move {
                let found = look(&store, &tokens, &shops).await;
                *last = Some(Look { at: Instant::now(), found: found.clone() });
                found
            });
            looking.await.ok().flatten()
        };
        timeout(WAIT, look).await.ok().flatten()
    }
}

async fn look(store: &Store, tokens: &Tokens, shops: &[Shop]) -> Option<Arc<Pulse>> {
    let records = store
        .reports()
        .health_snapshot()
        .await
        .inspect_err(|error| tracing::debug!("no pulse: {error}"))
        .ok()?;
    let grants =
        tokens.statuses(shops).await.inspect_err(|error| tracing::debug!("no pulse: {error}")).ok()?;
    Some(Arc::new(Pulse { records, grants }))
}
