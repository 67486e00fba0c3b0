//! A folder that goes when the verb ends.

use std::path::{Path, PathBuf};

/// Removed with all its content when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new folder that only this user can read, where the system keeps temporary files.
    pub(super) fn make() -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("shopsync-{}", uuid::Uuid::new_v4()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!("{} is left behind: {error}", self.0.display());
        }
    }
}
