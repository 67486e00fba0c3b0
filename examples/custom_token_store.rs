//! A token store of one's own in a page: grants as JSON texts in anything that keeps a text under a name and replaces
//! it only if its revision is the one expected. Vault's KV version 2 (`cas`), etcd (`mod_revision`), Consul
//! (`cas`) and Redis (a script) can do that; here a map stands for the server.
//!
//! `cargo run --example custom_token_store` puts it through the checks that the stores of `shopsync` itself pass.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use shopsync::auth::token_store::{Capabilities, TokenStore, TokenStoreError};
use shopsync::auth::{conformance, record};
use shopsync::clock::Clock;
use shopsync::domain::credential::{Claim, Credential};

/// The server. What it answers is what a client of a real one gets, which would have to wait for it.
#[derive(Default)]
struct KeyValues(Mutex<BTreeMap<String, (u64, String)>>);

impl KeyValues {
    fn get(&self, key: &str) -> Option<(u64, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Puts a text in the place of the one with this revision; 0: where there is none.
    fn put(&self, key: &str, revision: u64, text: String) -> bool {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let present = texts.get(key).map_or(0, |(revision, _)| *revision);
        if present == revision {
            texts.insert(key.to_owned(), (revision + 1, text));
        }
        present == revision
    }

    fn delete(&self, key: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key).is_some()
    }
}

struct KeyValueTokenStore {
    server: Arc<KeyValues>,
    clock: Clock,
}

#[async_trait]
impl TokenStore for KeyValueTokenStore {
    /// What the server promises; `shopsync` refuses to keep single-use tokens with less.
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, cross_process: true }
    }

    /// Better the server's own clock, where it tells it.
    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        Ok(self.clock.now())
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        let stored = self.server.get(shop);
        stored.map(|(_, text)| record::read(shop, &text)).transpose().map_err(TokenStoreError::new)
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        let mut rows = Vec::new();
        for shop in self.server.keys() {
            rows.extend(self.load(&shop).await?);
        }
        Ok(rows)
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        let stored = self.server.get(&next.shop);
        let revision = stored.as_ref().map_or(0, |(revision, _)| *revision);
        let present = stored.map(|(_, text)| record::read(&next.shop, &text)).transpose();
        let present = present.map_err(TokenStoreError::new)?.map(|row| row.claim());
        if present.as_ref() != claim {
            return Ok(false);
        }
        // Whoever wrote between the two calls raised the revision, and this one is refused.
        Ok(self.server.put(&next.shop, revision, record::write(next).to_string()))
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        Ok(self.server.delete(shop))
    }
}

/// A program of one's own hands the store to `shopsync::app::App::with_token_store`.
#[tokio::main]
pub(crate) async fn main() {
    let server = Arc::new(KeyValues::default());
    let open = async || Arc::new(KeyValueTokenStore { server: server.clone(), clock: Clock::system() });
    let broken = conformance::check(open).await;
    assert!(broken.is_empty(), "rules that are broken:\n{}", broken.join("\n"));
}
