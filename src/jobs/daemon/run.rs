//! Runs one lane of one shop once: lease, row in `job_runs`, work, summary.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tracing::Instrument;

use super::task::Target;
pub use super::task::{MANUAL, RunError, RunOptions, Task};
use crate::app::App;
use crate::domain::record::{Lane, Record};
use crate::error_text::{chain, panic_text};
use crate::meters::{self, RunOutcome};
use crate::store::StoreError;
use crate::store::ledger::leases::{Acquired, LaneKey, Lease};
use crate::store::reports::runs::{NewRun, Outcome, RunEnd};
use crate::sync::amounts::{self, SUBJECT as AMOUNTS};
use crate::sync::progress::Counts;
use crate::sync::stock::SUBJECT as STOCK;
use crate::sync::{RecordSync, SyncError, backfill, fetch, lease, quarantine, reconcile, update};

/// Between two tries to take a lease that another run holds.
const LEASE_POLL: Duration = Duration::from_millis(500);

/// Runs one lane and reports the outcome: in the log, in `job_runs`, and to the caller.
pub async fn run_lane(app: &App, target: Target<'_>, options: &RunOptions) -> Result<Counts, RunError> {
    let Target { shop, record, lane } = target;
    let Some(with_run_id) = app.record_sync(shop, record, options.progress.clone(), options.cancel.clone())
    else {
        return Ok(Counts::default());
    };
    if let Some(off) = off_reason(app, target).await.map_err(|source| target.failed(source))? {
        return Err(target.failed(off));
    }
    let lease = take_lease(app, target, options).await?;
    let new_run = NewRun {
        job: options.job.clone(),
        shop: shop.name.clone(),
        record,
        lane,
        trigger: options.trigger.to_owned(),
    };
    let run_id = match app.store.runs().start(new_run).await {
        Ok(run_id) => run_id,
        Err(source) => {
            lease::give_back(&app.store, &lease).await;
            return Err(target.failed(source));
        }
    };
    let sync = with_run_id(run_id);
    let span = tracing::info_span!("run", job = %options.job, shop = %shop.name, %record, %lane, run_id);
    let started_at = std::time::Instant::now();
    let before = options.progress.counts();
    let held = lease::hold(
        &app.store,
        &lease,
        &options.progress,
        &options.cancel,
        Box::pin(work(&sync, lane, &lease, &options.task)),
    );
    // A panic in one shop's run must not end the runs of other shops.
    let caught = AssertUnwindSafe(held.instrument(span.clone())).catch_unwind().await;
    let counts = options.progress.counts().since(before);
    let outcome = match caught {
        // A call that was cut off by the stop reports that no answer came. Report the stop instead.
        Ok(Err(SyncError::Platform { .. })) if options.cancel.is_cancelled() => {
            Err(target.failed(SyncError::Stopped))
        }
        Ok(outcome) => outcome.map_err(|source| target.failed(source)),
        Err(panic) => {
            lease::give_back(&app.store, &lease).await;
            Err(RunError::Panicked { shop: shop.name.clone(), record, what: panic_text(&*panic) })
        }
    };
    finish(app, run_id, counts, &outcome).await;
    meters::run(&options.job, meters_outcome(outcome_of(&outcome)), started_at.elapsed());
    span.in_scope(|| report(target, options, counts, started_at.elapsed(), &outcome));
    outcome.map(|()| counts)
}

/// Why the platform may not be called for this target at present. Checked before a run starts, so that a record that is off
/// until tomorrow does not leave a failed run at each slot.
pub async fn off_reason(app: &App, target: Target<'_>) -> Result<Option<SyncError>, StoreError> {
    let subject = if target.lane == Lane::Amounts { AMOUNTS } else { target.record.as_str() };
    let off = app.store.cursors().off(&target.shop.name, subject).await?;
    Ok(off.and_then(|off| SyncError::off(subject, off, app.clock.now())))
}

/// Switches a record on again before a manual run, also if the platform said lately that it does not grant it.
pub async fn switch_on(app: &App, shop: &str, record: Record) -> Result<(), StoreError> {
    let extra = match record {
        Record::Orders => Some(AMOUNTS),
        Record::Products => Some(STOCK),
        Record::AfterSales | Record::Activities => None,
    };
    for subject in std::iter::once(record.as_str()).chain(extra) {
        app.store.cursors().switch_on(shop, subject).await?;
    }
    Ok(())
}

async fn work(sync: &RecordSync, lane: Lane, lease: &Lease, task: &Task) -> Result<(), SyncError> {
    match (lane, task) {
        (Lane::Update, Task::One(number)) => fetch::one(sync, lease, number).await,
        (Lane::Update, Task::Quarantine(number)) => quarantine::retry(sync, lease, number.as_deref()).await,
        (Lane::Update, task) => update::catch_up(sync, lease, *task == Task::Full).await,
        (Lane::Amounts, _) => amounts::drain(sync, lease).await,
        // The update lane does these.
        (Lane::Create, Task::One(_) | Task::Quarantine(_)) => Ok(()),
        (Lane::Create, Task::Incremental) => backfill::run(sync, lease).await,
        (Lane::Create, Task::Full) => {
            backfill::plan_history(sync, lease).await?;
            backfill::run(sync, lease).await
        }
        (Lane::Create, Task::Range(range)) => {
            backfill::plan_stretch(sync, lease, *range).await?;
            backfill::run(sync, lease).await
        }
        (Lane::Create, Task::Reconcile { length }) => reconcile::run(sync, lease, *length).await,
        (Lane::Create, Task::Windows(windows)) => backfill::read_created(sync, lease, windows.clone()).await,
    }
}

/// Takes the lane's lease. Waits for it as long as the options allow.
async fn take_lease(app: &App, target: Target<'_>, options: &RunOptions) -> Result<Lease, RunError> {
    let Target { shop, record, lane } = target;
    let key = LaneKey { shop: shop.name.clone(), record, lane };
    let started_at = std::time::Instant::now();
    let mut is_logged = false;
    loop {
        let acquired =
            app.store.leases().acquire(&key, &app.owner).await.map_err(|source| target.failed(source))?;
        let (owner, until) = match acquired {
            Acquired::Granted(lease) => return Ok(lease),
            Acquired::Held { owner, until } => (owner.to_string(), until),
        };
        if started_at.elapsed() >= options.lease_wait {
            return Err(RunError::Busy { shop: shop.name.clone(), record, lane, owner, until });
        }
        if !is_logged {
            tracing::info!(
                event = "run.waiting", shop = %shop.name, job = options.job,
                "waiting for the {lane} lane of {record} of `{}`, held by {owner}", shop.name,
            );
            is_logged = true;
        }
        tokio::select! {
            () = tokio::time::sleep(LEASE_POLL) => {}
            () = options.cancel.cancelled() => return Err(target.failed(SyncError::Stopped)),
        }
    }
}

async fn finish(app: &App, run_id: i64, counts: Counts, outcome: &Result<(), RunError>) {
    let end = RunEnd {
        outcome: outcome_of(outcome),
        calls: counts.calls,
        rows_seen: counts.rows_seen,
        rows_written: counts.rows_written,
        rows_unchanged: counts.rows_unchanged,
        rows_quarantined: counts.rows_quarantined,
        error: outcome.as_ref().err().filter(|error| !error.is_absent()).map(|error| chain(error)),
    };
    // If this fails, the row stays "running". The next start finds it without a lease and ends it.
    if let Err(error) = finish_soon(app, run_id, end).await {
        tracing::debug!(run_id, "could not write the end of the run: {error}");
    }
}

/// How long writing the end of a run may take, so that a database that hangs does not delay a shutdown.
const FINISH_WAIT: Duration = Duration::from_secs(2);

async fn finish_soon(app: &App, run_id: i64, end: RunEnd) -> Result<(), String> {
    match tokio::time::timeout(FINISH_WAIT, app.store.runs().finish(run_id, end)).await {
        Ok(written) => written.map_err(|error: StoreError| error.to_string()),
        Err(_) => Err("timed out".to_owned()),
    }
}

fn outcome_of(outcome: &Result<(), RunError>) -> Outcome {
    match outcome {
        Ok(()) => Outcome::Ok,
        Err(error) if error.is_absent() => Outcome::Ok,
        Err(error) if error.is_stop() => Outcome::Interrupted,
        Err(error) if error.is_difference() => Outcome::Mended,
        Err(_) => Outcome::Failed,
    }
}

fn meters_outcome(outcome: Outcome) -> RunOutcome {
    match outcome {
        Outcome::Ok => RunOutcome::Ok,
        Outcome::Failed => RunOutcome::Failed,
        Outcome::Interrupted => RunOutcome::Interrupted,
        Outcome::Mended => RunOutcome::Mended,
    }
}

/// What the rows of a lane are called. Products are counted by their SKUs.
pub fn counted(record: Record, lane: Lane) -> &'static str {
    match (record, lane) {
        (_, Lane::Amounts) => "amounts of orders",
        (Record::Orders, _) => "orders",
        (Record::Products, _) => "SKUs",
        (Record::AfterSales, _) => "after-sales cases",
        (Record::Activities, _) => "activities",
    }
}

fn report(
    target: Target<'_>,
    options: &RunOptions,
    counts: Counts,
    elapsed: Duration,
    outcome: &Result<(), RunError>,
) {
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let Counts { rows_seen, rows_written, rows_quarantined, calls, .. } = counts;
    let (job, shop) = (&options.job, &target.shop.name);
    let counted = counted(target.record, target.lane);
    match outcome {
        Ok(()) if rows_seen == 0 => tracing::info!(
            event = "run.finished",
            rows_seen,
            rows_written,
            rows_quarantined,
            calls,
            duration_ms,
            "{job} of `{shop}`: no {counted} to read",
        ),
        Ok(()) => tracing::info!(
            event = "run.finished",
            rows_seen,
            rows_written,
            rows_quarantined,
            calls,
            duration_ms,
            "{job} of `{shop}`: {rows_seen} {counted} read, {rows_written} of them new or changed",
        ),
        Err(error) if error.is_stop() => {
            tracing::debug!("{job} of `{shop}` was stopped; the next run continues");
        }
        Err(error) if error.is_absent() => {
            tracing::debug!("{job} of `{shop}`: {}", chain(error));
        }
        Err(error) if error.is_off() => {
            tracing::debug!("{job} of `{shop}` is off for now");
        }
        Err(error) if error.is_difference() => tracing::warn!(
            event = "reconcile.difference",
            rows_seen,
            rows_written,
            duration_ms,
            error = chain(error),
            "{job} of `{shop}` found {counted} that were missed, and stored them",
        ),
        Err(error) => tracing::error!(
            event = "run.failed",
            rows_seen,
            rows_written,
            duration_ms,
            error = chain(error),
            "{job} of `{shop}` failed after {rows_written} {counted} were written",
        ),
    }
}
