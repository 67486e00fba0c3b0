//! A process of its own that keeps the grants of many shops: the test binary, started again with one test and its task
//! in the environment. Its clock is in the test's hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use shopsync::auth::{Keyring, Tokens};
use shopsync::clock::Clock;
use shopsync::domain::shop::Shop;
use shopsync::jobs::daemon::database::DatabaseWatch;
use shopsync::jobs::token_keeper::{Keeper, KeeperConfig, KeeperParts};
use shopsync::platform::retry::RetryPolicy;
use shopsync::platform::{Application, profile};
use shopsync::store::{Store, StoreSettings};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::auth::context::key;
use crate::auth::gateway::client_of;
use crate::store::shops::shop;
use crate::support::child;
use crate::support::databases::TestDatabase;

const TASK: &str = "SHOPSYNC_TEST_KEEPING";
const PAUSE: Duration = Duration::from_millis(20);
/// Two minutes for the start of a process on a loaded machine, ten for a look.
const STARTS_MAX: u32 = 6_000;
const LOOKS_MAX: u32 = 30_000;

/// The shops of a load: every fourth is of 115, the others are of Xiaohongshu, each platform with an app of its own.
pub(super) fn shops(count: usize) -> Vec<Shop> {
    (0..count)
        .map(|number| {
            let platform = if number % 4 == 0 { "115" } else { "xiaohongshu" };
            Shop { platform, app: platform.to_owned(), ..shop(&format!("shop-{number:04}")) }
        })
        .collect()
}

pub(super) fn tokens(store: Store, clock: &Clock, platform: &str) -> Tokens {
    Tokens::new(store, applications(platform), Keyring::parse(&key(1)).unwrap(), clock.clone())
}

fn applications(address: &str) -> Arc<BTreeMap<String, Arc<Application>>> {
    let policy = RetryPolicy { attempts_max: 1, backoff_min: Duration::ZERO, backoff_max: Duration::ZERO };
    let application = |name: &str| {
        let client = client_of(address.to_owned(), profile(name).unwrap());
        (name.to_owned(), Arc::new(Application::new(name.to_owned(), client, 1000.0, policy)))
    };
    Arc::new(["115", "xiaohongshu"].map(application).into())
}

/// A process under way. Killed when it is dropped.
pub(super) struct KeepingProcess {
    child: Child,
    folder: TempDir,
}

impl KeepingProcess {
    pub(super) async fn start(database: &TestDatabase, platform: &str, shops: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let task = serde_json::json!({
            "database": database.settings.url.expose_secret(),
            "platform": platform,
            "shops": shops,
            "folder": folder.path(),
            "now": database.clock.now().timestamp_millis(),
        });
        let child =
            child::of_this_binary("auth::properties::keeping_process::as_a_keeper_of_its_own", TASK, &task);
        let process = Self { child, folder };
        process.until("ready", STARTS_MAX).await;
        process
    }

    /// Begins one look at this moment, with all that there is to do.
    pub(super) fn look(&self, now: DateTime<Utc>) {
        let _ = std::fs::remove_file(self.folder.path().join("looked"));
        mark(self.folder.path(), "look", &now.timestamp_millis().to_string());
    }

    pub(super) async fn has_looked(&self) {
        self.until("looked", LOOKS_MAX).await;
    }

    async fn until(&self, name: &str, polls_max: u32) {
        let file = self.folder.path().join(name);
        for _ in 0..polls_max {
            if file.exists() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("{} never came", file.display());
    }
}

impl Drop for KeepingProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does nothing unless it is started by [`KeepingProcess::start`].
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_keeper_of_its_own() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: serde_json::Value = serde_json::from_str(&task).unwrap();
    let text = |field: &str| task[field].as_str().unwrap().to_owned();
    let folder = PathBuf::from(text("folder"));
    let clock = Clock::manual(DateTime::from_timestamp_millis(task["now"].as_i64().unwrap()).unwrap());
    let settings = StoreSettings { url: SecretString::from(text("database")), schema: String::new() };
    let store = Store::connect(&settings, clock.clone()).await.unwrap();
    let keeper = Keeper::new(KeeperParts {
        database: Arc::new(DatabaseWatch::new(store.clone())),
        config: KeeperConfig {
            tokens: tokens(store.clone(), &clock, &text("platform")),
            shops: shops(usize::try_from(task["shops"].as_u64().unwrap()).unwrap()),
            applications: applications(&text("platform")),
        },
        store,
        clock: clock.clone(),
        cancel: CancellationToken::new(),
    });
    mark(&folder, "ready", "");
    loop {
        let order = folder.join("look");
        if let Ok(now) = std::fs::read_to_string(&order) {
            std::fs::remove_file(order).unwrap();
            clock.set(DateTime::from_timestamp_millis(now.parse().unwrap()).unwrap());
            crate::auth::keeper_context::look(&keeper).await;
            mark(&folder, "looked", "");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A file that appears whole.
fn mark(folder: &Path, name: &str, text: &str) {
    let draft = folder.join(format!("{name}.draft"));
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, folder.join(name)).unwrap();
}
