//! The daemon as systemd sees it: the real binary, its log, its signals.

use std::time::Duration;

use chrono::TimeDelta;
use shopsync::clock::Clock;
use shopsync::sandbox::{Drift, Fault, FaultKind, Platform, Sandbox, SandboxSettings};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use crate::support::context::SHOPS;
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::truth;

/// How long anything the tests wait for may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What the unit file allows between SIGTERM and the end.
pub(crate) const STOP_WITHIN: Duration = Duration::from_secs(10);

const EVERY_TEN_SECONDS: &str = "[jobs.orders]\nevery = \"10s\"\n";

both_databases! {
    async fn the_daemon_keeps_shops_up_to_date_and_stops_at_a_signal(database: TestDatabase) {
        let sandbox = sandbox(200).await;
        let program = Program::with(&sandbox, secrecy::ExposeSecret::expose_secret(&database.settings.url), EVERY_TEN_SECONDS);
        program.authorise_all(&sandbox).await;
        sandbox.world().with(|world| world.set_drift(Drift { per_list_request: 0, per_second: 5.0 }));
        let (mut child, mut log) = start(&program).await;

        // Everything that exists now arrives by itself, while orders go on changing for a while.
        tokio::time::sleep(Duration::from_secs(3)).await;
        sandbox.world().with(|world| world.set_drift(Drift::default()));
        wait_for_truth(&sandbox, &database).await;
        let told = stop(&mut child, &mut log, "TERM").await;

        assert!(told.iter().any(|line| line.contains("daemon.stopping")), "{told:?}");
        assert_eq!(database.number("SELECT COUNT(*) FROM leases WHERE owner IS NOT NULL").await, 0);
        assert_eq!(database.number("SELECT COUNT(*) FROM job_runs WHERE finished_at IS NULL").await, 0);
    }
}

#[tokio::test]
async fn a_platform_that_hangs_does_not_delay_the_stop() {
    for signal in ["TERM", "INT"] {
        let (sandbox, database) = (sandbox(200).await, TestDatabase::sqlite().await);
        let program = Program::with(
            &sandbox,
            secrecy::ExposeSecret::expose_secret(&database.settings.url),
            EVERY_TEN_SECONDS,
        );
        program.authorise_all(&sandbox).await;
        sandbox.world().with(|world| {
            world.reset_counters();
            world.add_fault(Fault::new(FaultKind::Stall { milliseconds: 120_000 }));
        });
        let (mut child, mut log) = start(&program).await;
        until(|| sandbox.world().with(|world| world.calls_total()) >= 2).await;

        stop(&mut child, &mut log, signal).await;

        assert_eq!(database.number("SELECT COUNT(*) FROM leases WHERE owner IS NOT NULL").await, 0);
    }
}

#[tokio::test]
async fn runs_that_were_cut_off_are_reported_as_interrupted() {
    let (sandbox, database) = (sandbox(200).await, TestDatabase::sqlite().await);
    let program = Program::with(
        &sandbox,
        secrecy::ExposeSecret::expose_secret(&database.settings.url),
        EVERY_TEN_SECONDS,
    );
    program.authorise_all(&sandbox).await;
    sandbox.world().with(|world| {
        world.reset_counters();
        world.add_fault(Fault::new(FaultKind::Stall { milliseconds: 120_000 }));
    });
    let mut child = program.start(&["sync"]);
    until(|| sandbox.world().with(|world| world.calls_total()) >= 2).await;
    child.kill().await.unwrap();
    assert!(database.number("SELECT COUNT(*) FROM job_runs WHERE finished_at IS NULL").await > 0);
    sandbox.world().with(shopsync::sandbox::World::clear_faults);

    let (mut child, mut log) = start(&program).await;
    stop(&mut child, &mut log, "TERM").await;

    assert_eq!(database.number("SELECT COUNT(*) FROM job_runs WHERE finished_at IS NULL").await, 0);
    assert!(database.number("SELECT COUNT(*) FROM job_runs WHERE outcome = 'interrupted'").await > 0);
}

pub(crate) async fn sandbox(orders: usize) -> Sandbox {
    Sandbox::start(SandboxSettings {
        clock: Clock::system(),
        orders,
        history: TimeDelta::hours(30),
        ..SandboxSettings::default()
    })
    .await
    .unwrap()
}

/// The daemon, once it says that it is ready.
pub(crate) async fn start(program: &Program) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = program.start_logging(&["run", "--log-format", "json"]);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let ready = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("daemon.ready") {
                return;
            }
        }
        panic!("the daemon ended before it was ready");
    };
    tokio::time::timeout(PATIENCE, ready).await.unwrap();
    (child, log)
}

/// Sends a signal. The daemon must end soon and without an error. Returns what it logged since it was ready.
pub(crate) async fn stop(
    child: &mut Child,
    log: &mut Lines<BufReader<ChildStderr>>,
    signal: &str,
) -> Vec<String> {
    let id = child.id().unwrap().to_string();
    assert!(tokio::process::Command::new("kill").args(["-s", signal, &id]).status().await.unwrap().success());
    let ended = async {
        let mut told = Vec::new();
        while let Some(line) = log.next_line().await.unwrap() {
            told.push(line);
        }
        (child.wait().await.unwrap(), told)
    };
    let (status, told) =
        tokio::time::timeout(STOP_WITHIN, ended).await.expect("the daemon must stop in time");
    assert!(status.success(), "{status}: {told:?}");
    told
}

pub(crate) async fn wait_for_truth(sandbox: &Sandbox, database: &TestDatabase) {
    for (shop, platform, index) in SHOPS {
        let has_arrived = async {
            loop {
                let expected = sandbox.world().with(|world| world.truth(platform, index));
                if truth::differences(&database.store, shop, &expected, platform == Platform::Xiaohongshu)
                    .await
                    .is_empty()
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        tokio::time::timeout(PATIENCE, has_arrived)
            .await
            .unwrap_or_else(|_| panic!("{shop} is not up to date"));
    }
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap();
}
