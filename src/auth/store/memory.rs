//! Grants kept in this process alone: for tests, and for platforms whose tokens cost nothing to get again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Capabilities, TokenStore, TokenStoreError};
use crate::clock::Clock;
use crate::domain::credential::{Claim, Credential};

/// The rows, by shop. Cloned nowhere: share it in an `Arc`.
pub struct MemoryTokenStore {
    clock: Clock,
    rows: Mutex<BTreeMap<String, Credential>>,
}

impl MemoryTokenStore {
    pub fn new(clock: Clock) -> Self {
        Self { clock, rows: Mutex::default() }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Credential>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: false, cross_process: false }
    }

    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        Ok(self.clock.now())
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        Ok(self.rows().get(shop).cloned())
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        Ok(self.rows().values().cloned().collect())
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        let mut rows = self.rows();
        if rows.get(&next.shop).map(Credential::claim).as_ref() != claim {
            return Ok(false);
        }
        rows.insert(next.shop.clone(), next.clone());
        Ok(true)
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        Ok(self.rows().remove(shop).is_some())
    }
}
