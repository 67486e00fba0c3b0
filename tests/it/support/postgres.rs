//! A Postgres of our own for the tests: one throwaway cluster per test binary, one database per test.
//!
//! Uses the machine's binaries and nothing of its running servers. The cluster listens on a socket in a
//! temporary folder and ends with the test process, however that ends.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

use sea_orm::ConnectionTrait;
use secrecy::{ExposeSecret, SecretString};
use shopsync::clock::Clock;
use shopsync::store::{Store, StoreSettings};

use crate::support::databases;

/// Set to 1 where a missing Postgres must fail the tests instead of skipping half of them.
const REQUIRE: &str = "SHOPSYNC_REQUIRE_POSTGRES";
const START_POLLS_MAX: u32 = 300;
const START_POLL: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "template_shopsync";

/// A migrated database of its own for one test. `None` when this machine has no Postgres.
pub(crate) async fn database() -> Option<StoreSettings> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let cluster = cluster()?;
    let name = format!("t{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    cluster.create(&name, TEMPLATE).await;
    Some(cluster.settings(&name))
}

/// An empty database: no table, no migration.
pub(crate) async fn empty_database() -> Option<StoreSettings> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let cluster = cluster()?;
    let name = format!("empty{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    cluster.create(&name, "template1").await;
    Some(cluster.settings(&name))
}

/// A copy of a database, as a restored dump would be: another database with the same rows.
pub(crate) async fn copy_of(name: &str, copy: &str) -> StoreSettings {
    let cluster = cluster().expect("the database to be copied is on it");
    let admin = databases::connect(&cluster.admin_url()).await;
    // A database in use cannot be copied; the connections it loses are made anew by whoever had them.
    let close = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    admin.execute_unprepared(&close).await.unwrap();
    admin.close().await.unwrap();
    cluster.create(copy, name).await;
    cluster.settings(copy)
}

/// Everything in a database as SQL, as a backup would hold it.
pub(crate) fn dump(settings: &StoreSettings) -> Vec<u8> {
    let tool = binaries().expect("the database is on a cluster of ours").join("pg_dump");
    let output = Command::new(tool).arg(settings.url.expose_secret()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

struct Cluster {
    folder: PathBuf,
    /// Databases are copied one at a time: Postgres refuses a second copy of a template under way.
    copying: tokio::sync::Mutex<()>,
    /// Its standard input is what keeps the server alive.
    _supervisor: Child,
}

impl Cluster {
    fn settings(&self, database: &str) -> StoreSettings {
        StoreSettings {
            url: SecretString::from(format!(
                "postgres://postgres@localhost/{database}?host={}",
                self.folder.display()
            )),
            schema: String::new(),
        }
    }

    fn admin_url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.display())
    }

    async fn create(&self, name: &str, template: &str) {
        let _turn = self.copying.lock().await;
        let admin = databases::connect(&self.admin_url()).await;
        admin.execute_unprepared(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
        admin.close().await.unwrap();
    }
}

fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER
        .get_or_init(|| {
            let Some(binaries) = binaries() else {
                assert!(
                    env::var(REQUIRE).as_deref() != Ok("1"),
                    "{REQUIRE}=1, but initdb is neither in /usr/lib/postgresql/*/bin nor in PATH"
                );
                // Straight to stderr: what goes through `eprintln!` is kept back for tests that pass.
                let told = b"\nSKIPPED: this machine has no Postgres; only SQLite is tested\n";
                std::io::stderr().write_all(told).unwrap();
                return None;
            };
            // The first test that needs it waits here; a runtime of its own, because that test is inside one.
            let started = thread::spawn(move || start(&binaries)).join();
            Some(started.expect("the Postgres cluster starts"))
        })
        .as_ref()
}

fn binaries() -> Option<PathBuf> {
    let mut packaged: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    packaged.sort();
    let in_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>());
    packaged
        .into_iter()
        .rev()
        .chain(in_path.unwrap_or_default())
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn start(binaries: &Path) -> Cluster {
    let folder = tempfile::Builder::new()
        .prefix("shopsync-pg-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in("/tmp")
        .unwrap()
        .keep();
    let server_user = server_user();
    if let Some((user, group)) = server_user {
        chown(&folder, Some(user), Some(group)).unwrap();
    }
    let as_server_user = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Some((user, group)) = server_user {
            command.uid(user).gid(group);
        }
        command
    };
    let cluster_folder = folder.join("cluster");
    let made = as_server_user(&binaries.join("initdb"))
        .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"])
        .arg("--pgdata")
        .arg(&cluster_folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let mut settings =
        fs::OpenOptions::new().append(true).open(cluster_folder.join("postgresql.conf")).unwrap();
    // Nothing outlives the test, so nothing needs to reach the disk.
    writeln!(
        settings,
        "listen_addresses = ''\nunix_socket_directories = '{}'\nfsync = off\nfull_page_writes = off\n\
         max_connections = 400\nshared_buffers = '64MB'\nlc_messages = 'C'",
        folder.display()
    )
    .unwrap();

    let supervisor = as_server_user(Path::new("/bin/sh"))
        .args(["-c", SUPERVISE, "supervise"])
        .args([&binaries.join("postgres"), &cluster_folder, &folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until_ready(&folder, &cluster_folder);
    let cluster = Cluster { folder, copying: tokio::sync::Mutex::new(()), _supervisor: supervisor };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(make_template(&cluster));
    cluster
}

/// Ends the server and removes its folder when standard input closes, which the kernel does for us when the
/// test process ends, even by a signal.
const SUPERVISE: &str = r#"
"$1" -D "$2" >"$3/log" 2>&1 </dev/null &
server=$!
while read -r _; do :; done
kill -QUIT "$server"
wait "$server"
cd / && rm -rf "$3"
"#;

/// A server refuses to run as root; Debian's package makes a user for it.
fn server_user() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let entry: Vec<&str> = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|entry| entry[0] == "postgres")
        .expect("root needs the user `postgres` to run a server as");
    Some((entry[2].parse().unwrap(), entry[3].parse().unwrap()))
}

/// Line 8 of its pid file is how a server says that it takes connections.
fn wait_until_ready(folder: &Path, cluster_folder: &Path) {
    for _ in 0..START_POLLS_MAX {
        let status = fs::read_to_string(cluster_folder.join("postmaster.pid")).unwrap_or_default();
        if status.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            return;
        }
        thread::sleep(START_POLL);
    }
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("Postgres did not start:\n{log}");
}

/// A database in use cannot be copied, so the connection that migrates it is closed before the first copy.
async fn make_template(cluster: &Cluster) {
    cluster.create(TEMPLATE, "template1").await;
    let store = Store::connect(&cluster.settings(TEMPLATE), Clock::system()).await.unwrap();
    store.schema().migrate().await.unwrap();
    store.close().await.unwrap();
}
