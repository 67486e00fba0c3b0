//! The daemon: slots become runs, each shop on its own, until it is told to stop.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::database::DatabaseWatch;
use super::keeper::{Keeper, KeeperParts};
use super::orders;
use super::run::{RunError, RunOptions, chain, run_lane};
use super::ticker::Trigger;
use crate::app::App;
use crate::config::{Work, is_built};
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::sync::Progress;

/// The running daemon's share of the state: what is under way.
#[derive(Clone)]
pub struct Daemon {
    app: Arc<App>,
    database: Arc<DatabaseWatch>,
    tracker: TaskTracker,
    cancel: CancellationToken,
    under_way: Arc<Mutex<HashSet<(String, Lane)>>>,
}

impl Daemon {
    pub fn new(app: Arc<App>, cancel: CancellationToken) -> Self {
        let database = Arc::new(DatabaseWatch::new(app.store.clone()));
        Self { app, database, tracker: TaskTracker::new(), cancel, under_way: Arc::default() }
    }

    /// Starts a run for each of `shops` and returns at once: a shop that takes an hour must not delay the
    /// next slot of the others.
    pub fn start_orders(&self, job: &str, shops: &[Shop], trigger: Trigger) {
        for shop in shops {
            self.start_lane(job, shop, Lane::Update, trigger);
        }
    }

    /// Keeps the shops' grants alive from now on, whatever jobs there are.
    pub fn start_keeper(&self) {
        let keeper = Keeper::new(KeeperParts {
            store: self.app.store.clone(),
            tokens: self.app.tokens.clone(),
            clock: self.app.clock.clone(),
            shops: self.app.shops.iter().map(|shop| self.with_records_in_use(shop)).collect(),
            applications: self.app.applications.clone(),
            database: self.database.clone(),
            cancel: self.cancel.clone(),
        });
        self.tracker.spawn(keeper.run());
    }

    /// The shop with the records that jobs copy: nobody misses what a grant does not cover of the others.
    fn with_records_in_use(&self, shop: &Shop) -> Shop {
        let is_copied = |record: &Record| {
            is_built(Work::Sync(*record))
                && self.app.config().sync_jobs(*record).any(|(_, job)| job.covers(shop))
        };
        Shop { records: shop.records.iter().copied().filter(is_copied).collect(), ..shop.clone() }
    }

    /// Waits for what is under way. Runs stop at their next step once `cancel` has fired; a token refresh is
    /// always waited for.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.tracker.close();
        let drained = async {
            self.tracker.wait().await;
            self.app.tokens.drain().await;
        };
        tokio::time::timeout(grace, drained).await.is_ok()
    }

    fn start_lane(&self, job: &str, shop: &Shop, lane: Lane, trigger: Trigger) {
        if !self.claim(shop, lane) {
            if lane == Lane::Update {
                tracing::info!(
                    event = "run.skipped", shop = %shop.name, job,
                    "{job} of `{}` is still at its last slot; this one is skipped", shop.name,
                );
            }
            return;
        }
        let (daemon, job, shop) = (self.clone(), job.to_owned(), shop.clone());
        self.tracker.spawn(async move {
            let claim = Claim { daemon: &daemon, shop: &shop, lane };
            let is_worth_going_on = daemon.run(&job, &shop, lane, trigger).await;
            drop(claim);
            if is_worth_going_on && lane == Lane::Update && !daemon.cancel.is_cancelled() {
                daemon.start_rest(&shop, trigger).await;
            }
        });
    }

    /// History and money go on beside the update lane, when there is any to fetch.
    async fn start_rest(&self, shop: &Shop, trigger: Trigger) {
        for (lane, job) in [(Lane::Create, "backfill"), (Lane::Amounts, "amounts")] {
            match orders::has_work(&self.app, shop, lane).await {
                Ok(true) => self.start_lane(job, shop, lane, trigger),
                Ok(false) => {}
                Err(error) => tracing::debug!(shop = %shop.name, "{lane} lane not looked at: {error}"),
            }
        }
    }

    /// One lane of one shop. True when the shop's other lanes are worth running: a crowded second of the present must
    /// not keep history and money from arriving.
    async fn run(&self, job: &str, shop: &Shop, lane: Lane, trigger: Trigger) -> bool {
        tokio::select! {
            () = self.cancel.cancelled() => return false,
            () = self.database.wait() => {}
        }
        if !self.may_run(shop).await {
            return false;
        }
        // Lanes other than the update lane take no place from it: the rate limit is what they share.
        let _place = if lane == Lane::Update {
            tokio::select! {
                () = self.cancel.cancelled() => return false,
                place = self.app.shops_at_once.acquire() => place.ok(),
            }
        } else {
            None
        };
        let options = RunOptions {
            job: job.to_owned(),
            trigger: trigger.as_str(),
            lease_wait: Duration::ZERO,
            full: false,
            progress: Arc::new(Progress::default()),
            cancel: self.cancel.clone(),
        };
        match run_lane(&self.app, shop, lane, &options).await {
            Ok(_) => true,
            Err(busy @ RunError::Busy { .. }) => {
                tracing::info!(event = "run.skipped", shop = %shop.name, job, "{job} of `{}` skipped: {busy}", shop.name);
                false
            }
            Err(error) => {
                if error.is_database_away() {
                    self.database.lost(chain(&error), &self.cancel).await;
                }
                error.is_of_window()
            }
        }
    }

    /// Whether the shop has a grant that works; refreshes it on the way when that is due.
    async fn may_run(&self, shop: &Shop) -> bool {
        match self.app.tokens.access(shop).await {
            Ok(_) => true,
            Err(error) if error.is_database_away() => {
                self.database.lost(chain(&error), &self.cancel).await;
                false
            }
            Err(error) => {
                tracing::debug!(shop = %shop.name, "`{}` is left out: {}", shop.name, chain(&error));
                false
            }
        }
    }

    fn claim(&self, shop: &Shop, lane: Lane) -> bool {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert((shop.name.clone(), lane))
    }
}

/// Marks a lane as under way in this process, for as long as it lives.
struct Claim<'a> {
    daemon: &'a Daemon,
    shop: &'a Shop,
    lane: Lane,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut under_way = self.daemon.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&(self.shop.name.clone(), self.lane));
    }
}
