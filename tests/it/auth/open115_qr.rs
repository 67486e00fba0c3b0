//! `auth qr` with the real binary: what it shows, what it waits for, and how it ends.

use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::sandbox::{DriveSettings, OPEN115_APP_ID, Platform, Sandbox, SandboxSettings, World};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

/// Far longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(2);

async fn sandbox(confirms_at_once: bool) -> Sandbox {
    let drive = DriveSettings { confirms_at_once, ..DriveSettings::default() };
    let settings = SandboxSettings { clock: Clock::system(), drive, ..SandboxSettings::default() };
    Sandbox::start(settings).await.unwrap()
}

/// A program with one shop more on each platform that has something to scan.
fn program(sandbox: &Sandbox, database: &TestDatabase) -> Program {
    let more = format!(
        "[apps.pan]\nplatform = \"115\"\ngateway = \"{}\"\napp_key = \"{OPEN115_APP_ID}\"\n[shops.pan]\napp = \"pan\"\n\
         [shops.xhs-named]\napp = \"xhs\"\naccount = \"{}\"\n",
        sandbox.open115_gateway(),
        Platform::Xiaohongshu.account(1),
    );
    Program::with(sandbox, database.settings.url.expose_secret(), &more)
}

fn start(program: &Program, words: &[&str]) -> Child {
    let mut command = program.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Tries until it works.
async fn until(mut step: impl FnMut() -> bool) {
    let trying = async {
        while !step() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.unwrap();
}

both_databases! {
    async fn an_owner_scans_says_yes_and_is_authorised(database: TestDatabase) {
        let sandbox = sandbox(false).await;
        let program = program(&sandbox, &database);
        let mut child = start(&program, &["auth", "qr", "pan"]);
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();

        until(|| sandbox.world().with(World::open115_scan)).await;
        let mut lines = Vec::new();
        let listening = async {
            while let Some(line) = said.next_line().await.unwrap() {
                lines.push(line);
                if lines.last().unwrap().starts_with("Scanned") {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, listening).await.unwrap();
        assert!(lines.iter().any(|line| line.contains("https://115.com/scan/")), "{lines:?}");
        assert!(sandbox.world().with(|world| world.open115_confirm(2)));
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();

        assert!(output.status.success());
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(&World::open115_account(2)), "{told}");
        assert!(told.contains("then the owner is needed"), "{told}");
        assert_eq!(database.number("SELECT COUNT(*) FROM login_attempts WHERE used_at IS NOT NULL").await, 1);
        let checked = program.finish(&["check"]).await;
        assert!(checked.contains("shop pan: a signed call was answered"), "{checked}");
        let violations = sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn a_second_login_says_first_what_it_may_cost() {
    let (sandbox, database) = (sandbox(true).await, TestDatabase::sqlite().await);
    let program = program(&sandbox, &database);
    let first = program.output(&["auth", "qr", "pan"]).await;
    assert!(first.status.success() && !String::from_utf8_lossy(&first.stderr).contains("may end the oldest"));

    let second = program.output(&["auth", "qr", "pan"]).await;

    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    let caution = said.find("at most 2").expect("the caution");
    assert!(second.status.success() && caution < said.find("https://").unwrap(), "{said}");
    assert_eq!(sandbox.world().with(|world| world.open115_grants(0)), 2);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_login_that_is_stopped_or_denied_leaves_nothing_to_exchange() {
    let (sandbox, database) = (sandbox(false).await, TestDatabase::sqlite().await);
    let program = program(&sandbox, &database);
    let stopped = start(&program, &["auth", "qr", "pan"]);
    until(|| sandbox.world().with(World::open115_scan)).await;
    let id = stopped.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().await.unwrap().success());
    let output = tokio::time::timeout(PATIENCE, stopped.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(75) && said.contains("nothing was changed"), "{said}");

    sandbox.world().with(World::open115_deny);
    let denied = start(&program, &["auth", "qr", "pan"]);
    until(|| sandbox.world().with(World::open115_deny)).await;
    let output = tokio::time::timeout(PATIENCE, denied.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(75));

    let left = "SELECT COUNT(*) FROM login_attempts WHERE used_at IS NULL";
    assert_eq!(database.number(left).await, 0);
    assert_eq!(sandbox.world().with(|world| world.calls("/open/deviceCodeToToken")), 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_link_for_phones_takes_the_code_of_the_seller_it_names_and_no_other() {
    let (sandbox, database) = (sandbox(false).await, TestDatabase::sqlite().await);
    let program = program(&sandbox, &database);
    for (seller, is_taken) in [(0, false), (1, true)] {
        let mut child = start(&program, &["auth", "qr", "xhs-named"]);
        let code = sandbox.world().with(|world| world.issue_code(Platform::Xiaohongshu, seller));
        let pasted = format!("https://shop.example/back?code={code}\n");
        child.stdin.take().unwrap().write_all(pasted.as_bytes()).await.unwrap();
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), is_taken, "{said}");
        assert!(said.contains(&format!("sellerId={}", Platform::Xiaohongshu.account(1))), "{said}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn a_shop_without_a_code_to_scan_gets_a_remedy() {
    let (sandbox, database) = (sandbox(false).await, TestDatabase::sqlite().await);
    let program = program(&sandbox, &database);

    program.finish(&["auth", "status"]).await;

    let said = program.fail(&["auth", "qr", "temu-shop"], 2).await;
    assert!(said.contains("`shopsync auth login temu-shop`") && said.lines().count() == 1, "{said}");
    let said = program.fail(&["auth", "code", "pan", "code-1"], 65).await;
    assert!(said.contains("start the login again") && said.lines().count() == 1, "{said}");
    let said = program.fail(&["auth", "qr", "xhs-shop"], 78).await;
    assert!(said.contains("set `account`") && said.lines().count() == 1, "{said}");
    sandbox.stop().await;
}
