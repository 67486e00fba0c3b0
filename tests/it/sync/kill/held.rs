//! The real binary, ended while another program holds the database, or the disk is full, right when the answer to a
//! refresh arrives. Quick in CI; by hand as often as one likes:
//!
//! ```text
//! SHOPSYNC_KILLS=5 cargo test --test it kills_by_hand_while_held -- --nocapture
//! ```
//!
//! plays each case five times, killed 0.1, 3 and 40 s after the answer, and prints what was lost.

#![expect(clippy::print_stdout, reason = "whoever runs it by hand reads its table")]

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shopsync::sandbox::{Fault, FaultKind, Platform, Sandbox};
use tokio::process::Child;
use tokio::task::JoinSet;

use super::by_hand::is_alive;
use crate::auth::context::Authorised;
use crate::auth::gateway;
use crate::auth::properties::durable::{files, locked};
use crate::daemon::process::{STOP_WITHIN, sandbox, until};
use crate::store::disk_full::{Disk, settings};
use crate::support::databases::{TestDatabase, connect};
use crate::support::program::Program;

const SHOP: &str = "xhs-shop";
const REFRESH: &str = "oauth.refreshToken";
/// How long the platform takes for its answer: enough to make trouble meanwhile.
const ANSWER_AFTER: Duration = Duration::from_millis(1_500);
/// How many times the moment between answer and file is measured.
const MEASURED: usize = 60;
/// Cases that are played side by side.
const AT_ONCE: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Another program writes.
    Locked,
    /// The disk with the folder for state, and with SQLite's file.
    DiskFull,
    /// Both.
    LockedAndFull,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Term,
    Kill,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    on_postgres: bool,
    trouble: Trouble,
    end: End,
    /// `None`: as soon as the pair is in its file.
    after_answer: Option<Duration>,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lost {
    /// Though the pair was on the disk when the program was ended.
    grants: u64,
    /// Because the program was ended between the answer and its first write. No program can help that.
    in_gap: u64,
    /// Spent tokens that were sent again.
    spent: u64,
}

impl Lost {
    fn add(&mut self, other: &Self) {
        self.grants += other.grants;
        self.in_gap += other.in_gap;
        self.spent += other.spent;
    }
}

async fn play(case: Case) -> Option<Lost> {
    let disk = Disk::new()?;
    let state = disk.folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let database = if case.on_postgres {
        TestDatabase::postgres().await?
    } else {
        std::fs::File::create(disk.folder.path().join("shopsync.db")).unwrap();
        TestDatabase::over(settings(disk.folder.path()), "SELECT 1").await
    };
    let sandbox = sandbox(0).await;
    let program = Program::with(&sandbox, database.settings.url.expose_secret(), "");
    program.authorise_all(&sandbox).await;
    fall_due(&database, &sandbox).await;
    sandbox.world().with(|world| {
        world.reset_counters();
        let stall = FaultKind::Stall { milliseconds: u64::try_from(ANSWER_AFTER.as_millis()).unwrap() };
        world.add_fault(Fault::new(stall).at(REFRESH).next(1));
    });
    let mut daemon = start(&program, &state);
    until(|| sandbox.world().with(|world| world.calls(REFRESH)) > 0).await;
    let asked = Instant::now();
    let lock = match case.trouble {
        Trouble::DiskFull => None,
        Trouble::Locked | Trouble::LockedAndFull => Some(locked(&database).await),
    };
    if case.trouble != Trouble::Locked {
        disk.fill();
    }
    assert!(asked.elapsed() < ANSWER_AFTER, "the answer came before the trouble");
    match case.after_answer {
        Some(pause) => tokio::time::sleep((ANSWER_AFTER + pause).saturating_sub(asked.elapsed())).await,
        None => until(|| !files(&state).is_empty()).await,
    }
    let is_on_disk = !files(&state).is_empty();
    end(&mut daemon, case.end).await;
    if let Some(lock) = lock {
        let _ = lock.rollback().await;
    }
    if case.trouble != Trouble::Locked {
        disk.make_room();
    }
    let lives = start_and_see(&program, &state).await;
    let spent = sandbox.world().with(|world| world.violations()).spent_refresh_token;
    sandbox.stop().await;
    let lost = u64::from(!lives);
    let (grants, in_gap) = if is_on_disk { (lost, 0) } else { (0, lost) };
    // After the gap it is asked once more, as the platform's rules allow.
    Some(Lost { grants, in_gap, spent: spent.saturating_sub(in_gap) })
}

/// The access token has ended, here and at the platform.
async fn fall_due(database: &TestDatabase, sandbox: &Sandbox) {
    sandbox.world().with(|world| world.expire_access(Platform::Xiaohongshu, 0));
    let ago = |what: &str, days: u32| {
        if database.store.is_postgres() {
            format!("{what} = now() - interval '{days} days'")
        } else {
            format!("{what} = strftime('%Y-%m-%d %H:%M:%f', 'now', '-{days} days')")
        }
    };
    let (obtained, expires) = (ago("obtained_at", 8), ago("expires_at", 1));
    let url = database.settings.url.expose_secret();
    let connection = connect(url).await;
    let update =
        format!("UPDATE credentials SET not_before = NULL, {obtained}, {expires} WHERE shop = '{SHOP}'");
    sea_orm::ConnectionTrait::execute_unprepared(&connection, &update).await.unwrap();
    connection.close().await.unwrap();
}

fn start(program: &Program, state: &Path) -> Child {
    let mut command = program.command(&["run"]);
    command.env("STATE_DIRECTORY", state).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

async fn end(daemon: &mut Child, end: End) {
    if end == End::Kill {
        daemon.kill().await.unwrap();
        return;
    }
    let id = daemon.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let ended = tokio::time::timeout(STOP_WITHIN, daemon.wait()).await.expect("SIGTERM ends it in time");
    assert!(ended.unwrap().success());
}

/// The next program goes on with what is left.
async fn start_and_see(program: &Program, state: &Path) -> bool {
    let mut next = start(program, state);
    let waited = async {
        // By the old token or the new one, whatever this program has.
        while !files(state).is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(30), waited).await;
    let lives = is_alive(program, SHOP).await;
    next.kill().await.unwrap();
    lives
}

async fn loses_nothing(case: Case) {
    if let Some(lost) = play(case).await {
        assert_eq!(lost, Lost::default(), "{case:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_while_another_program_holds_sqlite_ends_in_time_and_keeps_the_new_pair() {
    let after_answer = Some(Duration::from_secs(3));
    loses_nothing(Case { on_postgres: false, trouble: Trouble::Locked, end: End::Term, after_answer }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_while_a_table_of_postgres_is_locked_ends_in_time_and_keeps_the_new_pair() {
    let after_answer = Some(Duration::from_secs(3));
    loses_nothing(Case { on_postgres: true, trouble: Trouble::Locked, end: End::Term, after_answer }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_sqlite_is_held_and_its_disk_is_full_the_program_keeps_the_new_pair() {
    let case =
        Case { on_postgres: false, trouble: Trouble::LockedAndFull, end: End::Kill, after_answer: None };
    loses_nothing(case).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_a_table_of_postgres_is_locked_and_the_disk_is_full_the_program_keeps_the_new_pair() {
    let case =
        Case { on_postgres: true, trouble: Trouble::LockedAndFull, end: End::Kill, after_answer: None };
    loses_nothing(case).await;
}

/// Does nothing unless `SHOPSYNC_KILLS` says how often each case is played.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_by_hand_while_held() {
    let rounds = std::env::var("SHOPSYNC_KILLS").ok().and_then(|text| text.parse::<usize>().ok());
    let Some(rounds) = rounds else { return };
    let turns = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut cases = JoinSet::new();
    for on_postgres in [false, true] {
        for trouble in [Trouble::Locked, Trouble::DiskFull, Trouble::LockedAndFull] {
            for milliseconds in [100, 3_000, 40_000] {
                let after_answer = Some(Duration::from_millis(milliseconds));
                let case = Case { on_postgres, trouble, end: End::Kill, after_answer };
                let turns = turns.clone();
                cases.spawn(async move {
                    let _turn = turns.acquire_owned().await.unwrap();
                    let mut lost = Lost::default();
                    for _ in 0..rounds {
                        let one = play(case).await.unwrap_or_default();
                        lost.add(&one);
                    }
                    (case, lost)
                });
            }
        }
    }
    let mut all = Lost::default();
    for (case, lost) in cases.join_all().await {
        let name = if case.on_postgres { "Postgres" } else { "SQLite" };
        println!(
            "{name:<9} {:<14} {:>5.1} s  kills {rounds}  grants lost {} (and {} in the gap)  spent tokens sent again {}",
            format!("{:?}", case.trouble),
            case.after_answer.unwrap_or_default().as_secs_f64(),
            lost.grants,
            lost.in_gap,
            lost.spent
        );
        all.add(&lost);
    }
    let mut gaps = gaps().await;
    gaps.sort_unstable();
    let ms = |at: usize| gaps[at].as_secs_f64() * 1_000.0;
    println!(
        "from the platform's answer to the file: {:.1} ms at least, {:.1} ms in the middle, {:.1} ms at most, of {MEASURED}",
        ms(0),
        ms(MEASURED / 2),
        ms(MEASURED - 1)
    );
    assert_eq!((all.grants, all.spent), (0, 0));
}

/// How long a pair is nowhere but in the program, each time measured from outside.
async fn gaps() -> Vec<Duration> {
    let test = Authorised::new(TestDatabase::sqlite().await).await;
    let state = tempfile::tempdir().unwrap();
    let tokens = test.over_with_state(Arc::new(test.database.store.clone()), state.path());
    let mut gaps = Vec::new();
    for call in 1..=MEASURED {
        test.after_end().await;
        test.gateway.next(&[gateway::Fault::Held]);
        let (asking, shop) = (tokens.clone(), test.shop.clone());
        let caller = tokio::spawn(async move { asking.access(&shop).await });
        test.gateway.until_refresh_call(call).await;
        let lock = locked(&test.database).await;
        let answered = Instant::now();
        test.gateway.release();
        while files(state.path()).is_empty() {
            tokio::task::yield_now().await;
        }
        gaps.push(answered.elapsed());
        lock.rollback().await.unwrap();
        caller.await.unwrap().unwrap();
        tokio::time::timeout(Duration::from_secs(30), async {
            while !files(state.path()).is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        test.database.clock.advance(TimeDelta::minutes(1));
    }
    gaps
}
