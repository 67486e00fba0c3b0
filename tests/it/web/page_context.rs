//! A daemon with its door open, and shops in every state that its page can show.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shopsync::app::App;
use shopsync::domain::record::{Lane, Record};
use shopsync::error_text::chain;
use shopsync::exit::Exit;
use shopsync::jobs::daemon::run::{MANUAL, RunOptions, Task, run_lane};
use shopsync::jobs::daemon::task::Target;
use shopsync::sandbox::{Fault, FaultKind, Platform, Sandbox, SandboxSettings, World};
use shopsync::sync::Progress;
use shopsync::web::Http;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::context::{authorise, config_text, open_app};
use crate::support::databases::TestDatabase;
use crate::web::context::{PATIENCE, write_admin_token};

/// Everything of it is fresh.
pub(crate) const FRESH: &str = "acme-us";
/// Has history to read, a window that failed, and something set aside.
pub(crate) const GAPS: &str = "lotus";
/// Was not read for two hours.
pub(crate) const LATE: &str = "acme-eu";
/// The platform took its grant back.
pub(crate) const DEAD: &str = "peony";
/// Was never authorised.
pub(crate) const NEW: &str = "acme-new";

/// How many hours the one that is late was not read.
const LATE_HOURS: i64 = 2;

pub(crate) struct PageContext {
    pub(crate) sandbox: Sandbox,
    pub(crate) database: TestDatabase,
    pub(crate) app: Arc<App>,
    root: String,
    cancel: CancellationToken,
    daemon: JoinHandle<anyhow::Result<Exit>>,
    _folder: TempDir,
}

impl PageContext {
    pub(crate) async fn new(database: TestDatabase) -> Self {
        let clock = database.clock.clone();
        let sandbox = Sandbox::start(SandboxSettings {
            clock: clock.clone(),
            orders: 400,
            products: 40,
            after_sales: 30,
            activities: 6,
            ..SandboxSettings::default()
        })
        .await
        .unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let root = format!("http://127.0.0.1:{port}");
        let folder = tempfile::tempdir().unwrap();
        write_admin_token(&folder);
        let text = config(&sandbox, database.settings.url.expose_secret(), &root);
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        let app = open_app(&folder, &database, &clock).await;
        live_through_a_day(&app, &sandbox, &database).await;
        let http = Http::open(&app.config().http).await.unwrap();
        let cancel = CancellationToken::new();
        let daemon = tokio::spawn(shopsync::commands::serve_behind(app.clone(), http, cancel.clone()));
        let test = Self { sandbox, database, app, root, cancel, daemon, _folder: folder };
        test.until_ready().await;
        test
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    pub(crate) async fn get(&self, path: &str, language: &str) -> reqwest::Response {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(self.address(path)).header("accept-language", language).send().await.unwrap()
    }

    /// Brings a record up to date, as a job does.
    pub(crate) async fn sync(&self, shop: &str, record: Record) {
        run(&self.app, shop, record, Lane::Update).await.unwrap();
    }

    /// Tells the daemon to stop, and waits for its end.
    pub(crate) async fn stop(self) {
        self.hang_up().await;
    }

    /// The same, with the rest left standing.
    pub(crate) async fn hang_up(self) -> (Sandbox, TestDatabase) {
        self.cancel.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.daemon).await.expect("the daemon must end");
        assert_eq!(ended.unwrap().unwrap(), Exit::Done);
        (self.sandbox, self.database)
    }

    async fn until_ready(&self) {
        let is_ready = async {
            while self.get("/readyz", "").await.status() != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, is_ready).await.unwrap();
    }
}

fn config(sandbox: &Sandbox, database: &str, root: &str) -> String {
    let more_shops = format!(
        "history = \"30d\"\noverlap = \"10m\"\nsettle = \"5s\"\n\
         [shops.{LATE}]\napp = \"temu\"\n[shops.{DEAD}]\napp = \"xhs\"\n[shops.{NEW}]\napp = \"temu\"\n"
    );
    let listen = root.trim_start_matches("http://");
    let open = format!(
        "[http]\nlisten = \"{listen}\"\npublic_url = \"{root}\"\nadmin_token_file = \"admin.token\"\n"
    );
    let text = config_text(sandbox, database, &more_shops, false);
    text.replace("[http]\nlisten = \"\"\n", &open)
        .replace("records = [\"orders\"]\n", "")
        .replace("[shops.temu-shop]", &format!("[shops.{FRESH}]"))
        .replace("[shops.xhs-shop]", &format!("[shops.{GAPS}]"))
        + "[jobs.nightly]\nenabled = false\n"
}

async fn live_through_a_day(app: &App, sandbox: &Sandbox, database: &TestDatabase) {
    let shops = [
        (FRESH, Platform::Temu, 0),
        (GAPS, Platform::Xiaohongshu, 0),
        (LATE, Platform::Temu, 1),
        (DEAD, Platform::Xiaohongshu, 1),
    ];
    for (name, platform, index) in shops {
        authorise(app, sandbox, name, platform, index).await;
    }
    read_everything(app, LATE).await;
    read_everything(app, DEAD).await;
    database.clock.advance(TimeDelta::hours(LATE_HOURS));
    let world = sandbox.world();
    world.with(|world| world.revoke(Platform::Xiaohongshu, 1));
    run(app, DEAD, Record::Orders, Lane::Update).await.unwrap_err();

    read_everything(app, GAPS).await;
    world.with(|world| world.add_fault(Fault::new(FaultKind::UnreadableRow).on(Platform::Xiaohongshu)));
    run(app, GAPS, Record::AfterSales, Lane::Create).await.unwrap();
    world.with(|world| {
        world.clear_faults();
        world.add_fault(Fault::new(FaultKind::InternalError).on(Platform::Xiaohongshu));
    });
    run(app, GAPS, Record::Orders, Lane::Create).await.unwrap_err();
    world.with(World::clear_faults);

    read_everything(app, FRESH).await;
    run(app, FRESH, Record::Orders, Lane::Create).await.unwrap();
    database.clock.advance(TimeDelta::seconds(40));
}

async fn read_everything(app: &App, shop: &str) {
    let records = app.shop(shop).unwrap().records.clone();
    for record in records {
        run(app, shop, record, Lane::Update)
            .await
            .unwrap_or_else(|error| panic!("{record} of {shop}: {error}"));
    }
}

/// Under the name of the job, so that the daemon misses no slot when it starts.
async fn run(app: &App, shop: &str, record: Record, lane: Lane) -> Result<(), String> {
    let options = RunOptions {
        job: record.as_str().to_owned(),
        trigger: MANUAL,
        lease_wait: Duration::ZERO,
        task: Task::Incremental,
        progress: Arc::new(Progress::default()),
        cancel: CancellationToken::new(),
    };
    let target = Target { shop: app.shop(shop).unwrap(), record, lane };
    run_lane(app, target, &options).await.map(drop).map_err(|error| chain(&error))
}
