//! What the verbs of `auth` print and end with: tokens for others, links and what comes back, files of other programs,
//! who must do what by when.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use shopsync::clock::Clock;
use shopsync::sandbox::{Fault, FaultKind, IssuedToken, Platform, Sandbox, SandboxSettings};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

/// The real binary beside simulated platforms, on the wall clock.
struct Verbs {
    sandbox: Sandbox,
    program: Program,
}

impl Verbs {
    async fn new(database: &TestDatabase) -> Self {
        let settings = SandboxSettings { clock: Clock::system(), ..SandboxSettings::default() };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), "");
        Self { sandbox, program }
    }

    /// Gives a shop a grant that the test knows.
    async fn authorise(&self, shop: &str, platform: Platform) -> IssuedToken {
        let token = self.sandbox.world().with(|world| world.issue_token(platform, 0));
        self.write("grant.json", &sdk_file(&token));
        self.program.finish(&["auth", "set", shop, "--from", "grant.json"]).await;
        token
    }

    fn write(&self, name: &str, file: &Value) {
        let path = self.program.folder.path().join(name);
        std::fs::write(&path, file.to_string()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn fault(&self, kind: FaultKind, api: &str) {
        self.sandbox.world().with(|world| world.add_fault(Fault::new(kind).at(api)));
    }

    /// An address the owner was sent back to, as the answer to `link`.
    fn answer_to(&self, link: &str, platform: Platform) -> String {
        let code = self.sandbox.world().with(|world| world.issue_code(platform, 0));
        format!("https://back.example.com/?code={code}&state={}", state_of(link))
    }

    async fn status_of(&self, shop: &str) -> Value {
        let output = self.program.output(&["auth", "status", "--json"]).await;
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told.as_array().unwrap().iter().find(|line| line["shop"] == shop).unwrap().clone()
    }
}

fn state_of(link: &str) -> String {
    let link = url::Url::parse(link.trim()).unwrap();
    link.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

fn sdk_file(token: &IssuedToken) -> Value {
    json!({
        "access_token": token.access, "access_token_expires_at": token.access_ends_ms,
        "refresh_token": token.refresh, "refresh_token_expires_at": token.refresh_ends_ms,
    })
}

/// Moves the end of a shop's access token, which was handed out a week ago.
async fn ends_in(database: &TestDatabase, shop: &str, left: TimeDelta) -> DateTime<Utc> {
    let now = Clock::system().now();
    let text = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let (obtained_at, end) = (text(now - TimeDelta::days(7)), now + left);
    // Naked times in Postgres are of the session's zone.
    let zone = if database.store.is_postgres() { "+00" } else { "" };
    database
        .execute(&format!(
            "UPDATE credentials SET obtained_at = '{obtained_at}{zone}', expires_at = '{}{zone}' WHERE shop = '{shop}'",
            text(end)
        ))
        .await;
    end
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

both_databases! {
    async fn a_token_for_others_is_all_that_stands_on_stdout(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        verbs.program.fail(&["auth", "token", "xhs-shop"], 77).await;
        let token = verbs.authorise("xhs-shop", Platform::Xiaohongshu).await;

        let output = verbs.program.output(&["-vv", "auth", "token", "xhs-shop"]).await;

        let log = text(&output.stderr);
        assert!(output.status.success(), "{log}");
        assert_eq!(text(&output.stdout), format!("{}\n", token.access));
        assert!(log.contains("token.handed_out") && log.contains("xhs-shop"), "{log}");
        assert!(!log.contains(&token.access) && !log.contains(token.refresh.as_ref().unwrap()), "{log}");
        let told = verbs.program.json(&["auth", "token", "xhs-shop", "--json"]).await;
        assert_eq!(told["access_token"], token.access);
        let ends_at: DateTime<Utc> = told["access_ends_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(ends_at.timestamp_millis(), token.access_ends_ms);
        assert_eq!(told.as_object().unwrap().len(), 3, "{told}");
        verbs.program.fail(&["auth", "token", "nobody"], 2).await;
    }

    async fn a_token_that_is_due_is_renewed_before_it_is_handed_out(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        verbs.authorise("xhs-shop", Platform::Xiaohongshu).await;
        let fresh = verbs.status_of("xhs-shop").await;
        assert_eq!(fresh["should_refresh"], false, "{fresh}");
        assert!(fresh["refresh_seconds_left"].as_i64() > fresh["access_seconds_left"].as_i64(), "{fresh}");
        let soon = ends_in(&test, "xhs-shop", TimeDelta::minutes(8)).await;
        let due = verbs.status_of("xhs-shop").await;
        assert_eq!(due["should_refresh"], true, "{due}");
        assert!((1..=480).contains(&due["access_seconds_left"].as_i64().unwrap()), "{due}");

        let told = verbs.program.json(&["auth", "token", "xhs-shop", "--json"]).await;

        let ends_at: DateTime<Utc> = told["access_ends_at"].as_str().unwrap().parse().unwrap();
        assert!(ends_at > soon + TimeDelta::hours(1), "{ends_at}");
        assert_eq!(verbs.sandbox.world().with(|world| world.calls("oauth.refreshToken")), 1);
    }

    async fn a_token_with_minutes_left_that_cannot_be_renewed_is_not_handed_out(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        verbs.authorise("temu-shop", Platform::Temu).await;
        verbs.authorise("xhs-shop", Platform::Xiaohongshu).await;
        verbs.fault(FaultKind::Throttle, "oauth.refreshToken");

        for (shop, code, advice) in [("temu-shop", 77, "auth login temu-shop"), ("xhs-shop", 75, "no valid token")] {
            let end = ends_in(&test, shop, TimeDelta::minutes(4)).await;
            let output = verbs.program.output(&["auth", "token", shop]).await;
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{said}");
            assert!(output.stdout.is_empty());
            let told_end = end.format("%Y-%m-%dT%H:%M:%SZ").to_string();
            assert!(said.contains(&told_end) && said.contains(advice), "{told_end}: {said}");
        }
        ends_in(&test, "xhs-shop", TimeDelta::minutes(8)).await;
        verbs.program.finish(&["auth", "token", "xhs-shop"]).await;
    }

    async fn an_address_is_taken_once_and_only_for_the_shop_its_link_was_made_for(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        let link = verbs.program.finish(&["auth", "url", "xhs-shop"]).await;
        let temu_link = verbs.program.finish(&["auth", "url", "temu-shop"]).await;
        let refused = async |address: &str, told: &str| {
            let said = verbs.program.fail(&["auth", "code", "xhs-shop", address], 65).await;
            assert!(said.contains(told) && said.lines().count() == 1, "{said}");
        };

        refused(&verbs.answer_to(&temu_link, Platform::Xiaohongshu), "answers the link of shop `temu-shop`").await;
        refused(&verbs.answer_to("https://x.example/?state=made-up", Platform::Xiaohongshu), "no link of ours").await;
        let address = verbs.answer_to(&link, Platform::Xiaohongshu);
        verbs.program.finish(&["auth", "code", "xhs-shop", &address]).await;
        refused(&address, "used already").await;

        assert_eq!(verbs.sandbox.world().with(|world| world.calls("oauth.getAccessToken")), 1);
        let bare = verbs.sandbox.world().with(|world| world.issue_code(Platform::Xiaohongshu, 0));
        verbs.program.finish(&["auth", "code", "xhs-shop", &bare]).await;
        let temu = verbs.answer_to(&temu_link, Platform::Temu);
        verbs.program.finish(&["auth", "code", "temu-shop", &temu]).await;
    }

    async fn an_address_whose_code_was_not_used_may_be_brought_again(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        let link = verbs.program.finish(&["auth", "url", "xhs-shop"]).await;
        let address = verbs.answer_to(&link, Platform::Xiaohongshu);
        verbs.fault(FaultKind::Throttle, "oauth.getAccessToken");

        verbs.program.fail(&["auth", "code", "xhs-shop", &address], 75).await;
        verbs.sandbox.world().with(shopsync::sandbox::World::clear_faults);

        verbs.program.finish(&["auth", "code", "xhs-shop", &address]).await;
    }

    async fn a_login_takes_the_address_a_code_or_a_token_and_shows_what_was_granted(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        for (shop, platform, what) in [
            ("xhs-shop", Platform::Xiaohongshu, "address"),
            ("xhs-shop", Platform::Xiaohongshu, "token"),
            ("temu-shop", Platform::Temu, "code"),
            ("temu-shop", Platform::Temu, "token"),
            ("temu-shop", Platform::Temu, "address"),
        ] {
            let mut command = verbs.program.command(&["auth", "login", shop]);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let link = loop {
                let line = lines.next_line().await.unwrap().expect("it says where to go");
                if line.contains("http://127.0.0.1") {
                    break line;
                }
            };
            let answer = match what {
                "address" => verbs.answer_to(&link, platform),
                "code" => verbs.sandbox.world().with(|world| world.issue_code(platform, 0)),
                _ => verbs.sandbox.world().with(|world| world.issue_token(platform, 0)).access,
            };
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(answer.as_bytes()).await.unwrap();
            drop(stdin);
            let mut told = String::new();
            child.stdout.take().unwrap().read_to_string(&mut told).await.unwrap();

            assert!(child.wait().await.unwrap().success(), "{shop}: {what}");
            assert!(told.contains(&platform.account(0)) && told.contains("access until"), "{told}");
            assert!(told.lines().any(|line| line.starts_with("orders ")), "{told}");
            assert!(!told.contains(&answer), "{told}");
        }
    }

    async fn auth_status_says_who_must_do_what_by_when(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        let told = verbs.program.finish(&["auth", "status"]).await;
        assert!(told.contains("temu-shop: not authorised: `shopsync auth login temu-shop`"), "{told}");
        verbs.authorise("temu-shop", Platform::Temu).await;
        verbs.authorise("xhs-shop", Platform::Xiaohongshu).await;

        let told = verbs.program.finish(&["auth", "status"]).await;
        assert!(told.contains("Nobody has to do anything.") && told.contains("by its owner"), "{told}");
        assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");

        ends_in(&test, "temu-shop", TimeDelta::days(9)).await;
        let told = verbs.program.finish(&["auth", "status"]).await;
        assert!(told.contains("temu-shop: 9 days left: ask the owner to authorise it again before"), "{told}");
        let line = verbs.status_of("temu-shop").await;
        assert_eq!((&line["days_left"], &line["state"]), (&9.into(), &"good".into()), "{line}");
        assert!(line["to_do"].is_string() && line["owner_needed_by"].is_string(), "{line}");
        assert_eq!(verbs.status_of("xhs-shop").await["to_do"], Value::Null);
        let told = verbs.program.finish(&["status"]).await;
        assert!(told.contains("temu-shop: 9 days left"), "{told}");

        ends_in(&test, "temu-shop", TimeDelta::minutes(-1)).await;
        let output = verbs.program.output(&["auth", "status"]).await;
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(77), "{told}");
        assert!(told.contains("its access token has ended") && told.contains("nothing is lost"), "{told}");
        assert_eq!(verbs.status_of("temu-shop").await["reason"], "access_ended");
    }

    async fn auth_status_says_how_long_tokens_live_and_whether_they_are_due(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        let never = verbs.status_of("xhs-shop").await;
        assert_eq!((&never["access_seconds_left"], &never["refresh_seconds_left"]), (&Value::Null, &Value::Null));
        assert_eq!(never["should_refresh"], false, "{never}");
        verbs.authorise("xhs-shop", Platform::Xiaohongshu).await;
        for (left, is_due) in [(TimeDelta::days(3), false), (TimeDelta::minutes(10), true), (TimeDelta::minutes(-5), true)] {
            ends_in(&test, "xhs-shop", left).await;
            let line = verbs.status_of("xhs-shop").await;
            let seconds = line["access_seconds_left"].as_i64().unwrap();
            let expected = left.num_seconds().max(0);
            assert!((expected - 60..=expected).contains(&seconds), "{line}");
            assert!(line["refresh_seconds_left"].as_i64().unwrap() > 86_400, "{line}");
            assert_eq!(line["should_refresh"], is_due, "{line}");
        }
    }

    async fn check_and_a_sync_by_name_lift_a_switch_off_at_once(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        verbs.authorise("xhs-shop", Platform::Xiaohongshu).await;
        let until = Clock::system().now() + TimeDelta::hours(20);
        for words in [&["check"][..], &["sync", "--shop", "xhs-shop", "--record", "orders"]] {
            for subject in ["orders", "amounts"] {
                test.store.cursors().switch_off("xhs-shop", subject, "not granted", Some(until)).await.unwrap();
            }
            verbs.program.output(words).await;
            for subject in ["orders", "amounts"] {
                assert!(test.store.cursors().off("xhs-shop", subject).await.unwrap().is_none(), "{words:?}: {subject}");
            }
        }
    }

    async fn tokens_of_another_program_are_taken_over_once_it_is_stopped(test: TestDatabase) {
        let verbs = Verbs::new(&test).await;
        let token = verbs.sandbox.world().with(|world| world.issue_token(Platform::Xiaohongshu, 0));
        let asked_at = Clock::system().now().timestamp();
        verbs.write("sdk.json", &sdk_file(&token));
        let media_manager = json!({
            "refresh_time": asked_at, "expires_in": 604_800,
            "access_token": token.access, "refresh_token": token.refresh,
        });
        verbs.write("moviepilot.json", &media_manager);

        let said = verbs.program.fail(&["auth", "import", "xhs-shop", "sdk.json"], 2).await;
        assert!(said.contains("stopped") && said.contains("--yes"), "{said}");
        assert_eq!(verbs.status_of("xhs-shop").await["state"], "never_authorised");

        for file in ["sdk.json", "moviepilot.json"] {
            let output = verbs.program.output(&["auth", "import", "xhs-shop", file, "--yes"]).await;
            let (told, said) = (text(&output.stdout), text(&output.stderr));
            assert!(output.status.success(), "{said}");
            assert!(said.contains("is dead") && !said.contains("config.warning"), "{said}");
            for secret in [&token.access, token.refresh.as_ref().unwrap()] {
                assert!(!told.contains(secret) && !said.contains(secret), "{file}");
            }
            let line = verbs.status_of("xhs-shop").await;
            let ends_at: DateTime<Utc> = line["access_ends_at"].as_str().unwrap().parse().unwrap();
            assert!((ends_at.timestamp() - asked_at - 604_800).abs() < 60, "{line}");
            assert_eq!(verbs.program.finish(&["auth", "token", "xhs-shop"]).await.trim(), token.access);
        }
        let file = verbs.program.folder.path().join("sdk.json");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let output = verbs.program.output(&["auth", "import", "xhs-shop", "sdk.json", "--yes"]).await;
        assert!(output.status.success() && text(&output.stderr).contains("chmod 600"));
        verbs.write("sdk.json", &json!({ "token": "x" }));
        verbs.program.fail(&["auth", "import", "xhs-shop", "sdk.json", "--yes"], 65).await;
        verbs.program.fail(&["auth", "import", "xhs-shop", "missing.json", "--yes"], 65).await;
    }
}
