//! A database that gives a process few connections: everything works on them, and what lacks one says so.

use sea_orm::ConnectionTrait;
use secrecy::ExposeSecret;
use shopsync::sandbox::Sandbox;
use tokio_util::sync::CancellationToken;

use crate::daemon::process::{PATIENCE, sandbox, wait_for_truth};
use crate::daemon::real_daemon::Daemon;
use crate::support::databases::{TestDatabase, both_databases, connect};
use crate::support::program::Program;
use crate::support::shops_of_all_kinds::{authorise_all_of, sections};

const EVERY_SECOND: &str = "[jobs.orders]\ncron = \"* * * * * *\"\n";
const ROLE_CONNECTIONS: usize = 5;

/// Five shops, orders each second, a page.
fn program(sandbox: &Sandbox, url: &str, connections_max: u32) -> Program {
    let program = Program::with(sandbox, url, &(sections(sandbox) + EVERY_SECOND));
    program.edit(|text| text.replace("[http]", &format!("connections_max = {connections_max}\n[http]")));
    program
}

async fn everything_works(database: TestDatabase, connections_max: u32) {
    let sandbox = sandbox(40).await;
    let program = program(&sandbox, database.settings.url.expose_secret(), connections_max);
    authorise_all_of(&program, &sandbox).await;
    let daemon = Daemon::start(&program).await;
    let stop = CancellationToken::new();
    let asking = daemon.ask_until(stop.clone());

    for words in [
        &["status"][..],
        &["runs"],
        &["auth", "status"],
        &["auth", "token", "xhs-shop"],
        &["sync", "--shop", "temu-shop", "--record", "orders"],
        &["quarantine", "list"],
        &["check"],
    ] {
        let ended = tokio::time::timeout(PATIENCE, program.finish(words)).await;
        assert!(ended.is_ok(), "{words:?} waits for ever");
    }
    wait_for_truth(&sandbox, &database).await;
    stop.cancel();
    let answered = asking.await.unwrap();
    assert!(answered.values().all(|times| *times > 0), "{answered:?}");
    let told = daemon.stop().await;
    for never in ["database.lost", "run.failed", "connections of this process", "panicked"] {
        assert!(told.iter().all(|line| !line.contains(never)), "{never}: {told:#?}");
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM leases WHERE owner IS NOT NULL").await, 0);
}

both_databases! {
    async fn one_connection_is_enough_for_a_daemon_its_page_and_the_verbs_beside_it(database: TestDatabase) {
        everything_works(database, 1).await;
    }

    async fn five_connections_are_enough_for_a_daemon_its_page_and_the_verbs_beside_it(database: TestDatabase) {
        everything_works(database, 5).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_of_five_connections_is_enough_and_when_others_hold_them_the_cause_is_named() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let url = database.settings.url.expose_secret();
    let role = format!("five_{}", url.split(['/', '?']).nth(3).unwrap());
    database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN CONNECTION LIMIT {ROLE_CONNECTIONS}; GRANT ALL ON SCHEMA public TO {role}; \
             GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
        ))
        .await;
    let sandbox = sandbox(40).await;
    let of_role = url.replace("postgres@", &format!("{role}@"));
    let program = program(&sandbox, &of_role, 3);
    authorise_all_of(&program, &sandbox).await;
    let daemon = Daemon::start(&program).await;
    wait_for_truth(&sandbox, &database).await;
    program.finish(&["status"]).await;
    let told = daemon.stop().await;
    assert!(told.iter().all(|line| !line.contains("database.lost")), "{told:#?}");

    let mut held = Vec::new();
    for _ in 0..ROLE_CONNECTIONS {
        let connection = connect(&of_role).await;
        connection.execute_unprepared("SELECT 1").await.unwrap();
        held.push(connection);
    }
    let said = program.fail(&["status"], 69).await;
    assert!(said.contains("connections_max") && said.contains("connections"), "{said}");
    assert!(!said.contains("timed out"), "{said}");
    for connection in held {
        connection.close().await.unwrap();
    }
    program.finish(&["status"]).await;
}
