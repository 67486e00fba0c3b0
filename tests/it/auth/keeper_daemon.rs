//! The keeper in the real binary: a shop whose owner took the grant back is paused, and goes on when another process is
//! given a new token.

use std::process::Stdio;

use secrecy::ExposeSecret;
use shopsync::sandbox::Platform;
use tokio::io::{AsyncWriteExt, BufReader, Lines};
use tokio::process::ChildStderr;

use crate::daemon::process::{PATIENCE, sandbox, start, stop};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

const EVERY_SECOND: &str = "[jobs.orders]\ncron = \"* * * * * *\"\n";
const TEMU: &str = "temu-shop";

both_databases! {
    async fn a_paused_shop_goes_on_when_another_process_is_given_a_token(database: TestDatabase) {
        let sandbox = sandbox(50).await;
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), EVERY_SECOND);
        program.authorise_all(&sandbox).await;
        let (mut child, mut log) = start(&program).await;

        sandbox.world().with(|world| world.revoke(Platform::Temu, 0));
        until_told(&mut log, "shop.paused", TEMU).await;
        let failed = "SELECT count(*) FROM job_runs WHERE shop = 'temu-shop' AND outcome = 'failed'";
        let failed_then = database.number(failed).await;
        until_told(&mut log, "run.finished", "xhs-shop").await;
        until_told(&mut log, "run.finished", "xhs-shop").await;
        assert_eq!(database.number(failed).await, failed_then, "a paused shop fails at no slot");
        let status = program.output(&["status", "--json"]).await;
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        let line = status.as_array().unwrap().iter().find(|line| line["shop"] == TEMU).unwrap();
        assert_eq!(line["paused"], "access_refused", "{line}");

        let token = sandbox.world().with(|world| world.issue_token(Platform::Temu, 0));
        give(&program, &token.access).await;

        until_told(&mut log, "run.finished", TEMU).await;
        until_told(&mut log, "shop.resumed", TEMU).await;
        stop(&mut child, &mut log, "TERM").await;
    }
}

/// `auth set`, in a process of its own.
async fn give(program: &Program, token: &str) {
    let mut command = program.command(&["auth", "set", TEMU, "--from", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).await.unwrap();
    assert!(child.wait().await.unwrap().success());
}

/// Reads the log until this was told of that shop.
async fn until_told(log: &mut Lines<BufReader<ChildStderr>>, event: &str, shop: &str) {
    let told = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains(&format!("\"{event}\"")) && line.contains(&format!("\"{shop}\"")) {
                return;
            }
        }
        panic!("the daemon ended before it told {event} of {shop}");
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{event} of {shop} was not told"));
}
