//! The SQLite file itself: who may read it, what is wrong with it, how large the files beside it get.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};

use sea_orm::{ConnectionTrait, TransactionTrait};
use secrecy::ExposeSecret;

use crate::daemon::process::{sandbox, start, stop, until};
use crate::support::databases::{TestDatabase, connect};
use crate::support::program::Program;

#[tokio::test]
async fn a_new_file_and_those_beside_it_are_for_their_owner_alone() {
    let test = TestDatabase::sqlite().await;
    let file = test.store.sqlite_file().unwrap();
    for end in ["", "-wal", "-shm"] {
        let path = format!("{}{end}", file.display());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
    }
    assert_eq!(test.store.mode_open_to_others(), None);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(test.store.mode_open_to_others(), Some(0o644));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_names_a_file_that_others_read_and_one_that_is_damaged() {
    let (sandbox, database) = (sandbox(60).await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    program.finish(&["sync"]).await;
    let file = database.store.sqlite_file().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let said = program.finish(&["check"]).await;
    assert!(said.contains("mode 644") && said.contains("chmod 600"), "{said}");

    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let length = fs::metadata(&file).unwrap().len();
    let damaged = fs::OpenOptions::new().write(true).open(&file).unwrap();
    // In the middle of the orders: what opens the database still works.
    damaged.write_all_at(&[0x5a; 4096], length / 2 / 4096 * 4096).unwrap();
    let output = program.output(&["check"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.contains("damaged"), "{said}");
    assert!(said.contains(".recover") && said.contains("backup"), "{said}");
}

/// To this many bytes the log shrinks.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A reader holds the log while another program writes more than it may keep; then the reader goes away.
async fn let_the_log_grow(test: &TestDatabase) {
    let reader = connect(test.settings.url.expose_secret()).await;
    let reading = reader.begin().await.unwrap();
    reading.execute_unprepared("SELECT COUNT(*) FROM shops").await.unwrap();
    test.execute("CREATE TABLE filling AS SELECT zeroblob(24000000) AS bytes").await;
    assert!(log_bytes(test) > LOG_BYTES_MAX, "{}", log_bytes(test));
    reading.rollback().await.unwrap();
    reader.close().await.unwrap();
}

fn log_bytes(test: &TestDatabase) -> u64 {
    let log = format!("{}-wal", test.store.sqlite_file().unwrap().display());
    fs::metadata(&log).unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_that_a_long_reader_let_grow_shrinks_when_it_is_gone() {
    let test = TestDatabase::sqlite().await;
    let_the_log_grow(&test).await;

    for _ in 0..3 {
        // A row that stays as it is would not be written.
        test.clock.advance(chrono::TimeDelta::seconds(1));
        test.store.daemons().beat(chrono::TimeDelta::days(1)).await.unwrap();
    }
    assert!(log_bytes(&test) <= LOG_BYTES_MAX, "{}", log_bytes(&test));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_shrinks_also_below_a_daemon_that_has_nothing_to_do() {
    let (sandbox, database) = (sandbox(20).await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.edit(|text| text.replace("[sync]\n", "[sync]\nenabled = false\n"));
    let (mut child, mut log) = start(&program).await;
    let_the_log_grow(&database).await;

    until(|| log_bytes(&database) <= LOG_BYTES_MAX).await;
    stop(&mut child, &mut log, "TERM").await;
}
