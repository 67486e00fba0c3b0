//! The daemon: slots become runs, each shop on its own, until it is told to stop.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::database::DatabaseWatch;
use super::keeper::{Keeper, KeeperParts};
use super::lanes;
use super::run::{RunError, RunOptions, Task, chain, run_lane};
use super::task::Target;
use super::ticker::Trigger;
use crate::app::App;
use crate::app::live::Live;
use crate::config::Work;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::meters;
use crate::sync::Progress;

/// How long a job waits for the create lane, which a backfill may hold for hours, before its slot is skipped.
const CREATE_LANE_WAIT: Duration = Duration::from_hours(1);

/// Between two looks at a lane that another run of this process holds.
const CLAIM_POLL: Duration = Duration::from_millis(500);

/// What runs at most once at a time.
type Place = (String, Record, Lane);

/// One run of the daemon.
#[derive(Clone)]
struct Start {
    /// The app it began with, which it keeps to its end.
    app: Arc<App>,
    job: String,
    shop: Shop,
    record: Record,
    lane: Lane,
    task: Task,
    trigger: Trigger,
}

/// The running daemon's share of the state: what is under way.
#[derive(Clone)]
pub struct Daemon {
    live: Live,
    database: Arc<DatabaseWatch>,
    tracker: TaskTracker,
    cancel: CancellationToken,
    under_way: Arc<Mutex<HashSet<Place>>>,
}

impl Daemon {
    pub fn new(live: Live, cancel: CancellationToken) -> Self {
        let database = Arc::new(DatabaseWatch::new(live.app().store.clone()));
        Self { live, database, tracker: TaskTracker::new(), cancel, under_way: Arc::default() }
    }

    /// Starts a job's run for each of `shops` and returns at once: a shop that takes an hour must not delay the next
    /// slot of the others.
    pub fn start(&self, job: &str, work: Work, shops: &[Shop], trigger: Trigger) {
        let (record, lane, task) = match work {
            Work::Sync(record) => (record, Lane::Update, Task::Rest),
            Work::Reconcile { record, days } => {
                (record, Lane::Create, Task::Reconcile { length: chrono::TimeDelta::days(i64::from(days)) })
            }
        };
        let app = self.live.app();
        for shop in shops.iter().filter(|shop| app.has_lane(shop, record, lane)) {
            let (app, job, shop, task) = (app.clone(), job.to_owned(), shop.clone(), task.clone());
            self.start_lane(Start { app, job, shop, record, lane, task, trigger });
        }
    }

    /// Keeps the shops' grants alive from now on, whatever jobs there are.
    pub fn start_keeper(&self) {
        let app = self.live.app();
        let keeper = Keeper::new(KeeperParts {
            store: app.store.clone(),
            tokens: app.tokens.clone(),
            clock: app.clock.clone(),
            shops: app.shops.iter().map(|shop| with_records_in_use(&app, shop)).collect(),
            applications: app.applications.clone(),
            database: self.database.clone(),
            cancel: self.cancel.clone(),
        });
        self.tracker.spawn(keeper.run());
    }

    /// Waits for what is under way. Runs stop at their next step once `cancel` has fired; a token refresh is
    /// always waited for.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.tracker.close();
        let drained = async {
            self.tracker.wait().await;
            self.live.app().tokens.drain().await;
        };
        tokio::time::timeout(grace, drained).await.is_ok()
    }

    fn start_lane(&self, start: Start) {
        let daemon = self.clone();
        self.tracker.spawn(async move {
            let Some(claim) = daemon.claim(&start).await else { return };
            let is_worth_going_on = daemon.run(&start).await;
            drop(claim);
            if is_worth_going_on && start.lane == Lane::Update && !daemon.cancel.is_cancelled() {
                daemon.start_rest(&start).await;
            }
        });
    }

    /// History and money go on beside the update lane, when there is any to fetch.
    async fn start_rest(&self, of: &Start) {
        for (lane, job) in [(Lane::Create, "backfill"), (Lane::Amounts, "amounts")] {
            let target = Target { shop: &of.shop, record: of.record, lane };
            match lanes::has_work(&of.app, target).await {
                Ok(true) => self.start_lane(Start { job: job.to_owned(), lane, ..of.clone() }),
                Ok(false) => {}
                Err(error) => tracing::debug!(shop = %of.shop.name, "{lane} lane not looked at: {error}"),
            }
        }
    }

    /// One lane of one shop. True when the shop's other lanes are worth running: a crowded second of the present must
    /// not keep history and money from arriving.
    async fn run(&self, start: &Start) -> bool {
        let Start { app, job, shop, record, lane, .. } = start;
        tokio::select! {
            () = self.cancel.cancelled() => return false,
            () = self.database.wait() => {}
        }
        if !self.may_run(app, shop).await {
            return false;
        }
        // Lanes other than the update lane take no place from it: the rate limit is what they share.
        let _place = if *lane == Lane::Update {
            tokio::select! {
                () = self.cancel.cancelled() => return false,
                place = app.shops_at_once.acquire() => place.ok(),
            }
        } else {
            None
        };
        let options = RunOptions {
            job: job.clone(),
            trigger: start.trigger.as_str(),
            lease_wait: start.lease_wait(),
            task: start.task.clone(),
            progress: Arc::new(Progress::default()),
            cancel: self.cancel.clone(),
        };
        match run_lane(app, Target { shop, record: *record, lane: *lane }, &options).await {
            Ok(_) => true,
            Err(busy @ RunError::Busy { .. }) => {
                meters::run_skipped(job);
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
    async fn may_run(&self, app: &App, shop: &Shop) -> bool {
        match app.tokens.access(shop).await {
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

    /// Waits for a lane that another run of this process holds, as long as the run may. `None`: it still does.
    async fn claim(&self, start: &Start) -> Option<Claim<'_>> {
        let place = (start.shop.name.clone(), start.record, start.lane);
        let asked_at = std::time::Instant::now();
        while !self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone()) {
            if asked_at.elapsed() >= start.lease_wait() {
                start.tell_skipped();
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep(CLAIM_POLL) => {}
                () = self.cancel.cancelled() => return None,
            }
        }
        Some(Claim { daemon: self, place })
    }
}

impl Start {
    /// A backfill that a run would go on with is under way already; a reconcile has something of its own to tell.
    fn lease_wait(&self) -> Duration {
        match self.task {
            Task::Reconcile { .. } => CREATE_LANE_WAIT,
            _ => Duration::ZERO,
        }
    }

    /// A backfill or a drain of money that is under way already is what was to be done.
    fn tell_skipped(&self) {
        let Self { job, shop, .. } = self;
        let why = match (self.lane, &self.task) {
            (Lane::Update, _) => "is still at its last slot; this one is skipped",
            (_, Task::Reconcile { .. }) => "waited for the history that is being read; this slot is skipped",
            _ => return,
        };
        meters::run_skipped(job);
        tracing::info!(
            event = "run.skipped", shop = %shop.name, record = %self.record, job,
            "{job} of `{}` {why}", shop.name,
        );
    }
}

/// The shop with the records that jobs copy: nobody misses what a grant does not cover of the others.
fn with_records_in_use(app: &App, shop: &Shop) -> Shop {
    let is_copied = |record: &Record| {
        app.reads(shop, *record) && app.config().sync_jobs(*record).any(|(_, job)| job.covers(shop))
    };
    Shop { records: shop.records.iter().copied().filter(is_copied).collect(), ..shop.clone() }
}

/// Marks a lane as under way in this process, for as long as it lives.
struct Claim<'a> {
    daemon: &'a Daemon,
    place: Place,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.daemon.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place);
    }
}
