//! What is wrong with a configuration, where it stands, and what was probably meant. Never holds the value of
//! a secret.

use std::fmt;
use std::path::PathBuf;

use super::origins::Origins;

/// How alike two names must be, from 0 to 1, to be offered as a correction.
const LIKENESS_MIN: f64 = 0.7;

/// Why there is no configuration. Ends with exit code 78.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the config file {} does not exist; {hint}", path.display())]
    NotFound { path: PathBuf, hint: &'static str },
    #[error("the config file {} cannot be read{hint}", path.display())]
    Unreadable {
        path: PathBuf,
        /// What to do about it, behind a `;`. Empty: nothing is known.
        hint: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "the config file {} was found in the working folder and is not trusted: {why}; name it with `--config` if you \
         mean it", path.display()
    )]
    Untrusted { path: PathBuf, why: String },
    #[error("{}, line {line}, column {column}: {message}", path.display())]
    Syntax { path: PathBuf, line: usize, column: usize, message: String },
    #[error("the environment variable {name} is not UTF-8")]
    NotText { name: String },
    #[error("the working directory cannot be found")]
    WorkingDirectory {
        #[source]
        source: std::io::Error,
    },
    #[error("{}", listed(problems))]
    Invalid { problems: Vec<Problem> },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or the environment variable.
    pub place: String,
    /// The full key, such as `apps.temu-us.zone`. Empty: the place as a whole.
    pub key: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.place, self.message)
        } else {
            write!(f, "{}: `{}`: {}", self.place, self.key, self.message)
        }
    }
}

/// Collects what the checks find, so that one run reports them all.
pub struct Findings<'a> {
    origins: &'a Origins,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(origins: &'a Origins) -> Self {
        Self { origins, problems: Vec::new(), warnings: Vec::new() }
    }

    /// Something that must be mended.
    pub(super) fn problem(&mut self, path: &[&str], message: impl Into<String>) {
        let problem = self.describe(path, message);
        self.problems.push(problem);
    }

    /// Something that is allowed but looks wrong.
    pub(super) fn warning(&mut self, path: &[&str], message: impl Into<String>) {
        let warning = match path {
            // About a whole file, which the message names.
            [] => message.into(),
            path => self.describe(path, message).to_string(),
        };
        self.warnings.push(warning);
    }

    /// The warnings, unless there is a problem.
    pub(super) fn finish(self) -> Result<Vec<String>, ConfigError> {
        if self.problems.is_empty() {
            Ok(self.warnings)
        } else {
            Err(ConfigError::Invalid { problems: self.problems })
        }
    }

    fn describe(&self, path: &[&str], message: impl Into<String>) -> Problem {
        Problem { place: self.origins.of(path).to_string(), key: dotted(path), message: message.into() }
    }
}

/// A key as one writes it in TOML.
pub fn dotted<S: AsRef<str>>(path: &[S]) -> String {
    let parts: Vec<String> = path.iter().map(|part| bare_or_quoted(part.as_ref())).collect();
    parts.join(".")
}

/// A key of a table: bare where TOML allows it.
pub fn bare_or_quoted(key: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        serde_json::Value::from(key).to_string()
    }
}

/// The known name that looks most like the one found, if any looks like it at all.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(found, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    match lines.as_slice() {
        [line] => line.clone(),
        lines => format!("the configuration has {} errors:\n  {}", lines.len(), lines.join("\n  ")),
    }
}
