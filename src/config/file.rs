//! Finds and reads the config file, and other small files of text.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::Dict;

use super::{ConfigError, LoadOptions};

/// A config file for a thousand shops is a tenth of this.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
const FILE_NAME: &str = "config.toml";
/// Read where no nearer file is.
pub const SYSTEM_FILE: &str = "/etc/shopsync/config.toml";
/// The variable that names the file, as `--config` does.
const FILE_VARIABLE: &str = "SHOPSYNC_CONFIG";

/// The file to read: the one named, which must exist, else the first of the search order that does.
pub(super) fn find(options: &LoadOptions) -> Result<Option<PathBuf>, ConfigError> {
    let in_working_directory = |path: &Path| options.working_directory.join(path);
    if let Some(path) = &options.path {
        return existing(in_working_directory(path), "--config names it").map(Some);
    }
    let named = options.environment.get(FILE_VARIABLE).filter(|path| !path.is_empty());
    if let Some(path) = named {
        return existing(in_working_directory(Path::new(path)), "SHOPSYNC_CONFIG names it").map(Some);
    }
    let (here, system) = (in_working_directory(Path::new(FILE_NAME)), options.system_file.clone());
    if here.exists() {
        return Ok(Some(here));
    }
    // One that may not be looked at is there: going on without it would mean another database.
    Ok(system.try_exists().unwrap_or(true).then_some(system))
}

/// The tables of a config file.
pub(super) fn read(path: &Path) -> Result<Dict, ConfigError> {
    let text = read_text(path, FILE_BYTES_MAX).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        hint: hint_of(&source),
        source,
    })?;
    Toml::from_str(&text).map_err(|error| {
        // Its `Display` repeats the line, in which a secret may stand.
        let start = error.span().map_or(0, |span| span.start);
        let (line, column) = line_and_column(&text, start);
        ConfigError::Syntax {
            path: path.to_owned(),
            line,
            column,
            message: error.message().replace('\n', ", "),
        }
    })
}

fn hint_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run this with sudo, or as the user the daemon runs as",
        _ => "",
    }
}

/// The text of a file, unless it is longer than a file of its kind can be.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        let message = format!("it is longer than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

/// Whether every user of the machine may read a file. Only Unix can tell.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        const OTHERS_READ: u32 = 0o004;
        std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS_READ != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

fn existing(path: PathBuf, hint: &'static str) -> Result<PathBuf, ConfigError> {
    if path.exists() { Ok(path) } else { Err(ConfigError::NotFound { path, hint }) }
}

/// Both from 1.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
    (line, column)
}
