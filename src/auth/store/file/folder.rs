//! The folder of grants: who may enter it, how a file in it is read, and how it is replaced so that a crash leaves
//! either the old one or the new one.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::error::FileStoreError;
use super::name;
use crate::atomic_file::{self, Existing};
use crate::auth::store::json::{RECORD_LENGTH_MAX, RecordError};

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = atomic_file::PRIVATE;
/// Group and others.
const NOT_OWNER: u32 = 0o077;
/// Empty; the writer holds its lock.
const LOCK: &str = ".lock";
/// A write is some milliseconds.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(2);

pub(super) struct Folder(PathBuf);

/// The right to write, until it is dropped.
pub(super) struct Locked<'a> {
    folder: &'a Folder,
    _lock: File,
}

/// What becomes of the copy of the pair before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Previous {
    Left,
    /// By the row that is now replaced.
    Replaced,
    Removed,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, FileStoreError> {
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
        made.map_err(|source| FileStoreError::io(path, "made", source))?;
        let folder = Self(path.to_owned());
        folder.check()?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, shop: &str) -> PathBuf {
        self.0.join(name::of_shop(shop))
    }

    /// The shops there are files of.
    pub(super) fn shops(&self) -> Result<Vec<String>, FileStoreError> {
        self.check()?;
        let unlisted = |source| FileStoreError::io(&self.0, "listed", source);
        let mut shops = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(unlisted)? {
            let file = entry.map_err(unlisted)?.file_name();
            let Some(file) = file.to_str() else { continue };
            if let Some(shop) = name::shop_of(file) {
                shops.push(shop);
            } else if name::is_cut(file) {
                shops.extend(self.shop_within(file)?);
            }
        }
        Ok(shops)
    }

    /// `None`: there is no such file.
    pub(super) fn read(&self, shop: &str) -> Result<Option<Zeroizing<String>>, FileStoreError> {
        self.check()?;
        read_file(&self.file(shop))
    }

    pub(super) fn lock(&self) -> Result<Locked<'_>, FileStoreError> {
        self.check()?;
        let path = self.0.join(LOCK);
        let unlocked = |source| FileStoreError::io(&path, "locked", source);
        let file =
            OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(&path).map_err(unlocked)?;
        let asked_at = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked { folder: self, _lock: file }),
                Err(TryLockError::WouldBlock) if asked_at.elapsed() < LOCK_WAIT_MAX => {
                    std::thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::WouldBlock) => return Err(FileStoreError::Locked { path: self.0.clone() }),
                Err(TryLockError::Error(source)) => return Err(unlocked(source)),
            }
        }
    }

    pub(super) fn torn(&self, shop: &str, source: RecordError) -> FileStoreError {
        let path = self.file(shop);
        FileStoreError::Torn { shop: shop.to_owned(), previous: previous(&path), path, source }
    }

    /// Others may change what lies in a folder at any time, so it is looked at before each use.
    fn check(&self) -> Result<(), FileStoreError> {
        let metadata =
            fs::symlink_metadata(&self.0).map_err(|source| FileStoreError::io(&self.0, "read", source))?;
        if !metadata.is_dir() {
            return Err(FileStoreError::NotPlain { path: self.0.clone(), what: "a link or a file" });
        }
        check_guarded(&self.0, &metadata)
    }

    /// The shop that a file with a cut name says it is of.
    fn shop_within(&self, file: &str) -> Result<Option<String>, FileStoreError> {
        let Some(text) = read_file(&self.0.join(file))? else {
            return Ok(None);
        };
        let row = crate::auth::store::json::read("", &text).ok();
        Ok(row.map(|row| row.shop).filter(|shop| name::of_shop(shop) == file))
    }

    fn sync(&self) -> Result<(), FileStoreError> {
        let synced = File::open(&self.0).and_then(|folder| folder.sync_all());
        synced.map_err(|source| FileStoreError::io(&self.0, "written to the disk", source))
    }
}

impl Locked<'_> {
    /// Puts `text` in the place of a shop's file, and on the disk.
    pub(super) fn write(&self, shop: &str, text: &str, previous: Previous) -> Result<(), FileStoreError> {
        let path = self.folder.file(shop);
        let unwritten = |source| FileStoreError::io(&path, "written", source);
        let draft = self.folder.0.join(format!(".{}.draft", name::of_shop(shop)));
        // What a crash left behind: no one else writes now.
        remove(&draft)?;
        let mut draft = atomic_file::draft_named(&draft, FILE_MODE).map_err(unwritten)?;
        // On the disk before the pair that was there before is touched.
        draft.write_all(text.as_bytes()).and_then(|()| draft.as_file().sync_all()).map_err(unwritten)?;
        if previous != Previous::Left {
            set_previous(&path, previous)?;
        }
        atomic_file::place(draft, &path, Existing::Replaced).map_err(unwritten)
    }

    /// `false`: there was none.
    pub(super) fn remove(&self, shop: &str) -> Result<bool, FileStoreError> {
        let path = self.folder.file(shop);
        remove(&previous(&path))?;
        let was_there = remove(&path)?;
        self.folder.sync()?;
        Ok(was_there)
    }
}

fn read_file(path: &Path) -> Result<Option<Zeroizing<String>>, FileStoreError> {
    let unread = |source| FileStoreError::io(path, "read", source);
    let named = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        named => named.map_err(unread)?,
    };
    // Looked at before it is opened, for a pipe would never open; and again after, for it may be another by then.
    if !named.is_file() {
        return Err(FileStoreError::NotPlain { path: path.to_owned(), what: "no plain file" });
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unread)?,
    };
    let opened = file.metadata().map_err(unread)?;
    check_guarded(path, &opened)?;
    if !opened.is_file() {
        return Err(FileStoreError::NotPlain { path: path.to_owned(), what: "no plain file" });
    }
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(opened.len()).unwrap_or(0).min(RECORD_LENGTH_MAX)));
    let limit = u64::try_from(RECORD_LENGTH_MAX).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(unread)?;
    // Foreign bytes are no reason of their own: what they make of the text is found when it is parsed.
    Ok(Some(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())))
}

fn set_previous(path: &Path, change: Previous) -> Result<(), FileStoreError> {
    let copy = previous(path);
    remove(&copy)?;
    if change == Previous::Replaced {
        let linked = fs::hard_link(path, &copy);
        linked.map_err(|source| FileStoreError::io(&copy, "written", source))?;
    }
    Ok(())
}

/// Where the pair before is kept, for a person: nothing here ever reads it, for its refresh token may be used up.
fn previous(path: &Path) -> PathBuf {
    path.with_extension("json.previous")
}

/// `false`: there was none.
fn remove(path: &Path) -> Result<bool, FileStoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FileStoreError::io(path, "removed", source)),
    }
}

/// Refuses what others may read or write.
fn check_guarded(path: &Path, metadata: &Metadata) -> Result<(), FileStoreError> {
    // Where there is no `/proc`, only the mode is checked.
    let us = fs::metadata("/proc/self").map(|process| process.uid());
    if us.is_ok_and(|us| us != metadata.uid()) {
        return Err(FileStoreError::Foreign { path: path.to_owned() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & NOT_OWNER != 0 {
        return Err(FileStoreError::Readable { path: path.to_owned(), mode, is_folder: metadata.is_dir() });
    }
    Ok(())
}
