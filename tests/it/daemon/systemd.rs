//! The notifications to systemd: ready, status, alive, stopping.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use shopsync::app::live::Live;
use shopsync::clock::Clock;
use shopsync::jobs::scheduler::ticker::{Handler, Ticker};
use shopsync::jobs::supervision::health::Health;
use shopsync::jobs::supervision::{status_line, watchdog};
use shopsync::store::StoreSettings;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixDatagram;
use tokio::process::Child;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::daemon::process::{PATIENCE, STOP_WITHIN, sandbox, start, stop};
use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases, connect, sqlite_settings};
use crate::support::postgres;
use crate::support::program::Program;

/// A message of the protocol is a few lines.
const MESSAGE_LENGTH_MAX: usize = 4_096;

/// What systemd does at the other end of `$NOTIFY_SOCKET`.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
    heard: Vec<String>,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder, heard: Vec::new() }
    }

    /// Starts the daemon the way the unit does.
    fn start(&self, program: &Program, variables: &[(&str, &str)]) -> Child {
        program
            .command(&["run"])
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Listens until a line begins with `beginning`; that line.
    async fn hear(&mut self, beginning: &str) -> String {
        let heard = async {
            loop {
                for line in self.next().await {
                    if line.starts_with(beginning) {
                        return line;
                    }
                }
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, heard).await.ok();
        outcome.unwrap_or_else(|| panic!("no `{beginning}` in {:#?}", self.heard))
    }

    /// Listens for a while.
    async fn hear_for(&mut self, time: Duration) {
        let listening = async {
            loop {
                self.next().await;
            }
        };
        tokio::time::timeout(time, listening).await.ok();
    }

    async fn next(&mut self) -> Vec<String> {
        let mut message = vec![0; MESSAGE_LENGTH_MAX];
        let length = self.socket.recv(&mut message).await.unwrap();
        let lines: Vec<String> =
            String::from_utf8(message[..length].to_vec()).unwrap().lines().map(str::to_owned).collect();
        self.heard.extend(lines.clone());
        lines
    }

    fn has_heard(&self, line: &str) -> bool {
        self.heard.iter().any(|heard| heard == line)
    }
}

/// Sends SIGTERM. The daemon must end soon and without an error.
async fn end(child: &mut Child) {
    let id = child.id().unwrap().to_string();
    assert!(tokio::process::Command::new("kill").args(["-s", "TERM", &id]).status().await.unwrap().success());
    let status = tokio::time::timeout(STOP_WITHIN, child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

/// A daemon on a database that nobody has migrated yet.
async fn is_notified_from_start_to_stop(settings: StoreSettings) {
    let sandbox = sandbox(20).await;
    let program = Program::with(&sandbox, settings.url.expose_secret(), "");
    let mut manager = Manager::new();
    let mut child = manager.start(&program, &[("WATCHDOG_USEC", "12000000")]);

    manager.hear("READY=1").await;
    let connection = connect(settings.url.expose_secret()).await;
    sea_orm::ConnectionTrait::execute_unprepared(&connection, "SELECT last_sync_at FROM sync_cursors")
        .await
        .expect("the schema is there by the time the daemon is ready");
    connection.close().await.unwrap();
    assert!(manager.has_heard("STATUS=opening the database"), "{:?}", manager.heard);
    let status = manager.hear("STATUS=2 shops").await;
    assert!(status.contains(", next ") && status.ends_with(" UTC"), "{status}");
    for _ in 0..2 {
        manager.hear("WATCHDOG=1").await;
    }

    end(&mut child).await;
    manager.hear("STOPPING=1").await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_is_notified_from_start_to_stop_on_sqlite() {
    let (settings, _folder) = sqlite_settings();
    is_notified_from_start_to_stop(settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_is_notified_from_start_to_stop_on_postgres() {
    if let Some(settings) = postgres::empty_database().await {
        is_notified_from_start_to_stop(settings).await;
    }
}

#[tokio::test]
async fn a_daemon_whose_database_is_away_is_not_ready_and_says_what_it_waits_for() {
    let sandbox = sandbox(0).await;
    // A port that nothing can listen on.
    let program = Program::with(&sandbox, "postgres://postgres@127.0.0.1:1/shopsync", "");
    let mut manager = Manager::new();
    let mut child = manager.start(&program, &[]);

    manager.hear("STATUS=the database is away").await;
    manager.hear_for(Duration::from_secs(3)).await;
    end(&mut child).await;
    manager.hear("STOPPING=1").await;

    assert!(!manager.has_heard("READY=1"), "{:?}", manager.heard);
}

#[tokio::test]
async fn a_watchdog_that_watches_another_process_is_not_fed() {
    let (sandbox, database) = (sandbox(0).await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    let mut manager = Manager::new();
    let mut child = manager.start(&program, &[("WATCHDOG_USEC", "8000000"), ("WATCHDOG_PID", "1")]);

    manager.hear("READY=1").await;
    // More than a limit.
    manager.hear_for(Duration::from_secs(10)).await;
    end(&mut child).await;

    assert!(!manager.has_heard("WATCHDOG=1"), "{:?}", manager.heard);
}

#[tokio::test]
async fn a_socket_that_no_one_listens_on_does_not_stop_the_daemon() {
    let (sandbox, database) = (sandbox(0).await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    let mut child = program
        .command(&["run", "--log-format", "json"])
        .env("NOTIFY_SOCKET", program.folder.path().join("nobody"))
        .env("WATCHDOG_USEC", "not a number")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = stop_once_ready(&mut child, &mut log).await;
    assert!(told.iter().any(|line| line.contains("daemon.stopping")), "{told:?}");

    // And without any socket.
    let (mut child, mut log) = start(&program).await;
    stop(&mut child, &mut log, "TERM").await;
}

async fn stop_once_ready(
    child: &mut Child,
    log: &mut tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
) -> Vec<String> {
    let ready = async { while !log.next_line().await.unwrap().unwrap().contains("daemon.ready") {} };
    tokio::time::timeout(PATIENCE, ready).await.unwrap();
    stop(child, log, "TERM").await
}

/// The real loop of the scheduler and a real database, whose answers can be held back.
struct Supervised {
    ticker: Ticker,
    answers: Arc<Semaphore>,
    fed: mpsc::UnboundedReceiver<()>,
}

const LIMIT: Duration = Duration::from_secs(4);

impl Supervised {
    async fn new(database: &TestDatabase) -> Self {
        let handler = Handler { run: Arc::new(|_, _| Box::pin(async {})), panicked: Arc::new(|_, _, _| {}) };
        let health = Arc::new(Health::new());
        let ticker =
            Ticker::start_watched(Vec::new(), Clock::system(), handler, health.clone()).await.unwrap();
        let (answers, (feeding, fed)) = (Arc::new(Semaphore::new(1)), mpsc::unbounded_channel());
        tokio::spawn(watchdog::feed(health.clone(), LIMIT, move || feeding.send(()).unwrap_or_default()));
        let (store, gate) = (database.another_store().await, answers.clone());
        tokio::spawn(async move {
            loop {
                store.ping().await.unwrap();
                drop(gate.acquire().await.unwrap());
                health.database_answered();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { ticker, answers, fed }
    }

    async fn is_fed(&mut self) -> bool {
        tokio::time::timeout(PATIENCE, self.fed.recv()).await.is_ok()
    }

    /// Whether nothing comes for longer than systemd waits, once what was on its way has come.
    async fn starves(&mut self) -> bool {
        tokio::time::sleep(LIMIT / 2).await;
        while self.fed.try_recv().is_ok() {}
        tokio::time::timeout(LIMIT * 2, self.fed.recv()).await.is_err()
    }
}

both_databases! {
    async fn the_watchdog_is_not_fed_when_the_database_or_the_scheduler_hangs(database: TestDatabase) {
        let mut supervised = Supervised::new(&database).await;
        assert!(supervised.is_fed().await && supervised.is_fed().await);

        let held = supervised.answers.clone().acquire_owned().await.unwrap();
        assert!(supervised.starves().await, "a database that says nothing");
        drop(held);
        assert!(supervised.is_fed().await, "it speaks again");

        supervised.ticker.shutdown().await;
        assert!(supervised.starves().await, "a scheduler's loop that has ended");
    }

    async fn the_status_line_shows_a_refused_config_first_and_then_the_shops(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings::default()).await;
        for shop in ["temu-shop", "xhs-shop"] {
            test.sync(shop).await;
        }
        let line = status_line::line(&test.app).await;
        assert!(line.starts_with("2 shops, lag at most "), "{line}");
        assert!(line.contains(", next "), "{line}");

        let (trouble, hearing) = watch::channel(Some("config.toml is refused".to_owned()));
        let (telling, mut told) = mpsc::unbounded_channel();
        let tell = move |line: &str| telling.send(line.to_owned()).unwrap_or_default();
        let news = (hearing, Option::<String>::clone as fn(&Option<String>) -> Option<String>);
        tokio::spawn(status_line::keep_reporting(Live::new(test.app.clone()), news, tell));
        assert_eq!(told.recv().await.unwrap(), format!("config.toml is refused; {line}"));
        trouble.send_replace(None);
        let next = tokio::time::timeout(Duration::from_secs(30), told.recv()).await.unwrap().unwrap();
        assert!(next.starts_with("2 shops"), "at once, not in a minute: {next}");
    }
}

#[test]
fn signs_of_life_count_only_together_and_only_once() {
    let health = Health::new();
    let begin = std::time::Instant::now();
    assert!(!health.has_lived_since(begin));
    health.tick();
    assert!(!health.has_lived_since(begin), "the database is still to answer");
    health.database_heard();
    assert!(health.has_lived_since(begin), "an answer may be an error");
    assert!(!health.has_lived_since(std::time::Instant::now()));
}
