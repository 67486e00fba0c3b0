//! What any place that keeps grants must be able to do: hold one row a shop, and put a new row in the place of exactly
//! the one that was read.
//!
//! A store sees sealed texts only, and decides nothing: what may follow what is
//! [`Grants`](super::store::grants::Grants)' business, the same for every store. Everything a store writes must be on
//! the disk before it answers, as far as its [`Capabilities`] say so.

pub mod conformance;
pub mod file;
pub mod grants;
pub mod json;
pub mod memory;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::credential::{Claim, Credential};
use crate::platform::{GrantRules, Renewal};
use crate::store::Store;

/// A place grants are kept in.
#[async_trait]
pub trait TokenStore: Send + Sync {
    fn capabilities(&self) -> Capabilities;

    /// Which place this is: a text that differs for each copy of it. `None`: it cannot be copied, or
    /// does not know.
    async fn place(&self) -> Result<Option<String>, TokenStoreError> {
        Ok(None)
    }

    /// The clock that leases run by: one for all who share the store.
    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError>;

    /// The row as it was written. `None`: the shop has no grant.
    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError>;

    /// The row as it would be found after a crash: read in a way that does not see what the writer alone sees. A store
    /// whose every answer is of that kind need not do anything for it.
    async fn read_back(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.load(shop).await
    }

    /// Every row there is, by the shops' names.
    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError>;

    /// Puts `next` in the place of the row that `claim` names; with `None`, where there is none. `false`, and
    /// nothing written, when the row is another by now. Of several who try at once, one succeeds.
    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError>;

    /// Forgets a grant. `false`: there was none.
    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError>;
}

/// What a store promises; what a platform's grants need is compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A grant outlives this process.
    pub durable: bool,
    /// Several processes may share it.
    pub cross_process: bool,
}

/// The store failed. The cause is its source.
#[derive(Clone, Debug)]
pub struct TokenStoreError(Arc<dyn Error + Send + Sync>);

impl TokenStoreError {
    pub fn new(source: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Display for TokenStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token store failed")
    }
}

impl Error for TokenStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// The default: the database the orders are in.
#[async_trait]
impl TokenStore for Store {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, cross_process: true }
    }

    async fn place(&self) -> Result<Option<String>, TokenStoreError> {
        self.home().await.map_err(TokenStoreError::new)
    }

    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        self.grants().now().await.map_err(TokenStoreError::new)
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.grants().get(shop).await.map_err(TokenStoreError::new)
    }

    async fn read_back(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.grants().committed(shop).await.map_err(TokenStoreError::new)
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        self.grants().all().await.map_err(TokenStoreError::new)
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        self.grants().swap(claim, next).await.map_err(TokenStoreError::new)
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        self.grants().clear(shop).await.map_err(TokenStoreError::new)
    }
}

/// What a store is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingCapability {
    Durable,
    CrossProcess,
}

impl fmt::Display for MissingCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Durable => "loses them when the process ends",
            Self::CrossProcess => "cannot keep two processes from sending the same one",
        })
    }
}

/// A refresh token that works once must outlive the process that got it, and be used by one. Where a person replaces
/// the tokens, any store will do. `app_refreshes`: the app's config says that its grants have refresh tokens all the
/// same.
pub fn missing_capability(
    rules: &GrantRules,
    app_refreshes: bool,
    store: Capabilities,
) -> Option<MissingCapability> {
    let uses_refresh_tokens = app_refreshes || !matches!(rules.renewal, Renewal::ByOwner);
    match store {
        _ if !uses_refresh_tokens => None,
        Capabilities { durable: false, .. } => Some(MissingCapability::Durable),
        Capabilities { cross_process: false, .. } => Some(MissingCapability::CrossProcess),
        Capabilities { durable: true, cross_process: true } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::profiles;

    #[test]
    fn every_platform_that_renews_wants_a_store_that_lasts_and_is_shared() {
        let store = |durable, cross_process| Capabilities { durable, cross_process };
        for profile in profiles() {
            let renews = !matches!(profile.grant.renewal, Renewal::ByOwner);
            let missing_of = |capabilities| missing_capability(&profile.grant, false, capabilities);
            assert_eq!(
                missing_of(store(false, false)),
                renews.then_some(MissingCapability::Durable),
                "{}",
                profile.name
            );
            assert_eq!(missing_of(store(false, true)), renews.then_some(MissingCapability::Durable));
            assert_eq!(missing_of(store(true, false)), renews.then_some(MissingCapability::CrossProcess));
            assert_eq!(missing_of(store(true, true)), None);
            assert_eq!(
                missing_capability(&profile.grant, true, store(false, false)),
                Some(MissingCapability::Durable)
            );
        }
    }
}
