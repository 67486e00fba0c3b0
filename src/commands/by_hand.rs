//! Runs a lane once for a person.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::sync::LEASE_WAIT;
use crate::app::App;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::jobs::daemon::run::{MANUAL, RunError, RunOptions, Task, run_lane};
use crate::jobs::daemon::task::Target;
use crate::sync::Progress;
use crate::sync::progress::Counts;

/// Does `task` in the update lane, as soon as the present holder has released it.
pub(super) async fn run(
    app: &App,
    shop: &Shop,
    record: Record,
    job: &str,
    task: Task,
    cancel: CancellationToken,
) -> Result<Counts, RunError> {
    let options = RunOptions {
        job: job.to_owned(),
        trigger: MANUAL,
        lease_wait: LEASE_WAIT,
        task,
        progress: Arc::new(Progress::default()),
        cancel,
    };
    run_lane(app, Target { shop, record, lane: Lane::Update }, &options).await
}
