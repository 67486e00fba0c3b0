//! Everything the daemon does in the background: [`TASKS`] lists it, and one loop runs it. Start reading here.
//!
//! Not in the table, because each of these ends with the work it was started for: the run of a lane and the dead man's
//! switch of a slot ([`super`]), a slot of a job ([`crate::jobs::scheduler::ticker`]), the actions for one shop's token
//! ([`crate::jobs::token_keeper`]). HTTP requests belong to `web`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::signal::unix::Signal;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::reload::{ReloadOutcome, Reloader};
use super::{Daemon, database, presence};
use crate::error_text::panic_text;
use crate::jobs::alarms::{self, AlertMonitor};
use crate::jobs::pruning;
use crate::jobs::supervision::{notify_socket, status_line, watchdog};
use crate::jobs::token_keeper::{self, Keeper, KeeperParts};

/// All background tasks of the daemon.
pub const TASKS: &[BackgroundTask] = &[
    // Tokens must be renewed before they end, also those of shops that no job reads.
    BackgroundTask {
        name: "token_keeper",
        rhythm: Rhythm::OwnUntilEnd,
        log_panic: |_, what| token_keeper::log_failure(what),
        work: |parts| Some(keep_tokens(parts)),
    },
    // People must learn what needs them: raises and sends alerts.
    BackgroundTask {
        name: "alarms",
        rhythm: Rhythm::Every { first_after: Duration::ZERO, every: alarms::CHECK_EVERY },
        log_panic: |_, what| alarms::log_failure(what),
        work: |parts| Some(alerts(parts)),
    },
    // A lost database must show, also while no job runs.
    BackgroundTask {
        name: "database_probe",
        rhythm: Rhythm::Every { first_after: Duration::ZERO, every: database::PROBE_EVERY },
        log_panic,
        work: |parts| Some(database_probe(parts)),
    },
    // Verbs read from the database whether a daemon works, and which shops it knows.
    BackgroundTask {
        name: "presence",
        rhythm: Rhythm::OwnUntilEnd,
        log_panic,
        work: |parts| Some(heartbeat(parts)),
    },
    // Tables of runs, windows and raw answers must stay small.
    BackgroundTask {
        name: "pruning",
        rhythm: Rhythm::Every { first_after: pruning::FIRST_AFTER, every: pruning::EVERY },
        log_panic,
        work: |parts| Some(prune_tables(parts)),
    },
    // systemd restarts a daemon that hangs. Does nothing unless the unit sets `WatchdogSec`.
    BackgroundTask { name: "watchdog", rhythm: Rhythm::Own, log_panic, work: feed_watchdog },
    // `systemctl status` shows how the shops are doing.
    BackgroundTask {
        name: "status_line",
        rhythm: Rhythm::Own,
        log_panic,
        work: |parts| Some(report_status(parts)),
    },
    // SIGHUP reloads the config without a restart.
    BackgroundTask { name: "reload", rhythm: Rhythm::Own, log_panic, work: reload_on_hangup },
];

/// After a panic, a task waits at most this long before it runs again: tokens must not wait longer.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(20);

/// One row of [`TASKS`].
#[derive(Clone, Copy)]
pub struct BackgroundTask {
    /// For the log. Unique.
    pub name: &'static str,
    pub rhythm: Rhythm,
    /// Logs a panic of the task, given its name and the message.
    pub log_panic: fn(&'static str, &str),
    /// Makes the work. `None`: there is nothing to do in this process.
    pub work: fn(&BackgroundParts) -> Option<TaskFn>,
}

/// When a task works, and how it ends.
#[derive(Clone, Copy, Debug)]
pub enum Rhythm {
    /// The loop calls it first `first_after` the start, then with a pause of `every` between two calls. Cut off when the
    /// daemon stops, so each of its steps must be complete in itself.
    Every { first_after: Duration, every: Duration },
    /// One call that waits for its own events. Cut off when the daemon stops.
    Own,
    /// The same, but it must finish something when the daemon stops: it watches the token itself.
    OwnUntilEnd,
}

/// Called for each period, or again after a panic.
pub type TaskFn = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// What the tasks work with.
pub struct BackgroundParts {
    daemon: Daemon,
    reloader: Arc<Reloader>,
    /// `None`: the config is never reloaded.
    hangups: Option<Arc<Mutex<Signal>>>,
}

/// Starts all tasks. They end when the daemon stops, and [`Daemon::drain`] waits for them.
pub fn start(daemon: &Daemon, reloader: Arc<Reloader>, hangups: Option<Signal>) {
    let hangups = hangups.map(|hangups| Arc::new(Mutex::new(hangups)));
    let parts = BackgroundParts { daemon: daemon.clone(), reloader, hangups };
    for task in TASKS {
        if let Some(work) = (task.work)(&parts) {
            daemon.tracker.spawn(run(*task, work, daemon.cancel.clone()));
        }
    }
}

/// Runs one task until `cancel` fires.
pub async fn run(task: BackgroundTask, work: TaskFn, cancel: CancellationToken) {
    let repeated = repeat(task, &work, RESTART_PAUSE_MAX, &cancel);
    match task.rhythm {
        Rhythm::OwnUntilEnd => repeated.await,
        Rhythm::Every { .. } | Rhythm::Own => {
            cancel.run_until_cancelled(repeated).await;
        }
    }
}

async fn repeat(
    task: BackgroundTask,
    work: &TaskFn,
    restart_pause_max: Duration,
    cancel: &CancellationToken,
) {
    let mut every = None;
    if let Rhythm::Every { first_after, every: pause } = task.rhythm {
        tokio::time::sleep(first_after).await;
        every = Some(pause);
    }
    loop {
        // In a block of its own, because the call may panic before there is a future.
        let ended = AssertUnwindSafe(async { work().await }).catch_unwind().await;
        let pause = match (ended, every) {
            (Ok(()), None) => return,
            (Ok(()), Some(every)) => every,
            (Err(panic), every) => {
                (task.log_panic)(task.name, &panic_text(&*panic));
                // It was run after the stop to end in order. A second run would not do better.
                if cancel.is_cancelled() {
                    return;
                }
                every.map_or(restart_pause_max, |every| every.min(restart_pause_max))
            }
        };
        let is_stopped = cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none();
        if is_stopped && !matches!(task.rhythm, Rhythm::OwnUntilEnd) {
            return;
        }
    }
}

/// At debug level, because every panic logs `program.panicked` with its place.
pub fn log_panic(task: &'static str, what: &str) {
    tracing::debug!(
        task,
        "the background task `{task}` failed because of a fault of this program: {what}; it runs again"
    );
}

fn keep_tokens(parts: &BackgroundParts) -> TaskFn {
    let daemon = &parts.daemon;
    let changes = daemon.live.subscribe();
    let app = changes.borrow().clone();
    let keeper = Keeper::new(KeeperParts {
        store: app.store.clone(),
        clock: app.clock.clone(),
        config: (&*app).into(),
        database: daemon.database.clone(),
        cancel: daemon.cancel.clone(),
    });
    // The clone has seen what `changes` has seen. So after a panic the keeper also gets a config that came meanwhile.
    Box::new(move || Box::pin(keeper.clone().run_with(changes.clone())))
}

fn alerts(parts: &BackgroundParts) -> TaskFn {
    let monitor = AlertMonitor::new(parts.daemon.live.clone(), parts.daemon.sender.clone());
    let monitor = Arc::new(Mutex::new(monitor));
    Box::new(move || {
        let monitor = monitor.clone();
        Box::pin(async move { monitor.lock().await.check().await })
    })
}

fn database_probe(parts: &BackgroundParts) -> TaskFn {
    let (database, cancel) = (parts.daemon.database.clone(), parts.daemon.cancel.clone());
    Box::new(move || {
        let (database, cancel) = (database.clone(), cancel.clone());
        Box::pin(async move { database.probe(&cancel).await })
    })
}

fn heartbeat(parts: &BackgroundParts) -> TaskFn {
    let (live, cancel) = (parts.daemon.live.clone(), parts.daemon.cancel.clone());
    Box::new(move || Box::pin(presence::keep(live.clone(), cancel.clone())))
}

fn prune_tables(parts: &BackgroundParts) -> TaskFn {
    let live = parts.daemon.live.clone();
    Box::new(move || {
        let app = live.app();
        Box::pin(async move { pruning::prune(&app).await })
    })
}

fn feed_watchdog(parts: &BackgroundParts) -> Option<TaskFn> {
    let (health, limit) = (parts.daemon.health.clone(), notify_socket::watchdog_limit()?);
    Some(Box::new(move || Box::pin(watchdog::feed(health.clone(), limit, notify_socket::alive))))
}

fn report_status(parts: &BackgroundParts) -> TaskFn {
    let (live, reloads) = (parts.daemon.live.clone(), parts.reloader.outcomes());
    let refusal = |last: &Option<ReloadOutcome>| last.as_ref().and_then(ReloadOutcome::refusal);
    Box::new(move || {
        let notices = (reloads.clone(), refusal);
        Box::pin(status_line::keep_reporting(live.clone(), notices, notify_socket::status))
    })
}

fn reload_on_hangup(parts: &BackgroundParts) -> Option<TaskFn> {
    let (reloader, hangups) = (parts.reloader.clone(), parts.hangups.clone()?);
    Some(Box::new(move || {
        let (reloader, hangups) = (reloader.clone(), hangups.clone());
        Box::pin(async move { reloader.serve(&mut *hangups.lock().await).await })
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PAUSE: Duration = Duration::from_millis(5);
    const PATIENCE: Duration = Duration::from_secs(30);

    fn task(rhythm: Rhythm) -> BackgroundTask {
        BackgroundTask { name: "test", rhythm, log_panic, work: |_| None }
    }

    /// Work that counts its calls, and panics at each of the first `panics`.
    fn counting(
        panics: usize,
        then: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> (Arc<AtomicUsize>, TaskFn) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let work: TaskFn = Box::new(move || {
            assert!(counted.fetch_add(1, Ordering::SeqCst) >= panics, "a fault in the task");
            then()
        });
        (calls, work)
    }

    #[test]
    fn each_task_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = TASKS.iter().map(|task| task.name).collect();
        assert_eq!(names.len(), TASKS.len());
    }

    #[tokio::test]
    async fn a_task_that_panics_runs_again_until_the_daemon_stops() {
        for rhythm in [Rhythm::Every { first_after: PAUSE, every: PAUSE }, Rhythm::Own, Rhythm::OwnUntilEnd] {
            let cancel = CancellationToken::new();
            let stop = cancel.clone();
            let (calls, work) = counting(2, move || {
                // Work on its own rhythm returns here, as at an orderly end.
                let stop = stop.clone();
                Box::pin(async move { stop.cancel() })
            });
            let running = async {
                match rhythm {
                    Rhythm::OwnUntilEnd => repeat(task(rhythm), &work, PAUSE, &cancel).await,
                    _ => drop(cancel.run_until_cancelled(repeat(task(rhythm), &work, PAUSE, &cancel)).await),
                }
            };
            tokio::time::timeout(PATIENCE, running).await.unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), 3, "{rhythm:?}");
        }
    }

    #[tokio::test]
    async fn a_stop_cuts_a_task_off_or_lets_it_end_in_order() {
        for (rhythm, is_cut_off) in [
            (Rhythm::Every { first_after: Duration::ZERO, every: PAUSE }, true),
            (Rhythm::Own, true),
            (Rhythm::OwnUntilEnd, false),
        ] {
            let (cancel, ends) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
            let (watched, counted) = (cancel.clone(), ends.clone());
            let (calls, work) = counting(0, move || {
                let (cancel, ends) = (watched.clone(), counted.clone());
                Box::pin(async move {
                    cancel.cancelled().await;
                    tokio::time::sleep(PAUSE).await;
                    ends.fetch_add(1, Ordering::SeqCst);
                })
            });
            let running = tokio::spawn(run(task(rhythm), work, cancel.clone()));
            while calls.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(PAUSE).await;
            }
            cancel.cancel();
            tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
            assert_eq!(ends.load(Ordering::SeqCst) == 0, is_cut_off, "{rhythm:?}");
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_at_the_stop_is_not_run_for_ever() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let (calls, work) = counting(usize::MAX, || Box::pin(std::future::ready(())));
        tokio::time::timeout(PATIENCE, run(task(Rhythm::OwnUntilEnd), work, cancel)).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}
