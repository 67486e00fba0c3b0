//! The database of the real binary goes away: reported once, waited for, and nothing lost.
//!
//! Between the program and Postgres stands a proxy of the test, which can be cut, and which can go silent: it
//! keeps its connections and forwards nothing, like a firewall that forgot them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;
use shopsync::sandbox::{Drift, Sandbox};
use tokio::io::{BufReader, Lines, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::process::ChildStderr;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::daemon::process::{PATIENCE, sandbox, start, stop, until, wait_for_truth};
use crate::support::databases::TestDatabase;
use crate::support::program::Program;

const EVERY_SECOND: &str = "[jobs.orders]\ncron = \"* * * * * *\"\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    Open,
    /// Connections end and new ones are refused.
    Cut,
    /// Connections stay, for good, and say nothing more. New ones are accepted and say nothing.
    Silent,
}

/// The way to one database.
struct Proxy {
    address: SocketAddr,
    road: watch::Sender<Road>,
    _task: JoinSet<()>,
}

impl Proxy {
    async fn to(database: &TestDatabase, road: Road) -> Self {
        let url = url::Url::parse(database.settings.url.expose_secret()).unwrap();
        let folder = url.query_pairs().find(|(name, _)| name == "host").unwrap().1.into_owned();
        let socket = PathBuf::from(folder).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = watch::channel(road);
        let mut task = JoinSet::new();
        task.spawn(serve(listener, address, socket, receiver));
        Self { address, road: sender, _task: task }
    }

    fn set(&self, road: Road) {
        self.road.send_replace(road);
    }

    /// The address of the database behind it.
    fn url(&self, database: &TestDatabase) -> String {
        let url = url::Url::parse(database.settings.url.expose_secret()).unwrap();
        format!("postgres://postgres@{}{}", self.address, url.path())
    }
}

async fn serve(listener: TcpListener, address: SocketAddr, socket: PathBuf, mut road: watch::Receiver<Road>) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        if *road.borrow_and_update() == Road::Cut {
            listener = None;
            connections.shutdown().await;
            road.changed().await.unwrap();
            continue;
        }
        let open = match listener.take() {
            Some(open) => open,
            None => TcpListener::bind(address).await.unwrap(),
        };
        tokio::select! {
            accepted = open.accept() => {
                let (client, _) = accepted.unwrap();
                connections.spawn(forward(client, socket.clone(), road.clone()));
            }
            changed = road.changed() => changed.unwrap(),
        }
        listener = Some(open);
    }
}

async fn forward(mut client: TcpStream, socket: PathBuf, mut road: watch::Receiver<Road>) {
    let mut server = UnixStream::connect(socket).await.unwrap();
    let falls_silent = async { road.wait_for(|road| *road == Road::Silent).await.is_ok() };
    let is_silent = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => false,
        is_silent = falls_silent => is_silent,
    };
    if is_silent {
        std::future::pending::<()>().await;
    }
}

/// A daemon on Postgres behind a proxy.
struct Scene {
    sandbox: Sandbox,
    database: TestDatabase,
    proxy: Proxy,
    program: Program,
}

impl Scene {
    /// With all shops authorised. `None` when this machine has no Postgres.
    async fn new() -> Option<Self> {
        let database = TestDatabase::postgres().await?;
        let sandbox = sandbox(200).await;
        let proxy = Proxy::to(&database, Road::Open).await;
        let program = Program::with(&sandbox, &proxy.url(&database), EVERY_SECOND);
        program.authorise_all(&sandbox).await;
        Some(Self { sandbox, database, proxy, program })
    }

    fn let_orders_change(&self) {
        self.sandbox.world().with(|world| world.set_drift(Drift { per_list_request: 0, per_second: 5.0 }));
    }

    async fn assert_arrives(&self) {
        self.sandbox.world().with(|world| world.set_drift(Drift::default()));
        wait_for_truth(&self.sandbox, &self.database).await;
        let violations = self.sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
    }

    /// Ends the program's sessions, and returns how many there were.
    async fn end_sessions(&self) -> i64 {
        self.database
            .number(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'shopsync'",
            )
            .await
    }
}

/// Reads the log up to an event. Returns the lines before it.
async fn wait_for_event(log: &mut Lines<BufReader<ChildStderr>>, event: &str) -> Vec<String> {
    let mut told = Vec::new();
    let happens = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains(event) {
                return;
            }
            told.push(line);
        }
        panic!("the daemon ended before `{event}`");
    };
    let outcome = tokio::time::timeout(PATIENCE, happens).await;
    assert!(outcome.is_ok(), "no `{event}`: {told:#?}");
    told
}

fn count(told: &[String], event: &str) -> usize {
    told.iter().filter(|line| line.contains(event)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_at_the_start_is_reported_once_and_waited_for() {
    let Some(scene) = Scene::new().await else { return };
    for away in [Road::Cut, Road::Silent] {
        scene.proxy.set(away);
        let mut child = scene.program.start_logging(&["run", "--log-format", "json"]);
        let mut log = tokio::io::AsyncBufReadExt::lines(BufReader::new(child.stderr.take().unwrap()));
        wait_for_event(&mut log, "database.lost").await;

        scene.proxy.set(Road::Open);
        let told = wait_for_event(&mut log, "daemon.ready").await;
        scene.assert_arrives().await;
        let told_later = stop(&mut child, &mut log, "TERM").await;

        assert_eq!((count(&told, "database.lost"), count(&told, "database.back")), (0, 1), "{told:#?}");
        assert_eq!(count(&told_later, "database."), 0, "{told_later:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_outage_of_the_database_is_reported_once_and_no_order_is_lost() {
    let Some(scene) = Scene::new().await else { return };
    let (mut child, mut log) = start(&scene.program).await;
    scene.let_orders_change();
    let mut told = Vec::new();
    for away in [Road::Cut, Road::Silent, Road::Cut] {
        until(|| scene.sandbox.world().with(|world| world.calls_total()) > 0).await;
        scene.proxy.set(away);
        told.extend(wait_for_event(&mut log, "database.lost").await);
        // Slots go by meanwhile.
        tokio::time::sleep(Duration::from_secs(3)).await;
        scene.proxy.set(Road::Open);
        told.extend(wait_for_event(&mut log, "database.back").await);
        scene.sandbox.world().with(shopsync::sandbox::World::reset_counters);
    }

    scene.assert_arrives().await;
    told.extend(stop(&mut child, &mut log, "TERM").await);

    assert_eq!(count(&told, "\"database."), 0, "{told:#?}");
    assert_eq!(scene.database.number("SELECT COUNT(*) FROM leases WHERE owner IS NOT NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_database_is_away_stops_in_time() {
    let Some(scene) = Scene::new().await else { return };
    for away in [Road::Cut, Road::Silent] {
        let (mut child, mut log) = start(&scene.program).await;
        scene.proxy.set(away);
        if away == Road::Cut {
            wait_for_event(&mut log, "database.lost").await;
        }
        stop(&mut child, &mut log, "TERM").await;

        // The same before it ever got there.
        let mut child = scene.program.start_logging(&["run", "--log-format", "json"]);
        let mut log = tokio::io::AsyncBufReadExt::lines(BufReader::new(child.stderr.take().unwrap()));
        wait_for_event(&mut log, "daemon.started").await;
        stop(&mut child, &mut log, "TERM").await;
        scene.proxy.set(Road::Open);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_end_during_a_run_lose_no_order() {
    let Some(scene) = Scene::new().await else { return };
    let (mut child, mut log) = start(&scene.program).await;
    scene.let_orders_change();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        scene.end_sessions().await;
    }

    scene.assert_arrives().await;
    stop(&mut child, &mut log, "TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verb_waits_a_moment_for_the_database_and_then_says_that_it_is_unavailable() {
    let Some(scene) = Scene::new().await else { return };
    for away in [Road::Cut, Road::Silent] {
        scene.proxy.set(away);
        let waiting = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            scene.proxy.set(Road::Open);
        };
        let (told, ()) = tokio::join!(scene.program.finish(&["status"]), waiting);
        assert!(told.contains("temu-shop"), "{told}");

        scene.proxy.set(away);
        let said = tokio::join!(
            scene.program.fail(&["status"], 69),
            scene.program.fail(&["sync"], 69),
            scene.program.fail(&["orders"], 69),
        );
        for said in <[String; 3]>::from(said) {
            assert!(said.contains("database"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_sqlite_file_that_was_removed_or_replaced_is_not_written_to() {
    let database = TestDatabase::sqlite().await;
    let file = database.store.sqlite_file().unwrap();
    let aside = file.with_extension("aside");

    std::fs::rename(&file, &aside).unwrap();
    let error = database.store.cursors().switch_on("shop", "orders").await.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("put it back"), "{error}");
    std::fs::write(&file, "").unwrap();
    assert!(database.store.ping().await.is_err());

    std::fs::rename(&aside, &file).unwrap();
    database.store.ping().await.unwrap();
    database.store.cursors().switch_on("shop", "orders").await.unwrap();
}
