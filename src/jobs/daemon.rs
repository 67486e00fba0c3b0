//! The daemon: slots become runs, each shop on its own, until it is told to stop.

pub(super) mod backlog;
pub mod database;
pub mod lanes;
pub mod on_request;
pub(super) mod presence;
pub mod reload;
pub mod run;
pub mod running;
pub mod task;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::alarms::Watcher;
use super::daemon::backlog::Backlogs;
use super::daemon::database::DatabaseWatch;
use super::dead_man::{Ended, Switches};
use super::supervision::health::Health;
use super::token_keeper::{Charge, Keeper, KeeperParts};

use super::daemon::run::{RunError, RunOptions, Task, chain, run_lane};
use super::daemon::running::{Claim, Running, UnderWay};
use super::daemon::task::Target;
use super::scheduler::ticker::Trigger;
use crate::app::App;
use crate::app::live::Live;
use crate::auth::AuthError;
use crate::config::Work;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::notify::Courier;

/// How long a job waits for the create lane, which a backfill may hold for hours, before its slot is skipped.
const CREATE_LANE_WAIT: Duration = Duration::from_hours(1);

/// Between two looks at a lane that another run of this process holds.
const CLAIM_POLL: Duration = Duration::from_millis(500);

/// What is stopped when the config no longer has it.
type Subject = (String, Record);

/// One run of the daemon.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) subject: Begun,
    pub(super) job: String,
    pub(super) record: Record,
    pub(super) lane: Lane,
    pub(super) task: Task,
    /// The word in the `trigger` column of `job_runs`.
    pub(super) trigger: &'static str,
}

/// What a run begins with and keeps to its end.
#[derive(Clone)]
pub(super) struct Begun {
    pub(super) app: Arc<App>,
    pub(super) shop: Shop,
    /// Fires when the program ends, or when the config no longer has the shop or its record.
    pub(super) cancel: CancellationToken,
}

/// The running daemon's share of the state: what is under way.
#[derive(Clone)]
pub struct Daemon {
    live: Live,
    database: Arc<DatabaseWatch>,
    tracker: TaskTracker,
    cancel: CancellationToken,
    /// Of what the present app reads. The app changes under this lock, so that nothing begins beside a change.
    stops: Arc<Mutex<HashMap<Subject, CancellationToken>>>,
    under_way: UnderWay,
    health: Arc<Health>,
    courier: Arc<Courier>,
    switches: Switches,
    backlogs: Backlogs,
}

impl Daemon {
    pub fn new(live: Live, cancel: CancellationToken) -> Self {
        let database = Arc::new(DatabaseWatch::new(live.app().store.clone()));
        let courier = Arc::new(Courier::default());
        Self {
            live,
            tracker: TaskTracker::new(),
            cancel,
            stops: Arc::default(),
            under_way: UnderWay::default(),
            health: database.health().clone(),
            database,
            switches: Switches::new(courier.clone()),
            courier,
            backlogs: Backlogs::default(),
        }
    }

    /// Puts another app in place of the present one. Runs under way go on with the app they began with; those of a shop
    /// or record that it no longer has end at their next step.
    pub fn take_over(&self, app: Arc<App>) {
        let mut stops = self.stops();
        let former = self.live.app();
        stops.retain(|(shop, record), stop| {
            let stays = match (former.shop(shop), app.shop(shop)) {
                (Some(before), Some(shop)) => before.is_at(shop) && app.reads(shop, *record),
                _ => false,
            };
            if !stays {
                stop.cancel();
            }
            stays
        });
        self.live.replace(app);
    }

    pub fn live(&self) -> &Live {
        &self.live
    }

    pub fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Whether it was told to stop: what is under way ends, and nothing new begins.
    pub fn is_stopping(&self) -> bool {
        self.cancel.is_cancelled()
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
        let trigger = trigger.as_str();
        let mut runs = Vec::new();
        for shop in shops {
            let Some(subject) = self.begin(&shop.name, record) else { continue };
            if subject.app.has_lane(&subject.shop, record, lane) {
                let (job, task) = (job.to_owned(), task.clone());
                runs.push(self.start_lane(Start { subject, job, record, lane, task, trigger }));
            }
        }
        let app = self.live.app();
        if let Some(switch) = app.config().jobs.get(job).and_then(|job| job.dead_man_url.clone()) {
            let watching = self.switches.clone().watch(job.to_owned(), switch, runs, self.cancel.clone());
            self.tracker.spawn(watching);
        }
    }

    /// Keeps the shops' grants alive from now on, whatever jobs there are, and those of shops that come to be.
    pub fn start_keeper(&self) {
        let mut changes = self.live.subscribe();
        let app = changes.borrow_and_update().clone();
        let keeper = Keeper::new(KeeperParts {
            store: app.store.clone(),
            tokens: app.tokens.clone(),
            clock: app.clock.clone(),
            shops: shops_to_keep(&app),
            applications: app.applications.clone(),
            database: self.database.clone(),
            cancel: self.cancel.clone(),
        });
        self.tracker.spawn(keeper.clone().run());
        let cancel = self.cancel.clone();
        self.tracker.spawn(async move {
            while let Some(Ok(())) = cancel.run_until_cancelled(changes.changed()).await {
                let app = changes.borrow_and_update().clone();
                keeper.take_over(Charge {
                    tokens: app.tokens.clone(),
                    shops: shops_to_keep(&app),
                    applications: app.applications.clone(),
                });
            }
        });
    }

    /// Asks the database for signs of life from now on.
    pub fn start_probe(&self) {
        let (database, cancel) = (self.database.clone(), self.cancel.clone());
        self.tracker.spawn(async move { database.probe(cancel).await });
    }

    /// Tells people from now on what needs them.
    pub fn start_alarms(&self) {
        let watcher = Watcher::new(self.live.clone(), self.courier.clone());
        self.tracker.spawn(watcher.run(self.cancel.clone()));
    }

    /// Says from now on in the database that this daemon works, and for which shops.
    pub fn start_presence(&self) {
        self.tracker.spawn(presence::keep(self.live.clone(), self.cancel.clone()));
    }

    /// Waits for what is under way: for runs, which stop at their next step once `cancel` has fired, as long as `grace`
    /// says; for token calls until each new pair is in the database or in a file.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.tracker.close();
        let tokens = self.live.app().tokens.clone();
        let drained = tokio::time::timeout(grace, self.tracker.wait());
        tokio::join!(drained, tokens.drain()).0.is_ok()
    }

    /// What a run of this shop's record begins with. `None`: the config does not have the shop any more.
    pub(super) fn begin(&self, shop: &str, record: Record) -> Option<Begun> {
        let mut stops = self.stops();
        let app = self.live.app();
        let shop = app.shop(shop)?.clone();
        let cancel =
            stops.entry((shop.name.clone(), record)).or_insert_with(|| self.cancel.child_token()).clone();
        Some(Begun { app, shop, cancel })
    }

    fn stops(&self) -> MutexGuard<'_, HashMap<Subject, CancellationToken>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start_lane(&self, start: Start) -> JoinHandle<Ended> {
        let daemon = self.clone();
        self.tracker.spawn(async move {
            let Some(claim) = daemon.claim(&start).await else {
                return if start.subject.cancel.is_cancelled() { Ended::Stopped } else { Ended::Busy };
            };
            let ended = daemon.run(&start, &claim).await;
            drop(claim);
            let is_worth_going_on = matches!(ended, Ended::Well | Ended::Failed { is_of_window: true, .. });
            if is_worth_going_on && !start.subject.cancel.is_cancelled() {
                daemon.start_rest(&start).await;
            }
            ended
        })
    }

    /// History and money go on beside the update lane, when there is any to fetch; the money of a history as soon as that is
    /// read.
    async fn start_rest(&self, of: &Start) {
        let next: &[(Lane, &str)] = match of.lane {
            Lane::Update => &[(Lane::Create, "backfill"), (Lane::Amounts, "amounts")],
            Lane::Create => &[(Lane::Amounts, "amounts")],
            Lane::Amounts => &[],
        };
        for (lane, job) in next.iter().copied() {
            let Some(subject) = self.begin(&of.subject.shop.name, of.record) else { return };
            let target = Target { shop: &subject.shop, record: of.record, lane };
            match lanes::has_work(&subject.app, target).await {
                Ok(true) => {
                    let task = Task::Rest;
                    drop(self.start_lane(Start { subject, job: job.to_owned(), lane, task, ..of.clone() }));
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(shop = %subject.shop.name, "{lane} lane not looked at: {error}");
                }
            }
        }
    }

    /// One lane of one shop. A crowded second of the present must not keep history and money from arriving.
    async fn run(&self, start: &Start, claim: &Claim) -> Ended {
        let Start { subject: Begun { app, shop, cancel }, job, record, lane, .. } = start;
        tokio::select! {
            () = cancel.cancelled() => return Ended::Stopped,
            () = self.database.wait() => {}
        }
        if let Err(ended) = self.may_run(app, shop).await {
            return ended;
        }
        // Lanes other than the update lane take no place from it: the rate limit is what they share.
        let _place = if *lane == Lane::Update {
            tokio::select! {
                () = cancel.cancelled() => return Ended::Stopped,
                place = app.shops_at_once.take() => Some(place),
            }
        } else {
            None
        };
        let options = RunOptions {
            job: job.clone(),
            trigger: start.trigger,
            lease_wait: start.lease_wait(),
            task: start.task.clone(),
            progress: claim.progress.clone(),
            cancel: cancel.clone(),
        };
        match run_lane(app, Target { shop, record: *record, lane: *lane }, &options).await {
            Ok(_) => Ended::Well,
            Err(busy @ RunError::Busy { .. }) => {
                self.backlogs.skipped(job, &shop.name, *record, &busy);
                Ended::Busy
            }
            Err(error) if error.is_stop() => Ended::Stopped,
            Err(error) if error.is_off() => Ended::LeftOut,
            // It is stored by now, and told by an event of its own.
            Err(error) if error.is_difference() => Ended::Well,
            Err(error) => {
                if error.is_database_away() {
                    self.database.lost(chain(&error), &self.cancel).await;
                }
                Ended::Failed { why: chain(&error), is_of_window: error.is_of_window() }
            }
        }
    }

    /// Whether the shop has a grant that works; refreshes it on the way when that is due.
    async fn may_run(&self, app: &App, shop: &Shop) -> Result<(), Ended> {
        let Err(error) = app.tokens.access(shop).await else { return Ok(()) };
        let why = chain(&error);
        if error.is_database_away() {
            self.database.lost(why.clone(), &self.cancel).await;
        } else {
            tracing::debug!(shop = %shop.name, "`{}` is left out: {why}", shop.name);
        }
        Err(match error {
            AuthError::NeverAuthorised { .. } => Ended::LeftOut,
            _ => Ended::Failed { why, is_of_window: false },
        })
    }

    /// Waits for a lane that another run of this process holds, as long as the run may. `None`: it still does.
    async fn claim(&self, start: &Start) -> Option<Claim> {
        let place = (start.subject.shop.name.clone(), start.record, start.lane);
        let running = Running {
            job: start.job.clone(),
            trigger: start.trigger,
            since: start.subject.app.clock.now(),
            progress: Arc::default(),
        };
        let asked_at = std::time::Instant::now();
        loop {
            if let Some(claim) = self.under_way.claim(&place, &running) {
                self.backlogs.begins(&start.job, &start.subject.shop.name, start.record);
                return Some(claim);
            }
            if asked_at.elapsed() >= start.lease_wait() {
                if let Some(why) = start.why_skipped() {
                    self.backlogs.skipped(&start.job, &start.subject.shop.name, start.record, &why);
                }
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep(CLAIM_POLL) => {}
                () = start.subject.cancel.cancelled() => return None,
            }
        }
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

    /// `None`: a backfill or a drain of money that is under way already is what was to be done.
    fn why_skipped(&self) -> Option<&'static str> {
        match (self.lane, &self.task) {
            (Lane::Update, _) => Some("is still at its last slot; this one is skipped"),
            (_, Task::Reconcile { .. }) => {
                Some("waited for the history that is being read; this slot is skipped")
            }
            _ => None,
        }
    }
}

fn shops_to_keep(app: &App) -> Vec<Shop> {
    app.shops.iter().map(|shop| with_records_in_use(app, shop)).collect()
}

/// The shop with the records that jobs copy: nobody misses what a grant does not cover of the others.
fn with_records_in_use(app: &App, shop: &Shop) -> Shop {
    let is_copied = |record: &Record| {
        app.reads(shop, *record) && app.config().sync_jobs(*record).any(|(_, job)| job.covers(shop))
    };
    Shop { records: shop.records.iter().copied().filter(is_copied).collect(), ..shop.clone() }
}
