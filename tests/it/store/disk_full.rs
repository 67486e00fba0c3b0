//! The disk of the SQLite file is full for a while: reported once, shown by the health, and over by itself.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use shopsync::sandbox::Drift;
use shopsync::store::StoreSettings;
use tempfile::TempDir;

use crate::daemon::process::{PATIENCE, sandbox, start, stop};
use crate::support::program::Program;

const EVERY_SECOND: &str = "[jobs.orders]\ncron = \"* * * * * *\"\n";

const FILLING: &str = "filling";
/// More pages than such a disk has.
const PAGES_MAX: usize = 4_096;

/// A small disk of this test's own.
pub(crate) struct Disk {
    pub(crate) folder: TempDir,
}

impl Disk {
    /// `None`: this machine lets nobody mount one.
    pub(crate) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        eprintln!("SKIPPED: no small disk can be mounted here");
        None
    }

    pub(crate) fn fill(&self) {
        let filling = self.folder.path().join(FILLING);
        std::fs::create_dir(&filling).unwrap();
        // Ends where there is no more room; then the last pages, one by one.
        let _ = std::fs::write(filling.join("most"), vec![b'x'; 16 * 1024 * 1024]);
        for page in 0..PAGES_MAX {
            if std::fs::write(filling.join(page.to_string()), [b'x'; 4096]).is_err() {
                break;
            }
        }
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_dir_all(self.folder.path().join(FILLING)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

pub(crate) fn settings(folder: &Path) -> StoreSettings {
    let url = format!("sqlite://{}", folder.join("shopsync.db").display());
    StoreSettings { url: secrecy::SecretString::from(url), schema: String::new() }
}

async fn health(address: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_reported_once_shows_in_the_health_and_is_over_by_itself() {
    let Some(disk) = Disk::new() else { return };
    let settings = settings(disk.folder.path());
    let url = secrecy::ExposeSecret::expose_secret(&settings.url).to_owned();
    let sandbox = sandbox(60).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let program = Program::with(&sandbox, &url, EVERY_SECOND);
    program.edit(|text| text.replace("listen = \"\"", &format!("listen = \"{address}\"")));
    program.authorise_all(&sandbox).await;
    let (mut child, mut log) = start(&program).await;
    assert_eq!(health(&address).await, 200);

    disk.fill();
    sandbox.world().with(|world| world.set_drift(Drift { per_list_request: 3, per_second: 20.0 }));
    let mut told = Vec::new();
    wait_for(&mut log, &mut told, "database.lost").await;
    assert_eq!(health(&address).await, 503);
    assert!(told.last().unwrap().contains("make room"), "{told:?}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(health(&address).await, 503);

    disk.make_room();
    wait_for(&mut log, &mut told, "database.back").await;
    assert_eq!(health(&address).await, 200);
    wait_for(&mut log, &mut told, "run.finished").await;
    sandbox.world().with(|world| world.set_drift(Drift::default()));
    // Another program can write: nobody holds the lock.
    let store = shopsync::store::Store::connect(&settings, shopsync::clock::Clock::system()).await.unwrap();
    store.cursors().switch_on("temu-shop", "orders").await.unwrap();
    told.extend(stop(&mut child, &mut log, "TERM").await);
    for event in ["\"database.lost\"", "\"database.back\""] {
        assert_eq!(told.iter().filter(|line| line.contains(event)).count(), 1, "{event}: {told:#?}");
    }
}

async fn wait_for(
    log: &mut tokio::io::Lines<tokio::io::BufReader<tokio::process::ChildStderr>>,
    told: &mut Vec<String>,
    event: &str,
) {
    let happens = async {
        while let Some(line) = log.next_line().await.unwrap() {
            let is_it = line.contains(event);
            told.push(line);
            if is_it {
                return;
            }
        }
        panic!("the daemon ended before `{event}`: {told:#?}");
    };
    assert!(tokio::time::timeout(PATIENCE, happens).await.is_ok(), "no `{event}`");
}
