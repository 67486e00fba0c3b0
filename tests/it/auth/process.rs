//! A process of its own that asks for a token, and stops where a test wants to kill or freeze it: the test binary,
//! started again with one test and its task in the environment.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use shopsync::auth::store::{Capabilities, TokenStore, TokenStoreError};
use shopsync::clock::Clock;
use shopsync::domain::credential::{Claim, Condition, Credential};
use shopsync::store::{Store, StoreSettings};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::auth::context::{Authorised, clear, program};
use crate::auth::gateway::SELLER;
use crate::store::shops::shop;
use crate::support::child;
use crate::support::redis_server::redis_token_store::RedisTokenStore;

const TASK: &str = "SHOPSYNC_TEST_PROCESS";
/// A folder for state that cannot be made, not even by root.
pub(crate) const NOWHERE: &str = "/dev/null/state";
const POLL: Duration = Duration::from_millis(20);
const POLLS_MAX: u32 = 6_000;
/// An orderly end waits for a file, and not for whoever holds the database.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// Where a process stops and waits to be killed, or to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    BeforeIntent,
    AfterIntent,
    /// The answer is there, and nothing of it is written.
    AfterAnswer,
    /// Everything is written, and the process does not know yet.
    AfterCommit,
    /// Does not stop, but its store takes no new pair.
    NoCommit,
    Nowhere,
    /// Its store has this fault there, from then on.
    At(Step, Moment),
}

/// What a refresh writes into the database, or reads back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Intent,
    IntentReadBack,
    Commit,
    CommitReadBack,
    Settlement,
}

impl Step {
    const ALL: [Self; 5] =
        [Self::Intent, Self::IntentReadBack, Self::Commit, Self::CommitReadBack, Self::Settlement];
}

/// When it fails there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing is done, and it says so.
    Before,
    /// It never answers, as when somebody holds the database.
    During,
    /// It is done, and it says it is not.
    After,
}

impl Moment {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

impl Stop {
    const NAMED: [Self; 6] = [
        Self::BeforeIntent,
        Self::AfterIntent,
        Self::AfterAnswer,
        Self::AfterCommit,
        Self::NoCommit,
        Self::Nowhere,
    ];

    fn all() -> impl Iterator<Item = Self> {
        let faults = Step::ALL.into_iter().flat_map(|step| Moment::ALL.map(|moment| Self::At(step, moment)));
        Self::NAMED.into_iter().chain(faults)
    }
}

/// A process under way. Killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Asks for a token in `tasks` tasks, once [`Process::go`] is said.
    pub(crate) async fn start(test: &Authorised, stop: Stop, tasks: usize, state: &Path) -> Self {
        Self::start_asking(test, None, stop, tasks, state, None).await
    }

    /// With its grants in this Redis instead of the database.
    pub(crate) async fn start_on(
        test: &Authorised,
        redis: Option<&str>,
        stop: Stop,
        tasks: usize,
        state: &Path,
    ) -> Self {
        Self::start_asking(test, redis, stop, tasks, state, None).await
    }

    /// Brings a code instead, once [`Process::go`] is said.
    pub(crate) async fn start_login(test: &Authorised, stop: Stop, state: &Path) -> Self {
        Self::start_asking(test, None, stop, 1, state, Some(format!("code-{SELLER}"))).await
    }

    async fn start_asking(
        test: &Authorised,
        redis: Option<&str>,
        stop: Stop,
        tasks: usize,
        state: &Path,
        code: Option<String>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let task = serde_json::json!({
            "database": test.database.settings.url.expose_secret(),
            "redis": redis,
            "gateway": test.gateway.address,
            "now": test.database.clock.now().timestamp_millis(),
            "stop": format!("{stop:?}"),
            "tasks": tasks,
            "code": code,
            "folder": folder.path(),
            "state": state,
        });
        let child = child::of_this_binary("auth::process::as_a_process_of_its_own", TASK, &task);
        let process = Self { child, folder };
        process.until("ready").await;
        process
    }

    pub(crate) fn go(&self) {
        std::fs::write(self.folder.path().join("go"), "").unwrap();
    }

    /// Goes, and comes to where it stops.
    pub(crate) async fn go_until_it_stops(&self) {
        self.go();
        self.until("stopped").await;
    }

    /// Goes on from where it stopped, a minute later by its own clock.
    pub(crate) fn go_on(&self) {
        std::fs::write(self.folder.path().join("on"), "").unwrap();
    }

    /// The tokens it was handed, one a task; where there was none, why.
    pub(crate) async fn tokens(&self) -> Vec<String> {
        self.until("done").await;
        let text = std::fs::read_to_string(self.folder.path().join("done")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Ends in order, in time.
    pub(crate) async fn end(&mut self) {
        std::fs::write(self.folder.path().join("end"), "").unwrap();
        tokio::time::timeout(STOPPED_WITHIN, self.until("ended")).await.expect("it does not end in time");
        self.kill();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    async fn until(&self, mark: &str) {
        wait_for(&self.folder.path().join(mark)).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a file, generously.
pub(crate) async fn wait_for(file: &Path) {
    for _ in 0..POLLS_MAX {
        if file.exists() {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
    panic!("{} never came", file.display());
}

/// Does nothing unless it is started by [`Process::start`].
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_process_of_its_own() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: serde_json::Value = serde_json::from_str(&task).unwrap();
    let text = |field: &str| task[field].as_str().unwrap().to_owned();
    let folder = PathBuf::from(text("folder"));
    let now = DateTime::from_timestamp_millis(task["now"].as_i64().unwrap()).unwrap();
    let settings = StoreSettings { url: SecretString::from(text("database")), schema: String::new() };
    let clock = Clock::manual(now);
    let store = Store::connect(&settings, clock.clone()).await.unwrap();
    let stop = Stop::all().find(|stop| format!("{stop:?}") == text("stop")).unwrap();
    let grants: Arc<dyn TokenStore> = match task["redis"].as_str() {
        Some(url) => Arc::new(RedisTokenStore::open(url).await.unwrap()),
        None => Arc::new(store.clone()),
    };
    let stopping = Stopping {
        written: Mutex::new(None),
        store: grants,
        stop,
        folder: folder.clone(),
        clock: clock.clone(),
        has_stopped: AtomicBool::new(false),
    };
    let tokens = program(store, Arc::new(stopping), &clock, &text("gateway"), Path::new(&text("state")));
    mark(&folder, "ready", "");
    wait_for(&folder.join("go")).await;

    let mut tasks = JoinSet::new();
    for _ in 0..task["tasks"].as_u64().unwrap() {
        let tokens = tokens.clone();
        let code = task["code"].as_str().map(|code| SecretString::from(code.to_owned()));
        tasks.spawn(async move {
            if let Some(code) = code {
                return tokens
                    .login_code(&shop("acme"), code)
                    .await
                    .map_or_else(|error| error.to_string(), |_| String::new());
            }
            match tokens.access(&shop("acme")).await {
                Ok(access) => clear(&access).to_owned(),
                Err(error) => error.to_string(),
            }
        });
    }
    let end_mark = folder.join("end");
    let end = wait_for(&end_mark);
    tokio::pin!(end);
    tokio::select! {
        done = tasks.join_all() => {
            mark(&folder, "done", &done.join("\n"));
            end.await;
        }
        () = &mut end => {}
    }
    tokens.drain().await;
    mark(&folder, "ended", "");
    std::future::pending::<()>().await;
}

fn away() -> TokenStoreError {
    TokenStoreError::new(std::io::Error::other("away"))
}

/// A file that appears whole.
fn mark(folder: &Path, name: &str, text: &str) {
    let draft = folder.join(format!("{name}.draft"));
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, folder.join(name)).unwrap();
}

struct Stopping {
    store: Arc<dyn TokenStore>,
    /// What was written last.
    written: Mutex<Option<Step>>,
    stop: Stop,
    folder: PathBuf,
    clock: Clock,
    has_stopped: AtomicBool,
}

impl Stopping {
    /// What becomes of a step. `None`: it is done as always.
    async fn fault(&self, step: Step) -> Option<Moment> {
        let moment = Moment::ALL.into_iter().find(|moment| self.stop == Stop::At(step, *moment))?;
        if !self.has_stopped.swap(true, Ordering::SeqCst) {
            mark(&self.folder, "stopped", "");
        }
        if moment == Moment::During {
            std::future::pending::<()>().await;
        }
        Some(moment)
    }

    async fn at(&self, stop: Stop) {
        if self.stop == stop && !self.has_stopped.swap(true, Ordering::SeqCst) {
            mark(&self.folder, "stopped", "");
            wait_for(&self.folder.join("on")).await;
            self.clock.advance(TimeDelta::minutes(1));
        }
    }
}

#[async_trait]
impl TokenStore for Stopping {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn place(&self) -> Result<Option<String>, TokenStoreError> {
        self.store.place().await
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.store.load(shop).await
    }

    async fn read_back(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        let step = match *self.written.lock().unwrap() {
            Some(Step::Intent) => Some(Step::IntentReadBack),
            Some(Step::Commit) => Some(Step::CommitReadBack),
            _ => None,
        };
        if let Some(step) = step
            && self.fault(step).await.is_some()
        {
            return Err(away());
        }
        self.store.read_back(shop).await
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        self.store.list().await
    }

    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        self.store.now().await
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        let is_commit = claim.is_none_or(|claim| next.version > claim.version);
        let is_intent = matches!(next.condition, Condition::Refreshing | Condition::Replaying);
        let step = match (is_commit, is_intent) {
            (true, _) => Step::Commit,
            (_, true) => Step::Intent,
            _ => Step::Settlement,
        };
        *self.written.lock().unwrap() = Some(step);
        if let Some(moment) = self.fault(step).await {
            if moment == Moment::After {
                self.store.swap(claim, next).await?;
            }
            return Err(away());
        }
        match (is_commit, is_intent) {
            (true, _) if self.stop == Stop::NoCommit => {
                return Err(away());
            }
            (true, _) => self.at(Stop::AfterAnswer).await,
            (_, true) => self.at(Stop::BeforeIntent).await,
            _ => {}
        }
        let is_swapped = self.store.swap(claim, next).await;
        match (is_commit, is_intent) {
            (true, _) => self.at(Stop::AfterCommit).await,
            (_, true) => self.at(Stop::AfterIntent).await,
            _ => {}
        }
        is_swapped
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        self.store.clear(shop).await
    }
}
