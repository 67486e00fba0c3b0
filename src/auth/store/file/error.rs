//! Errors of a folder of grants. Each says what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::auth::store::json::RecordError;

/// Why a file or the folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileStoreError {
    #[error("`{}` holds tokens and can be read by others (mode {mode:o}): `chmod {} {}`", path.display(), wanted(*.is_folder), path.display())]
    Readable { path: PathBuf, mode: u32, is_folder: bool },
    #[error("`{}` holds tokens and belongs to another user: `chown` it to the one this program runs as", path.display())]
    Foreign { path: PathBuf },
    #[error("`{}` is {what}, which is not followed: tokens lie in plain files in one folder", path.display())]
    NotPlain { path: PathBuf, what: &'static str },
    #[error(
        "the grant in `{}` cannot be read: put the file back from a copy that is younger than the last refresh, or run `shopsync auth clear {shop}` and authorise it again (`shopsync auth status` says how). `{}` is the pair before; its refresh token may be used up",
        path.display(), previous.display()
    )]
    Torn {
        shop: String,
        path: PathBuf,
        previous: PathBuf,
        #[source]
        source: RecordError,
    },
    #[error("`{}` holds the grant of shop `{found}`: give the file its own name back", path.display())]
    OtherShop { path: PathBuf, found: String },
    #[error("another program has been writing to `{}` for too long", path.display())]
    Locked { path: PathBuf },
    #[error("`{}` cannot be {done}", path.display())]
    Io {
        path: PathBuf,
        done: &'static str,
        #[source]
        source: io::Error,
    },
}

impl FileStoreError {
    /// Whether a person has to set it right.
    pub fn is_misconfigured(&self) -> bool {
        !matches!(self, Self::Locked { .. } | Self::Io { .. })
    }

    /// Whether it is about one shop's file and not about the folder.
    pub(super) fn is_of_one_file(&self) -> bool {
        matches!(self, Self::Torn { .. } | Self::OtherShop { .. })
    }

    pub(super) fn io(path: &Path, done: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), done, source }
    }
}

fn wanted(is_folder: bool) -> &'static str {
    if is_folder { "700" } else { "600" }
}
