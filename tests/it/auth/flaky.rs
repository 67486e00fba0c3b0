//! A token store that counts and fails, over a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use shopsync::auth::store::{Capabilities, TokenStore, TokenStoreError};
use shopsync::domain::credential::{Claim, Condition, Credential};
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
    /// Takes intents, and says it did not.
    AfterIntent,
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

    /// From now on nothing fails.
    pub(crate) fn heal(&self) {
        self.failures_left.store(0, Ordering::SeqCst);
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

    async fn read_back(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.store.read_back(shop).await
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        self.store.list().await
    }

    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        TokenStore::now(&self.store).await
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        let is_commit = claim.is_some_and(|claim| next.version > claim.version);
        let is_intent = matches!(next.condition, Condition::Refreshing | Condition::Replaying);
        if is_intent {
            self.begun.fetch_add(1, Ordering::SeqCst);
        }
        let may_fail = if self.when == WhenFailing::AfterIntent { is_intent } else { is_commit };
        let fails = may_fail && self.fails();
        if fails && self.when == WhenFailing::Before {
            return Err(TokenStoreError::new(std::io::Error::other("away")));
        }
        let is_swapped = self.store.swap(claim, next).await;
        if fails {
            return Err(TokenStoreError::new(std::io::Error::other("away")));
        }
        is_swapped
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        self.store.clear(shop).await
    }
}
