//! Replaces a file as a whole: after a crash either the old file is there or the new one, and never a part of it.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Only the owner may read a file and write it.
pub const PRIVATE: u32 = 0o600;

/// An empty file beside `path`, with a hidden name that nothing reads. It is removed when it is dropped. The process's
/// umask still takes rights away from `mode`.
pub fn draft(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let permissions = Permissions::from_mode(mode);
    Builder::new().prefix(&format!(".{name}.")).permissions(permissions).tempfile_in(folder_of(path))
}

/// The same with this name, for one who removes what a crash leaves there.
pub fn draft_named(draft: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let name = draft.file_name().unwrap_or_default();
    let permissions = Permissions::from_mode(mode);
    Builder::new().prefix(name).rand_bytes(0).permissions(permissions).tempfile_in(folder_of(draft))
}

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Replaced,
    /// The call fails with [`io::ErrorKind::AlreadyExists`].
    Kept,
}

/// Gives a finished draft its final name. File and name are on the disk when this returns.
pub fn place(draft: NamedTempFile, path: &Path, existing: Existing) -> io::Result<()> {
    draft.as_file().sync_all()?;
    match existing {
        Existing::Replaced => draft.persist(path),
        Existing::Kept => draft.persist_noclobber(path),
    }
    .map_err(|error| error.error)?;
    File::open(folder_of(path))?.sync_all()
}

/// The folder that a file lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_no_draft_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let write = |text: &str, existing| {
            let mut draft = draft(&path, PRIVATE)?;
            draft.write_all(text.as_bytes())?;
            place(draft, &path, existing)
        };

        write("first", Existing::Kept).unwrap();
        let kept = write("second", Existing::Kept).unwrap_err();
        assert_eq!(kept.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");

        write("third", Existing::Replaced).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
}
