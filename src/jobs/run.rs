//! One lane of one shop, run once: lease, row in `job_runs`, work, summary.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::app::App;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::store::StoreError;
use crate::store::leases::{Acquired, LaneKey, Lease};
use crate::store::runs::{NewRun, Outcome, RunEnd};
use crate::sync::amounts::SUBJECT as AMOUNTS;
use crate::sync::progress::Counts;
use crate::sync::{Progress, RecordSync, SyncError, lease};

/// The trigger of a run that somebody asked for.
pub const MANUAL: &str = "manual";

/// How a lane is run.
#[derive(Clone)]
pub struct RunOptions {
    /// The job's name, for `job_runs` and logs.
    pub job: String,
    /// What set it off, as `job_runs` says it: a slot's trigger, or [`MANUAL`].
    pub trigger: &'static str,
    /// How long to wait for a lane that somebody else holds; zero: not at all.
    pub lease_wait: Duration,
    /// Read the whole history again.
    pub full: bool,
    pub progress: Arc<Progress>,
    pub cancel: CancellationToken,
}

/// Why a lane did not do all it should.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Somebody else is at it.
    #[error("the {lane} lane of `{shop}` is held by {owner} until {} UTC", until.format("%H:%M:%S"))]
    Busy { shop: String, lane: Lane, owner: String, until: DateTime<Utc> },
    #[error("{record} of `{shop}` were not fully synced")]
    Sync {
        shop: String,
        record: Record,
        #[source]
        source: Box<SyncError>,
    },
    #[error("the run of `{shop}` ended in a fault of this program: {what}")]
    Panicked { shop: String, what: String },
}

impl RunError {
    fn sync(&self) -> Option<&SyncError> {
        match self {
            Self::Sync { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether it is the end of the program that ended the run.
    pub fn is_stop(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Stopped))
    }

    /// Whether the platform has said that the shop may not read this, and it is not yet time to ask again.
    pub fn is_off(&self) -> bool {
        matches!(self.sync(), Some(SyncError::Off { .. }))
    }

    /// Whether the shop's other lanes would meet the same: no grant, no database, the wrong app.
    pub fn is_of_shop(&self) -> bool {
        self.sync().is_some_and(|error| error.is_database_away() || error.is_of_shop())
    }

    /// Whether it is what some windows hold that ended the run.
    pub fn is_of_window(&self) -> bool {
        self.sync().is_some_and(SyncError::is_of_window)
    }

    /// What kept `shop` from being synced.
    pub fn of(shop: &Shop, source: impl Into<SyncError>) -> Self {
        Self::Sync { shop: shop.name.clone(), record: Record::Orders, source: Box::new(source.into()) }
    }

    pub fn is_database_away(&self) -> bool {
        self.sync().is_some_and(SyncError::is_database_away)
    }
}

/// Between two looks at a lane that somebody else holds.
const LEASE_POLL: Duration = Duration::from_millis(500);

/// Runs one lane and tells how it went: in the log, in `job_runs`, and to the caller.
pub async fn run_lane(app: &App, shop: &Shop, lane: Lane, options: &RunOptions) -> Result<Counts, RunError> {
    let Some(sync_under) =
        app.record_sync(shop, Record::Orders, options.progress.clone(), options.cancel.clone())
    else {
        return Ok(Counts::default());
    };
    if let Some(off) = off(app, shop, lane).await.map_err(|source| RunError::of(shop, source))? {
        return Err(RunError::of(shop, off));
    }
    let lease = take_lease(app, shop, lane, options).await?;
    let new_run = NewRun {
        job: options.job.clone(),
        shop: shop.name.clone(),
        record: Record::Orders,
        trigger: options.trigger.to_owned(),
    };
    let run_id = match app.store.start_run(new_run).await {
        Ok(run_id) => run_id,
        Err(source) => {
            lease::give_back(&app.store, &lease).await;
            return Err(RunError::of(shop, source));
        }
    };
    let sync = sync_under(run_id);
    let span = tracing::info_span!("run", job = %options.job, shop = %shop.name, record = %Record::Orders, %lane, run_id);
    let started_at = std::time::Instant::now();
    let before = options.progress.counts();
    let held = lease::hold(
        &app.store,
        &lease,
        &options.progress,
        &options.cancel,
        work(&sync, lane, &lease, options.full),
    );
    // A fault of this program in one shop's run must not take the others along.
    let caught = AssertUnwindSafe(held.instrument(span.clone())).catch_unwind().await;
    let counts = options.progress.counts().since(before);
    let outcome = match caught {
        // A call that was cut off says that no answer came. The reason is known better here.
        Ok(Err(SyncError::Platform { .. })) if options.cancel.is_cancelled() => {
            Err(RunError::of(shop, SyncError::Stopped))
        }
        Ok(outcome) => outcome.map_err(|source| RunError::of(shop, source)),
        Err(panic) => {
            lease::give_back(&app.store, &lease).await;
            Err(RunError::Panicked { shop: shop.name.clone(), what: panic_text(&*panic) })
        }
    };
    finish(app, run_id, counts, &outcome).await;
    span.in_scope(|| report(shop, options, counts, started_at.elapsed(), &outcome));
    outcome.map(|()| counts)
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// The reason for which nothing may be asked at present. Looked up before a run begins, so that a shop which
/// waits for tomorrow leaves no failed run behind at each slot.
pub async fn off(app: &App, shop: &Shop, lane: Lane) -> Result<Option<SyncError>, StoreError> {
    let subject = if lane == Lane::Amounts { AMOUNTS } else { Record::Orders.as_str() };
    let off = app.store.off(&shop.name, subject).await?;
    Ok(off.and_then(|off| SyncError::off(subject, off, app.clock.now())))
}

async fn work(sync: &RecordSync, lane: Lane, lease: &Lease, full: bool) -> Result<(), SyncError> {
    match lane {
        Lane::Update => sync.catch_up(lease).await,
        Lane::Create => {
            if full {
                sync.plan_history(lease).await?;
            }
            sync.backfill(lease).await
        }
        Lane::Amounts => sync.drain_amounts(lease).await,
    }
}

/// The lane's lease, waited for as long as the options allow.
async fn take_lease(app: &App, shop: &Shop, lane: Lane, options: &RunOptions) -> Result<Lease, RunError> {
    let key = LaneKey { shop: shop.name.clone(), record: Record::Orders, lane };
    let asked_at = std::time::Instant::now();
    let mut is_told = false;
    loop {
        let acquired =
            app.store.acquire(&key, &app.owner).await.map_err(|source| RunError::of(shop, source))?;
        let (owner, until) = match acquired {
            Acquired::Granted(lease) => return Ok(lease),
            Acquired::Held { owner, until } => (owner.to_string(), until),
        };
        if asked_at.elapsed() >= options.lease_wait {
            return Err(RunError::Busy { shop: shop.name.clone(), lane, owner, until });
        }
        if !is_told {
            tracing::info!(
                event = "run.waiting", shop = %shop.name, job = options.job,
                "waiting for the {lane} lane of `{}`, held by {owner}", shop.name,
            );
            is_told = true;
        }
        tokio::select! {
            () = tokio::time::sleep(LEASE_POLL) => {}
            () = options.cancel.cancelled() => return Err(RunError::of(shop, SyncError::Stopped)),
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
        error: outcome.as_ref().err().map(|error| chain(error)),
    };
    // The row says "running" until it is finished; a later start finds it without a lease and ends it.
    if let Err(error) = finish_soon(app, run_id, end).await {
        tracing::debug!(run_id, "the end of the run was not written: {error}");
    }
}

/// How long writing the end of a run may take, so that a database that hangs does not hold up a shutdown.
const FINISH_WAIT: Duration = Duration::from_secs(2);

async fn finish_soon(app: &App, run_id: i64, end: RunEnd) -> Result<(), String> {
    match tokio::time::timeout(FINISH_WAIT, app.store.finish_run(run_id, end)).await {
        Ok(written) => written.map_err(|error: StoreError| error.to_string()),
        Err(_) => Err("timed out".to_owned()),
    }
}

fn outcome_of(outcome: &Result<(), RunError>) -> Outcome {
    match outcome {
        Ok(()) => Outcome::Ok,
        Err(error) if error.is_stop() => Outcome::Interrupted,
        Err(_) => Outcome::Failed,
    }
}

fn report(
    shop: &Shop,
    options: &RunOptions,
    counts: Counts,
    elapsed: Duration,
    outcome: &Result<(), RunError>,
) {
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let Counts { rows_seen, rows_written, rows_quarantined, calls, .. } = counts;
    match outcome {
        Ok(()) => tracing::info!(
            event = "run.finished",
            rows_seen,
            rows_written,
            rows_quarantined,
            calls,
            duration_ms,
            "{} of `{}`: {rows_written} of {rows_seen} orders written",
            options.job,
            shop.name,
        ),
        Err(error) if error.is_stop() => {
            tracing::debug!("{} of `{}` was stopped; the next run goes on", options.job, shop.name);
        }
        Err(error) if error.is_off() => {
            tracing::debug!("{} of `{}` is off for now", options.job, shop.name);
        }
        Err(error) => tracing::error!(
            event = "run.failed",
            rows_seen,
            rows_written,
            duration_ms,
            error = chain(error),
            "{} of `{}` failed after {rows_written} orders",
            options.job,
            shop.name,
        ),
    }
}

/// An error with everything that caused it, on one line. What a cause only repeats is left out: the database's
/// own errors hold the text of their source.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let cause = cause.to_string();
        if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}
