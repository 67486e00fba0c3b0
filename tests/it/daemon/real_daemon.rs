//! The real daemon, with its log read all the time and its HTTP port open.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::daemon::process::{PATIENCE, STOP_WITHIN};
use crate::support::program::Program;
use crate::web::context::browser;

/// Longer than any wait for a connection to the database.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// What is asked for, and whether it may be put off.
const PATHS: [(&str, bool); 5] =
    [("/", true), ("/api/v1/status", true), ("/healthz", false), ("/readyz", false), ("/metrics", false)];

/// A daemon whose log is read all the time.
pub(crate) struct Daemon {
    child: Child,
    address: String,
    client: reqwest::Client,
    log: JoinHandle<Vec<String>>,
}

impl Daemon {
    /// Listens on a port of its own.
    pub(crate) async fn start(program: &Program) -> Self {
        program.edit(|text| text.replace("listen = \"\"", "listen = \"127.0.0.1:0\""));
        let mut child = program.start_logging(&["run", "--log-format", "json"]);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut address, mut read) = (String::new(), Vec::new());
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let told: serde_json::Value = serde_json::from_str(&line).unwrap();
                if told["event"] == "http.listening" {
                    told["address"].as_str().unwrap().clone_into(&mut address);
                }
                let is_ready = told["event"] == "daemon.ready";
                read.push(line);
                if is_ready {
                    return;
                }
            }
            panic!("the daemon ended before it was ready: {read:#?}");
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("the daemon becomes ready");
        let log = tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                read.push(line);
            }
            read
        });
        Self { child, address, client: browser(), log }
    }

    /// Asks for everything that reads the database until `stop` fires; how often each was answered in full. What asks much
    /// of a busy database may be put off, in time and in words.
    pub(crate) fn ask_until(&self, stop: CancellationToken) -> JoinHandle<BTreeMap<&'static str, u32>> {
        let (client, address) = (self.client.clone(), self.address.clone());
        tokio::spawn(async move {
            let mut answered = BTreeMap::from(PATHS.map(|(path, _)| (path, 0)));
            while !stop.is_cancelled() {
                for (path, may_be_put_off) in PATHS {
                    let asked = client.get(format!("http://{address}{path}")).timeout(ANSWER_WITHIN).send();
                    match asked.await.unwrap().status() {
                        StatusCode::OK => *answered.get_mut(path).unwrap() += 1,
                        StatusCode::SERVICE_UNAVAILABLE if may_be_put_off => {}
                        status => panic!("{path}: {status}"),
                    }
                }
            }
            answered
        })
    }

    /// Waits until `/healthz` answers so.
    pub(crate) async fn until_health(&self, status: StatusCode) {
        let is_so = async {
            while self.health().await != status {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, is_so)
            .await
            .unwrap_or_else(|_| panic!("its health is never {status}"));
    }

    pub(crate) async fn health(&self) -> StatusCode {
        let asked = self.client.get(format!("http://{}/healthz", self.address)).timeout(ANSWER_WITHIN);
        asked.send().await.unwrap().status()
    }

    /// Must end soon and without an error. Returns all that it logged.
    pub(crate) async fn stop(mut self) -> Vec<String> {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().await.unwrap().success());
        let ended = tokio::time::timeout(STOP_WITHIN, self.child.wait()).await;
        assert!(ended.expect("the daemon must stop in time").unwrap().success());
        self.log.await.unwrap()
    }
}
