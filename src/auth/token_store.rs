//! What any place that keeps grants must be able to do: hold one row a shop, and let exactly one writer change it at a
//! time.
//!
//! A store sees sealed texts only. Everything it writes must be on the disk before it answers, as far as its
//! [`Capabilities`] say so.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::credential::{Claim, Credential, Intent, NewTokens, Settlement};
use crate::store::Store;

/// A place grants are kept in. Every write names the [`Claim`] it rests on and does nothing, answering `false` or
/// `None`, when the row is no longer as it was then.
#[async_trait]
pub trait TokenStore: Send + Sync {
    fn capabilities(&self) -> Capabilities;

    /// `None`: the shop has no grant.
    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError>;

    /// Every grant there is, by the shops' names.
    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError>;

    /// Takes the right to renew, and writes down the intent. Refused while another holds it or a pause lasts.
    async fn begin(&self, claim: &Claim, intent: &Intent) -> Result<Option<Claim>, TokenStoreError>;

    /// Stores what a renewal brought, and gives the right back.
    async fn commit(&self, claim: &Claim, tokens: &NewTokens) -> Result<bool, TokenStoreError>;

    /// Writes down how a renewal ended that brought nothing, and gives the right back. Touches no token.
    async fn settle(&self, claim: &Claim, settlement: &Settlement) -> Result<bool, TokenStoreError>;

    /// Stores what an owner's authorisation brought. A renewal under way loses its claim. `claim` is `None` for
    /// a shop that has no grant yet.
    async fn put(
        &self,
        shop: &str,
        claim: Option<&Claim>,
        tokens: &NewTokens,
    ) -> Result<bool, TokenStoreError>;

    /// Forgets a grant. `false`: there was none.
    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError>;

    /// The keys that stored grants are sealed with.
    async fn key_ids(&self) -> Result<BTreeSet<String>, TokenStoreError> {
        let credentials = self.list().await?;
        Ok(credentials.into_iter().map(|row| row.tokens.key_id).collect())
    }
}

/// What a store promises; what a platform's grants need is compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A grant outlives this process.
    pub durable: bool,
    /// Several processes may share it.
    pub cross_process: bool,
}

/// A store that could not do what it was asked to. The cause is its source.
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
        f.write_str("the token store did not do what it was asked to")
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

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.credential(shop).await.map_err(TokenStoreError::new)
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        self.credentials().await.map_err(TokenStoreError::new)
    }

    async fn begin(&self, claim: &Claim, intent: &Intent) -> Result<Option<Claim>, TokenStoreError> {
        self.begin_refresh(claim, intent).await.map_err(TokenStoreError::new)
    }

    async fn commit(&self, claim: &Claim, tokens: &NewTokens) -> Result<bool, TokenStoreError> {
        self.commit_tokens(claim, tokens).await.map_err(TokenStoreError::new)
    }

    async fn settle(&self, claim: &Claim, settlement: &Settlement) -> Result<bool, TokenStoreError> {
        self.settle_refresh(claim, settlement).await.map_err(TokenStoreError::new)
    }

    async fn put(
        &self,
        shop: &str,
        claim: Option<&Claim>,
        tokens: &NewTokens,
    ) -> Result<bool, TokenStoreError> {
        self.put_credential(shop, claim, tokens).await.map_err(TokenStoreError::new)
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        self.clear_credential(shop).await.map_err(TokenStoreError::new)
    }
}
