//! Where the keys lie: finds the key file, makes one where none was ever needed, and never in place of a lost one.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use zeroize::Zeroizing;

use super::key::{self, KeyFormatError, Keys};
use super::keyring::{Keyring, read_key_file};
use crate::atomic_file::{self, Existing};

/// The name of the systemd credential and of the file beside the database.
pub const KEY_FILE_NAME: &str = "shopsync.key";

/// Group and others.
const NOT_OWNER: u32 = 0o077;

/// The places a key may lie in, in the order they are tried.
#[derive(Clone, Debug)]
pub struct KeyPlaces {
    /// `$CREDENTIALS_DIRECTORY`, where systemd puts what the unit loads. `None`: not started so.
    pub credentials: Option<PathBuf>,
    /// `tokens.key_file`. `None`: not set.
    pub key_file: Option<PathBuf>,
    /// The folder of the SQLite file, or of config.toml for Postgres.
    pub beside: PathBuf,
}

/// A keyring and what a person should know of how it was come by.
pub struct LoadedKeys {
    pub keyring: Keyring,
    pub path: PathBuf,
    pub warnings: Vec<String>,
}

/// Why there is no key. Each is a matter of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the key file `{}` could not be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the key file `{}` is not in order", path.display())]
    Format {
        path: PathBuf,
        #[source]
        source: KeyFormatError,
    },
    #[error(
        "there are grants sealed with key {}, and there is no key file at `{}`: put the key file back, or take the grants out with `auth clear`",
        quoted(key_ids), path.display()
    )]
    Lost { path: PathBuf, key_ids: Vec<String> },
    #[error(
        "there are grants sealed with key {}, and `{}` has none of these keys: put the right key file back, or take the grants out with `auth clear`",
        quoted(key_ids), path.display()
    )]
    NoneOpens { path: PathBuf, key_ids: Vec<String> },
    #[error("the new key `{key_id}` is no longer in the key file: another program changed the file")]
    Vanished { key_id: String },
    #[error("a new key file could not be made at `{}`", path.display())]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl KeyPlaces {
    /// Finds the keys, or makes the first one. `sealed_with` are the names of the keys that stored grants are
    /// sealed with: while there are any, a key that is not there is lost, and no new one is made.
    pub fn load(&self, sealed_with: &BTreeSet<String>) -> Result<LoadedKeys, KeyError> {
        let path = self.path();
        let mut warnings = Vec::new();
        let text = match read_key_file(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == ErrorKind::NotFound => {
                if !sealed_with.is_empty() {
                    let key_ids = sealed_with.iter().cloned().collect();
                    return Err(KeyError::Lost { path, key_ids });
                }
                if self.key_file.as_ref() == Some(&path) {
                    return Err(KeyError::Read { path, source });
                }
                warnings.push(format!(
                    "a new key that seals the shops' tokens was made at `{}`: keep a copy of it in a safe place, without it every shop must be authorised again",
                    path.display()
                ));
                create(&path).map_err(|source| KeyError::Create { path: path.clone(), source })?
            }
            Err(source) => return Err(KeyError::Read { path, source }),
        };
        let keys = Keys::parse(&text).map_err(|source| KeyError::Format { path: path.clone(), source })?;
        if !sealed_with.is_empty() && !sealed_with.iter().any(|key_id| keys.find(key_id).is_some()) {
            let key_ids = sealed_with.iter().cloned().collect();
            return Err(KeyError::NoneOpens { path, key_ids });
        }
        // systemd guards its credentials by an access list, whose mask looks like a group's right to read.
        let is_credential = self.credentials.as_ref().is_some_and(|folder| path.starts_with(folder));
        if !is_credential && let Some(warning) = readable_by_others(&path) {
            warnings.push(warning);
        }
        let keyring = Keyring::of_files(keys, path.clone(), self.others(&path));
        Ok(LoadedKeys { keyring, path, warnings })
    }

    /// Where a new key may turn up first: what systemd hands out is a copy from the daemon's start.
    fn others(&self, path: &Path) -> Vec<PathBuf> {
        self.key_file.iter().filter(|key_file| *key_file != path).cloned().collect()
    }

    /// The one place that counts.
    fn path(&self) -> PathBuf {
        let credential = self.credentials.as_ref().map(|folder| folder.join(KEY_FILE_NAME));
        credential
            .filter(|path| path.exists())
            .or_else(|| self.key_file.clone())
            .unwrap_or_else(|| self.beside.join(KEY_FILE_NAME))
    }
}

fn quoted(key_ids: &[String]) -> String {
    let quoted: Vec<String> = key_ids.iter().map(|key_id| format!("`{key_id}`")).collect();
    quoted.join(", ")
}

/// Makes a key file that is either whole and on the disk or not there at all, and never replaces one that
/// another process made meanwhile: that one is then read.
fn create(path: &Path) -> io::Result<Zeroizing<String>> {
    let line = key::new_line().ok_or_else(|| io::Error::other("the system gave no random numbers"))?;
    DirBuilder::new().recursive(true).create(atomic_file::folder_of(path))?;
    let mut draft = atomic_file::draft(path, atomic_file::PRIVATE)?;
    draft.write_all(line.as_bytes())?;
    match atomic_file::place(draft, path, Existing::Kept) {
        Ok(()) => Ok(line),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read_key_file(path),
        Err(error) => Err(error),
    }
}

fn readable_by_others(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & NOT_OWNER != 0).then(|| {
        format!(
            "the key file `{}` can be read by others (mode {:o}): `chmod 600` it",
            path.display(),
            mode & 0o777
        )
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn beside(folder: &TempDir) -> KeyPlaces {
        KeyPlaces { credentials: None, key_file: None, beside: folder.path().to_owned() }
    }

    fn sealed_with(key_ids: &[&str]) -> BTreeSet<String> {
        key_ids.iter().map(|&key_id| key_id.to_owned()).collect()
    }

    #[test]
    fn the_first_start_makes_a_key_only_its_owner_can_read_and_says_so() {
        let folder = TempDir::new().unwrap();
        let first = beside(&folder).load(&sealed_with(&[])).unwrap();
        let second = beside(&folder).load(&sealed_with(&[])).unwrap();
        assert_eq!(first.keyring.active_id(), second.keyring.active_id());
        assert_eq!((first.warnings.len(), second.warnings.len()), (1, 0));
        let mode = fs::metadata(&first.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_lost_key_is_an_error_and_no_new_one_is_made() {
        let folder = TempDir::new().unwrap();
        let lost = beside(&folder).load(&sealed_with(&["66687aad"]));
        assert!(matches!(lost, Err(KeyError::Lost { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_key_file_that_opens_nothing_is_an_error_and_stays_as_it_is() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(KEY_FILE_NAME);
        fs::write(&path, "11".repeat(32)).unwrap();
        let refused = beside(&folder).load(&sealed_with(&["66687aad"]));
        assert!(matches!(refused, Err(KeyError::NoneOpens { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "11".repeat(32));
    }

    #[test]
    fn a_file_others_can_read_is_taken_with_a_warning() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(KEY_FILE_NAME);
        fs::write(&path, "00".repeat(32)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let loaded = beside(&folder).load(&sealed_with(&["66687aad"])).unwrap();
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].contains("mode 640"));
    }

    #[test]
    fn the_credential_of_the_service_comes_first_then_the_configured_file() {
        let (service, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let key_file = home.path().join("my.key");
        fs::write(&key_file, "11".repeat(32)).unwrap();
        let places = KeyPlaces {
            credentials: Some(service.path().to_owned()),
            key_file: Some(key_file.clone()),
            beside: home.path().to_owned(),
        };
        assert_eq!(places.load(&sealed_with(&[])).unwrap().path, key_file);
        fs::write(service.path().join(KEY_FILE_NAME), "00".repeat(32)).unwrap();
        let loaded = places.load(&sealed_with(&[])).unwrap();
        assert_eq!(loaded.keyring.active_id(), "66687aad");
    }

    #[test]
    fn a_configured_file_that_is_not_there_is_an_error() {
        let folder = TempDir::new().unwrap();
        let places = KeyPlaces { key_file: Some(folder.path().join("my.key")), ..beside(&folder) };
        assert!(matches!(places.load(&sealed_with(&[])), Err(KeyError::Read { .. })));
    }

    #[test]
    fn a_key_made_meanwhile_by_another_process_is_never_replaced() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(KEY_FILE_NAME);
        fs::write(&path, "00".repeat(32)).unwrap();
        assert_eq!(create(&path).unwrap().as_str(), "00".repeat(32));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
