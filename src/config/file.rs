//! Finds and reads the config file, and other small files of text.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::Dict;

use super::{ConfigError, LoadOptions};

/// A config file for a thousand shops is a tenth of this.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What a text may begin with that says only how it is written.
pub const BYTE_ORDER_MARK: char = '\u{feff}';
/// Permissions of others than the owner to write.
const OTHERS_WRITE: u32 = 0o022;
const GROUP_WRITES: u32 = 0o020;
const FILE_NAME: &str = "config.toml";
/// Read where no nearer file is.
pub const SYSTEM_FILE: &str = "/etc/shopsync/config.toml";
/// The variable that names the file, as `--config` does.
pub const FILE_VARIABLE: &str = "SHOPSYNC_CONFIG";

/// The config file that counts.
#[derive(Clone)]
pub struct Found {
    pub path: PathBuf,
    /// No one named it: it lies in the working folder, which may be anybody's.
    is_nearby: bool,
}

/// The file to read: the one named, which must exist, else the first of the search order that does.
pub fn find(options: &LoadOptions) -> Result<Option<Found>, ConfigError> {
    let in_working_directory = |path: &Path| options.working_directory.join(path);
    if let Some(path) = &options.path {
        return existing(in_working_directory(path), "--config names it").map(Some);
    }
    let named = options.environment.get(FILE_VARIABLE).filter(|path| !path.is_empty());
    if let Some(path) = named {
        return existing(in_working_directory(Path::new(path)), "SHOPSYNC_CONFIG names it").map(Some);
    }
    let (here, system) = (in_working_directory(Path::new(FILE_NAME)), options.system_file.clone());
    // A link that leads nowhere is there too: it is refused or reported, and not ignored.
    if here.symlink_metadata().is_ok() {
        return Ok(Some(Found { path: here, is_nearby: true }));
    }
    // One that may not be looked at is there: going on without it would mean another database.
    let is_there = system.try_exists().unwrap_or(true);
    Ok(is_there.then_some(Found { path: system, is_nearby: false }))
}

/// The tables of a config file.
pub fn read(found: &Found) -> Result<Dict, ConfigError> {
    let path = &found.path;
    let text = open(found)?.and_then(|file| text_of(file, FILE_BYTES_MAX));
    let text = text.map_err(|source| ConfigError::Unreadable {
        path: path.clone(),
        hint: hint_of(&source),
        source,
    })?;
    Toml::from_str(&text).map_err(|error| {
        // Its `Display` repeats the line, in which a secret may stand.
        let start = error.span().map_or(0, |span| span.start);
        let (line, column) = line_and_column(&text, start);
        ConfigError::Syntax { path: path.clone(), line, column, message: error.message().replace('\n', ", ") }
    })
}

/// Opens the file. One from the working folder must be the caller's or root's: it says which commands are run, and
/// a user who can write to a folder could leave one there for root.
fn open(found: &Found) -> Result<io::Result<File>, ConfigError> {
    let path = &found.path;
    if !found.is_nearby {
        return Ok(File::open(path));
    }
    let untrusted = |why| Err(ConfigError::Untrusted { path: path.clone(), why });
    match path.symlink_metadata() {
        // A link is as good as its file only if no one else could make it lead elsewhere.
        Ok(entry) if entry.is_symlink() => {
            if let Some(why) = distrust_of_owner(&entry) {
                return untrusted(why);
            }
        }
        Ok(entry) if !entry.is_file() => return untrusted("it is no regular file".to_owned()),
        Ok(_) => {}
        Err(error) => return Ok(Err(error)),
    }
    // Looked at when it is open, so that it is the file that is read.
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Ok((metadata, file)) => match distrust_of_owner(&metadata).or_else(|| distrust_of_mode(&metadata)) {
            Some(why) => untrusted(why),
            None => Ok(Ok(file)),
        },
        Err(error) => Ok(Err(error)),
    }
}

fn distrust_of_owner(file: &Metadata) -> Option<String> {
    let (owner, caller) = (file.uid(), rustix::process::geteuid().as_raw());
    (owner != 0 && owner != caller).then(|| format!("it belongs to user {owner}"))
}

/// A user's own group is as good as the user.
fn distrust_of_mode(file: &Metadata) -> Option<String> {
    let group = file.gid();
    let is_own_group = group == 0 || group == rustix::process::getegid().as_raw();
    match file.mode() & OTHERS_WRITE {
        0 => None,
        GROUP_WRITES if is_own_group => None,
        GROUP_WRITES => Some(format!("group {group} can write it")),
        _ => Some("everybody can write it".to_owned()),
    }
}

fn hint_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run this with sudo, or as the user the daemon runs as",
        _ => "",
    }
}

/// The text of a file, unless it is longer than a file of its kind can be.
pub fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    text_of(File::open(path)?, bytes_max)
}

fn text_of(file: File, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    file.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        let message = format!("it is longer than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    // Editors of Windows begin a file with a mark that is no part of its text.
    Ok(text.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text))
}

/// Whether every user of the machine may read a file.
pub fn is_open_to_others(path: &Path) -> bool {
    const OTHERS_READ: u32 = 0o004;
    std::fs::metadata(path).is_ok_and(|file| file.mode() & OTHERS_READ != 0)
}

fn existing(path: PathBuf, hint: &'static str) -> Result<Found, ConfigError> {
    if path.exists() {
        Ok(Found { path, is_nearby: false })
    } else {
        Err(ConfigError::NotFound { path, hint })
    }
}

/// Both from 1.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
    (line, column)
}
