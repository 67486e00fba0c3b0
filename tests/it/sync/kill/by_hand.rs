//! Kills at any moment of any verb, on both databases. A handful in CI; by hand as many as one likes:
//!
//! ```text
//! SHOPSYNC_KILLS=1000 cargo test --test it kills_by_hand -- --nocapture
//! ```
//!
//! prints its seed (`SHOPSYNC_KILLS_SEED` plays it again) and a table of what was killed and what was lost.

#![expect(clippy::print_stdout, reason = "a person who runs it reads its table")]

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::sandbox::{
    Drift, DriveSettings, OPEN115_APP_ID, OPEN115_PLATFORM, Platform, Sandbox, SandboxSettings, Violations,
};

use crate::support::context::SHOPS;
use crate::support::databases::TestDatabase;
use crate::support::program::Program;
use crate::support::shops_of_all_kinds::ALL_SHOPS;
use crate::support::truth_records;

/// On each database, unless more are requested.
const KILLS_IN_CI: u32 = 7;
/// The longest life of a verb before it is killed.
const LIFE_MS: std::ops::Range<u64> = 20..700;
const DRIVE: &str = "pan";

/// What is killed. A round takes one after the other.
const VERBS: [&[&str]; 7] = [
    &["sync"],
    &["auth", "refresh", "xhs-shop"],
    &["run"],
    &["backfill", "--shop", "xhs-shop", "--record", "orders", "--from", "30h", "--until", "1h"],
    &["auth", "refresh", DRIVE],
    &["verify", "--repair"],
    &["replay"],
];

/// What came of it on one database.
#[derive(Default)]
struct Outcome {
    /// By verb: killed while it ran, and ended before its time came.
    kills: BTreeMap<String, (u32, u32)>,
    /// Grants that needed their owner after a kill.
    grants_lost: u32,
    /// What is stored and not so, or the other way round, one line each.
    differences: Vec<String>,
    violations: Violations,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_by_hand() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("SHOPSYNC_KILLS");
    let seed = number("SHOPSYNC_KILLS_SEED").unwrap_or_else(|| kills.map_or(7, |_| fastrand::u64(..)));
    let each = kills.map_or(KILLS_IN_CI, |kills| u32::try_from(kills.div_ceil(2)).unwrap());
    println!("SHOPSYNC_KILLS_SEED={seed}");
    let mut databases = vec![("SQLite", TestDatabase::sqlite().await)];
    databases.extend(TestDatabase::postgres().await.map(|database| ("Postgres", database)));
    let played =
        databases.into_iter().map(async |(name, database)| (name, play(&database, seed, each).await));
    for (name, outcome) in futures_util::future::join_all(played).await {
        report(name, &outcome);
        let first = &outcome.differences[..outcome.differences.len().min(5)];
        assert!(
            outcome.differences.is_empty(),
            "{name}: {} differences: {first:#?}",
            outcome.differences.len()
        );
        let spent = Violations { spent_refresh_token: 0, ..outcome.violations };
        assert!(spent.is_empty(), "{name}: {spent:?}");
        // Between the platform's deed and the first byte on the disk no program can keep a pair; it may ask once
        // more with a token that may be used up, and no more.
        assert!(
            outcome.violations.spent_refresh_token <= u64::from(outcome.grants_lost),
            "{name}: {} spent tokens were sent again, {} grants were lost",
            outcome.violations.spent_refresh_token,
            outcome.grants_lost
        );
    }
}

async fn play(database: &TestDatabase, seed: u64, kills: u32) -> Outcome {
    let (sandbox, program) = start(database, seed).await;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut outcome = Outcome::default();
    for kill in 0..kills {
        let words = VERBS[kill as usize % VERBS.len()];
        let verb =
            words.iter().take(2).filter(|word| !word.starts_with('-')).copied().collect::<Vec<_>>().join(" ");
        let shop = (words[0] == "auth").then(|| words[2]);
        if shop.is_some() {
            // Renewed a moment ago or not, and what has ended is renewed.
            database.execute("UPDATE credentials SET not_before = NULL").await;
            sandbox.world().with(|world| {
                world.expire_access(Platform::Xiaohongshu, 0);
                world.open115_expire_access(0);
            });
        }
        let mut child = program.start(words);
        tokio::time::sleep(Duration::from_millis(random.u64(LIFE_MS))).await;
        let has_ended = child.try_wait().unwrap().is_some();
        child.kill().await.unwrap();
        let counts = outcome.kills.entry(verb).or_default();
        *(if has_ended { &mut counts.1 } else { &mut counts.0 }) += 1;
        if let Some(shop) = shop
            && !is_alive(&program, shop).await
        {
            outcome.grants_lost += 1;
            log_in(&program, &sandbox, shop).await;
        }
        trade(&sandbox);
    }
    sandbox.world().with(|world| world.set_drift(Drift::default()));
    // The last change must be older than the settle time to be read.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    for shop in ["xhs-shop", DRIVE] {
        if !is_alive(&program, shop).await {
            outcome.grants_lost += 1;
            log_in(&program, &sandbox, shop).await;
        }
    }
    // A case that is written has the money of its order read again.
    for _ in 0..2 {
        program.finish(&["sync"]).await;
    }
    // What the platform no longer lists is found by a scan, and the next one may be hours away.
    program.finish(&["sync", "--record", "products", "--full"]).await;
    for shop in [&ALL_SHOPS[0], &ALL_SHOPS[4]] {
        let different = truth_records::differences(database, &sandbox, shop, false).await;
        outcome.differences.extend(different.into_iter().map(|line| format!("{}: {line}", shop.name)));
    }
    outcome.violations = sandbox.world().with(|world| world.violations());
    sandbox.stop().await;
    outcome
}

async fn start(database: &TestDatabase, seed: u64) -> (Sandbox, Program) {
    let drive = DriveSettings {
        confirms_at_once: true,
        refresh_spacing: TimeDelta::zero(),
        ..DriveSettings::default()
    };
    let sandbox = Sandbox::start(SandboxSettings {
        clock: Clock::system(),
        seed,
        orders: 60,
        products: 12,
        after_sales: 8,
        activities: 3,
        history: TimeDelta::hours(30),
        drift: Drift { per_list_request: 1, ..Drift::default() },
        drive,
        ..SandboxSettings::default()
    })
    .await
    .unwrap();
    let more = format!(
        "[apps.{DRIVE}]\nplatform = \"{OPEN115_PLATFORM}\"\ngateway = \"{}\"\napp_key = \"{OPEN115_APP_ID}\"\n\
         [shops.{DRIVE}]\napp = \"{DRIVE}\"\n",
        sandbox.open115_gateway(),
    );
    let program = Program::with(&sandbox, database.settings.url.expose_secret(), &more).reading_everything();
    for shop in ["temu-shop", "xhs-shop", DRIVE] {
        log_in(&program, &sandbox, shop).await;
    }
    (sandbox, program)
}

async fn log_in(program: &Program, sandbox: &Sandbox, name: &str) {
    match SHOPS.iter().find(|(shop, ..)| *shop == name) {
        Some((_, platform, index)) => {
            let code = sandbox.world().with(|world| world.issue_code(*platform, *index));
            program.finish(&["auth", "code", name, &code]).await;
        }
        None => drop(program.finish(&["auth", "qr", name]).await),
    }
}

/// Whether a grant lives: it can be renewed, or it was renewed just now. A killed process may hold the right to renew
/// it for a while, and what it sent is sent again only after a pause, so that is waited for.
pub(super) async fn is_alive(program: &Program, shop: &str) -> bool {
    for _ in 0..TRIES {
        let output = program.output(&["auth", "refresh", shop]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() || said.contains("renewed just now") {
            return true;
        }
        if output.status.code() == Some(NEEDS_OWNER) {
            println!("{shop} is lost: {}", said.trim());
            return false;
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
    println!("{shop} is lost: no one may renew it for {:?}", TRY_EVERY * TRIES);
    false
}

const TRIES: u32 = 300;
const TRY_EVERY: Duration = Duration::from_millis(250);

const NEEDS_OWNER: i32 = 77;

fn trade(sandbox: &Sandbox) {
    sandbox.world().with(|world| {
        for (_, platform, index) in SHOPS {
            world.create_order(platform, index);
            let numbers = world.numbers(platform, index);
            world.advance_status(platform, index, &numbers[0]);
        }
    });
}

fn report(name: &str, outcome: &Outcome) {
    println!("{name:<10} {:<28} killed  ended", "verb");
    for (verb, (killed, ended)) in &outcome.kills {
        println!("{:<10} {verb:<28} {killed:>6} {ended:>6}", "");
    }
    let (killed, ended) =
        outcome.kills.values().fold((0, 0), |(killed, ended), counts| (killed + counts.0, ended + counts.1));
    println!("{:<10} {:<28} {killed:>6} {ended:>6}", "", "together");
    println!(
        "{:<10} grants lost {}, spent tokens sent again {}, differences {}, violations {:?}",
        "",
        outcome.grants_lost,
        outcome.violations.spent_refresh_token,
        outcome.differences.len(),
        outcome.violations
    );
}
