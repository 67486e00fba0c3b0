//! What a test of the whole may touch: a sandbox, a database, and the program wired up between them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use shopsync::app::App;
use shopsync::clock::Clock;
use shopsync::config::{Config, LoadOptions};
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::shop::Shop;
use shopsync::error_text::chain;
use shopsync::jobs::daemon::run::{MANUAL, RunOptions, Task, run_lane};
use shopsync::jobs::daemon::task::Target;
use shopsync::sandbox::{Platform, Sandbox, SandboxSettings};
use shopsync::store::ledger::leases::{Acquired, LaneKey, Lease};
use shopsync::store::reports::runs::NewRun;
use shopsync::sync::progress::Counts;
use shopsync::sync::{Progress, RecordSync};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::databases::TestDatabase;
use crate::support::truth;

/// The shops every context has, by name in the config, and where the sandbox keeps them.
pub(crate) const SHOPS: [(&str, Platform, usize); 2] =
    [("temu-shop", Platform::Temu, 0), ("xhs-shop", Platform::Xiaohongshu, 0)];

/// What a shop of [`config_text`] reads. Without this line: all there is.
pub(crate) const ORDERS_ALONE: &str = "records = [\"orders\"]\n";

/// What differs from test to test.
pub(crate) struct ContextSettings {
    pub sandbox: SandboxSettings,
    /// Lines for the end of config.toml.
    pub sync: String,
    pub amounts: bool,
    /// Not only orders.
    pub all_records: bool,
    /// Also the stock by warehouse, where a platform tells it.
    pub stock_detail: bool,
    /// Further sections of config.toml.
    pub more: fn(&Sandbox) -> String,
}

impl Default for ContextSettings {
    fn default() -> Self {
        Self {
            sandbox: SandboxSettings::default(),
            sync: "history = \"2d\"\noverlap = \"10m\"\nsettle = \"5s\"\n".to_owned(),
            amounts: false,
            all_records: false,
            stock_detail: false,
            more: |_| String::new(),
        }
    }
}

pub(crate) struct TestContext {
    pub sandbox: Sandbox,
    pub database: TestDatabase,
    pub clock: Clock,
    pub app: Arc<App>,
    folder: TempDir,
}

impl TestContext {
    /// Two authorised shops, one a platform, on a clock that the sandbox and the program share.
    pub(crate) async fn new(database: TestDatabase, settings: ContextSettings) -> Self {
        let clock = database.clock.clone();
        let sandbox =
            Sandbox::start(SandboxSettings { clock: clock.clone(), ..settings.sandbox }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text =
            config_text(&sandbox, database.settings.url.expose_secret(), &settings.sync, settings.amounts);
        let text = if settings.all_records { text.replace(ORDERS_ALONE, "") } else { text };
        // The last section is that of the shop which can be asked for it.
        let text = if settings.stock_detail { text + "stock_detail = true\n" } else { text };
        let text = text + &(settings.more)(&sandbox);
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        let app = open_app(&folder, &database, &clock).await;
        for (name, platform, index) in SHOPS {
            authorise(&app, &sandbox, name, platform, index).await;
        }
        Self { sandbox, database, clock, app, folder }
    }

    /// A new process on the same database: nothing of the old one's memory is left.
    pub(crate) async fn restart(&mut self) {
        self.app = open_app(&self.folder, &self.database, &self.clock).await;
    }

    /// A new process with another config.
    pub(crate) async fn edit_config(&mut self, from: &str, to: &str) {
        let path = self.folder.path().join("config.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        self.restart().await;
    }

    pub(crate) fn shop(&self, name: &str) -> Shop {
        self.app.shop(name).unwrap().clone()
    }

    /// One run of one lane of the orders, the way jobs and verbs do it.
    pub(crate) async fn run(&self, name: &str, lane: Lane) -> Result<Counts, String> {
        self.run_task(name, Record::Orders, lane, Task::Incremental).await
    }

    /// One run of one lane, with something special to do.
    pub(crate) async fn run_task(
        &self,
        name: &str,
        record: Record,
        lane: Lane,
        task: Task,
    ) -> Result<Counts, String> {
        let options = RunOptions {
            job: "test".to_owned(),
            trigger: MANUAL,
            lease_wait: Duration::ZERO,
            task,
            progress: Arc::new(Progress::default()),
            cancel: CancellationToken::new(),
        };
        let shop = self.shop(name);
        let target = Target { shop: &shop, record, lane };
        run_lane(&self.app, target, &options).await.map_err(|error| chain(&error))
    }

    /// All lanes, which must go well.
    pub(crate) async fn sync(&self, name: &str) {
        for lane in [Lane::Update, Lane::Create, Lane::Amounts] {
            if lane == Lane::Amounts && !self.wants_amounts(name) {
                continue;
            }
            self.run(name, lane).await.unwrap_or_else(|error| panic!("{lane} lane of {name}: {error}"));
        }
    }

    /// Time passes until everything that happened so far may be read.
    pub(crate) fn settle(&self) {
        self.clock.advance(TimeDelta::minutes(2));
    }

    /// The means to read a shop's orders, for tests that turn its screws.
    pub(crate) async fn order_sync(&self, name: &str, lane: Lane) -> Option<(RecordSync, Lease)> {
        let key = LaneKey { shop: name.to_owned(), record: Record::Orders, lane };
        let Acquired::Granted(lease) = self.app.store.leases().acquire(&key, &self.app.owner).await.unwrap()
        else {
            return None;
        };
        let run = NewRun {
            job: "test".to_owned(),
            shop: name.to_owned(),
            record: Record::Orders,
            lane,
            trigger: "manual".to_owned(),
        };
        let run_id = self.app.store.runs().start(run).await.unwrap();
        let sync = self
            .app
            .record_sync(
                &self.shop(name),
                Record::Orders,
                Arc::new(Progress::default()),
                CancellationToken::new(),
            )
            .unwrap()(run_id);
        Some((sync, lease))
    }

    /// What differs between the store and what the sandbox knows, one line each.
    pub(crate) async fn differences(&self, name: &str) -> Vec<String> {
        let (_, platform, index) = SHOPS.into_iter().find(|(shop, ..)| *shop == name).unwrap();
        let expected = self.sandbox.world().with(|world| world.truth(platform, index));
        truth::differences(
            &self.app.store,
            name,
            &expected,
            self.wants_amounts(name) || platform == Platform::Xiaohongshu,
        )
        .await
    }

    /// The store equals the truth for one shop.
    pub(crate) async fn assert_orders_of(&self, name: &str) {
        let differences = self.differences(name).await;
        let first = &differences[..differences.len().min(3)];
        assert!(differences.is_empty(), "{name}: {} differences, the first: {first:?}", differences.len());
    }

    pub(crate) async fn cursor(&self, name: &str) -> Option<DateTime<Utc>> {
        self.app
            .store
            .cursors()
            .get(name, Record::Orders)
            .await
            .unwrap()
            .and_then(|cursor| cursor.last_sync_at)
    }

    /// The store equals the truth, and the platform never saw anything a correct client does not do.
    pub(crate) async fn assert_equals_truth(&self) {
        for (name, ..) in SHOPS {
            self.assert_orders_of(name).await;
        }
        let violations = self.sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
    }

    fn wants_amounts(&self, name: &str) -> bool {
        let shop = self.shop(name);
        self.app.reads_amounts(&shop)
    }
}

pub(crate) async fn open_app(folder: &TempDir, database: &TestDatabase, clock: &Clock) -> Arc<App> {
    let options = LoadOptions {
        path: Some(folder.path().join("config.toml")),
        environment: std::collections::BTreeMap::default(),
        working_directory: folder.path().to_owned(),
        system_file: folder.path().join("none.toml"),
    };
    let loaded = Config::load(&options).unwrap_or_else(|error| panic!("{error}"));
    Arc::new(App::with_store(loaded, clock.clone(), database.another_store().await).await.unwrap())
}

pub(crate) async fn authorise(app: &App, sandbox: &Sandbox, name: &str, platform: Platform, index: usize) {
    let code = sandbox.world().with(|world| world.issue_code(platform, index));
    app.tokens.login_code(app.shop(name).unwrap(), code.into()).await.unwrap();
}

/// The config.toml of a context: real keys, the sandbox as gateway, no patience.
pub(crate) fn config_text(sandbox: &Sandbox, database: &str, sync: &str, amounts: bool) -> String {
    let (temu_key, temu_secret) = Platform::Temu.app();
    let (xhs_key, xhs_secret) = Platform::Xiaohongshu.app();
    format!(
        r#"
[database]
url = "{database}"
[http]
listen = ""
[sync]
{sync}
[retry]
attempts_max = 8
backoff_min = "1ms"
backoff_max = "20ms"
request_timeout = "2s"
[apps.temu]
platform = "temu"
zone = "us"
gateway = "{}"
app_key = "{temu_key}"
app_secret = "{temu_secret}"
requests_per_second = 1000
[apps.xhs]
platform = "xiaohongshu"
gateway = "{}"
app_key = "{xhs_key}"
app_secret = "{xhs_secret}"
requests_per_second = 1000
[shops.temu-shop]
app = "temu"
records = ["orders"]
amounts = {amounts}
[shops.xhs-shop]
app = "xhs"
records = ["orders"]
"#,
        sandbox.temu_gateway(),
        sandbox.xiaohongshu_gateway(),
    )
}
