//! `PgBouncer` between the program and Postgres: in session mode it works with its defaults, in transaction mode it is
//! named in the refusal.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use shopsync::clock::Clock;
use shopsync::store::{Store, StoreError, StoreSettings};
use tempfile::TempDir;

use crate::support::databases::TestDatabase;

/// Set to 1 where a missing `PgBouncer` must fail the test instead of skipping it.
const REQUIRE: &str = "SHOPSYNC_REQUIRE_PGBOUNCER";
const PORT: u16 = 6432;
const START_POLLS_MAX: u32 = 200;

/// A `PgBouncer` of this test's own, ended with it.
struct Pooler {
    folder: TempDir,
    child: Child,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pooler {
    async fn start(program: &Path, database: &TestDatabase, mode: &str) -> Self {
        let url = url::Url::parse(database.settings.url.expose_secret()).unwrap();
        let server = url.query_pairs().find(|(name, _)| name == "host").unwrap().1.into_owned();
        let folder = tempfile::Builder::new().prefix("shopsync-pool-").tempdir_in("/tmp").unwrap();
        let config = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={server} port=5432 user=postgres\n[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\n\
             unix_socket_dir = {}\nauth_type = any\npool_mode = {mode}\n",
            folder.path().display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(program);
        // It refuses to run as root; the server's user may read its own socket.
        let owner = fs::metadata(&server).unwrap();
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            chown(folder.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
            command.uid(owner.uid()).gid(owner.gid());
        }
        let child = command
            .arg(&config)
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pooler = Self { folder, child };
        let socket = pooler.folder.path().join(format!(".s.PGSQL.{PORT}"));
        for _ in 0..START_POLLS_MAX {
            if socket.exists() {
                return pooler;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PgBouncer did not start");
    }

    fn settings(&self, database: &TestDatabase) -> StoreSettings {
        let url = url::Url::parse(database.settings.url.expose_secret()).unwrap();
        let (path, folder) = (url.path(), self.folder.path().display());
        let url = format!("postgres://postgres@localhost:{PORT}{path}?host={folder}");
        StoreSettings { url: SecretString::from(url), schema: String::new() }
    }
}

fn program() -> Option<PathBuf> {
    let found = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var(REQUIRE).as_deref() != Ok("1"), "{REQUIRE}=1, but there is no pgbouncer");
        eprintln!("SKIPPED: this machine has no pgbouncer");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_keeps_sessions_works_and_one_that_does_not_is_named() {
    let Some(program) = program() else { return };
    let Some(database) = TestDatabase::postgres().await else { return };
    let pooler = Pooler::start(&program, &database, "session").await;
    let store = Store::connect(&pooler.settings(&database), Clock::system()).await.unwrap();
    store.schema().migrate().await.unwrap();
    let beats = (0..8).map(|_| store.daemons().beat(chrono::TimeDelta::days(1)));
    futures_util::future::try_join_all(beats).await.unwrap();
    store.close().await.unwrap();
    drop(pooler);

    for mode in ["transaction", "statement"] {
        let pooler = Pooler::start(&program, &database, mode).await;
        let refused = Store::connect(&pooler.settings(&database), Clock::system()).await;
        let Err(error) = refused else { panic!("{mode} mode was taken") };
        let text = shopsync::error_text::chain(&error);
        assert!(text.contains("pool_mode = session"), "{mode}: {error:?}");
        assert!(mode == "statement" || matches!(error, StoreError::Pooler), "{error:?}");
    }
}
