//! tokio-cron-scheduler as the thing that wakes us twice a second, and nothing more.
//!
//! Its storage trait lets us say which jobs are due, its code trait what to run for them. So its own reckoning
//! of slots, which is an hour off after a change of clocks, never happens, and its channels, which lose what
//! overflows them, only carry hints: a slot waits on the [`Board`] until it has been taken.

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

use super::queue::Board;
use crate::clock::Clock;
use crate::jobs::supervision::health::Health;

/// Messages one channel of the crate holds: three for each of [`super::ticker::JOBS_MAX`] jobs due at once,
/// and some to spare.
const CHANNEL_SIZE: usize = 1024;

/// A tick that lies in the past whatever the clock says. Not 0, which the crate takes for "delete this job".
const OVERDUE: u64 = 1;

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, JobSchedulerError>> + Send>>;

/// Starts a scheduler that asks `board` what is due and calls `serve` with the id of each such job. Each pass is a
/// sign of life.
pub async fn start(
    board: Arc<Board>,
    clock: Clock,
    health: Arc<Health>,
    serve: Arc<dyn Fn(Uuid) + Send + Sync>,
) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new_with_storage_and_code(
        Box::new(DueJobs { board, clock, health }),
        Box::<SimpleNotificationStore>::default(),
        Box::new(Serving { serve }),
        Box::<SimpleNotificationCode>::default(),
        CHANNEL_SIZE,
    )
    .await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Answers the crate's question which jobs are due.
struct DueJobs {
    board: Arc<Board>,
    clock: Clock,
    health: Arc<Health>,
}

impl MetaDataStorage for DueJobs {
    fn list_next_ticks(&mut self) -> Answer<Vec<JobAndNextTick>> {
        let due = self.board.due(self.clock.now());
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
    ) -> Answer<()> {
        Box::pin(ready(Ok(())))
    }

    fn time_till_next_job(&mut self) -> Answer<Option<Duration>> {
        Box::pin(ready(Ok(None)))
    }
}

impl DataStore<JobStoredData> for DueJobs {
    /// Asked for after each tick, to reckon the next; a job without a pattern gives it nothing to reckon with.
    fn get(&mut self, id: Uuid) -> Answer<Option<JobStoredData>> {
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

    fn add_or_update(&mut self, _: JobStoredData) -> Answer<()> {
        Box::pin(ready(Err(JobSchedulerError::CantAdd)))
    }

    fn delete(&mut self, _: Uuid) -> Answer<()> {
        Box::pin(ready(Err(JobSchedulerError::CantRemove)))
    }
}

impl InitStore for DueJobs {
    fn init(&mut self) -> Answer<()> {
        Box::pin(ready(Ok(())))
    }

    fn inited(&mut self) -> Answer<bool> {
        Box::pin(ready(Ok(true)))
    }
}

/// Answers the crate's question what to run for a job.
struct Serving {
    serve: Arc<dyn Fn(Uuid) + Send + Sync>,
}

impl ToCode<Box<JobToRunAsync>> for Serving {
    fn init(&mut self, _: &Context) -> Answer<()> {
        Box::pin(ready(Ok(())))
    }

    fn get(&mut self, _: Uuid) -> PinnedGetFuture<Box<JobToRunAsync>> {
        let serve = Arc::clone(&self.serve);
        let run: Box<JobToRunAsync> = Box::new(move |id, _| {
            serve(id);
            Box::pin(ready(()))
        });
        Box::pin(ready(Ok(Some(Arc::new(RwLock::new(run))))))
    }
}

impl JobCode for Serving {}
