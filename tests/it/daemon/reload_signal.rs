//! SIGHUP at the real binary: what it takes over, what it refuses, and that nothing is lost by it at any moment.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::ExposeSecret;
use shopsync::sandbox::{Drift, Fault, FaultKind, Platform, Sandbox};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::daemon::process::{PATIENCE, sandbox, start, stop, wait_for_truth};
use crate::daemon::reload_context::without;
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

pub(crate) type Log = Lines<BufReader<ChildStderr>>;

const YEARLY: &str = "[jobs.orders]\ncron = \"0 0 0 1 1 *\"\n";
const EVERY_SECOND: &str = "[jobs.orders]\ncron = \"* * * * * *\"\n";

both_databases! {
    async fn a_changed_schedule_takes_effect_and_a_refused_config_changes_nothing(database: TestDatabase) {
        let sandbox = sandbox(30).await;
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), YEARLY);
        program.authorise_all(&sandbox).await;
        let (mut child, mut log) = start(&program).await;
        for (spoil, reason) in [
            ("[sync\n", "line"),
            ("overlapp = \"1m\"\n", "overlapp"),
            ("[tokens]\nseal = false\nstore = \"file\"\n", "restart"),
        ] {
            program.edit(|text| text + spoil);
            send(&child, "HUP").await;
            let told = until_told(&mut log, "config.refused").await;
            assert!(told.last().unwrap().contains(reason), "{told:?}");
            program.edit(|text| text.replace(spoil, ""));
        }

        program.edit(|text| text.replace(YEARLY, EVERY_SECOND));
        send(&child, "HUP").await;
        let told = until_told(&mut log, "config.reloaded").await;
        assert!(told.last().unwrap().contains("`jobs.orders.cron` changed"), "{told:?}");
        assert!(told.iter().all(|line| !line.contains("config.refused")), "each is told once: {told:?}");
        // A slot, and not the one that was missed at the start.
        let told = until_told(&mut log, "run.finished").await;
        assert!(told.last().unwrap().contains("\"orders\""), "{told:?}");
        until_told(&mut log, "run.finished").await;

        send(&child, "HUP").await;
        let told = until_told(&mut log, "config.reloaded").await;
        assert!(told.last().unwrap().contains("nothing changed"), "{told:?}");

        let_calls_be_repeated(&sandbox);
        program.edit(|text| text + "[log]\nlevel = \"debug\"\n");
        send(&child, "HUP").await;
        until_told(&mut log, "config.reloaded").await;
        until_told(&mut log, "DEBUG").await;
        stop(&mut child, &mut log, "TERM").await;
    }

    async fn a_new_shop_is_synced_once_its_owner_has_authorised_it(database: TestDatabase) {
        let sandbox = sandbox(60).await;
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), EVERY_SECOND);
        program.edit(|text| without(&text, "xhs-shop"));
        let code = sandbox.world().with(|world| world.issue_code(Platform::Temu, 0));
        program.finish(&["auth", "code", "temu-shop", &code]).await;
        let (mut child, mut log) = start(&program).await;

        program.edit(|text| text + "[shops.xhs-shop]\napp = \"xhs\"\nrecords = [\"orders\"]\n");
        send(&child, "HUP").await;
        // It is told before the reload is.
        let told = until_told(&mut log, "config.reloaded").await;
        assert!(told.iter().any(|line| line.contains("shop.unauthorised") && line.contains("xhs-shop")), "{told:?}");
        let code = sandbox.world().with(|world| world.issue_code(Platform::Xiaohongshu, 0));
        program.finish(&["auth", "code", "xhs-shop", &code]).await;

        wait_for_truth(&sandbox, &database).await;
        stop(&mut child, &mut log, "TERM").await;
    }

    async fn twenty_signals_in_a_row_under_load_lose_nothing(database: TestDatabase) {
        let sandbox = sandbox(300).await;
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), EVERY_SECOND);
        program.authorise_all(&sandbox).await;
        sandbox.world().with(|world| world.set_drift(Drift { per_list_request: 1, per_second: 10.0 }));
        let (mut child, mut log) = start(&program).await;
        let whole = std::sync::OnceLock::new();
        program.edit(|text| whole.get_or_init(|| text).clone());
        let whole = whole.get().unwrap();

        let mut owners = BTreeSet::new();
        for round in 0..20 {
            program.edit(|_| match round % 4 {
                0 => whole.replace("history = \"40h\"", "history = \"41h\""),
                1 => without(whole, "temu-shop"),
                2 => whole.replace("attempts_max = 8", "attempts_max = 9"),
                _ => "[nonsense".to_owned(),
            });
            send(&child, "HUP").await;
            for row in database.query("SELECT DISTINCT owner FROM leases WHERE owner IS NOT NULL").await {
                owners.insert(row.try_get_by_index::<String>(0).unwrap());
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        program.edit(|_| whole.clone());
        send(&child, "HUP").await;
        sandbox.world().with(|world| world.set_drift(Drift::default()));

        // The log is read meanwhile, or the daemon would wait for it.
        let arrived = wait_for_truth(&sandbox, &database);
        tokio::pin!(arrived);
        let mut told = Vec::new();
        loop {
            tokio::select! {
                () = &mut arrived => break,
                line = log.next_line() => told.push(line.unwrap().expect("it goes on")),
            }
        }
        told.extend(stop(&mut child, &mut log, "TERM").await);
        assert!(owners.len() <= 1, "{owners:?}");
        assert_eq!(told.iter().filter(|line| line.contains("run.failed")).count(), 0, "{told:#?}");
        let violations = sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
        assert_eq!(database.number("SELECT COUNT(*) FROM leases WHERE owner IS NOT NULL").await, 0);
        assert_eq!(database.number("SELECT COUNT(*) FROM job_runs WHERE finished_at IS NULL").await, 0);
    }
}

#[tokio::test]
async fn a_signal_ends_the_daemon_neither_before_it_is_ready_nor_when_it_stops() {
    let (sandbox, database) = (sandbox(20).await, TestDatabase::sqlite().await);
    let program = Program::with(&sandbox, database.settings.url.expose_secret(), EVERY_SECOND);
    program.authorise_all(&sandbox).await;
    let mut child = program.start_logging(&["run", "--log-format", "json"]);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    until_told(&mut log, "daemon.started").await;
    for _ in 0..3 {
        send(&child, "HUP").await;
    }
    until_told(&mut log, "daemon.ready").await;
    until_told(&mut log, "config.reloaded").await;

    send(&child, "TERM").await;
    for _ in 0..3 {
        // It may have ended meanwhile, and must have ended well.
        let id = child.id().unwrap().to_string();
        Command::new("kill").args(["-s", "HUP", &id]).output().await.unwrap();
    }
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_log_level_of_the_command_line_survives_a_reload() {
    let (sandbox, database) = (sandbox(20).await, TestDatabase::sqlite().await);
    let program = Program::with(&sandbox, database.settings.url.expose_secret(), EVERY_SECOND);
    program.authorise_all(&sandbox).await;
    let mut child = program.start_logging(&["run", "--log-format", "json", "--log-level", "info"]);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    until_told(&mut log, "daemon.ready").await;

    let_calls_be_repeated(&sandbox);
    program.edit(|text| text + "[log]\nlevel = \"debug\"\n");
    send(&child, "HUP").await;
    until_told(&mut log, "config.reloaded").await;
    let mut told = until_told(&mut log, "run.finished").await;
    told.extend(until_told(&mut log, "run.finished").await);
    told.extend(stop(&mut child, &mut log, "TERM").await);

    assert!(told.iter().all(|line| !line.contains("DEBUG")), "{told:#?}");
}

/// What is logged at DEBUG.
fn let_calls_be_repeated(sandbox: &Sandbox) {
    let fault = Fault::new(FaultKind::InternalError).with_probability(0.5);
    sandbox.world().with(|world| world.add_fault(fault));
}

pub(crate) async fn send(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", signal, &id]).status().await.unwrap().success());
}

/// Reads the log until a line holds this; what was read, that line last.
pub(crate) async fn until_told(log: &mut Log, word: &str) -> Vec<String> {
    let mut read = Vec::new();
    let told = async {
        while let Some(line) = log.next_line().await.unwrap() {
            let is_told = line.contains(&format!("\"{word}\""));
            read.push(line);
            if is_told {
                return;
            }
        }
        panic!("the daemon ended before it told {word}");
    };
    let in_time = tokio::time::timeout(PATIENCE, told).await.is_ok();
    assert!(in_time, "{word} was not told: {read:#?}");
    read
}
