//! A changed config is reloaded while the daemon runs: what did not change continues, the rest follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use shopsync::app::App;
use shopsync::config::Work;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::reload::ReloadOutcome;
use shopsync::jobs::daemon::run::{MANUAL, RunOptions, Task, run_lane};
use shopsync::jobs::daemon::task::Target;
use shopsync::jobs::scheduler::job::Trigger;
use shopsync::platform::Application;
use shopsync::platform::rate::Priority;
use shopsync::platform::retry::CallContext;
use shopsync::sandbox::{Fault, FaultKind, Platform, SandboxSettings, World};
use shopsync::sync::Progress;
use tokio_util::sync::CancellationToken;

use crate::daemon::process::{PATIENCE, until};
use crate::daemon::reload_context::{Reloading, without};
use crate::support::databases::{TestDatabase, both_databases};

const TEMU: &str = "temu-shop";
const XHS: &str = "xhs-shop";
/// Makes a valid config invalid.
type Spoil = fn(&str) -> String;

const UNFINISHED: &str = "SELECT COUNT(*) FROM job_runs WHERE finished_at IS NULL AND shop = ";

both_databases! {
    async fn apps_that_did_not_change_are_kept(database: TestDatabase) {
        let test = Reloading::new(database, settings(10), |text| text).await;
        let before = test.live.app();

        let app = test.reloaded(|text| text.replace("history = \"40h\"", "history = \"50h\"")).await;
        for name in ["temu", "xhs"] {
            assert!(Arc::ptr_eq(&app.applications[name], &before.applications[name]), "{name}");
        }
        assert_eq!(app.policy.history, TimeDelta::hours(50));

        let (_, secret) = Platform::Xiaohongshu.app();
        let app = test.reloaded(|text| text.replace(secret, "another")).await;
        assert!(Arc::ptr_eq(&app.applications["temu"], &before.applications["temu"]));
        assert!(!Arc::ptr_eq(&app.applications["xhs"], &before.applications["xhs"]));

        let app = test.reloaded(|text| text.replace("attempts_max = 8", "attempts_max = 3")).await;
        assert!(!Arc::ptr_eq(&app.applications["temu"], &before.applications["temu"]));
    }

    async fn no_reload_gives_an_app_more_calls_than_its_rate_allows(database: TestDatabase) {
        let slow = |text: String| text.replace("requests_per_second = 1000", "requests_per_second = 0.01");
        let test = Reloading::new(database, settings(10), slow).await;
        let spend = |app: Arc<App>| spends(app.applications["temu"].clone());
        let calls = spend(test.live.app());
        until(|| calls.load(Ordering::SeqCst) == 2).await;
        let (_, secret) = Platform::Temu.app();

        let unchanged = test.reloaded(|text| text).await;
        let policy_changed = test.reloaded(|text| text.replace("attempts_max = 8", "attempts_max = 3")).await;
        let secret_changed = test.reloaded(|text| text.replace(secret, "another")).await;
        let of_later = [unchanged, policy_changed, secret_changed].map(spend);
        // A bucket of its own would let two calls go at once.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(of_later.iter().all(|calls| calls.load(Ordering::SeqCst) == 0));

        test.reloaded(|text| text.replace("requests_per_second = 0.01", "requests_per_second = 1000")).await;
        until(|| of_later.iter().chain([&calls]).all(|calls| calls.load(Ordering::SeqCst) >= 5)).await;
    }

    async fn a_changed_secret_is_used_by_the_next_call(database: TestDatabase) {
        let (_, secret) = Platform::Temu.app();
        let test = Reloading::new(database, settings(10), |text| text.replace(secret, "wrong")).await;
        let violations = || test.sandbox.world().with(|world| world.violations());
        run(&test.live.app(), TEMU).await.unwrap_err();
        assert!(!violations().is_empty(), "the sandbox sees a wrong signature");
        test.sandbox.world().with(World::reset_counters);

        test.reloaded(|text| text.replace("\"wrong\"", &format!("\"{secret}\""))).await;

        run(&test.live.app(), TEMU).await.unwrap();
        assert!(violations().is_empty(), "{:?}", violations());
    }

    async fn the_run_of_a_removed_shop_ends_and_the_others_continue(database: TestDatabase) {
        let test = Reloading::new(database, settings(100), |text| patient(&text)).await;
        test.database.clock.advance(TimeDelta::minutes(5));
        test.sandbox.world().with(|world| {
            world.reset_counters();
            world.add_fault(Fault::new(FaultKind::Stall { milliseconds: 600_000 }));
        });
        let app = test.live.app();
        test.daemon.start("orders", Work::Sync(Record::Orders), &app.shops, Trigger::Schedule);
        until(|| test.sandbox.world().with(|world| world.calls_total()) >= 2).await;

        let app = test.reloaded(|text| without(&text, TEMU)).await;

        until_number(&test, &format!("{UNFINISHED}'{TEMU}'"), 0).await;
        assert_eq!(number(&test, &outcomes(TEMU, "interrupted")).await, 1);
        assert_eq!(number(&test, &format!("{UNFINISHED}'{XHS}'")).await, 1, "the other one still runs");
        assert_eq!(number(&test, "SELECT COUNT(*) FROM shops WHERE removed_at IS NOT NULL").await, 1);
        assert!(app.shop(TEMU).is_none());
        // Whoever still holds the shop from before starts nothing.
        let former = shopsync::domain::shop::Shop { name: TEMU.to_owned(), ..app.shops[0].clone() };
        test.daemon.start("orders", Work::Sync(Record::Orders), &[former], Trigger::Schedule);

        test.reloaded(|text| text.replace("history = \"40h\"", "history = \"50h\"")).await;
        test.sandbox.world().with(World::clear_faults);
        // The very run that was under way; what it leaves for other lanes begins after it.
        until_number(&test, &format!("{} AND job = 'orders'", outcomes(XHS, "ok")), 1).await;
        assert_eq!(number(&test, &format!("SELECT COUNT(*) FROM job_runs WHERE shop = '{TEMU}'")).await, 1);
        test.cancel.cancel();
        assert!(test.daemon.drain(PATIENCE).await);
        assert_eq!(number(&test, "SELECT COUNT(*) FROM leases WHERE owner IS NOT NULL").await, 0);
    }

    async fn the_run_of_a_removed_record_ends_too(database: TestDatabase) {
        let both = |text: String| patient(&text).replace("[\"orders\"]", "[\"orders\", \"after_sales\"]");
        let test = Reloading::new(database, settings(50), both).await;
        test.database.clock.advance(TimeDelta::minutes(5));
        test.sandbox.world().with(|world| {
            world.reset_counters();
            world.add_fault(Fault::new(FaultKind::Stall { milliseconds: 600_000 }));
        });
        let shops = test.live.app().shops.clone();
        for record in [Record::Orders, Record::AfterSales] {
            test.daemon.start("both", Work::Sync(record), &shops, Trigger::Schedule);
        }
        until(|| test.sandbox.world().with(|world| world.calls_total()) >= 4).await;

        test.reloaded(|text| text.replace("[\"orders\", \"after_sales\"]", "[\"orders\"]")).await;

        let unfinished = |record: &str| format!("SELECT COUNT(*) FROM job_runs WHERE finished_at IS NULL AND record = '{record}'");
        until_number(&test, &unfinished("after_sales"), 0).await;
        assert_eq!(number(&test, &unfinished("orders")).await, 2);
        let interrupted = "SELECT COUNT(*) FROM job_runs WHERE record = 'after_sales' AND outcome = 'interrupted'";
        assert_eq!(number(&test, interrupted).await, 2);
        test.cancel.cancel();
        assert!(test.daemon.drain(PATIENCE).await);
    }

    async fn the_keeper_follows_the_shops_of_the_config(database: TestDatabase) {
        let test = Reloading::new(database, settings(10), |text| without(&text, XHS)).await;
        test.start_background_tasks();
        // Due, but not expired: only a keeper renews it.
        test.database.clock.advance(TimeDelta::days(7) - TimeDelta::minutes(20));
        let version = format!("SELECT version FROM credentials WHERE shop = '{XHS}'");
        let version_before = number(&test, &version).await;
        test.reloaded(|text| text.replace("history = \"40h\"", "history = \"50h\"")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(number(&test, &version).await, version_before, "the token of a removed shop is not renewed");

        test.reloaded(|text| format!("{text}[shops.{XHS}]\napp = \"xhs\"\nrecords = [\"orders\"]\n")).await;

        until_number(&test, &version, version_before + 1).await;
        assert_eq!(number(&test, "SELECT COUNT(*) FROM shops WHERE removed_at IS NOT NULL").await, 0);
        run(&test.live.app(), XHS).await.unwrap();
        test.cancel.cancel();
        assert!(test.daemon.drain(PATIENCE).await);
    }

    async fn a_refused_config_leaves_the_one_in_use_unchanged(database: TestDatabase) {
        let test = Reloading::new(database, settings(10), |text| text).await;
        let before = test.live.app();
        let good = std::sync::OnceLock::new();
        test.edit(|text| good.get_or_init(|| text).clone());
        let good = good.get().unwrap().clone();
        let cases: [(Spoil, &str); 7] = [
            (|_| "[sync\n".to_owned(), "line 1"),
            (|text| text.replace("overlap", "overlapp"), "sync.overlap"),
            (|text| text.replace("app = \"temu\"", "app = \"temy\""), "shops.temu-shop"),
            (|text| text.replace("attempts_max = 8", "attempts_max = 0").replace("\"2s\"", "\"0s\""), "2 errors: "),
            (|text| text.replace("listen = \"\"", "listen = \"127.0.0.1:9\""), "`http.listen` changed"),
            (|text| text.replace("url = \"", "url = \"sqlite:///tmp/other.db\" #"), "`database.url` changed"),
            (|text| without(text, TEMU) + "[tokens]\nstore = \"file\"\n", "`tokens.store` changed"),
        ];
        for (spoil, reason) in cases {
            match test.reload(|_| spoil(&good)).await {
                ReloadOutcome::Refused { reason: told } => {
                    assert!(told.contains(reason) && !told.contains('\n'), "{told}");
                }
                taken @ ReloadOutcome::TakenOver { .. } => panic!("{reason}: {taken:?}"),
            }
            assert!(Arc::ptr_eq(&test.live.app(), &before), "{reason}");
        }
        assert_eq!(number(&test, "SELECT COUNT(*) FROM shops WHERE removed_at IS NOT NULL").await, 0);

        let outcome = test.reload(|_| good.clone()).await;
        assert_eq!(outcome, ReloadOutcome::TakenOver { changes: Vec::new() });
        run(&test.live.app(), TEMU).await.unwrap();
    }

    async fn a_reload_without_its_database_changes_nothing(database: TestDatabase) {
        let test = Reloading::new(database, settings(10), |text| text.replace("requests_per_second = 1000", "requests_per_second = 0.01")).await;
        let before = test.live.app();
        before.store.clone().close().await.unwrap();

        let outcome = test.reload(|text| without(&text, TEMU).replace("= 0.01", "= 1000")).await;

        assert!(matches!(&outcome, ReloadOutcome::Refused { .. }), "{outcome:?}");
        assert!(Arc::ptr_eq(&test.live.app(), &before));
        let calls = spends(before.applications["temu"].clone());
        until(|| calls.load(Ordering::SeqCst) == 2).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(calls.load(Ordering::SeqCst), 2, "the rate is the one before");
    }
}

#[tokio::test]
async fn as_many_shops_are_read_at_once_as_the_new_config_allows() {
    let test = Reloading::new(TestDatabase::sqlite().await, settings(10), |text| {
        text.replace("settle = \"1s\"", "settle = \"1s\"\nshops_in_parallel = 2")
    })
    .await;
    let before = test.live.app();
    let first = before.shop_permits.acquire().await;
    let _second = before.shop_permits.acquire().await;

    let app = test.reloaded(|text| text.replace("shops_in_parallel = 2", "shops_in_parallel = 1")).await;
    drop(first);

    let third = app.shop_permits.acquire();
    assert!(
        tokio::time::timeout(Duration::from_millis(200), third).await.is_err(),
        "one is still being read"
    );
}

fn settings(orders: usize) -> SandboxSettings {
    SandboxSettings { orders, history: TimeDelta::hours(30), ..SandboxSettings::default() }
}

/// Calls that are not answered are repeated for longer than any test waits.
fn patient(text: &str) -> String {
    text.replace("\"2s\"", "\"5s\"").replace("attempts_max = 8", "attempts_max = 20")
}

/// Calls that cost nothing but their place in the rate limit, one after the other; how many went.
fn spends(application: Arc<Application>) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        let context = CallContext {
            priority: Priority::Update,
            calls: Arc::default(),
            cancel: CancellationToken::new(),
            patience: None,
        };
        loop {
            application.call(&context, async || Ok(())).await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    count
}

async fn run(app: &App, name: &str) -> Result<(), String> {
    let options = RunOptions {
        job: "test".to_owned(),
        trigger: MANUAL,
        lease_wait: Duration::ZERO,
        task: Task::Incremental,
        progress: Arc::new(Progress::default()),
        cancel: CancellationToken::new(),
    };
    let target = Target { shop: app.shop(name).unwrap(), record: Record::Orders, lane: Lane::Update };
    run_lane(app, target, &options).await.map(drop).map_err(|error| error.to_string())
}

fn outcomes(shop: &str, outcome: &str) -> String {
    format!("SELECT COUNT(*) FROM job_runs WHERE shop = '{shop}' AND outcome = '{outcome}'")
}

async fn number(test: &Reloading, sql: &str) -> i64 {
    test.database.number(sql).await
}

async fn until_number(test: &Reloading, sql: &str, expected: i64) {
    let holds = async {
        while number(test, sql).await != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("{sql} is not {expected}"));
}
