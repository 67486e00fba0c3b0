//! `[sync] enabled` turns all jobs off and on again, by the file or by the environment. Tokens are renewed meanwhile.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::daemon::process::{sandbox, start, stop};
use crate::daemon::reload_signal::{send, until_told};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

const EVERY_SECOND: &str = "[jobs.orders]\ncron = \"* * * * * *\"\n";
/// Longer than two slots are apart. What must not happen cannot be waited for.
const SLOTS: Duration = Duration::from_millis(2_500);
const OFF: &str = "[sync]\nenabled = false\n";

const RUNS: &str = "SELECT COUNT(*) FROM job_runs";
const UNDER_WAY: &str = "SELECT COUNT(*) FROM job_runs WHERE finished_at IS NULL";

/// No run begins while slots pass.
async fn assert_quiet(database: &TestDatabase) {
    let is_idle = async {
        while database.number(UNDER_WAY).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::daemon::process::PATIENCE, is_idle).await.unwrap();
    let before = database.number(RUNS).await;
    tokio::time::sleep(SLOTS).await;
    assert_eq!(database.number(RUNS).await, before);
}

both_databases! {
    async fn no_job_runs_while_it_is_off_and_a_reload_turns_them_on_and_off(database: TestDatabase) {
        let sandbox = sandbox(20).await;
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), EVERY_SECOND);
        program.authorise_all(&sandbox).await;
        program.edit(|text| text.replace("[sync]\n", OFF));
        let (mut child, mut log) = start(&program).await;
        assert_quiet(&database).await;
        assert_eq!(database.number(RUNS).await, 0);
        assert!(program.finish(&["check", "--offline"]).await.contains("no job runs"));
        // By hand everything works as ever, and a token is handed out.
        program.finish(&["sync"]).await;
        program.finish(&["auth", "token", "xhs-shop"]).await;

        for (from, to) in [(OFF, "[sync]\nenabled = true\n"), ("[sync]\nenabled = true\n", OFF)] {
            program.edit(|text| text.replace(from, to));
            send(&child, "HUP").await;
            let told = until_told(&mut log, "config.reloaded").await;
            assert!(told.last().unwrap().contains("`sync.enabled` changed"), "{told:?}");
            if to == OFF {
                assert_quiet(&database).await;
            } else {
                until_told(&mut log, "run.finished").await;
                until_told(&mut log, "run.finished").await;
            }
        }
        stop(&mut child, &mut log, "TERM").await;
    }
}

#[tokio::test]
async fn the_environment_turns_all_jobs_off_whatever_the_file_says() {
    let (sandbox, database) = (sandbox(20).await, TestDatabase::sqlite().await);
    let program = Program::with(&sandbox, database.settings.url.expose_secret(), EVERY_SECOND);
    program.authorise_all(&sandbox).await;
    let mut command = program.command(&["run", "--log-format", "json"]);
    command.env("SHOPSYNC_SYNC__ENABLED", "false").stdout(std::process::Stdio::null());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut log = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(child.stderr.take().unwrap()));
    until_told(&mut log, "daemon.ready").await;
    assert_quiet(&database).await;

    program.edit(|text| text.replace("[sync]\n", "[sync]\nenabled = true\n"));
    send(&child, "HUP").await;
    until_told(&mut log, "config.reloaded").await;
    assert_quiet(&database).await;
    assert_eq!(database.number(RUNS).await, 0);
    stop(&mut child, &mut log, "TERM").await;
}
