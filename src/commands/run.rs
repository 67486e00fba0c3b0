//! `run`: the daemon, from its first log line to its last.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::signals;
use crate::app::live::Live;
use crate::app::{App, AppError};
use crate::clock::Clock;
use crate::config::{Config, JobConfig, Loaded};
use crate::exit::{Exit, Failure};
use crate::jobs::daemon::Daemon;
use crate::jobs::daemon::database::DATABASE_POLL;
use crate::jobs::daemon::reload::{ReloadOutcome, Reloader, SetLevel};
use crate::jobs::daemon::run::chain;
use crate::jobs::pruning::Rhythm;
use crate::jobs::scheduler::schedule;
use crate::jobs::scheduler::schedule::jobs_of;
use crate::jobs::scheduler::ticker::{Handler, JobName, Slot, Ticker};
use crate::jobs::supervision::{notify_socket, status_line, watchdog};
use crate::jobs::{pruning, unauthorised};
use crate::meters;
use crate::telemetry::Telemetry;
use crate::web::Http;

/// What is left of the grace after the runs were given theirs: closing the database.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

pub(super) async fn run(loaded: Loaded, clock: Clock, telemetry: Option<Telemetry>) -> anyhow::Result<Exit> {
    // First of all: from here on a signal ends nothing at once.
    let reloads = Reloads { hangups: signals::hangups()?, set_level: telemetry.map(set_level) };
    let cancel = signals::cancel_on_signals()?;
    tracing::info!(
        event = "daemon.started",
        version = env!("CARGO_PKG_VERSION"),
        "shopsync {} starts",
        env!("CARGO_PKG_VERSION"),
    );
    let loaded = Arc::new(loaded);
    notify_socket::status("opening the database");
    let http = open_http(&loaded.config).await?;
    let opened = tokio::select! {
        () = cancel.cancelled() => {
            notify_socket::stopping();
            return Ok(Exit::Done);
        }
        opened = open_when_there(loaded.clone(), clock) => {
            opened.map_err(|error| super::not_opened(&loaded.config, error))?
        }
    };
    if let Some(warning) = super::open_to_others(&opened.store) {
        tracing::warn!(event = "config.warning", "{}", warning.english);
    }
    serve_with(Arc::new(opened), http, cancel, Some(reloads)).await
}

/// When the config is read again, and what else follows it then.
struct Reloads {
    hangups: Signal,
    set_level: Option<SetLevel>,
}

/// What makes a reload change how much is logged.
fn set_level(telemetry: Telemetry) -> SetLevel {
    Box::new(move |level| {
        if let Err(error) = telemetry.set_level(level) {
            tracing::warn!(event = "config.warning", "{}", chain(&error));
        }
    })
}

/// The daemon around an app that is put together: slots, runs, and an orderly end once `cancel` fires. Also for a
/// program of one's own that put it together with [`App::with_token_store`].
pub async fn serve(app: Arc<App>, cancel: CancellationToken) -> anyhow::Result<Exit> {
    let http = open_http(app.config()).await?;
    serve_behind(app, http, cancel).await
}

/// The same, asked at a door that is open already.
pub async fn serve_behind(app: Arc<App>, http: Http, cancel: CancellationToken) -> anyhow::Result<Exit> {
    serve_with(app, http, cancel, None).await
}

/// The same, reading the config again on request. `None`: never.
async fn serve_with(
    app: Arc<App>,
    http: Http,
    cancel: CancellationToken,
    reloads: Option<Reloads>,
) -> anyhow::Result<Exit> {
    meters::install();
    let live = Live::new(app.clone());
    let daemon = Daemon::new(live.clone(), cancel.clone());
    let ticker = start_ticker(&live, &daemon).await?;
    daemon.start_keeper();
    daemon.start_alarms();
    daemon.start_probe();
    daemon.start_presence();
    http.serve(daemon.clone());
    let (hangups, set_level) = match reloads {
        Some(Reloads { hangups, set_level }) => (Some(hangups), set_level),
        None => (None, None),
    };
    let reloader = Reloader::new(live.clone(), &daemon, &ticker, set_level);
    supervise(&daemon, reloader.outcomes(), &cancel);
    tracing::info!(
        event = "daemon.ready",
        shops = app.shops.len(),
        "ready: {} shops, database {}",
        app.shops.len(),
        app.store.describe(),
    );
    // Left off wherever it is when the daemon ends: each of its steps is whole.
    let (pruned, pruning_cancel) = (live.clone(), cancel.clone());
    tokio::spawn(async move { pruning::keep_small(&pruned, Rhythm::DAILY, &pruning_cancel).await });
    let rest_of_start = async {
        unauthorised::tell(&app, &app.shops).await;
        unauthorised::tell_shared_accounts(&app).await;
        start_missed(&app, &ticker).await
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        started = rest_of_start => started?,
    }

    if let Some(hangups) = hangups {
        cancel.run_until_cancelled(Box::pin(reloader.serve(hangups))).await;
    }
    cancel.cancelled().await;
    tracing::info!(event = "daemon.stopping", "stopping");
    notify_socket::stopping();
    ticker.close();
    let grace = live.app().config().sync.shutdown_grace;
    if !daemon.drain(grace).await {
        tracing::warn!(
            event = "daemon.stopping",
            "some runs did not stop within {grace:?}; what they had not committed is read again"
        );
    }
    // Connections that will not close are closed by the end of the process.
    tokio::join!(http.end(), tokio::time::timeout(CLOSE_WAIT, app.store.clone().close())).1.ok();
    Ok(Exit::Done)
}

/// Tells systemd that the daemon is ready, how it does, and, as long as it is, that it is alive.
fn supervise(daemon: &Daemon, reloads: watch::Receiver<Option<ReloadOutcome>>, cancel: &CancellationToken) {
    // Starves once the end has begun: one that hangs is the business of `TimeoutStopSec`, which is shorter.
    if let Some(limit) = notify_socket::watchdog_limit() {
        tokio::spawn(watchdog::feed(daemon.health().clone(), limit, notify_socket::alive));
    }
    notify_socket::ready();
    let refusal = |last: &Option<ReloadOutcome>| last.as_ref().and_then(ReloadOutcome::refusal);
    let telling = status_line::keep_telling(daemon.live().clone(), (reloads, refusal), notify_socket::status);
    let cancel = cancel.clone();
    tokio::spawn(async move { cancel.run_until_cancelled(telling).await });
}

/// Before anything else: an address that is taken shows at once.
async fn open_http(config: &Config) -> anyhow::Result<Http> {
    Http::open(&config.http).await.map_err(|error| {
        let exit = if error.is_passing() { Exit::Unavailable } else { Exit::BadConfig };
        let advice = "set `[http] listen` to another address, or to \"\" to do without";
        Failure::new(exit, format!("the status page cannot be served ({advice})")).because(error).into()
    })
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
            notify_socket::status("the database is away; waiting for it");
            is_told = true;
        }
        tokio::time::sleep(DATABASE_POLL).await;
    }
}

async fn open(loaded: Arc<Loaded>, clock: Clock) -> Result<App, AppError> {
    let store = App::open_store(&loaded, clock.clone()).await?;
    let app = App::with_store(loaded, clock, store).await?;
    app.store.runs().end_orphaned().await?;
    Ok(app)
}

async fn start_ticker(live: &Live, daemon: &Daemon) -> anyhow::Result<Ticker> {
    let app = live.app();
    let health = daemon.health().clone();
    let (live, daemon) = (live.clone(), daemon.clone());
    let handler = Handler {
        // The runs go on by themselves: the slot is over once they have been started.
        run: Arc::new(move |name: JobName, slot: Slot| {
            let (name, app) = (name.as_str(), live.app());
            if let Some(work) = app.config().jobs.get(name).and_then(JobConfig::work) {
                daemon.start(name, work, &app.covered_by(name), slot.trigger);
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
    let jobs = jobs_of(app.config());
    Ticker::start_watched(jobs, app.clock.clone(), handler, health).await.context("starting the scheduler")
}

/// One run at once for each job that missed a slot while nothing ran, however many it missed.
async fn start_missed(app: &App, ticker: &Ticker) -> anyhow::Result<()> {
    let now = app.clock.now();
    for (name, job, _) in app.config().enabled_jobs() {
        let last = match app.store.runs().last_of(name).await {
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
