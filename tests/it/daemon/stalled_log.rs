//! A log that nobody reads blocks nothing: the pipe behind stderr is full from the first line on.

use std::io::{PipeReader, PipeWriter, Write};
use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;
use shopsync::sandbox::Drift;

use crate::daemon::process::{PATIENCE, STOP_WITHIN, sandbox};
use crate::support::databases::TestDatabase;
use crate::support::program::Program;

const EVERY_SECOND: &str = "[jobs.orders]\ncron = \"* * * * * *\"\n";
const PIPE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A pipe that takes nothing more until it is read.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filling = writer.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut written = 0;
        // Stays in the call that finds no room, and ends with the reader.
        while written < PIPE_BYTES_MAX && filling.write_all(&[b'x'; 512]).is_ok() {
            written += 512;
        }
    });
    std::thread::sleep(Duration::from_millis(200));
    (reader, writer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_no_one_reads_stops_neither_the_syncs_nor_the_shutdown() {
    for format in ["text", "json"] {
        let (sandbox, database) = (sandbox(40).await, TestDatabase::sqlite().await);
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), EVERY_SECOND);
        program.authorise_all(&sandbox).await;
        sandbox.world().with(|world| world.set_drift(Drift { per_list_request: 1, per_second: 2.0 }));
        let (_reader, writer) = full_pipe();
        let mut child = program
            .command(&["run", "--log-format", format, "--log-level", "debug"])
            .stdout(Stdio::null())
            .stderr(writer)
            .spawn()
            .unwrap();

        let runs = "SELECT COUNT(*) FROM job_runs WHERE outcome = 'ok'";
        let works = async {
            while database.number(runs).await < 5 {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(PATIENCE, works).await.expect("syncs go on");
        let id = child.id().unwrap().to_string();
        let signal = tokio::process::Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(signal.await.unwrap().success());
        let ended = tokio::time::timeout(STOP_WITHIN, child.wait()).await.expect("it ends in time").unwrap();
        assert!(ended.success(), "{ended}");
        sandbox.stop().await;
    }
}

/// A verb that fails reports it at its end. That must not block it either.
#[tokio::test]
async fn a_final_message_that_no_one_reads_does_not_block_a_verb() {
    let database = TestDatabase::sqlite().await;
    let sandbox = sandbox(0).await;
    let program = Program::new(&sandbox, &database);
    let (_reader, writer) = full_pipe();
    let mut child = program
        .command(&["runs", "--shop", "no-such-shop"])
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn()
        .unwrap();
    let ended = tokio::time::timeout(STOP_WITHIN, child.wait()).await.expect("it ends in time").unwrap();
    assert_eq!(ended.code(), Some(2));
}
