//! A new key in front of those a key file holds. The file is replaced as a whole, and never loses a key.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use zeroize::Zeroizing;

use super::key;
use super::key::{KEYS_MAX, KeyFormatError, Keys};
use super::keyring::read_key_file;
use crate::atomic_file::{self, Existing};

/// Another rotation is some milliseconds.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Why there is no new key. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum KeyRotationError {
    #[error(
        "this program may not write the key file `{}`. By hand: put a new first line into its original (`openssl rand -hex 32` makes one) and keep the old lines, restart the daemon, and run `shopsync auth rotate-key` once more: it then seals everything with the new key",
        path.display()
    )]
    ReadOnly {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the key file `{}` holds {KEYS_MAX} keys already: take out those that `shopsync auth rotate-key` last called unused",
        path.display()
    )]
    Full { path: PathBuf },
    #[error("the key file `{}` is not in order", path.display())]
    Format {
        path: PathBuf,
        #[source]
        source: KeyFormatError,
    },
    #[error("the key file `{}` could not be replaced", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Makes a new key the first of the file, and returns its name. On the disk when this returns.
pub fn add_key(file: &Path) -> Result<String, KeyRotationError> {
    let failed = |source: io::Error| of_io(file, source);
    // What a link leads to is replaced, not the link.
    let path = fs::canonicalize(file).map_err(failed)?;
    let _lock = lock(&path).map_err(failed)?;
    let format = |source| KeyRotationError::Format { path: path.clone(), source };
    let before = read_key_file(&path).map_err(failed)?;
    if Keys::parse(&before).map_err(format)?.ids().count() >= KEYS_MAX {
        return Err(KeyRotationError::Full { path });
    }
    let line =
        key::new_line().ok_or_else(|| failed(io::Error::other("the system gave no random numbers")))?;
    let after = Zeroizing::new(format!("{}{}", *line, *before));
    let key_id = Keys::parse(&after).map_err(format)?.active().id().to_owned();
    replace(&path, &after).map_err(failed)?;
    Ok(key_id)
}

/// Waits until no one else rotates this file. A file that was replaced meanwhile is locked again.
fn lock(path: &Path) -> io::Result<File> {
    let asked_at = Instant::now();
    loop {
        let file = File::open(path)?;
        match file.try_lock() {
            Ok(()) if file.metadata()?.ino() == fs::metadata(path)?.ino() => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if asked_at.elapsed() < LOCK_WAIT_MAX => {
                std::thread::sleep(LOCK_POLL);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = atomic_file::draft(path, atomic_file::PRIVATE)?;
    draft.write_all(text.as_bytes())?;
    // Root must not take the key from the user the daemon runs as.
    give_to(draft.path(), &fs::metadata(path)?)?;
    atomic_file::place(draft, path, Existing::Replaced)
}

fn give_to(draft: &Path, owner: &fs::Metadata) -> io::Result<()> {
    let ours = fs::metadata(draft)?;
    if (ours.uid(), ours.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    chown(draft, Some(owner.uid()), Some(owner.gid()))
}

fn of_io(path: &Path, source: io::Error) -> KeyRotationError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            KeyRotationError::ReadOnly { path, source }
        }
        _ => KeyRotationError::Io { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;

    fn ids(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        Keys::parse(&text).unwrap().ids().map(str::to_owned).collect()
    }

    fn key_file(folder: &TempDir) -> PathBuf {
        let path = folder.path().join("shopsync.key");
        fs::write(&path, format!("# ours\n{}", "00".repeat(32))).unwrap();
        path
    }

    #[test]
    fn a_new_key_comes_first_and_no_other_is_lost() {
        let folder = TempDir::new().unwrap();
        let path = key_file(&folder);
        let new = add_key(&path).unwrap();
        assert_eq!(ids(&path), [new, "66687aad".to_owned()]);
        assert!(fs::read_to_string(&path).unwrap().contains("# ours"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn rotations_at_once_all_keep_their_keys() {
        let folder = TempDir::new().unwrap();
        let path = Arc::new(key_file(&folder));
        let started: Vec<_> = (0..6)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || add_key(&path).unwrap())
            })
            .collect();
        let mut made: Vec<String> = started.into_iter().map(|thread| thread.join().unwrap()).collect();
        made.push("66687aad".to_owned());
        let mut held = ids(&path);
        made.sort_unstable();
        held.sort_unstable();
        assert_eq!(held, made);
    }

    #[test]
    fn a_file_that_may_not_be_written_says_what_to_do_by_hand() {
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            let error = of_io(Path::new("/run/credentials/shopsync.key"), kind.into());
            assert!(matches!(error, KeyRotationError::ReadOnly { .. }));
            let message = error.to_string();
            assert!(message.contains("new first line") && message.contains("/run/credentials"), "{message}");
        }
    }

    #[test]
    fn a_link_stays_a_link() {
        let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (path, link) = (key_file(&elsewhere), folder.path().join("link.key"));
        symlink(&path, &link).unwrap();
        add_key(&link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(ids(&path).len(), 2);
    }

    #[test]
    fn a_file_that_is_full_or_spoilt_stays_as_it_is() {
        let folder = TempDir::new().unwrap();
        let path = key_file(&folder);
        for _ in 1..KEYS_MAX {
            add_key(&path).unwrap();
        }
        let before = fs::read(&path).unwrap();
        assert!(matches!(add_key(&path), Err(KeyRotationError::Full { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
        for text in ["no key".to_owned(), "\n".repeat(20_000) + &"00".repeat(32)] {
            fs::write(&path, &text).unwrap();
            assert!(add_key(&path).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
