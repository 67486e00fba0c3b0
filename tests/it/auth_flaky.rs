//! A token store that counts and fails, over a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use shopsync::auth::token_store::{Capabilities, TokenStore, TokenStoreError};
use shopsync::domain::credential::{Claim, Credential, Intent, NewTokens, Settlement};
use shopsync::store::Store;

/// A database that counts intents and fails now and then while it commits.
pub(crate) struct Flaky {
    store: Store,
    pub(crate) begun: AtomicUsize,
    failures_left: AtomicUsize,
    when: WhenFailing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFailing {
    Before,
    After,
}

impl Flaky {
    pub(crate) fn over(store: &Store, failures: usize, when: WhenFailing) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            begun: AtomicUsize::new(0),
            failures_left: AtomicUsize::new(failures),
            when,
        })
    }

    fn fails(&self) -> bool {
        let left = |left: usize| left.checked_sub(1);
        self.failures_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok()
    }
}

#[async_trait]
impl TokenStore for Flaky {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.store.load(shop).await
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        self.store.list().await
    }

    async fn begin(&self, claim: &Claim, intent: &Intent) -> Result<Option<Claim>, TokenStoreError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.store.begin(claim, intent).await
    }

    async fn commit(&self, claim: &Claim, tokens: &NewTokens) -> Result<bool, TokenStoreError> {
        let fails = self.fails();
        if fails && self.when == WhenFailing::Before {
            return Err(TokenStoreError::new(std::io::Error::other("away")));
        }
        let committed = self.store.commit(claim, tokens).await;
        if fails {
            return Err(TokenStoreError::new(std::io::Error::other("away")));
        }
        committed
    }

    async fn settle(&self, claim: &Claim, settlement: &Settlement) -> Result<bool, TokenStoreError> {
        self.store.settle(claim, settlement).await
    }

    async fn put(
        &self,
        shop: &str,
        claim: Option<&Claim>,
        tokens: &NewTokens,
    ) -> Result<bool, TokenStoreError> {
        self.store.put(shop, claim, tokens).await
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        self.store.clear(shop).await
    }
}
