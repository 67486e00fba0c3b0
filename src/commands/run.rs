//! `run`: the daemon, from its first log line to its last.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::app::live::Live;
use crate::app::{App, AppError};
use crate::clock::Clock;
use crate::config::{JobConfig, Loaded};
use crate::exit::Exit;
use crate::jobs::daemon::Daemon;
use crate::jobs::database::DATABASE_POLL;
use crate::jobs::pruning;
use crate::jobs::run::chain;
use crate::jobs::schedule;
use crate::jobs::ticker::{Handler, Job, JobName, Slot, Ticker};
use crate::meters;

/// What is left of the grace after the runs were given theirs: closing the database.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

pub(super) async fn run(loaded: Loaded, clock: Clock, cancel: CancellationToken) -> anyhow::Result<Exit> {
    tracing::info!(
        event = "daemon.started",
        version = env!("CARGO_PKG_VERSION"),
        "shopsync {} starts",
        env!("CARGO_PKG_VERSION"),
    );
    let loaded = Arc::new(loaded);
    let opened = tokio::select! {
        () = cancel.cancelled() => return Ok(Exit::Done),
        opened = open_when_there(loaded.clone(), clock) => {
            opened.map_err(|error| super::not_opened(&loaded.config, error))?
        }
    };
    serve(Arc::new(opened), cancel).await
}

/// The daemon around an app that is put together: slots, runs, and an orderly end once `cancel` fires. Also for a program
/// of one's own that put it together with [`App::with_token_store`].
pub async fn serve(app: Arc<App>, cancel: CancellationToken) -> anyhow::Result<Exit> {
    meters::install();
    let grace = app.config().sync.shutdown_grace;
    let daemon = Daemon::new(Live::new(app.clone()), cancel.clone());
    let ticker = start_ticker(&app, &daemon).await?;
    daemon.start_keeper();
    tracing::info!(
        event = "daemon.ready",
        shops = app.shops.len(),
        "ready: {} shops, database {}",
        app.shops.len(),
        app.store.describe(),
    );
    // Left off wherever it is when the daemon ends: each of its steps is whole.
    let (pruned_app, pruning_cancel) = (app.clone(), cancel.clone());
    tokio::spawn(async move { pruning::keep_small(&pruned_app, &pruning_cancel).await });
    let rest_of_start = async {
        tell_unauthorised(&app).await;
        start_missed(&app, &ticker).await
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        started = rest_of_start => started?,
    }

    cancel.cancelled().await;
    tracing::info!(event = "daemon.stopping", "stopping");
    ticker.close();
    if !daemon.drain(grace).await {
        tracing::warn!(
            event = "daemon.stopping",
            "some runs did not stop within {grace:?}; what they had not committed is read again"
        );
    }
    // Connections that will not close are closed by the end of the process.
    tokio::time::timeout(CLOSE_WAIT, app.store.clone().close()).await.ok();
    Ok(Exit::Done)
}

/// The program around its database, however long that takes to be there.
async fn open_when_there(loaded: Arc<Loaded>, clock: Clock) -> Result<App, AppError> {
    let mut is_told = false;
    loop {
        let error = match open(loaded.clone(), clock.clone()).await {
            Err(error) if error.is_database_away() => error,
            settled => {
                if is_told && settled.is_ok() {
                    tracing::info!(event = "database.back", "the database is back");
                }
                return settled;
            }
        };
        if !is_told {
            tracing::error!(
                event = "database.lost",
                error = chain(&error),
                "the database is away; waiting for it",
            );
            is_told = true;
        }
        tokio::time::sleep(DATABASE_POLL).await;
    }
}

async fn open(loaded: Arc<Loaded>, clock: Clock) -> Result<App, AppError> {
    let store = App::open_store(&loaded, clock.clone()).await?;
    let app = App::with_store(loaded, clock, store).await?;
    app.store.end_orphaned_runs().await?;
    Ok(app)
}

async fn start_ticker(app: &Arc<App>, daemon: &Daemon) -> anyhow::Result<Ticker> {
    let jobs = app
        .config()
        .enabled_jobs()
        .filter_map(|(name, job, _)| {
            Some(Job { name: JobName::from(name), schedule: schedule::schedule_of(job)?, jitter: job.jitter })
        })
        .collect();
    let (covered_app, daemon) = (app.clone(), daemon.clone());
    let handler = Handler {
        // The runs go on by themselves: the slot is over once they have been started.
        run: Arc::new(move |name: JobName, slot: Slot| {
            let name = name.as_str();
            if let Some(work) = covered_app.config().jobs.get(name).and_then(JobConfig::work) {
                daemon.start(name, work, &covered_app.covered_by(name), slot.trigger);
            }
            Box::pin(std::future::ready(()))
        }),
        panicked: Arc::new(|name: &JobName, _, what: &str| {
            tracing::error!(
                event = "run.failed",
                job = name.as_str(),
                error = what,
                "a slot of `{}` ended in a fault of this program: {what}",
                name.as_str(),
            );
        }),
    };
    Ticker::start(jobs, app.clock.clone(), handler).await.context("starting the scheduler")
}

/// One run at once for each job that missed a slot while nothing ran, however many it missed.
async fn start_missed(app: &App, ticker: &Ticker) -> anyhow::Result<()> {
    let now = app.clock.now();
    for (name, job, _) in app.config().enabled_jobs() {
        let last = match app.store.last_run_of(name).await {
            // A run more than needed; it is the one to notice that the database is away, and to wait for it.
            Err(error) if error.is_unavailable() => None,
            settled => settled.context("reading the sync log")?,
        };
        if schedule::schedule_of(job).is_some_and(|schedule| schedule.missed(last, now)) {
            ticker.catch_up(&JobName::from(name));
        }
    }
    Ok(())
}

async fn tell_unauthorised(app: &App) {
    // A database that is away is told by whoever meets it next.
    let Ok(statuses) = app.tokens.statuses(&app.shops).await else {
        return;
    };
    for shop in app.shops.iter().filter(|shop| !statuses.contains_key(&shop.name)) {
        tracing::warn!(
            event = "shop.unauthorised", shop = %shop.name,
            "`{}` was never authorised and is left out; run `shopsync auth login {}`", shop.name, shop.name,
        );
    }
}
