//! Runs each job at its slots, one run of a job at a time, and drains at the end.
//!
//! A slot that comes while its job still runs waits. If several come, the last one stands for all of them. The handler does
//! the work. The leases ensure that no other process does it at the same time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_cron_scheduler::{JobScheduler, JobSchedulerError};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::job::{Job, JobName, Slot};
use super::queue::SlotQueue;
use super::tick_source;
use crate::clock::Clock;
use crate::error_text::panic_text;
use crate::jobs::supervision::health::Health;

/// The most jobs of one ticker.
pub const JOBS_MAX: usize = 256;

/// Runs jobs at their slots.
pub struct Ticker {
    scheduler: JobScheduler,
    workers: Workers,
}

/// The functions that the ticker calls.
#[derive(Clone)]
pub struct Handler {
    /// Does the work of a slot. Not called again for the job until the future has ended.
    pub run: Arc<Run>,
    /// Called with the message when `run` panics. The job's next slot comes as usual.
    pub panicked: Arc<Panicked>,
}

/// See [`Handler::run`].
pub type Run = dyn Fn(JobName, Slot) -> BoxFuture<'static, ()> + Send + Sync;

/// See [`Handler::panicked`].
pub type Panicked = dyn Fn(&JobName, Slot, &str) + Send + Sync;

impl Ticker {
    /// Starts to run `jobs`, each from its first slot after now.
    pub async fn start(jobs: Vec<Job>, clock: Clock, handler: Handler) -> Result<Self, TickerError> {
        Self::start_watched(jobs, clock, handler, Arc::default()).await
    }

    /// The same. Each pass is a sign of life for `health`.
    pub async fn start_watched(
        jobs: Vec<Job>,
        clock: Clock,
        handler: Handler,
        health: Arc<Health>,
    ) -> Result<Self, TickerError> {
        check(&jobs)?;
        let workers = Workers {
            queue: Arc::new(SlotQueue::new(jobs, clock.now())),
            clock: clock.clone(),
            handler,
            tasks: TaskTracker::new(),
        };
        let starter = workers.clone();
        let queue = Arc::clone(&workers.queue);
        let scheduler = tick_source::start(queue, clock, health, Arc::new(move |id| starter.start_slot(id)))
            .await
            .map_err(|source| TickerError::Scheduler { source })?;
        Ok(Self { scheduler, workers })
    }

    /// Replaces the list of jobs. Work that runs continues. An unchanged job keeps its slots; a new or changed one starts with
    /// its first slot after now.
    pub fn replace(&self, jobs: Vec<Job>) -> Result<(), TickerError> {
        check(&jobs)?;
        self.workers.queue.replace(jobs, self.workers.clock.now());
        Ok(())
    }

    /// Runs a job once as soon as possible, for slots that it missed while no daemon ran. `false`: there is no such job, or the
    /// ticker is closed.
    pub fn catch_up(&self, name: &JobName) -> bool {
        self.workers.queue.catch_up(name, self.workers.clock.now())
    }

    /// From now on no slot starts. Work that runs continues.
    pub fn close(&self) {
        self.workers.queue.close();
        self.workers.tasks.close();
    }

    /// Closes, then waits until nothing runs. The caller sets the deadline.
    pub async fn shutdown(&self) {
        self.close();
        // It only sets a flag: one more pass follows, which finds a closed queue.
        if let Err(error) = self.scheduler.clone().shutdown().await {
            tracing::debug!(%error, "could not stop the scheduler");
        }
        self.workers.tasks.wait().await;
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.close();
    }
}

/// Does the work of the slots, in a task for each job that runs.
#[derive(Clone)]
struct Workers {
    queue: Arc<SlotQueue>,
    clock: Clock,
    handler: Handler,
    tasks: TaskTracker,
}

impl Workers {
    /// Starts the waiting slot of a job, and after it those that come meanwhile.
    fn start_slot(&self, id: Uuid) {
        // Held until the task is tracked: otherwise a shutdown in between would not wait for it.
        let _token = self.tasks.token();
        let Some((name, first)) = self.queue.take(id) else {
            return;
        };
        let workers = self.clone();
        self.tasks.spawn(async move {
            let mut next = Some(first);
            while let Some(slot) = next {
                workers.run(&name, slot).await;
                next = workers.queue.next_or_finish(&name);
            }
        });
    }

    /// Runs one slot; a panic of the handler ends here.
    async fn run(&self, name: &JobName, slot: Slot) {
        let work = async { (self.handler.run)(name.clone(), slot).await };
        let Err(panic) = AssertUnwindSafe(work).catch_unwind().await else {
            return;
        };
        let message = panic_text(&*panic);
        // If `panicked` panics too, the job must not stay marked as running.
        let reported = catch_unwind(AssertUnwindSafe(|| (self.handler.panicked)(name, slot, &message)));
        if reported.is_err() {
            tracing::error!(event = "run.failed", job = %name, error = message, "job `{name}` panicked, and so did the handler of the panic");
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

/// Why a list of jobs is refused.
#[derive(Debug, thiserror::Error)]
pub enum TickerError {
    #[error("{found} jobs are more than the {JOBS_MAX} one daemon takes")]
    TooMany { found: usize },
    #[error("job `{name}` is listed twice")]
    Twice { name: JobName },
    #[error("could not start the scheduler")]
    Scheduler {
        #[source]
        source: JobSchedulerError,
    },
}
