//! A daemon whose Postgres was made read-only below it, as a server that became a standby is.

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::ExposeSecret;

use crate::daemon::process::sandbox;
use crate::daemon::real_daemon::Daemon;
use crate::support::databases::TestDatabase;
use crate::support::program::Program;

/// Longer than the database is probed twice.
const PROBES: Duration = Duration::from_secs(11);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_is_reported_once_and_shows_in_the_health_until_it_does() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let name = database.settings.url.expose_secret().split(['/', '?']).nth(3).unwrap().to_owned();
    let sandbox = sandbox(20).await;
    let program = Program::new(&sandbox, &database);
    let daemon = Daemon::start(&program).await;
    daemon.until_health(StatusCode::OK).await;

    let end_sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                        WHERE datname = current_database() AND application_name = 'shopsync'";
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    database.execute(end_sessions).await;
    daemon.until_health(StatusCode::SERVICE_UNAVAILABLE).await;
    tokio::time::sleep(PROBES).await;
    assert_eq!(daemon.health().await, StatusCode::SERVICE_UNAVAILABLE);

    database
        .execute(&format!(
            "BEGIN READ WRITE; ALTER DATABASE {name} SET default_transaction_read_only = off; COMMIT"
        ))
        .await;
    database.execute(end_sessions).await;
    daemon.until_health(StatusCode::OK).await;
    let told = daemon.stop().await;
    for event in ["\"database.lost\"", "\"database.back\""] {
        assert_eq!(told.iter().filter(|line| line.contains(event)).count(), 1, "{event}: {told:#?}");
    }
    assert!(
        told.iter().any(|line| line.contains("database.lost") && line.contains("read-only")),
        "{told:#?}"
    );
}
