//! What `/metrics` shows after real runs and real failures, on both databases.
//!
//! The counts of a process are shared by all its tests, so each test here has shops, apps and a job of its own.
#![expect(clippy::float_cmp, reason = "counts are whole, and exact as floats")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shopsync::app::App;
use shopsync::domain::record::Lane;
use shopsync::jobs::daemon::run::{MANUAL, RunOptions, Task, run_lane};
use shopsync::jobs::daemon::task::Target;
use shopsync::meters::{self, catalogue};
use shopsync::sandbox::{Fault, FaultKind, Platform, Sandbox, SandboxSettings};
use shopsync::sync::Progress;
use shopsync::web::gauges::metrics_text;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::daemon::process::PATIENCE;
use crate::support::context::{authorise, config_text, open_app};
use crate::support::databases::{TestDatabase, both_databases, connect};
use exposition::{Exposition, Series};

mod exposition;

/// Two shops, one a platform, whose names nobody else has.
struct Metered {
    sandbox: Sandbox,
    database: TestDatabase,
    app: Arc<App>,
    folder: TempDir,
    /// Before the names of shops, apps and the job.
    prefix: String,
}

impl Metered {
    async fn new(test: &str, database: TestDatabase, sandbox: SandboxSettings) -> Self {
        meters::install();
        let clock = database.clock.clone();
        let sandbox = Sandbox::start(SandboxSettings { clock: clock.clone(), ..sandbox }).await.unwrap();
        let prefix = format!("{test}-{}", if database.store.is_postgres() { "postgres" } else { "sqlite" });
        let sync = "history = \"2d\"\noverlap = \"10m\"\nsettle = \"5s\"\n";
        let text = config_text(&sandbox, database.settings.url.expose_secret(), sync, true)
            .replace("records = [\"orders\"]\n", "")
            .replace("requests_per_second = 1000", "requests_per_second = 200")
            .replace("[apps.", &format!("[apps.{prefix}-"))
            .replace("[shops.", &format!("[shops.{prefix}-"))
            .replace("app = \"", &format!("app = \"{prefix}-"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        let app = open_app(&folder, &database, &clock).await;
        let test = Self { sandbox, database, app, folder, prefix };
        authorise(&test.app, &test.sandbox, &test.temu(), Platform::Temu, 0).await;
        authorise(&test.app, &test.sandbox, &test.xiaohongshu(), Platform::Xiaohongshu, 0).await;
        test
    }

    fn temu(&self) -> String {
        format!("{}-temu-shop", self.prefix)
    }

    fn xiaohongshu(&self) -> String {
        format!("{}-xhs-shop", self.prefix)
    }

    /// Every lane of everything, once; how many runs failed.
    async fn sync(&self) -> usize {
        let mut failed = 0;
        for (shop, record) in self.app.all_records_read() {
            for lane in [Lane::Update, Lane::Create, Lane::Amounts] {
                let options = RunOptions {
                    job: self.prefix.clone(),
                    trigger: MANUAL,
                    lease_wait: Duration::ZERO,
                    task: Task::Incremental,
                    progress: Arc::new(Progress::default()),
                    cancel: CancellationToken::new(),
                };
                if self.app.has_lane(shop, record, lane) {
                    let run = run_lane(&self.app, Target { shop, record, lane }, &options).await;
                    failed += usize::from(run.is_err());
                }
            }
        }
        failed
    }

    async fn scrape(&self) -> Exposition {
        Exposition::read(&metrics_text(&self.app).await)
    }

    /// Scrapes until the snapshot of an earlier scrape is too old to be used again.
    async fn scrape_until(&self, condition: impl Fn(&Exposition) -> bool) -> Exposition {
        let holds = async {
            loop {
                let told = self.scrape().await;
                if condition(&told) {
                    return told;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        tokio::time::timeout(PATIENCE, holds).await.expect("the metrics never said so")
    }

    fn fault(&self, fault: Fault) {
        self.sandbox.world().with(|world| world.add_fault(fault));
    }

    /// The series that are of this test alone.
    fn own(&self, told: &Exposition) -> Vec<Series> {
        let is_own = |series: &&Series| series.1.values().any(|value| value.starts_with(&self.prefix));
        told.values.keys().filter(is_own).cloned().collect()
    }
}

fn some() -> SandboxSettings {
    SandboxSettings {
        orders: 60,
        products: 20,
        after_sales: 20,
        activities: 6,
        history: TimeDelta::hours(30),
        ..SandboxSettings::default()
    }
}

both_databases! {
    async fn after_runs_and_failures_every_metric_is_as_the_catalogue_says(database: TestDatabase) {
        let test = Metered::new("told", database, some()).await;
        test.fault(Fault::new(FaultKind::InternalError).next(2));
        test.fault(Fault::new(FaultKind::Throttle).next(2));
        test.fault(Fault::new(FaultKind::UnreadableRow).on(Platform::Temu).at("bg.order.list.v2.get").next(12));
        test.fault(Fault::new(FaultKind::Truncated).next(1));
        test.sync().await;

        let text = metrics_text(&test.app).await;
        let told = Exposition::read(&text);
        for meter in catalogue::ALL {
            assert_eq!(told.kinds.get(meter.name).map(String::as_str), Some(meter.kind.as_str()), "{}", meter.name);
            assert!(told.helps.contains(meter.name), "{}", meter.name);
        }
        assert_eq!(told.kinds.len(), catalogue::ALL.len(), "{:?}", told.kinds.keys());
        for (name, labels) in told.values.keys() {
            let meter = catalogue::ALL.iter().find(|meter| meter.name == told.family_of(name)).expect(name);
            let mut expected: Vec<&str> = meter.labels.to_vec();
            expected.extend(name.ends_with("_bucket").then_some("le"));
            expected.sort_unstable();
            assert_eq!(labels.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{name}");
        }
        for outcome in ["ok", "unavailable", "throttled", "no_answer"] {
            assert!(told.sum("shopsync_requests_total", &[("outcome", outcome)]) > 0.0, "{outcome}");
        }
        promtool(&text);
    }

    async fn rows_and_runs_are_counted_as_in_job_runs(database: TestDatabase) {
        let test = Metered::new("rows", database, some()).await;
        test.fault(Fault::new(FaultKind::UnreadableRow).on(Platform::Temu).at("bg.order.list.v2.get").next(12));
        test.sync().await;
        test.fault(Fault::new(FaultKind::BadGateway).on(Platform::Xiaohongshu));
        test.database.clock.advance(TimeDelta::minutes(10));
        assert!(test.sync().await > 0);

        let told = test.scrape().await;

        for (result, column) in [
            ("seen", "rows_seen"),
            ("written", "rows_written"),
            ("unchanged", "rows_unchanged"),
            ("quarantined", "rows_quarantined"),
        ] {
            for shop in [test.temu(), test.xiaohongshu()] {
                let counted = told.sum("shopsync_rows_total", &[("shop", &shop), ("result", result)]);
                let logged = test.sum_of_runs(&format!("{column} ELSE 0"), &format!("shop = '{shop}'")).await;
                assert_eq!(counted, logged, "{result} of {shop}");
            }
        }
        for outcome in ["ok", "failed", "interrupted", "mended"] {
            let counted = told.sum("shopsync_runs_total", &[("job", &test.prefix), ("outcome", outcome)]);
            let logged = test.sum_of_runs("1 ELSE 0", &format!("outcome = '{outcome}'")).await;
            assert_eq!(counted, logged, "{outcome}");
        }
        assert!(told.sum("shopsync_rows_total", &[("shop", &test.temu()), ("result", "quarantined")]) > 0.0);
        assert!(told.sum("shopsync_runs_total", &[("job", &test.prefix), ("outcome", "failed")]) > 0.0);
        let temu = format!("{}-temu", test.prefix);
        assert!(told.sum("shopsync_rate_limit_wait_seconds_total", &[("app", &temu)]) > 0.0);
    }

    async fn lag_grows_while_a_platform_is_down_and_shrinks_when_it_is_back(database: TestDatabase) {
        let test = Metered::new("lag", database, some()).await;
        let of_orders = |told: &Exposition, name: &str, shop: &str| {
            told.values.get(&exposition::series(name, &[("shop", shop), ("record", "orders")])).copied()
        };
        let lag = |told: &Exposition, shop: &str| of_orders(told, "shopsync_lag_seconds", shop);
        let before = test.scrape().await;
        assert_eq!(lag(&before, &test.temu()), None, "nothing was read yet");
        test.sync().await;
        let (temu, xiaohongshu) = (test.temu(), test.xiaohongshu());
        let told = test.scrape_until(|told| lag(told, &temu).is_some_and(|lag| lag < 60.0)).await;
        let read_until = of_orders(&told, "shopsync_last_sync_timestamp_seconds", &temu).unwrap();

        test.fault(Fault::new(FaultKind::InternalError).on(Platform::Temu));
        test.database.clock.advance(TimeDelta::hours(3));
        test.sync().await;
        let told = test.scrape_until(|told| lag(told, &xiaohongshu).is_some_and(|lag| lag < 60.0)).await;
        assert!(lag(&told, &temu).is_some_and(|lag| lag > 10_800.0), "{:?}", lag(&told, &temu));
        assert_eq!(of_orders(&told, "shopsync_last_sync_timestamp_seconds", &temu), Some(read_until));

        test.sandbox.world().with(shopsync::sandbox::World::clear_faults);
        test.sync().await;
        test.scrape_until(|told| lag(told, &temu).is_some_and(|lag| lag < 60.0)).await;
    }

    async fn a_shop_or_record_that_left_the_config_leaves_no_series(database: TestDatabase) {
        let test = Metered::new("gone", database, some()).await;
        test.sync().await;
        let of = |told: &Exposition, shop: &str| {
            told.values.keys().filter(|(_, labels)| labels.get("shop").is_some_and(|of| of == shop)).count()
        };
        let told = test.scrape().await;
        assert!(of(&told, &test.temu()) > 20, "{:?}", test.own(&told));

        let path = test.folder.path().join("config.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let (kept, _) = text.split_once(&format!("[shops.{}]", test.xiaohongshu())).unwrap();
        std::fs::write(&path, format!("{kept}records = [\"orders\"]\n")).unwrap();
        let smaller = open_app(&test.folder, &test.database, &test.database.clock).await;
        let text = metrics_text(&smaller).await;
        let told_now = Exposition::read(&text);

        assert_eq!(of(&told_now, &test.xiaohongshu()), 0);
        assert!(of(&told_now, &test.temu()) > 0);
        let records: BTreeSet<&String> = told_now
            .values
            .keys()
            .filter(|(_, labels)| labels.get("shop").is_some_and(|shop| *shop == test.temu()))
            .filter_map(|(_, labels)| labels.get("record"))
            .collect();
        assert_eq!(records, BTreeSet::from([&"orders".to_owned()]), "of the shop that stayed");
        assert_eq!(told_now.sum("shopsync_grants", &[]), 1.0, "grants of the shops there are");
        promtool(&text);
    }

    async fn a_thousand_scrapes_beside_a_sync_find_the_same_series_whatever_the_orders(database: TestDatabase) {
        let test = Metered::new("series", database, some()).await;
        test.sync().await;
        let before = test.own(&test.scrape_until(|told| !test.own(told).is_empty()).await);
        for platform in [Platform::Temu, Platform::Xiaohongshu] {
            test.sandbox.world().with(|world| for _ in 0..200 { world.create_order(platform, 0); });
        }
        test.database.clock.advance(TimeDelta::minutes(5));

        let scraping = async {
            for _ in 0..1_000 {
                metrics_text(&test.app).await;
                tokio::task::yield_now().await;
            }
        };
        let (failed, ()) = tokio::join!(test.sync(), scraping);

        assert_eq!(failed, 0);
        let written = test.database.number("SELECT COUNT(*) FROM orders").await;
        assert!(written >= 460, "{written}");
        assert_eq!(test.own(&test.scrape().await), before);
    }

    async fn the_states_of_grants_and_windows_are_shown(database: TestDatabase) {
        let test = Metered::new("stand", database, some()).await;
        test.sync().await;
        let shop = test.temu();
        test.app.tokens.clear(&test.app.shop(&test.xiaohongshu()).unwrap().clone()).await.unwrap();
        test.database.execute(&format!(
            "UPDATE sync_windows SET state = 'short' WHERE id = (SELECT MAX(id) FROM sync_windows \
             WHERE shop = '{shop}' AND record = 'orders' AND lane = 'create')"
        )).await;
        // One that a cursor set by hand left behind.
        test.database.execute(&format!(
            "INSERT INTO sync_windows (shop, record, lane, epoch, from_at, until_at, state, attempts) \
             SELECT shop, record, 'update', 77, from_at, until_at, 'failed', 1 FROM sync_windows \
             WHERE id = (SELECT MAX(id) FROM sync_windows WHERE shop = '{shop}' AND record = 'orders')"
        )).await;

        let told = test.scrape().await;

        let incomplete = [("shop", &*shop), ("record", "orders")];
        assert_eq!(told.sum("shopsync_windows_incomplete", &incomplete), 1.0);
        assert_eq!(told.sum("shopsync_grants", &[("state", "good")]), 1.0);
        assert_eq!(told.sum("shopsync_grants", &[("state", "never_authorised")]), 1.0);
        assert_eq!(told.sum("shopsync_grants", &[]), 2.0);
        let status = test.app.tokens.status(test.app.shop(&shop).unwrap()).await.unwrap().unwrap();
        let end = told.sum("shopsync_token_expiry_timestamp_seconds", &[("shop", &shop), ("token", "access")]);
        #[expect(clippy::cast_precision_loss, reason = "a moment of this century")]
        let expected = status.access_ends_at.timestamp_millis() as f64 / 1000.0;
        assert!((end - expected).abs() < 0.01, "{end} {expected}");
    }

    async fn within_a_few_seconds_the_database_is_read_once_for_any_number_of_scrapes(database: TestDatabase) {
        let test = Metered::new("once", database, some()).await;

        let looks = futures_util::future::join_all((0..50).map(|_| test.app.health_snapshot())).await;

        let first = looks[0].as_ref().unwrap();
        assert!(looks.iter().all(|look| Arc::ptr_eq(look.as_ref().unwrap(), first)));
    }
}

impl Metered {
    /// `SUM(CASE WHEN condition THEN what END)` over the runs of this test.
    async fn sum_of_runs(&self, what: &str, condition: &str) -> f64 {
        let sql = format!("SELECT CAST(SUM(CASE WHEN {condition} THEN {what} END) AS BIGINT) FROM job_runs");
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let sum = self.database.number(&sql).await as f64;
        sum
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_costs_only_its_own_metrics_and_a_moment() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let test = Metered::new("hangs", database, some()).await;
    test.sync().await;
    let other = connect(test.database.settings.url.expose_secret()).await;
    let locked = sea_orm::TransactionTrait::begin(&other).await.unwrap();
    let lock = "LOCK TABLE sync_cursors IN ACCESS EXCLUSIVE MODE";
    sea_orm::ConnectionTrait::execute_unprepared(&locked, lock).await.unwrap();

    for _ in 0..3 {
        // Sooner than the store gives up by itself.
        let told = tokio::time::timeout(Duration::from_secs(12), test.scrape()).await;
        let told = told.expect("a scrape must not hang");
        assert!(!told.kinds.contains_key("shopsync_lag_seconds"), "{:?}", told.kinds);
        assert!(!told.kinds.contains_key("shopsync_grants"));
        assert_eq!(told.sum("shopsync_build_info", &[]), 1.0);
        assert!(told.sum("shopsync_rows_total", &[("shop", &test.temu())]) > 0.0);
    }

    locked.rollback().await.unwrap();
    test.scrape_until(|told| told.kinds.contains_key("shopsync_lag_seconds")).await;
}

/// Prometheus' own opinion of an exposition.
fn promtool(text: &str) {
    use std::io::Write;
    let started = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if std::env::var_os("SHOPSYNC_REQUIRE_PROMTOOL").is_some() => {
            panic!("promtool is required here: {error}")
        }
        Err(_) => {
            eprintln!("SKIPPED: promtool is not here (apt-get install prometheus)");
            return;
        }
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{said:?}\n{text}");
}

/// The same labels in any order.
#[test]
fn the_reader_of_expositions_reads_labels_and_values() {
    let told = Exposition::read(
        "# HELP a What a is.\n# TYPE a counter\na{x=\"1\",y=\"2\"} 3\n\na{y=\"3\"} 0.5\nb 7\n",
    );

    assert_eq!(told.sum("a", &[]), 3.5);
    assert_eq!(told.sum("a", &[("y", "2")]), 3.0);
    assert_eq!(told.values[&exposition::series("b", &[])], 7.0);
    assert_eq!(told.kinds, BTreeMap::from([("a".to_owned(), "counter".to_owned())]));
}
