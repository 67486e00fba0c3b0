//! The daemon: a slot of a job becomes one run for each shop. Its background tasks are listed in [`background`].

pub mod background;
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

use super::daemon::backlog::Backlogs;
use super::daemon::database::DatabaseWatch;
use super::daemon::run::{RunError, RunOptions, Task, run_lane};
use super::daemon::running::{LaneClaim, RunningLane, RunningLanes};
use super::daemon::task::Target;
use super::dead_man::{RunResult, Switches};
use super::scheduler::job::Trigger;
use super::supervision::health::Health;
use crate::app::App;
use crate::app::live::Live;
use crate::auth::AuthError;
use crate::config::Work;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::error_text::chain;
use crate::notify::Sender;

/// How long a job waits for the create lane, which a backfill may hold for hours, before its slot is skipped.
const CREATE_LANE_WAIT: Duration = Duration::from_hours(1);

/// Between two checks of a lane that another run of this process holds.
const CLAIM_POLL: Duration = Duration::from_millis(500);

/// A shop and one of its records. Its runs are stopped when the config no longer has it.
type ShopRecord = (String, Record);

/// One run of one lane.
#[derive(Clone)]
pub(super) struct LaneRun {
    pub(super) context: RunContext,
    pub(super) job: String,
    pub(super) record: Record,
    pub(super) lane: Lane,
    pub(super) task: Task,
    /// The word in the `trigger` column of `job_runs`.
    pub(super) trigger: &'static str,
}

/// What a run has from its start to its end, also if the config is reloaded meanwhile.
#[derive(Clone)]
pub(super) struct RunContext {
    pub(super) app: Arc<App>,
    pub(super) shop: Shop,
    /// Fires when the program ends, or when the config no longer has the shop or its record.
    pub(super) cancel: CancellationToken,
}

/// Starts runs and knows which are running. Clones share the same state.
#[derive(Clone)]
pub struct Daemon {
    live: Live,
    database: Arc<DatabaseWatch>,
    tracker: TaskTracker,
    cancel: CancellationToken,
    /// Stops the runs of a shop's record. The app is replaced under this lock, so that no run starts during a reload.
    stops: Arc<Mutex<HashMap<ShopRecord, CancellationToken>>>,
    running: RunningLanes,
    health: Arc<Health>,
    sender: Arc<Sender>,
    switches: Switches,
    backlogs: Backlogs,
}

impl Daemon {
    pub fn new(live: Live, cancel: CancellationToken) -> Self {
        let database = Arc::new(DatabaseWatch::new(live.app().store.clone()));
        let sender = Arc::new(Sender::default());
        Self {
            live,
            tracker: TaskTracker::new(),
            cancel,
            stops: Arc::default(),
            running: RunningLanes::default(),
            health: database.health().clone(),
            database,
            switches: Switches::new(sender.clone()),
            sender,
            backlogs: Backlogs::default(),
        }
    }

    /// Replaces the app after a reload. Runs continue with the app they started with. Runs of a shop or record that the new
    /// app does not have stop at their next step.
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

    pub fn running(&self) -> &RunningLanes {
        &self.running
    }

    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Whether the daemon stops: runs end, and no new run starts.
    pub fn is_stopping(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Starts a job's run for each of `shops` and returns at once: a shop that takes an hour must not delay the next slot
    /// of the other shops.
    pub fn start(&self, job: &str, work: Work, shops: &[Shop], trigger: Trigger) {
        let (record, lane, task) = match work {
            Work::Sync(record) => (record, Lane::Update, Task::Incremental),
            Work::Reconcile { record, days } => {
                (record, Lane::Create, Task::Reconcile { length: chrono::TimeDelta::days(i64::from(days)) })
            }
        };
        let trigger = trigger.as_str();
        let mut runs = Vec::new();
        for shop in shops {
            let Some(context) = self.run_context(&shop.name, record) else { continue };
            if context.app.has_lane(&context.shop, record, lane) {
                let (job, task) = (job.to_owned(), task.clone());
                runs.push(self.spawn_lane(LaneRun { context, job, record, lane, task, trigger }));
            }
        }
        let app = self.live.app();
        if let Some(switch) = app.config().jobs.get(job).and_then(|job| job.dead_man_url.clone()) {
            let watching = self.switches.clone().watch(job.to_owned(), switch, runs, self.cancel.clone());
            self.tracker.spawn(watching);
        }
    }

    /// Waits until everything has ended. Runs stop at their next step once `cancel` has fired, and get at most `grace`. Token
    /// calls get as long as they need, until each new pair is in the database or in a file. Returns whether `grace` was enough.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.tracker.close();
        let tokens = self.live.app().tokens.clone();
        let drained = tokio::time::timeout(grace, self.tracker.wait());
        tokio::join!(drained, tokens.drain()).0.is_ok()
    }

    /// `None`: the config does not have the shop any more.
    pub(super) fn run_context(&self, shop: &str, record: Record) -> Option<RunContext> {
        let mut stops = self.stops();
        let app = self.live.app();
        let shop = app.shop(shop)?.clone();
        let cancel =
            stops.entry((shop.name.clone(), record)).or_insert_with(|| self.cancel.child_token()).clone();
        Some(RunContext { app, shop, cancel })
    }

    fn stops(&self) -> MutexGuard<'_, HashMap<ShopRecord, CancellationToken>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn spawn_lane(&self, run: LaneRun) -> JoinHandle<RunResult> {
        let daemon = self.clone();
        self.tracker.spawn(async move {
            let Some(claim) = daemon.claim(&run).await else {
                return if run.context.cancel.is_cancelled() { RunResult::Stopped } else { RunResult::Busy };
            };
            let result = daemon.run(&run, &claim).await;
            drop(claim);
            let may_continue =
                matches!(result, RunResult::Succeeded | RunResult::Failed { is_of_window: true, .. });
            if may_continue && !run.context.cancel.is_cancelled() {
                daemon.spawn_following_lanes(&run).await;
            }
            result
        })
    }

    /// After the update lane, the lanes of history and money run beside it, if they have work. After history, money runs.
    async fn spawn_following_lanes(&self, run: &LaneRun) {
        let following: &[(Lane, &str)] = match run.lane {
            Lane::Update => &[(Lane::Create, "backfill"), (Lane::Amounts, "amounts")],
            Lane::Create => &[(Lane::Amounts, "amounts")],
            Lane::Amounts => &[],
        };
        for (lane, job) in following.iter().copied() {
            let Some(context) = self.run_context(&run.context.shop.name, run.record) else { return };
            let target = Target { shop: &context.shop, record: run.record, lane };
            match lanes::has_work(&context.app, target).await {
                Ok(true) => {
                    let task = Task::Incremental;
                    drop(self.spawn_lane(LaneRun {
                        context,
                        job: job.to_owned(),
                        lane,
                        task,
                        ..run.clone()
                    }));
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(shop = %context.shop.name, "could not check the {lane} lane for work: {error}");
                }
            }
        }
    }

    /// Runs one lane of one shop.
    async fn run(&self, run: &LaneRun, claim: &LaneClaim) -> RunResult {
        let LaneRun { context: RunContext { app, shop, cancel }, job, record, lane, .. } = run;
        tokio::select! {
            () = cancel.cancelled() => return RunResult::Stopped,
            () = self.database.wait() => {}
        }
        if let Err(result) = self.check_grant(app, shop).await {
            return result;
        }
        // Only the update lane needs a permit. Otherwise many shops with new orders could keep history and money from ever
        // running. The rate limit is shared by all lanes.
        let _permit = if *lane == Lane::Update {
            tokio::select! {
                () = cancel.cancelled() => return RunResult::Stopped,
                permit = app.shop_permits.acquire() => Some(permit),
            }
        } else {
            None
        };
        let options = RunOptions {
            job: job.clone(),
            trigger: run.trigger,
            lease_wait: run.lease_wait(),
            task: run.task.clone(),
            progress: claim.progress.clone(),
            cancel: cancel.clone(),
        };
        match run_lane(app, Target { shop, record: *record, lane: *lane }, &options).await {
            Ok(_) => RunResult::Succeeded,
            Err(busy @ RunError::Busy { .. }) => {
                self.backlogs.slot_skipped(job, &shop.name, *record, &busy);
                RunResult::Busy
            }
            Err(error) if error.is_stop() => RunResult::Stopped,
            Err(error) if error.is_off() => RunResult::Skipped,
            // The missed records are stored by now, and an event of its own has reported them.
            Err(error) if error.is_difference() => RunResult::Succeeded,
            Err(error) => {
                if error.is_database_away() {
                    self.database.report_lost(chain(&error), &self.cancel).await;
                }
                RunResult::Failed { reason: chain(&error), is_of_window: error.is_of_window() }
            }
        }
    }

    /// Checks that the shop has a grant that works. Refreshes its token if that is due.
    async fn check_grant(&self, app: &App, shop: &Shop) -> Result<(), RunResult> {
        let Err(error) = app.tokens.access(shop).await else { return Ok(()) };
        let reason = chain(&error);
        if error.is_database_away() {
            self.database.report_lost(reason.clone(), &self.cancel).await;
        } else {
            tracing::debug!(shop = %shop.name, "skipped `{}`: {reason}", shop.name);
        }
        Err(match error {
            AuthError::NeverAuthorised { .. } => RunResult::Skipped,
            _ => RunResult::Failed { reason, is_of_window: false },
        })
    }

    /// Claims the lane in this process. Waits for another run of it as long as this run may. `None`: still busy.
    async fn claim(&self, run: &LaneRun) -> Option<LaneClaim> {
        let key = (run.context.shop.name.clone(), run.record, run.lane);
        let lane = RunningLane {
            job: run.job.clone(),
            trigger: run.trigger,
            since: run.context.app.clock.now(),
            progress: Arc::default(),
        };
        let started_at = std::time::Instant::now();
        loop {
            if let Some(claim) = self.running.claim(&key, &lane) {
                self.backlogs.run_started(&run.job, &run.context.shop.name, run.record);
                return Some(claim);
            }
            if started_at.elapsed() >= run.lease_wait() {
                if let Some(reason) = run.skip_reason() {
                    self.backlogs.slot_skipped(&run.job, &run.context.shop.name, run.record, &reason);
                }
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep(CLAIM_POLL) => {}
                () = run.context.cancel.cancelled() => return None,
            }
        }
    }
}

impl LaneRun {
    /// A reconcile waits for its lane, because no other run does its work. A backfill does not: the one that holds the lane
    /// does the same.
    fn lease_wait(&self) -> Duration {
        match self.task {
            Task::Reconcile { .. } => CREATE_LANE_WAIT,
            _ => Duration::ZERO,
        }
    }

    /// Why the slot was skipped. `None`: the run that holds the lane does the same work, so nothing was skipped.
    fn skip_reason(&self) -> Option<&'static str> {
        match (self.lane, &self.task) {
            (Lane::Update, _) => Some("is still at its last slot; this one is skipped"),
            (_, Task::Reconcile { .. }) => {
                Some("waited for the history that is being read; this slot is skipped")
            }
            _ => None,
        }
    }
}
