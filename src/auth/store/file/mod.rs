//! Grants in files: one JSON a shop in a folder that only its owner may enter. For one host; not for NFS, where neither
//! locks nor renames are what they must be.
//!
//! A row is replaced as a whole: a draft beside it is written and on the disk before it takes the row's name. A writer
//! holds the lock of the folder, so that of several processes one finds the row as it read it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Capabilities, TokenStore, TokenStoreError, json};
use crate::clock::Clock;
use crate::domain::credential::{Claim, Credential};
use crate::store::db::home;

mod error;
mod folder;
mod name;

pub use error::FileStoreError;

use folder::Folder;

/// Grants in one folder.
pub struct FileTokenStore {
    folder: Arc<Folder>,
    clock: Clock,
}

impl FileTokenStore {
    /// Makes the folder where there is none, and refuses one that others may enter.
    pub fn open(directory: &Path, clock: Clock) -> Result<Self, FileStoreError> {
        Ok(Self { folder: Arc::new(Folder::open(directory)?), clock })
    }

    /// The file of a shop's grant.
    pub fn file(&self, shop: &str) -> PathBuf {
        self.folder.file(shop)
    }

    /// Files are waited for where that keeps no one from the processor.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, FileStoreError> + Send + 'static,
    ) -> Result<T, TokenStoreError> {
        let folder = self.folder.clone();
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.map_err(TokenStoreError::new)?.map_err(TokenStoreError::new)
    }
}

#[async_trait]
impl TokenStore for FileTokenStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, cross_process: true }
    }

    /// The machine and the folder: a copy is another folder.
    async fn place(&self) -> Result<Option<String>, TokenStoreError> {
        self.with(|folder| Ok(home::of_path("files", folder.path()))).await
    }

    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        Ok(self.clock.now())
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        let shop = shop.to_owned();
        self.with(move |folder| load(folder, &shop)).await
    }

    /// A file that cannot be read as a grant is reported and left out: it must not keep the other shops from their
    /// tokens, and its own shop is reported what to do about it.
    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        self.with(|folder| {
            let mut rows = Vec::new();
            for shop in folder.shops()? {
                match load(folder, &shop) {
                    Ok(row) => rows.extend(row),
                    Err(error) if error.is_of_one_file() => report(&shop, &error),
                    Err(error) => return Err(error),
                }
            }
            rows.sort_unstable_by(|one, other| one.shop.cmp(&other.shop));
            Ok(rows)
        })
        .await
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        let (claim, next) = (claim.cloned(), next.clone());
        self.with(move |folder| {
            let locked = folder.lock()?;
            let present = load(folder, &next.shop)?;
            if present.as_ref().map(Credential::claim) != claim {
                return Ok(false);
            }
            let keeps_previous = present.as_ref().is_none_or(|present| {
                // What another key sealed, or none, would outlive that key's retirement.
                present.tokens.key_id == next.tokens.key_id
            });
            let is_new_pair = present.is_some_and(|present| present.version != next.version);
            let previous = match (keeps_previous, is_new_pair) {
                (false, _) => folder::Previous::Removed,
                (true, true) => folder::Previous::Replaced,
                (true, false) => folder::Previous::Left,
            };
            locked.write(&next.shop, &json::write(&next), previous)?;
            Ok(true)
        })
        .await
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        let shop = shop.to_owned();
        self.with(move |folder| folder.lock()?.remove(&shop)).await
    }
}

fn load(folder: &Folder, shop: &str) -> Result<Option<Credential>, FileStoreError> {
    let Some(text) = folder.read(shop)? else {
        return Ok(None);
    };
    let row = json::read(shop, &text).map_err(|source| folder.torn(shop, source))?;
    if row.shop != shop {
        return Err(FileStoreError::OtherShop { path: folder.file(shop), found: row.shop });
    }
    Ok(Some(row))
}

fn report(shop: &str, error: &FileStoreError) {
    tracing::error!(event = "token.unreadable", shop, error = %error, "{error}");
}
