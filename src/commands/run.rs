//! `run`: the daemon, from its first log line to its last.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use super::signals;
use crate::app::live::Live;
use crate::app::{App, AppError};
use crate::clock::Clock;
use crate::config::{Config, JobConfig, Loaded};
use crate::error_text::chain;
use crate::exit::{Exit, Failure};
use crate::jobs::daemon::Daemon;
use crate::jobs::daemon::background;
use crate::jobs::daemon::database::DATABASE_POLL;
use crate::jobs::daemon::reload::{Reloader, SetLevel};
use crate::jobs::scheduler::job::{JobName, Slot};
use crate::jobs::scheduler::schedule;
use crate::jobs::scheduler::schedule::jobs_of;
use crate::jobs::scheduler::ticker::{Handler, Ticker};
use crate::jobs::supervision::notify_socket;
use crate::jobs::unauthorised;
use crate::meters;
use crate::telemetry::Telemetry;
use crate::web::Http;

/// How long closing the database may take, after the runs have ended.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

pub(super) async fn run(loaded: Loaded, clock: Clock, telemetry: Option<Telemetry>) -> anyhow::Result<Exit> {
    // First of all: from here on, a signal starts an orderly end instead of killing the process.
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

/// When the config is reloaded, and how a reload changes the log level.
struct Reloads {
    hangups: Signal,
    set_level: Option<SetLevel>,
}

fn set_level(telemetry: Telemetry) -> SetLevel {
    Box::new(move |level| {
        if let Err(error) = telemetry.set_level(level) {
            tracing::warn!(event = "config.warning", "{}", chain(&error));
        }
    })
}

/// Runs the daemon until `cancel` fires, and ends it in order. Also for a program of your own that opened the app with
/// [`App::with_token_store`].
pub async fn serve(app: Arc<App>, cancel: CancellationToken) -> anyhow::Result<Exit> {
    let http = open_http(app.config()).await?;
    serve_behind(app, http, cancel).await
}

/// The same, with an HTTP server that is open already.
pub async fn serve_behind(app: Arc<App>, http: Http, cancel: CancellationToken) -> anyhow::Result<Exit> {
    serve_with(app, http, cancel, None).await
}

/// The same. `reloads` `None`: the config is never reloaded.
async fn serve_with(
    app: Arc<App>,
    http: Http,
    cancel: CancellationToken,
    reloads: Option<Reloads>,
) -> anyhow::Result<Exit> {
    meters::install();
    let live = Live::new(app.clone());
    let daemon = Daemon::new(live.clone(), cancel.clone());
    let ticker = Arc::new(start_ticker(&live, &daemon).await?);
    http.serve(daemon.clone());
    let (hangups, set_level) = match reloads {
        Some(Reloads { hangups, set_level }) => (Some(hangups), set_level),
        None => (None, None),
    };
    notify_socket::ready();
    background::start(&daemon, Arc::new(Reloader::new(daemon.clone(), ticker.clone(), set_level)), hangups);
    tracing::info!(
        event = "daemon.ready",
        shops = app.shops.len(),
        "ready: {} shops, database {}",
        app.shops.len(),
        app.store.describe(),
    );
    let rest_of_start = async {
        unauthorised::log_never_authorised(&app, &app.shops).await;
        unauthorised::log_shared_accounts(&app).await;
        start_missed(&app, &ticker).await
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        started = rest_of_start => started?,
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
    // Connections that do not close in time are closed by the end of the process.
    tokio::join!(http.end(), tokio::time::timeout(CLOSE_WAIT, app.store.clone().close())).1.ok();
    Ok(Exit::Done)
}

/// Opened before anything else, so that an address in use shows at once.
async fn open_http(config: &Config) -> anyhow::Result<Http> {
    Http::open(&config.http).await.map_err(|error| {
        let exit = if error.is_passing() { Exit::Unavailable } else { Exit::BadConfig };
        let advice = "set `[http] listen` to another address, or to \"\" to do without";
        Failure::new(exit, format!("the status page cannot be served ({advice})")).because(error).into()
    })
}

/// Opens the app. Waits for a database that is away.
async fn open_when_there(loaded: Arc<Loaded>, clock: Clock) -> Result<App, AppError> {
    let mut is_logged = false;
    loop {
        let error = match open(loaded.clone(), clock.clone()).await {
            Err(error) if error.is_database_away() => error,
            result => {
                if is_logged && result.is_ok() {
                    tracing::info!(event = "database.back", "the database is back");
                }
                return result;
            }
        };
        if !is_logged {
            tracing::error!(
                event = "database.lost",
                error = chain(&error),
                "the database is away; waiting for it",
            );
            notify_socket::status("the database is away; waiting for it");
            is_logged = true;
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
        // The runs continue by themselves: the slot ends once they have started.
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
                "a slot of `{}` failed because of a fault of this program: {what}",
                name.as_str(),
            );
        }),
    };
    let jobs = jobs_of(app.config());
    Ticker::start_watched(jobs, app.clock.clone(), handler, health).await.context("starting the scheduler")
}

/// Starts one run for each job that missed slots while no daemon ran, however many it missed.
async fn start_missed(app: &App, ticker: &Ticker) -> anyhow::Result<()> {
    let now = app.clock.now();
    for (name, job, _) in app.config().enabled_jobs() {
        let last = match app.store.runs().last_of(name).await {
            // Perhaps one run too many. That run notices that the database is away, and waits for it.
            Err(error) if error.is_unavailable() => None,
            result => result.context("reading the sync log")?,
        };
        if schedule::schedule_of(job).is_some_and(|schedule| schedule.missed(last, now)) {
            ticker.catch_up(&JobName::from(name));
        }
    }
    Ok(())
}
