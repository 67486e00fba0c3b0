//! A daemon with its door open, between a sandbox and a database, on a clock that both share.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use reqwest::{Client, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::Value;
use shopsync::app::App;
use shopsync::exit::Exit;
use shopsync::sandbox::{Sandbox, SandboxSettings};
use shopsync::web::Http;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::context::{SHOPS, authorise, config_text, open_app};
use crate::support::databases::TestDatabase;

pub(crate) const ADMIN: &str = "admin-7391-canary-0123456789abcdef";
/// The public name in these tests; nothing listens there.
pub(crate) const PUBLIC_HOST: &str = "shop.example";
pub(crate) const PUBLIC: &str = "https://shop.example";
pub(crate) const WITH_ADMIN: &str =
    "public_url = \"https://shop.example\"\nadmin_token_file = \"admin.token\"\n";
/// Nothing runs but what is asked for.
pub(crate) const NO_JOBS: &str = "[jobs.orders]\nenabled = false\n[jobs.nightly]\nenabled = false\n";
/// How long anything may take on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Served {
    pub(crate) sandbox: Sandbox,
    pub(crate) database: TestDatabase,
    pub(crate) app: Arc<App>,
    pub(crate) address: SocketAddr,
    client: Client,
    cancel: CancellationToken,
    daemon: JoinHandle<anyhow::Result<Exit>>,
    _folder: TempDir,
}

impl Served {
    /// Both shops authorised, an admin token, a public address.
    pub(crate) async fn new(database: TestDatabase) -> Self {
        let test = Self::with(database, WITH_ADMIN).await;
        for (name, platform, index) in SHOPS {
            authorise(&test.app, &test.sandbox, name, platform, index).await;
        }
        test
    }

    /// No shop is authorised; `http` are more lines for the section of that name.
    pub(crate) async fn with(database: TestDatabase, http: &str) -> Self {
        let clock = database.clock.clone();
        let history = TimeDelta::hours(30);
        let settings =
            SandboxSettings { clock: clock.clone(), orders: 60, history, ..SandboxSettings::default() };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = web_config(&sandbox, database.settings.url.expose_secret(), http);
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        write_admin_token(&folder);
        let app = open_app(&folder, &database, &clock).await;
        let http = Http::open(&app.config().http).await.unwrap();
        let address = http.address().unwrap();
        let cancel = CancellationToken::new();
        let daemon = tokio::spawn(shopsync::commands::serve_behind(app.clone(), http, cancel.clone()));
        let test =
            Self { sandbox, database, app, address, client: browser(), cancel, daemon, _folder: folder };
        test.until_ready().await;
        test
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// Asks for a run of a shop's orders, with the admin token or another.
    pub(crate) async fn sync(&self, shop: &str, token: &str) -> Response {
        self.sync_request(shop).bearer_auth(token).send().await.unwrap()
    }

    pub(crate) fn sync_request(&self, shop: &str) -> RequestBuilder {
        let body = format!("{{\"shop\": \"{shop}\", \"record\": \"orders\"}}");
        self.post("/api/v1/sync").header("content-type", "application/json").body(body)
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        json(self.get(path).send().await.unwrap()).await
    }

    /// Tells the daemon to stop, and waits for its end.
    pub(crate) async fn stop(self) -> Duration {
        let told_at = std::time::Instant::now();
        self.cancel.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.daemon).await.expect("the daemon must end");
        assert_eq!(ended.unwrap().unwrap(), Exit::Done);
        told_at.elapsed()
    }

    async fn until_ready(&self) {
        let is_ready = async {
            while self.get("/readyz").send().await.unwrap().status() != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, is_ready).await.unwrap();
    }
}

/// The config of a context with a door of its own, and jobs only by request.
pub(crate) fn web_config(sandbox: &Sandbox, database: &str, http: &str) -> String {
    let sync = "history = \"2d\"\noverlap = \"10m\"\nsettle = \"5s\"\n";
    let open = format!("[http]\nlisten = \"127.0.0.1:0\"\n{http}");
    config_text(sandbox, database, sync, false).replace("[http]\nlisten = \"\"\n", &open) + NO_JOBS
}

pub(crate) fn write_admin_token(folder: &TempDir) {
    let path = folder.path().join("admin.token");
    std::fs::write(&path, ADMIN).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Follows nothing by itself.
pub(crate) fn browser() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

pub(crate) async fn json(response: Response) -> Value {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The `code` of an error, and that it has the one shape.
pub(crate) async fn error_code(response: Response) -> String {
    let told = json(response).await;
    assert!(told["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{told}");
    told["error"]["code"].as_str().unwrap().to_owned()
}
