//! What the log may say. The whole program at work, with everything logged and much going wrong: nothing of a buyer and no
//! secret is in any line, and from INFO up each line is an event that docs/reference/events.md explains.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use shopsync::clock::Clock;
use shopsync::sandbox::{
    Drift, Fault, FaultKind, Note, Platform, Request, Sandbox, SandboxSettings, Spoiled, World,
};
use tokio::process::Command;

use crate::auth::sealed::{EVERYTHING, Found, places};
use crate::daemon::process::{PATIENCE, STOP_WITHIN};
use crate::house::docs::documented_events;
use crate::support::context::SHOPS;
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

/// Every record again and again.
const RESTLESS: &str = "[jobs.orders]\ncron = \"* * * * * *\"\n[jobs.products]\ncron = \"*/2 * * * * *\"\n\
    [jobs.after_sales]\ncron = \"*/2 * * * * *\"\n[jobs.activities]\ncron = \"*/2 * * * * *\"\n\
    [jobs.nightly]\ncron = \"*/3 * * * * *\"\n";

/// Wrong words, a fault of the program, a bad config.
const NOT_AT_WORK: [i32; 3] = [2, 70, 78];

/// What buyers wrote, where they live, how to reach them: values of these columns must not be in the log.
const PERSONAL: [(&str, &str); 6] = [
    ("orders", "buyer_note"),
    ("orders", "seller_note"),
    ("orders", "province"),
    ("orders", "city"),
    ("orders", "district"),
    ("orders", "tracking_number"),
];

/// Shorter values turn up in any text.
const PERSONAL_LENGTH_MIN: usize = 5;

const SIGNATURE: &str = "a signature";

/// What a buyer wrote into the note of an order.
const PHONE: &str = "13912345678";
const STREET: &str = "南京西路1266号恒隆广场";

struct Stage {
    sandbox: Sandbox,
    program: Program,
    said: Found,
    signatures: Arc<Mutex<BTreeSet<String>>>,
}

impl Stage {
    async fn new(database: &TestDatabase) -> Self {
        let sandbox = Sandbox::start(SandboxSettings {
            clock: Clock::system(),
            orders: 60,
            products: 12,
            after_sales: 12,
            activities: 6,
            history: chrono::TimeDelta::hours(30),
            ..SandboxSettings::default()
        })
        .await
        .unwrap();
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), RESTLESS);
        let config = program.folder.path().join("config.toml");
        let text = fs::read_to_string(&config).unwrap();
        let text = text.replace("records = [\"orders\"]\n", "").replace("amounts = false", "amounts = true");
        fs::write(&config, text).unwrap();
        let signatures = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = signatures.clone();
        sandbox.world().with(|world| {
            for number in world.numbers(Platform::Xiaohongshu, 0) {
                let note = Note::from(&*format!("{PHONE} {STREET}"));
                world.change_order(Platform::Xiaohongshu, 0, &number, |order| order.buyer_note = note);
            }
            world.on_request(Box::new(move |_: &mut World, request: &Request| {
                let signature = request.parameters.get("sign").map(|text| text.trim_matches('"').to_owned());
                seen.lock().unwrap().extend(signature);
            }));
        });
        Self { sandbox, program, said: Found::new(), signatures }
    }

    fn command(&self, words: &[&str]) -> Command {
        self.program.command(&[&["--log-level", EVERYTHING, "--log-format", "json"], words].concat())
    }

    /// Runs a verb, however it ends; what it logged.
    async fn run(&mut self, words: &[&str]) {
        let output = self.command(words).output().await.unwrap();
        // It has to get to work, or there is nothing to be found.
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!NOT_AT_WORK.contains(&output.status.code().unwrap()), "{words:?}: {said}");
        self.keep(words, output.stderr);
    }

    fn keep(&mut self, words: &[&str], log: Vec<u8>) {
        let name = format!("{} {}", self.said.len(), words.join(" "));
        self.said.insert(name, String::from_utf8(log).unwrap());
    }

    /// One more try to bring everything here while a fault strikes.
    async fn sync_with(&mut self, fault: Fault) {
        self.sandbox.world().with(|world| {
            for (_, platform, index) in SHOPS {
                for number in world.numbers(platform, index).into_iter().take(5) {
                    world.advance_status(platform, index, &number);
                }
            }
            world.add_fault(fault);
        });
        self.run(&["sync"]).await;
        self.sandbox.world().with(World::clear_faults);
    }

    async fn log_in(&mut self) {
        for (shop, platform, index) in SHOPS {
            let code = self.sandbox.world().with(|world| world.issue_code(platform, index));
            self.run(&["auth", "code", shop, &code]).await;
        }
    }

    async fn go_wrong(&mut self) {
        for kind in [
            FaultKind::InternalError,
            FaultKind::HtmlPage,
            FaultKind::Throttle,
            FaultKind::Truncated,
            FaultKind::Reset,
            FaultKind::UnreadableRow,
        ] {
            self.sync_with(Fault::new(kind).with_probability(0.3)).await;
        }
        let message = "系统繁忙".to_owned();
        self.sync_with(Fault::new(FaultKind::Business { code: 4_990_001, message }).next(2)).await;
        self.sync_with(Fault::new(FaultKind::NotGranted).next(1)).await;
        self.sandbox.world().with(|world| {
            for (_, platform, index) in SHOPS {
                let numbers = world.numbers(platform, index);
                world.spoil(platform, index, &numbers[0], Some(Spoiled::Status));
                world.spoil(platform, index, &numbers[1], Some(Spoiled::Number));
            }
            world.expire_access(Platform::Xiaohongshu, 0);
        });
        self.run(&["sync"]).await;
    }

    async fn ask(&mut self, number: &str) {
        for words in [
            &["status"][..],
            &["runs"],
            &["orders", "--csv", "-"],
            &["explain", "xhs-shop", number],
            &["fetch", "xhs-shop", number],
            &["fetch", "xhs-shop", "no-such-number"],
            &["cursor", "rewind", "temu-shop", "orders", "1h", "--yes"],
            &["quarantine", "list"],
            &["quarantine", "retry"],
            &["replay"],
            &["verify", "--repair"],
            &["plan"],
            &["check"],
            &["backfill", "--shop", "temu-shop", "--record", "orders", "--from", "2d", "--until", "1d"],
            &["auth", "status"],
            &["auth", "refresh", "xhs-shop"],
            &["auth", "token", "xhs-shop"],
            &["auth", "code", "temu-shop", "code-unknown"],
            &["auth", "rotate-key"],
        ] {
            self.run(words).await;
        }
    }

    /// The daemon, until it is up to date in spite of everything; then a grant dies under it.
    async fn live(&mut self, database: &TestDatabase) {
        let mut command = self.command(&["run"]);
        let child =
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let id = child.id().unwrap().to_string();
        let ended = tokio::spawn(child.wait_with_output());
        self.sandbox.world().with(|world| {
            for (_, platform, index) in SHOPS {
                let numbers = world.numbers(platform, index);
                for number in &numbers[..2] {
                    world.spoil(platform, index, number, None);
                }
            }
            world.set_drift(Drift { per_list_request: 1, per_second: 3.0 });
            world.add_fault(Fault::new(FaultKind::InternalError).with_probability(0.1));
        });
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.sandbox.world().with(|world| {
            world.clear_faults();
            world.set_drift(Drift::default());
        });
        let last = database.number("SELECT MAX(id) FROM job_runs").await;
        let well = format!("SELECT COUNT(DISTINCT shop) FROM job_runs WHERE outcome = 'ok' AND id > {last}");
        reaches(database, &well, 2).await;
        self.sandbox.world().with(|world| world.revoke(Platform::Temu, 0));
        reaches(database, "SELECT COUNT(*) FROM shops WHERE paused_reason IS NOT NULL", 1).await;
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().await.unwrap().success());
        let output = tokio::time::timeout(STOP_WITHIN, ended).await.unwrap().unwrap().unwrap();
        self.keep(&["run"], output.stderr);
    }

    fn signatures(&self) -> Vec<(String, &'static str)> {
        let signatures = self.signatures.lock().unwrap();
        assert!(signatures.len() > 100, "{} calls were signed", signatures.len());
        signatures.iter().map(|text| (text.clone(), SIGNATURE)).collect()
    }

    /// All that must not be in a log, and what it is.
    async fn unspeakable(&self, database: &TestDatabase) -> BTreeMap<String, &'static str> {
        let mut words = BTreeMap::from([(PHONE.to_owned(), "a phone"), (STREET.to_owned(), "an address")]);
        let handed_out = self.sandbox.world().with(|world| world.handed_out());
        words.extend(handed_out.into_iter().map(|token| (token, "a code or token")));
        for platform in [Platform::Temu, Platform::Xiaohongshu] {
            words.insert(platform.app().1.to_owned(), "an app secret");
        }
        words.extend(self.signatures());
        for (table, column) in PERSONAL {
            let sql = format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL");
            for row in database.query(&sql).await {
                let text: String = row.try_get_by_index(0).unwrap();
                if text.chars().count() >= PERSONAL_LENGTH_MIN {
                    words.insert(text, column);
                }
            }
        }
        words
    }
}

/// Waits until a query answers with this number, or more.
async fn reaches(database: &TestDatabase, sql: &str, number: i64) {
    let reached = async {
        while database.number(sql).await < number {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("still below {number}: {sql}"));
}

/// A line of the log.
fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"))
}

both_databases! {
    async fn no_line_of_the_log_contains_a_secret_and_each_event_is_explained(database: TestDatabase) {
        let mut stage = Stage::new(&database).await;
        stage.run(&["sync"]).await;
        stage.log_in().await;
        stage.go_wrong().await;
        let number = stage.sandbox.world().with(|world| world.numbers(Platform::Xiaohongshu, 0)[5].clone());
        stage.ask(&number).await;
        stage.live(&database).await;
        stage.log_in().await;
        stage.run(&["sync"]).await;

        for (word, what) in stage.unspeakable(&database).await {
            let places = match what {
                // Hundreds, and text already: no form of them but their own is looked for.
                SIGNATURE => stage.said.iter().filter(|(_, log)| log.contains(&word)).map(|(verb, _)| verb.clone()).collect(),
                _ => places(&word, &stage.said),
            };
            assert!(places.is_empty(), "{what} (`{word}`) is in the log of {places:?}");
        }

        let explained = documented_events();
        let mut told = BTreeSet::new();
        for (verb, log) in &stage.said {
            // A verb ends with a line for people, after all the lines for machines.
            for line in log.lines().filter(|line| !line.starts_with("shopsync: ") && line.starts_with('{')).map(parse) {
                let is_ours = line["target"].as_str().unwrap().starts_with("shopsync");
                let is_told = ["INFO", "WARN", "ERROR"].contains(&line["level"].as_str().unwrap());
                if is_ours && is_told {
                    let event = line["event"].as_str().unwrap_or_else(|| panic!("{verb}: no event in {line}"));
                    assert!(explained.contains(event), "{verb}: nobody explains {line}");
                    told.insert(event.to_owned());
                }
            }
        }
        // Else the rest proves little.
        for event in ["run.finished", "run.failed", "record.quarantined", "token.needs_owner", "shop.paused",
            "daemon.ready", "daemon.stopping", "cursor.moved", "token.refreshed"] {
            assert!(told.contains(event), "`{event}` was never told: {told:?}");
        }
        assert!(told.len() >= 12, "{told:?}");
        stage.sandbox.stop().await;
    }
}
