//! What the verbs print and end with, as scripts see them: the real binary against the sandbox.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::domain::record::{Lane, Record};
use shopsync::sandbox::{Fault, FaultKind, Platform};

use shopsync::store::Store;
use shopsync::store::db::owner::Owner;
use shopsync::store::ledger::leases::LaneKey;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::databases::TestDatabase;
use crate::support::program::Program;
use crate::support::small_sandbox::small_sandbox;

#[tokio::test]
async fn a_shop_that_was_never_authorised_is_left_out_unless_it_is_named() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);

    program.fail(&["sync"], 77).await;
    program.fail(&["verify"], 77).await;
    let said = program.fail(&["sync", "--shop", "temu-shop"], 77).await;

    assert!(said.contains("shopsync auth login temu-shop") || said.contains("temu-shop"), "{said}");
    assert_eq!(program.json(&["status", "--json"]).await[0]["token"], "never authorised");
    assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 0);
}

#[tokio::test]
async fn one_shop_that_fails_does_not_stop_the_other() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    sandbox.world().with(|world| {
        world.add_fault(Fault::new(FaultKind::BadGateway).on(Platform::Temu));
    });

    program.fail(&["sync"], 3).await;

    assert_eq!(database.number("SELECT COUNT(*) FROM orders WHERE shop = 'xhs-shop'").await, 30);
    sandbox.world().with(|world| world.add_fault(Fault::new(FaultKind::BadGateway)));
    program.fail(&["sync"], 69).await;
}

#[tokio::test]
async fn what_was_synced_is_reported_by_status_runs_and_orders() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;

    let synced = program.json(&["sync", "--json"]).await;
    assert_eq!(synced["shops"].as_array().unwrap().len(), 2, "{synced}");

    let status = program.json(&["status", "--json"]).await;
    for shop in status.as_array().unwrap() {
        assert_eq!(shop["rows"], 30, "{shop}");
        assert_eq!((&shop["windows_planned"], &shop["windows_short"]), (&0.into(), &0.into()), "{shop}");
        assert_eq!(shop["last_run"]["outcome"], "ok", "{shop}");
        assert!(shop["last_sync_at"].is_string() && shop["next_run"].is_string(), "{shop}");
    }
    let runs = program.json(&["runs", "--json", "-n", "50"]).await;
    assert!(runs.as_array().unwrap().iter().all(|run| run["outcome"] == "ok"), "{runs}");
    assert_eq!(program.json(&["runs", "--failed", "--json"]).await.as_array().unwrap().len(), 0);
    assert_eq!(program.json(&["orders", "--json", "-n", "7"]).await.as_array().unwrap().len(), 7);
    assert!(program.finish(&["status"]).await.contains("temu-shop"));
}

#[tokio::test]
async fn a_csv_file_opens_in_a_spreadsheet() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    program.finish(&["sync"]).await;

    program.finish(&["orders", "--csv", "orders.csv"]).await;

    let csv = std::fs::read_to_string(program.folder.path().join("orders.csv")).unwrap();
    assert!(csv.starts_with("\u{feff}shop,number,platform,status,"), "{}", csv.lines().next().unwrap());
    assert_eq!(csv.matches("\r\n").count(), 61);

    std::fs::write(program.folder.path().join("orders.csv"), "mine").unwrap();
    program.fail(&["orders", "--csv", "orders.csv"], 65).await;
    let read = || std::fs::read_to_string(program.folder.path().join("orders.csv")).unwrap();
    assert_eq!(read(), "mine", "a file that is there is not replaced without a word");
    program.finish(&["orders", "--csv", "orders.csv", "--force"]).await;
    assert_eq!(read(), csv);
    let files = std::fs::read_dir(program.folder.path()).unwrap().flatten();
    assert!(!files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with(".orders")));
}

#[tokio::test]
async fn check_names_what_to_do_in_each_line() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    assert!(program.finish(&["check"]).await.contains("`shopsync auth login temu-shop`"));
    program.authorise_all(&sandbox).await;
    program.finish(&["check"]).await;

    sandbox.world().with(|world| {
        world.add_fault(
            Fault::new(FaultKind::Business { code: 5_000_003, message: "NOT_IN_IP_WHITE_LIST".to_owned() })
                .on(Platform::Temu),
        );
    });
    let output = program.output(&["check"]).await;
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("allow-list"), "{told}");
}

#[tokio::test]
async fn a_grant_is_set_shown_refreshed_and_cleared_by_hand() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    let token = sandbox.world().with(|world| world.issue_token(Platform::Temu, 0).access);
    std::fs::write(program.folder.path().join("token"), &token).unwrap();

    let told = program.finish(&["auth", "set", "temu-shop", "--from", "token"]).await;
    assert!(told.contains(&Platform::Temu.account(0)) && !told.contains(&token), "{told}");
    let url = program.finish(&["auth", "url", "xhs-shop"]).await;
    assert!(url.contains("/authorize/xiaohongshu"), "{url}");
    let code = sandbox.world().with(|world| world.issue_code(Platform::Xiaohongshu, 0));
    program.finish(&["auth", "code", "xhs-shop", &format!("https://back.example.com/?code={code}")]).await;
    program.finish(&["auth", "refresh", "xhs-shop"]).await;
    let status = program.json(&["auth", "status", "--json"]).await;
    assert!(status.as_array().unwrap().iter().all(|shop| shop["usable"] == true), "{status}");

    program.finish(&["auth", "clear", "temu-shop"]).await;
    program.fail(&["sync", "--shop", "temu-shop"], 77).await;
    let other = sandbox.world().with(|world| world.issue_token(Platform::Xiaohongshu, 1).access);
    std::fs::write(program.folder.path().join("token"), &other).unwrap();
    program.fail(&["auth", "code", "xhs-shop", "code-wrong-wrong"], 65).await;
}

#[tokio::test]
async fn words_that_name_nothing_end_with_the_usage_code() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);

    let said = program.fail(&["sync", "--shop", "temu-shp"], 2).await;
    assert!(said.contains("temu-shop"), "{said}");
    let said = program.fail(&["sync", "nightly-orders"], 2).await;
    assert!(said.contains("orders"), "{said}");
    program.fail(&["sync", "--record", "products"], 2).await;
}

#[tokio::test]
async fn what_is_handed_in_and_cannot_be_used_is_bad_input() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    std::fs::write(program.folder.path().join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(program.folder.path().join("empty"), "").unwrap();
    std::fs::write(program.folder.path().join("unknown"), "no-such-token-anywhere").unwrap();
    program.finish(&["auth", "status"]).await;

    for (words, told) in [
        (["auth", "set", "temu-shop", "--from", "missing"], "missing cannot be read"),
        (["auth", "set", "temu-shop", "--from", "binary"], "binary cannot be read"),
        (["auth", "set", "temu-shop", "--from", "empty"], "no token"),
        (["auth", "set", "temu-shop", "--from", "unknown"], "copy it again"),
        (["orders", "--csv", "no-folder/orders.csv", "-n", "1"], "cannot be written"),
    ] {
        let said = program.fail(&words, 65).await;
        assert!(said.contains(told) && said.lines().count() == 1, "{words:?}: {said}");
        assert!(!said.contains("no-such-token-anywhere"), "{said}");
    }
    let said = program.fail(&["auth", "code", "temu-shop", "code-spent"], 65).await;
    assert!(said.contains("`shopsync auth login temu-shop`"), "{said}");
}

#[tokio::test]
async fn a_shop_whose_key_is_lost_can_be_forgotten_and_authorised_again() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    let sqlite_file = database.settings.url.expose_secret().trim_start_matches("sqlite://").to_owned();
    std::fs::remove_file(std::path::Path::new(&sqlite_file).with_file_name("shopsync.key")).unwrap();

    let said = program.fail(&["sync"], 78).await;
    assert!(said.contains("auth clear"), "{said}");
    program.finish(&["auth", "clear", "temu-shop"]).await;
    program.finish(&["auth", "clear", "xhs-shop"]).await;
    program.authorise_all(&sandbox).await;
    program.finish(&["sync"]).await;

    assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 60);
}

#[tokio::test]
async fn a_shop_that_no_one_knows_is_not_an_empty_table() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);

    for verb in ["orders", "runs"] {
        let said = program.fail(&[verb, "--shop", "temu-shp"], 2).await;
        assert!(said.contains("did you mean `temu-shop`?"), "{said}");
        program.finish(&[verb, "--shop", "temu-shop"]).await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_a_bad_config_and_named() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    std::fs::write(program.folder.path().join("notes.txt"), "x".repeat(4096)).unwrap();
    let mut command = program.command(&["status"]);

    let output = command.env("SHOPSYNC_DATABASE__URL", "sqlite://notes.txt").output().await.unwrap();

    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("notes.txt") && said.lines().count() == 1, "{said}");
    assert_eq!(said.matches("file is not a database").count(), 1, "{said}");
}

/// Every line at INFO and above says which event it is, and no line at any level holds a secret.
#[tokio::test]
async fn log_lines_name_their_event_and_hold_no_secret() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    let tokens = sandbox.world().with(|world| {
        world.add_fault(Fault::new(FaultKind::BadGateway).on(Platform::Temu));
        Platform::ALL.map(|platform| platform.app().1.to_owned())
    });

    let output = program.output(&["-vv", "--log-format", "json", "sync"]).await;

    let log = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_ours = |line: &&serde_json::Value| line["target"].as_str().unwrap().starts_with("shopsync");
    let loud =
        |line: &&serde_json::Value| ["INFO", "WARN", "ERROR"].contains(&line["level"].as_str().unwrap());
    let ours: Vec<_> = lines.iter().filter(of_ours).filter(loud).collect();
    assert!(ours.iter().any(|line| line["event"] == "run.failed"), "{log}");
    assert!(ours.iter().any(|line| line["event"] == "run.finished"), "{log}");
    for line in ours {
        assert!(line["event"].is_string(), "{line}");
    }
    for secret in tokens {
        assert!(!log.contains(&secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn a_clock_that_is_minutes_off_is_reported_once_for_each_app() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    sandbox.world().with(|world| world.set_skew(TimeDelta::minutes(4)));

    let output = program.output(&["--log-format", "json", "sync"]).await;

    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}");
    let mut told: Vec<String> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| line["event"] == "clock.skewed")
        .map(|line| line["app"].to_string())
        .collect();
    told.sort_unstable();
    assert_eq!(told.len(), 2, "{log}");
    assert_ne!(told[0], told[1], "{log}");
    let check = program.finish(&["check"]).await;
    assert_eq!(check.matches("this server's clock is").count(), 2, "{check}");
}

#[tokio::test]
async fn a_sync_that_is_done_waits_for_the_refresh_it_began() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    program.finish(&["sync"]).await;
    // A token of a week ago with minutes left: due, and still good enough to sync with meanwhile.
    let now = Clock::system().now();
    let text = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let (obtained_at, soon) = (text(now - TimeDelta::days(7)), now + TimeDelta::minutes(8));
    database
        .execute(&format!(
            "UPDATE credentials SET obtained_at = '{obtained_at}', expires_at = '{}' WHERE shop = 'xhs-shop'",
            text(soon)
        ))
        .await;
    sandbox.world().with(|world| {
        world.add_fault(Fault::new(FaultKind::Stall { milliseconds: 3_000 }).at("oauth.refreshToken"));
    });

    program.finish(&["sync", "--shop", "xhs-shop"]).await;

    let status = program.json(&["auth", "status", "--json"]).await;
    let shop = status.as_array().unwrap().iter().find(|shop| shop["shop"] == "xhs-shop").unwrap();
    let ends_at: DateTime<Utc> = shop["access_ends_at"].as_str().unwrap().parse().unwrap();
    assert!(ends_at > soon + TimeDelta::hours(1), "what the platform answered was lost: {shop}");
}

#[tokio::test]
async fn a_sync_stopped_while_it_waits_for_a_lane_does_not_say_that_all_is_well() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    program.finish(&["status"]).await;
    let key = LaneKey { shop: "temu-shop".to_owned(), record: Record::Orders, lane: Lane::Update };
    let now_store = Store::connect(&database.settings, Clock::system()).await.unwrap();
    now_store.leases().acquire(&key, &Owner::this_process()).await.unwrap();

    let mut child = program.start_logging(&["sync", "--shop", "temu-shop"]);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = log.next_line().await.unwrap() {
        if line.contains("run.waiting") {
            break;
        }
    }
    let id = child.id().unwrap().to_string();
    tokio::process::Command::new("kill").args(["-s", "INT", &id]).status().await.unwrap();

    assert_eq!(child.wait().await.unwrap().code(), Some(75));
}
