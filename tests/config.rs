//! The configuration, from the file and the environment to what the rest of the program asks it for; and the
//! real binary where exit codes and what it prints matter. Its own binary, since it is about the environment.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking, also within its helpers"
)]

use std::collections::BTreeMap;

use assert_cmd::Command;
use shopsync::config::{Config, ConfigError, LoadOptions, Loaded};
use tempfile::TempDir;

#[path = "config/binary.rs"]
mod binary;
#[path = "config/changes.rs"]
mod changes;
#[path = "config/errors.rs"]
mod errors;
#[path = "config/init.rs"]
mod init;
#[path = "config/layers.rs"]
mod layers;
#[path = "config/meaning.rs"]
mod meaning;
#[path = "config/root.rs"]
mod root;
#[path = "config/schema.rs"]
mod schema;
#[path = "config/secrets.rs"]
mod secrets;
#[path = "config/shipped.rs"]
mod shipped;

/// A Temu app and a shop, to which tests add what they are about.
const SHOP: &str = r#"
[apps.temu-us]
platform = "temu"
zone = "us"
app_key = "00123"
app_secret = "a-secret-nobody-sees"
[shops.acme]
app = "temu-us"
"#;

/// A folder with a config file, and an environment.
struct Place {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

impl Place {
    fn new(text: &str) -> Self {
        let place = Self {
            folder: TempDir::new().expect("a temporary folder can be made"),
            environment: BTreeMap::new(),
        };
        place.write("config.toml", text);
        place
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        std::fs::write(&path, text).expect("the file can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("the file is ours");
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        Config::load(&LoadOptions {
            path: None,
            environment: self.environment.clone(),
            working_directory: self.folder.path().to_owned(),
            system_file: self.path("etc/config.toml"),
        })
    }

    /// Loads what must be right.
    fn config(&self) -> Config {
        match self.load() {
            Ok(loaded) => loaded.config,
            Err(error) => panic!("{error}"),
        }
    }

    /// What is told of something that must be wrong.
    fn error(&self) -> String {
        match self.load() {
            Ok(_) => panic!("it was accepted"),
            Err(error) => error.to_string(),
        }
    }

    fn binary(&self) -> Command {
        let mut command = Command::cargo_bin("shopsync").expect("cargo builds the binary");
        command.env_clear().envs(&self.environment).current_dir(self.folder.path());
        command
    }
}

fn error_of(text: &str) -> String {
    Place::new(text).error()
}

#[track_caller]
fn assert_tells(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not told: {error}");
    }
}
