//! The built binary with a config, a database and simulated platforms of its own.

use std::process::{Output, Stdio};

use secrecy::ExposeSecret;
use shopsync::sandbox::Sandbox;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::support::context::{ORDERS_ALONE, SHOPS, config_text};
use crate::support::databases::TestDatabase;

pub(crate) struct Program {
    pub folder: TempDir,
}

impl Program {
    /// Orders of the last 40 hours, read one second after they changed.
    pub(crate) fn new(sandbox: &Sandbox, database: &TestDatabase) -> Self {
        Self::with(sandbox, database.settings.url.expose_secret(), "")
    }

    /// With more lines at the end of config.toml.
    pub(crate) fn with(sandbox: &Sandbox, database: &str, more: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let sync = "history = \"40h\"\nsettle = \"1s\"\noverlap = \"10m\"\n";
        let path = folder.path().join("config.toml");
        std::fs::write(&path, config_text(sandbox, database, sync, false) + more).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self { folder }
    }

    /// Makes another config.toml of the present one.
    pub(crate) fn edit(&self, edit: impl Fn(String) -> String) {
        let path = self.folder.path().join("config.toml");
        let text = edit(std::fs::read_to_string(&path).unwrap());
        std::fs::write(&path, text).unwrap();
    }

    /// Not only orders, and the money of Temu's too.
    pub(crate) fn reading_everything(self) -> Self {
        self.edit(|text| text.replace(ORDERS_ALONE, "").replace("amounts = false", "amounts = true"));
        self
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopsync"));
        command
            .arg("--config")
            .arg(self.folder.path().join("config.toml"))
            .args(words)
            .current_dir(self.folder.path())
            // Whoever runs the tests may have another language.
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Started and left alone.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Started, with its log at hand.
    pub(crate) fn start_logging(&self, words: &[&str]) -> Child {
        self.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) async fn output(&self, words: &[&str]) -> Output {
        self.command(words).output().await.unwrap()
    }

    /// Must end well; what it printed.
    pub(crate) async fn finish(&self, words: &[&str]) -> String {
        let output = self.output(words).await;
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Must end with this exit code; what it said on stderr.
    pub(crate) async fn fail(&self, words: &[&str], code: i32) -> String {
        let output = self.output(words).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        said
    }

    pub(crate) async fn json(&self, words: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.finish(words).await).unwrap()
    }

    pub(crate) async fn authorise_all(&self, sandbox: &Sandbox) {
        for (shop, platform, index) in SHOPS {
            let code = sandbox.world().with(|world| world.issue_code(platform, index));
            self.finish(&["auth", "code", shop, &code]).await;
        }
    }
}
