//! The token store of the example, on a Redis of the test's own: every rule, several processes, a server that is killed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use redis_token_store::RedisTokenStore;
use shopsync::auth::store::{TokenStore, conformance};
use tempfile::TempDir;

use crate::auth::context::{Authorised, clear, renewals};
use crate::auth::process::{NOWHERE, Process, Stop};
use crate::support::databases::TestDatabase;

#[path = "../../../examples/custom_token_store/redis_token_store.rs"]
pub(crate) mod redis_token_store;

/// Set to 1 where a missing Redis must fail the tests instead of skipping them.
const REQUIRE: &str = "SHOPSYNC_REQUIRE_REDIS";
const START_POLLS_MAX: u32 = 300;
const START_POLL: Duration = Duration::from_millis(20);
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
const PROCESSES: usize = 4;
const TASKS: usize = 25;

/// A server that listens on a socket in a folder of its own, and ends with the test.
struct Redis {
    folder: TempDir,
    child: Child,
    program: PathBuf,
}

impl Redis {
    /// `None` when this machine has no Redis.
    async fn start(settings: &[&str]) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(&program, folder.path(), settings);
        let redis = Self { folder, child, program };
        redis.until_ready().await;
        Some(redis)
    }

    /// Killed without a warning, and started again on what it left.
    async fn crash(&mut self, settings: &[&str]) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.program, self.folder.path(), settings);
        self.until_ready().await;
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("socket").display())
    }

    async fn store(&self) -> RedisTokenStore {
        RedisTokenStore::open(&self.url()).await.unwrap()
    }

    /// All that it keeps.
    fn contents(&self) -> String {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let all: Vec<String> = redis::cmd("HVALS").arg("shopsync:grants").query(&mut connection).unwrap();
        all.join("\n")
    }

    async fn until_ready(&self) {
        for _ in 0..START_POLLS_MAX {
            if RedisTokenStore::open(&self.url()).await.is_ok() {
                return;
            }
            tokio::time::sleep(START_POLL).await;
        }
        panic!("Redis did not start");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &Path, folder: &Path, settings: &[&str]) -> Child {
    Command::new(program)
        .args(["--port", "0", "--unixsocket", "socket", "--save", "", "--dir"])
        .arg(folder)
        .args(settings)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join("redis-server"))
        .find(|program| program.is_file());
    if found.is_none() {
        assert!(std::env::var(REQUIRE).as_deref() != Ok("1"), "{REQUIRE}=1, but there is no redis-server");
        // Straight to stderr: what goes through `eprintln!` is kept back for tests that pass.
        let reported =
            b"\nSKIPPED: this machine has no redis-server; the token store of the example is not tested\n";
        std::io::stderr().write_all(reported).unwrap();
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_of_the_example_keeps_every_rule_of_a_token_store() {
    let Some(redis) = Redis::start(&DURABLE).await else { return };
    let broken = conformance::check(async || Arc::new(redis.store().await)).await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(redis.contents(), "", "nothing is left of grants that were forgotten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_redis_that_keeps_what_it_confirmed_is_durable() {
    for (settings, is_durable) in [
        (&DURABLE[..], true),
        (&["--appendonly", "yes", "--appendfsync", "everysec"], false),
        (&["--appendonly", "no", "--appendfsync", "always"], false),
        (&[&DURABLE[..], &["--maxmemory-policy", "allkeys-lru"]].concat(), false),
    ] {
        let Some(redis) = Redis::start(settings).await else { return };
        let capabilities = redis.store().await.capabilities();
        assert_eq!((capabilities.durable, capabilities.cross_process), (is_durable, true), "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_a_grant_in_redis_refresh_it_once_and_send_no_used_token() {
    let Some(mut redis) = Redis::start(&DURABLE).await else { return };
    let test = Authorised::before_login(TestDatabase::sqlite().await, "xiaohongshu").await;
    let store = Arc::new(redis.store().await);
    test.log_in(&test.over(store.clone())).await;

    for round in 1..=2 {
        let row = store.load("acme").await.unwrap().unwrap();
        test.database.clock.set(row.tokens.access_ends_at + chrono::TimeDelta::minutes(1));
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            let url = redis.url();
            processes
                .push(Process::start_on(&test, Some(&url), Stop::Nowhere, TASKS, Path::new(NOWHERE)).await);
        }
        for process in &processes {
            process.go();
        }
        for process in &processes {
            let tokens = process.tokens().await;
            assert_eq!(tokens.len(), TASKS);
            assert!(tokens.iter().all(|token| *token == test.gateway.access()), "{}", tokens[0]);
        }

        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (round, 0));
        let row = store.load("acme").await.unwrap().unwrap();
        assert_eq!(renewals(&row), i64::try_from(round).unwrap());
        redis.crash(&DURABLE).await;
        assert_eq!(store.load("acme").await.unwrap(), Some(row), "what was confirmed outlives the server");
    }

    let contents = redis.contents();
    assert!(contents.contains("access_token") && !contents.contains(&test.gateway.access()), "{contents}");
    assert_eq!(test.database.number("SELECT COUNT(*) FROM credentials").await, 0);
    let handed_out = test.over(store).access(&test.shop).await.unwrap();
    assert_eq!(clear(&handed_out), test.gateway.access());
}
