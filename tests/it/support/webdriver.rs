//! A browser in a test's hand: Chromium without a window, spoken to over the `WebDriver` protocol.
//!
//! Both are Debian's. Where they are missing the tests that need them are skipped, loudly; with
//! `SHOPSYNC_REQUIRE_BROWSER=1` that is a failure.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

const REQUIRE: &str = "SHOPSYNC_REQUIRE_BROWSER";
const DRIVER: &str = "/usr/bin/chromedriver";
const BROWSER: &str = "/usr/bin/chromium";
/// A browser on a machine that compiles beside it takes its time.
const START_MAX: Duration = Duration::from_mins(2);
const WAIT_MAX: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(100);
/// The widths of a window on a desk and of a phone.
pub(crate) const DESK: u32 = 1280;
pub(crate) const PHONE: u32 = 390;

/// The key that marks an element's id in the protocol's answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One window of a browser of its own, with nothing remembered.
pub(crate) struct Browser {
    http: reqwest::Client,
    session: String,
    /// The driver, and with it the browser, ends with the test however that ends.
    driver: Driver,
    _profile: TempDir,
}

struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // It began a process group of its own, in which the browser is: whatever is left of both ends.
        let group = rustix::process::Pid::from_child(&self.0);
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _reaped = self.0.wait();
    }
}

impl Browser {
    /// One whose owner reads these languages. `None`: this machine has no browser.
    pub(crate) async fn start(languages: &str) -> Option<Self> {
        if !Path::new(DRIVER).exists() || !Path::new(BROWSER).exists() {
            assert!(
                std::env::var(REQUIRE).as_deref() != Ok("1"),
                "{REQUIRE}=1, but {DRIVER} or {BROWSER} is missing"
            );
            // Straight to stderr: what goes through `eprintln!` is kept back for tests that pass.
            let told = b"\nSKIPPED: this machine has no chromium with chromedriver; the page is not tried in a browser\n";
            std::io::stderr().write_all(told).unwrap();
            return None;
        }
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let profile = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let driver = Driver(start_driver(port, profile.path()));
        let http = reqwest::Client::builder().no_proxy().timeout(WAIT_MAX).build().unwrap();
        let address = format!("http://127.0.0.1:{port}");
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": BROWSER,
                "args": arguments(profile.path(), languages),
            },
        }}});
        let began = Instant::now();
        let session = loop {
            match http.post(format!("{address}/session")).body(wanted.to_string()).send().await {
                Ok(answer) => {
                    break answered(answer).await.unwrap_or_else(|error| panic!("no browser: {error}"));
                }
                Err(error) => assert!(began.elapsed() < START_MAX, "chromedriver does not answer: {error}"),
            }
            tokio::time::sleep(POLL).await;
        };
        let session = format!("{address}/session/{}", session["sessionId"].as_str().unwrap());
        Some(Self { http, session, driver, _profile: profile })
    }

    pub(crate) async fn open(&self, address: &str) {
        self.ask("url", json!({ "url": address })).await.unwrap();
    }

    /// What the reader's system prefers: `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.emulate("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// From now on pages are shown without their scripts.
    pub(crate) async fn run_no_scripts(&self) {
        self.emulate("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.ask("execute/sync", json!({ "script": script, "args": [] })).await.unwrap()
    }

    /// The text of the first element, as it is seen.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let id = self.find(selector).await;
        self.look(&format!("element/{id}/text")).await.unwrap().as_str().unwrap().to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let id = self.find(selector).await;
        self.ask(&format!("element/{id}/click"), json!({})).await.unwrap();
    }

    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let id = self.find(selector).await;
        self.ask(&format!("element/{id}/value"), json!({ "text": text })).await.unwrap();
    }

    /// Waits until a script returns something true.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let began = Instant::now();
        // A page that is being replaced cannot be asked; the next one can.
        while self.ask("execute/sync", json!({ "script": script, "args": [] })).await != Ok(Value::Bool(true))
        {
            assert!(
                began.elapsed() < WAIT_MAX,
                "waited for: {what}; the page says: {}",
                self.text("body").await
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// The whole page at this width as a picture, for people: `target/tmp/page/NAME.png`. The window stays so.
    pub(crate) async fn picture(&self, name: &str, width: u32) {
        // Lower than any page, so that a page tells its own height.
        self.resize(width, 100).await;
        let height = self.run("return document.documentElement.scrollHeight").await.as_u64().unwrap();
        self.resize(width, u32::try_from(height).unwrap()).await;
        let picture = self.look("screenshot").await.unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
        std::fs::create_dir_all(&folder).unwrap();
        let bytes = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// What the browser complained of since it was last asked.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", json!({ "type": "browser" })).await.unwrap();
        log.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The process that ends all of it.
    pub(crate) fn pid(&self) -> u32 {
        self.driver.0.id()
    }

    async fn find(&self, selector: &str) -> String {
        let began = Instant::now();
        loop {
            let found = self.ask("element", json!({ "using": "css selector", "value": selector })).await;
            match found {
                Ok(element) => return element[ELEMENT].as_str().unwrap().to_owned(),
                Err(error) => assert!(began.elapsed() < WAIT_MAX, "{selector}: {error}"),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Also narrower than any window can be.
    async fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width <= PHONE });
        self.emulate("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    async fn emulate(&self, command: &str, parameters: Value) {
        self.ask("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await.unwrap();
    }

    async fn ask(&self, what: &str, body: Value) -> Result<Value, String> {
        let address = format!("{}/{what}", self.session);
        answered(self.http.post(address).body(body.to_string()).send().await.unwrap()).await
    }

    async fn look(&self, what: &str) -> Result<Value, String> {
        answered(self.http.get(format!("{}/{what}", self.session)).send().await.unwrap()).await
    }
}

fn start_driver(port: u16, home: &Path) -> Child {
    use std::os::unix::process::CommandExt;
    Command::new(DRIVER)
        .arg(format!("--port={port}"))
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

fn arguments(profile: &Path, languages: &str) -> Vec<String> {
    let fixed = [
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "disable-dev-shm-usage",
        "no-first-run",
        "no-proxy-server",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "hide-scrollbars",
    ];
    let mut arguments: Vec<String> = fixed.iter().map(|flag| format!("--{flag}")).collect();
    arguments.push(format!("--accept-lang={languages}"));
    arguments.push(format!("--user-data-dir={}", profile.join("profile").display()));
    arguments
}

async fn answered(answer: reqwest::Response) -> Result<Value, String> {
    let text = answer.text().await.unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    let value = value["value"].take();
    match value.get("error") {
        Some(error) => Err(format!("{error}: {}", value["message"])),
        None => Ok(value),
    }
}
