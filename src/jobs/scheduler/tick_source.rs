//! Uses tokio-cron-scheduler for one thing: it wakes us twice a second.
//!
//! Through its storage trait we answer which jobs are due, and through its code trait what to run for them. Its own slots
//! are not used, because they are an hour off after a change of clocks. Its channels may lose messages when they are full,
//! but they only carry hints: a slot stays in the [`SlotQueue`] until it is taken.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::RwLock;
use tokio_cron_scheduler::job::job_data::{JobAndNextTick, JobStoredData, JobType};
use tokio_cron_scheduler::store::{DataStore, InitStore, MetaDataStorage};
use tokio_cron_scheduler::{
    Context, JobCode, JobScheduler, JobSchedulerError, JobToRunAsync, PinnedGetFuture,
    SimpleNotificationCode, SimpleNotificationStore, ToCode,
};
use uuid::Uuid;

use super::queue::SlotQueue;
use crate::clock::Clock;
use crate::jobs::supervision::health::Health;

/// Messages that one channel of the crate holds: three for each of [`super::ticker::JOBS_MAX`] jobs due at once,
/// and some to spare.
const CHANNEL_SIZE: usize = 1024;

/// A tick in the past, whatever the clock says. Not 0, which means "delete this job" to the crate.
const OVERDUE: u64 = 1;

type SchedulerFuture<T> = Pin<Box<dyn Future<Output = Result<T, JobSchedulerError>> + Send>>;

/// Starts a scheduler that checks `queue` for due jobs and calls `start_slot` with the id of each. Each pass is a sign of life
/// for `health`.
pub async fn start(
    queue: Arc<SlotQueue>,
    clock: Clock,
    health: Arc<Health>,
    start_slot: Arc<dyn Fn(Uuid) + Send + Sync>,
) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new_with_storage_and_code(
        Box::new(DueJobs { queue, clock, health }),
        Box::<SimpleNotificationStore>::default(),
        Box::new(JobStarter { start_slot }),
        Box::<SimpleNotificationCode>::default(),
        CHANNEL_SIZE,
    )
    .await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Returns the due jobs to the crate.
struct DueJobs {
    queue: Arc<SlotQueue>,
    clock: Clock,
    health: Arc<Health>,
}

impl MetaDataStorage for DueJobs {
    fn list_next_ticks(&mut self) -> SchedulerFuture<Vec<JobAndNextTick>> {
        let due = self.queue.due(self.clock.now());
        self.health.tick();
        Box::pin(ready(Ok(due
            .into_iter()
            .map(|id| JobAndNextTick {
                id: Some(id.into()),
                job_type: JobType::Cron.into(),
                next_tick: OVERDUE,
                last_tick: None,
            })
            .collect())))
    }

    fn set_next_and_last_tick(
        &mut self,
        _: Uuid,
        _: Option<DateTime<Utc>>,
        _: Option<DateTime<Utc>>,
    ) -> SchedulerFuture<()> {
        Box::pin(ready(Ok(())))
    }

    fn time_till_next_job(&mut self) -> SchedulerFuture<Option<Duration>> {
        Box::pin(ready(Ok(None)))
    }
}

impl DataStore<JobStoredData> for DueJobs {
    /// Called after each tick to compute the next one. A job without a pattern has none.
    fn get(&mut self, id: Uuid) -> SchedulerFuture<Option<JobStoredData>> {
        Box::pin(ready(Ok(Some(JobStoredData {
            id: Some(id.into()),
            last_updated: None,
            last_tick: None,
            next_tick: OVERDUE,
            job_type: JobType::Cron.into(),
            count: 0,
            extra: Vec::new(),
            ran: false,
            stopped: false,
            job: None,
            time_offset_seconds: 0,
        }))))
    }

    fn add_or_update(&mut self, _: JobStoredData) -> SchedulerFuture<()> {
        Box::pin(ready(Err(JobSchedulerError::CantAdd)))
    }

    fn delete(&mut self, _: Uuid) -> SchedulerFuture<()> {
        Box::pin(ready(Err(JobSchedulerError::CantRemove)))
    }
}

impl InitStore for DueJobs {
    fn init(&mut self) -> SchedulerFuture<()> {
        Box::pin(ready(Ok(())))
    }

    fn inited(&mut self) -> SchedulerFuture<bool> {
        Box::pin(ready(Ok(true)))
    }
}

/// Returns to the crate what to run for a job.
struct JobStarter {
    start_slot: Arc<dyn Fn(Uuid) + Send + Sync>,
}

impl ToCode<Box<JobToRunAsync>> for JobStarter {
    fn init(&mut self, _: &Context) -> SchedulerFuture<()> {
        Box::pin(ready(Ok(())))
    }

    fn get(&mut self, _: Uuid) -> PinnedGetFuture<Box<JobToRunAsync>> {
        let start_slot = Arc::clone(&self.start_slot);
        let run: Box<JobToRunAsync> = Box::new(move |id, _| {
            start_slot(id);
            Box::pin(ready(()))
        });
        Box::pin(ready(Ok(Some(Arc::new(RwLock::new(run))))))
    }
}

impl JobCode for JobStarter {}
