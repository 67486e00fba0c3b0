//! `config.toml`, field for field: load and validate.
//!
//! Layers: built-in defaults, then the file, then the environment. What comes out has passed every check, so
//! no one after this looks twice. Making clients and connections of it is left to `app`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod access;
mod address;
mod changes;
mod credentials;
mod database;
mod duration;
mod environment;
mod extract;
mod file;
mod forms;
mod jobs;
mod layers;
mod lists;
mod origins;
mod paths;
mod problem;
mod schema;
mod sections;
mod show;
mod validate;

pub use changes::Change;
pub use duration::{format_duration, parse_duration};
pub use environment::is_config_variable;
pub use file::{BYTE_ORDER_MARK, SYSTEM_FILE};
pub use jobs::{FULL_DEFAULT, JobConfig, Timing, Work};
pub use problem::{ConfigError, Problem, bare_or_quoted, nearest};
pub use schema::schema;
pub use sections::{
    AppConfig, DatabaseConfig, HttpConfig, LogConfig, NotifyConfig, RetryConfig, ShopConfig, SyncConfig,
    TokenStore, TokensConfig, WebhookConfig, WebhookKind,
};
pub use validate::is_name;

/// Everything `config.toml` can say, checked.
// It has no `Debug`: it holds secrets. Said here, because the text above goes into the schema.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept.
    pub database: DatabaseConfig,
    /// The status page, health, metrics, and the way back from an authorisation.
    pub http: HttpConfig,
    /// What is logged, and how it looks.
    pub log: LogConfig,
    /// How the shops' tokens are kept.
    pub tokens: TokensConfig,
    /// How shops are read.
    pub sync: SyncConfig,
    /// How calls are repeated.
    pub retry: RetryConfig,
    /// What is registered in the platforms' consoles, by a name of your choice. Many shops may share one.
    pub apps: BTreeMap<String, AppConfig>,
    /// The seller accounts that authorised an app, by a name of your choice.
    pub shops: BTreeMap<String, ShopConfig>,
    /// What is done when, by a name of your choice.
    pub jobs: BTreeMap<String, JobConfig>,
    /// Who is reported of what.
    pub notify: NotifyConfig,
    /// What relative paths start from: the folder of the config file, or the working directory without one.
    #[serde(skip)]
    pub base: PathBuf,
    /// Where systemd puts the unit's credentials. `None`: not started so.
    #[serde(skip)]
    pub credentials: Option<PathBuf>,
    /// The folder systemd keeps for the unit between starts. `None`: not started so, or it has none.
    #[serde(skip)]
    pub state: Option<PathBuf>,
}

/// Where to look for the configuration. It has no `Debug`: its environment holds secrets.
#[derive(Clone)]
pub struct LoadOptions {
    /// The file named on the command line, which then must exist. `None`: the search order.
    pub path: Option<PathBuf>,
    /// The environment. Only names with `__` after `SHOPSYNC_` are configuration; `SHOPSYNC_CONFIG` names the
    /// file, `CREDENTIALS_DIRECTORY` the folder of systemd's credentials and `STATE_DIRECTORY` that of its state.
    pub environment: BTreeMap<String, String>,
    /// Where `./config.toml` is looked for.
    pub working_directory: PathBuf,
    /// Read when nothing nearer is there.
    pub system_file: PathBuf,
}

/// A configuration and how it came about.
pub struct Loaded {
    pub config: Config,
    /// The file that was read. `None`: there is none, the defaults and the environment hold.
    pub path: Option<PathBuf>,
    /// What relative paths start from.
    pub base: PathBuf,
    /// What is allowed but looks wrong, one sentence each.
    pub warnings: Vec<String>,
    origins: origins::Origins,
    found: Option<file::Found>,
    options: LoadOptions,
}

impl Config {
    /// Reads all layers and checks everything; reports as many errors at once as it can find.
    pub fn load(options: &LoadOptions) -> Result<Loaded, ConfigError> {
        Self::load_found(file::find(options)?, options)
    }

    fn load_found(found: Option<file::Found>, options: &LoadOptions) -> Result<Loaded, ConfigError> {
        let path = found.as_ref().map(|found| found.path.clone());
        let base = match &path {
            Some(path) => folder_of(path),
            None => options.working_directory.clone(),
        };
        let origins = layers::merge(found.as_ref(), &options.environment)?;
        let mut config = extract::extract(&origins)?;
        config.base.clone_from(&base);
        config.state = paths::state(&options.environment, path.as_deref());
        paths::make_absolute(&mut config);

        let mut findings = problem::Findings::new(&origins);
        credentials::read(&mut config, &options.environment, path.as_deref(), &mut findings);
        validate::validate(&config, &mut findings);
        for (variable, meant) in environment::near_misses(&options.environment, &layers::defaults()) {
            findings
                .warning(&[], format!("environment variable {variable} is not read; did you mean {meant}?"));
        }
        let warnings = findings.finish()?;
        Ok(Loaded { config, path, base, warnings, origins, found, options: options.clone() })
    }
}

impl Loaded {
    /// Whether anybody has said anything: there is a file, or a variable of the environment.
    pub fn is_configured(&self) -> bool {
        self.path.is_some() || self.origins.has_variables()
    }

    /// The same layers as they are now. A file that is gone by now is an error: without it there would be no shops.
    pub fn again(&self) -> Result<Self, ConfigError> {
        if let Some(found) = self.found.as_ref().filter(|found| !found.path.exists()) {
            let hint = "it was there at the start";
            return Err(ConfigError::NotFound { path: found.path.clone(), hint });
        }
        let found = if self.found.is_some() { self.found.clone() } else { file::find(&self.options)? };
        Config::load_found(found, &self.options)
    }
}

impl LoadOptions {
    /// What the process was started with.
    pub fn from_process(path: Option<PathBuf>) -> Result<Self, ConfigError> {
        Ok(Self {
            path,
            environment: environment::of_process()?,
            working_directory: std::env::current_dir()
                .map_err(|source| ConfigError::WorkingDirectory { source })?,
            system_file: PathBuf::from(file::SYSTEM_FILE),
        })
    }
}

/// The folder of a file, in full: the daemon may be reported `--config config.toml`.
fn folder_of(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
}
