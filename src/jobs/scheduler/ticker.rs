//! Wakes each job at its slots, one run of a job at a time, and drains at the end.
//!
//! A slot that comes while its job still runs waits; of several, the last one waits for all. What a job does is
//! the handler's business, and that no other process does it at the same time is the leases'.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_cron_scheduler::{JobScheduler, JobSchedulerError};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::cron::Schedule;
use super::queue::Board;
use super::tick_source;
use crate::clock::Clock;
use crate::jobs::supervision::health::Health;

/// The most jobs a ticker takes.
pub const JOBS_MAX: usize = 256;

/// Jobs being woken at their slots.
pub struct Ticker {
    scheduler: JobScheduler,
    crew: Crew,
}

/// What wakes, as the config names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub name: JobName,
    pub schedule: Schedule,
    /// Upper bound of the delay after each slot; the delay itself is fixed by the name.
    pub jitter: Duration,
}

/// The section name of a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobName(Arc<str>);

/// A moment a job is to run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The slot by the schedule, without jitter; for a catch-up the moment it was asked for.
    pub at: DateTime<Utc>,
    pub trigger: Trigger,
    /// How many earlier slots this run stands for as well, because the job still ran or the program stalled.
    /// Counted to a thousand for each stall.
    pub coalesced: u32,
}

/// Why a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    Schedule,
    /// Slots passed while no daemon ran.
    CatchUp,
}

impl Trigger {
    /// The word in the `trigger` column of `job_runs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CatchUp => "catch_up",
        }
    }
}

/// What the ticker calls.
#[derive(Clone)]
pub struct Handler {
    /// Does the job's work for a slot. Not called again for the job until the future has ended.
    pub run: Arc<Run>,
    /// Told when `run` panicked, with the panic's message. The job's next slot comes all the same.
    pub panicked: Arc<Panicked>,
}

/// See [`Handler::run`].
pub type Run = dyn Fn(JobName, Slot) -> BoxFuture<'static, ()> + Send + Sync;

/// See [`Handler::panicked`].
pub type Panicked = dyn Fn(&JobName, Slot, &str) + Send + Sync;

impl Ticker {
    /// Begins to wake `jobs`, each at its first slot after the present.
    pub async fn start(jobs: Vec<Job>, clock: Clock, handler: Handler) -> Result<Self, TickerError> {
        Self::start_watched(jobs, clock, handler, Arc::default()).await
    }

    /// The same, telling `health` of each pass.
    pub async fn start_watched(
        jobs: Vec<Job>,
        clock: Clock,
        handler: Handler,
        health: Arc<Health>,
    ) -> Result<Self, TickerError> {
        check(&jobs)?;
        let crew = Crew {
            board: Arc::new(Board::new(jobs, clock.now())),
            clock: clock.clone(),
            handler,
            tasks: TaskTracker::new(),
        };
        let serving = crew.clone();
        let board = Arc::clone(&crew.board);
        let scheduler = tick_source::start(board, clock, health, Arc::new(move |id| serving.serve(id)))
            .await
            .map_err(|source| TickerError::Scheduler { source })?;
        Ok(Self { scheduler, crew })
    }

    /// Takes over another list of jobs without touching running work. A job whose times are unchanged keeps
    /// its slots; a new or changed one begins with its first slot after the present.
    pub fn replace(&self, jobs: Vec<Job>) -> Result<(), TickerError> {
        check(&jobs)?;
        self.crew.board.replace(jobs, self.crew.clock.now());
        Ok(())
    }

    /// Lets a job run once as soon as it can, for slots that passed while no daemon ran. `false` when there is
    /// no such job, or the ticker is shutting down.
    pub fn catch_up(&self, name: &JobName) -> bool {
        self.crew.board.catch_up(name, self.crew.clock.now())
    }

    /// Hands out no slot any more. What runs goes on.
    pub fn close(&self) {
        self.crew.board.close();
        self.crew.tasks.close();
    }

    /// Closes, then waits until nothing runs any more. How long that may take is the caller's to bound.
    pub async fn shutdown(&self) {
        self.close();
        // It only raises a flag: one more pass follows, and finds a closed board.
        if let Err(error) = self.scheduler.clone().shutdown().await {
            tracing::debug!(%error, "the scheduler did not take the order to stop");
        }
        self.crew.tasks.wait().await;
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.close();
    }
}

/// Those who do the work of the slots.
#[derive(Clone)]
struct Crew {
    board: Arc<Board>,
    clock: Clock,
    handler: Handler,
    tasks: TaskTracker,
}

impl Crew {
    /// Runs the slot that waits for a job, and those that come to wait meanwhile.
    fn serve(&self, id: Uuid) {
        // Held until the task is tracked: a shutdown in between must not find nobody to wait for.
        let _token = self.tasks.token();
        let Some((name, first)) = self.board.take(id) else {
            return;
        };
        let crew = self.clone();
        self.tasks.spawn(async move {
            let mut next = Some(first);
            while let Some(slot) = next {
                crew.run(&name, slot).await;
                next = crew.board.following(&name);
            }
        });
    }

    /// Runs one slot; a panic of the handler ends here.
    async fn run(&self, name: &JobName, slot: Slot) {
        let work = async { (self.handler.run)(name.clone(), slot).await };
        let Err(panic) = AssertUnwindSafe(work).catch_unwind().await else {
            return;
        };
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a message");
        // A hook that panics must not leave its job marked as running for ever.
        let told = catch_unwind(AssertUnwindSafe(|| (self.handler.panicked)(name, slot, message)));
        if told.is_err() {
            tracing::error!(event = "run.failed", job = %name, error = message, "job `{name}` panicked, and so did telling of it");
        }
    }
}

/// Whether [`Ticker::replace`] would take this list.
pub fn check(jobs: &[Job]) -> Result<(), TickerError> {
    if jobs.len() > JOBS_MAX {
        return Err(TickerError::TooMany { found: jobs.len() });
    }
    let mut names: Vec<&JobName> = jobs.iter().map(|job| &job.name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(TickerError::Twice { name: pair[0].clone() }),
        None => Ok(()),
    }
}

impl JobName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for JobName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a list of jobs cannot be woken.
#[derive(Debug, thiserror::Error)]
pub enum TickerError {
    #[error("{found} jobs are more than the {JOBS_MAX} one daemon takes")]
    TooMany { found: usize },
    #[error("job `{name}` is listed twice")]
    Twice { name: JobName },
    #[error("the scheduler could not be started")]
    Scheduler {
        #[source]
        source: JobSchedulerError,
    },
}
