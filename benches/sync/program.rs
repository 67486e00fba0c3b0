//! The real program, with a config and a database of its own, and what a run of it used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::param::clock_ticks_per_second;
use sea_orm::{ConnectionTrait, Database};
use shopsync::sandbox::{Platform, Sandbox};
use tempfile::TempDir;
use tokio::process::Command;

/// In a Postgres database, where the tables of a benchmark are.
pub const SCHEMA: &str = "shopsync_bench";
/// A change is read once it is this old, and a little more.
const SETTLE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(20);

/// What a run used.
pub struct Used {
    pub seconds: f64,
    /// Of the program, in user and kernel mode. Without the database server, where there is one.
    pub cpu_seconds: f64,
    pub memory_peak_mib: f64,
    /// To the disk, by the program itself.
    pub bytes_written: f64,
}

pub struct Program {
    folder: TempDir,
    database: String,
}

impl Program {
    /// With an empty database: a file of its own, or [`SCHEMA`] in the database at `postgres`, which is deleted first.
    pub async fn new(sandbox: &Sandbox, postgres: Option<&str>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = match postgres {
            Some(url) => {
                let connection = Database::connect(url).await?;
                let empty = format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}");
                connection.execute_unprepared(&empty).await?;
                connection.close().await?;
                url.to_owned()
            }
            None => format!("sqlite:{}", folder.path().join("orders.db").display()),
        };
        let program = Self { folder, database };
        let (key, secret) = Platform::Temu.app();
        let config = format!(
            "[database]\nurl = \"{}\"\nschema = \"{}\"\n[http]\nlisten = \"\"\n[sync]\nhistory = \"30d\"\nsettle = \"1s\"\n\
             [apps.temu]\nplatform = \"temu\"\nzone = \"us\"\ngateway = \"{}\"\napp_key = \"{key}\"\n\
             app_secret = \"{secret}\"\nrequests_per_second = 1000\n\
             [shops.shop]\napp = \"temu\"\nrecords = [\"orders\"]\namounts = false\n",
            program.database,
            postgres.map_or("", |_| SCHEMA),
            sandbox.temu_gateway()
        );
        program.write_config(&config)?;
        Ok(program)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// Makes the tables and authorises the shop.
    pub async fn prepare(&self, sandbox: &Sandbox) -> anyhow::Result<()> {
        self.run(&["migrate", "up"]).await?;
        let code = sandbox.world().with(|world| world.issue_code(Platform::Temu, 0));
        self.run(&["auth", "code", "shop", &code]).await?;
        Ok(())
    }

    /// From now on the money of each order is requested.
    pub fn read_money(&self) -> anyhow::Result<()> {
        let text = fs::read_to_string(self.config())?;
        self.write_config(&text.replace("amounts = false", "amounts = true"))
    }

    /// Waits until what was changed is old enough to be read.
    pub async fn settle(&self) {
        tokio::time::sleep(SETTLE * 2).await;
    }

    pub async fn must_hold(&self, orders: usize) -> anyhow::Result<()> {
        let csv = self.command(&["orders", "--csv", "-"]).output().await?.stdout;
        let stored = String::from_utf8(csv)?.lines().count().saturating_sub(1);
        ensure!(stored == orders, "{stored} orders were stored, not {orders}");
        Ok(())
    }

    /// Runs a verb to its end. Its log is thrown away, as a journal would cost the journal's process.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Used> {
        let cpu_before = cpu_of_ended_children()?;
        let started = Instant::now();
        let log = fs::File::create(self.folder.path().join("log"))?;
        let mut child = self.command(arguments).stderr(log).stdout(std::process::Stdio::null()).spawn()?;
        let pid = child.id().context("the program ended at once")?;
        let (mut memory_peak_mib, mut bytes_written) = (0.0, 0.0);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                () = tokio::time::sleep(POLL) => {
                    memory_peak_mib = kibibytes(pid, "status", "VmHWM:").unwrap_or(memory_peak_mib * 1024.0) / 1024.0;
                    bytes_written = kibibytes(pid, "io", "write_bytes:").unwrap_or(bytes_written);
                }
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        if !status.success() {
            bail!(
                "{arguments:?} ended with {status}: {}",
                fs::read_to_string(self.folder.path().join("log"))?
            );
        }
        let cpu_seconds = cpu_of_ended_children()? - cpu_before;
        Ok(Used { seconds, cpu_seconds, memory_peak_mib, bytes_written })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopsync"));
        command
            .arg("--config")
            .arg(self.config())
            .args(arguments)
            .current_dir(self.folder.path())
            .kill_on_drop(true);
        command
    }

    fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("config.toml")
    }

    fn write_config(&self, text: &str) -> anyhow::Result<()> {
        fs::write(self.config(), text)?;
        fs::set_permissions(self.config(), fs::Permissions::from_mode(0o600))?;
        Ok(())
    }
}

/// The number behind `name` in a file of a process. `None`: the process has ended.
fn kibibytes(pid: u32, file: &str, name: &str) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// CPU seconds of the children of this process that have ended.
fn cpu_of_ended_children() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name in brackets may hold anything; the fields behind it are numbers.
    let (_, fields) = stat.rsplit_once(") ").context("/proc/self/stat has an unknown form")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| -> anyhow::Result<f64> {
        Ok(fields.get(index).context("/proc/self/stat is too short")?.parse()?)
    };
    // Fields 16 and 17, counted from the process id.
    #[expect(clippy::cast_precision_loss, reason = "it is a hundred or so")]
    let per_second = clock_ticks_per_second() as f64;
    Ok((ticks(13)? + ticks(14)?) / per_second)
}
