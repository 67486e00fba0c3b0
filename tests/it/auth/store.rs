//! What every place that keeps grants must do, checked on each of them; and that the check finds what is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use shopsync::auth::store::conformance::check;
use shopsync::auth::store::file::FileTokenStore;
use shopsync::auth::store::memory::MemoryTokenStore;
use shopsync::auth::store::{Capabilities, TokenStore, TokenStoreError};
use shopsync::clock::Clock;
use shopsync::domain::credential::{Claim, Credential};

use crate::support::databases::{TestDatabase, at, both_databases};

fn clock() -> Clock {
    Clock::manual(at("2026-11-20 12:00:00"))
}

fn memory() -> Arc<dyn TokenStore> {
    Arc::new(MemoryTokenStore::new(clock()))
}

both_databases! {
    async fn a_database_keeps_every_rule_of_a_token_store(test: TestDatabase) {
        let broken = check(async || { Arc::new(test.another_store().await) }).await;
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_files_keeps_every_rule_of_a_token_store() {
    let folder = tempfile::tempdir().unwrap();
    let (path, clock) = (folder.path().join("tokens"), clock());
    let broken = check(async || Arc::new(FileTokenStore::open(&path, clock.clone()).unwrap())).await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let left: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"], "of grants that were forgotten nothing is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_a_process_keeps_every_rule_of_a_token_store() {
    let store = Arc::new(MemoryTokenStore::new(clock()));
    let broken = check(async || store.clone()).await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// How a store may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    LastWriterWins,
    ComparesTheVersionOnly,
    ForgetsAtTheEnd,
    CutsLongTexts,
    FoldsCase,
    LosesTheTrouble,
    SaysItWroteWhatItDidNot,
    HasAClockOfItsOwn,
    ListsInAnyOrder,
}

/// A store with a flaw, over a good one.
struct Flawed {
    good: Arc<dyn TokenStore>,
    flaw: Flaw,
    opened: i64,
}

impl Flawed {
    fn name(&self, shop: &str) -> String {
        if self.flaw == Flaw::FoldsCase { shop.to_lowercase() } else { shop.to_owned() }
    }
}

#[async_trait]
impl TokenStore for Flawed {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, cross_process: true }
    }

    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        let hours = if self.flaw == Flaw::HasAClockOfItsOwn { self.opened } else { 0 };
        Ok(self.good.now().await? + TimeDelta::hours(hours))
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        let row = self.good.load(&self.name(shop)).await?;
        Ok(row.map(|row| Credential { shop: shop.to_owned(), ..row }))
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        let mut rows = self.good.list().await?;
        if self.flaw == Flaw::ListsInAnyOrder {
            rows.reverse();
        }
        Ok(rows)
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        let mut next = Credential { shop: self.name(&next.shop), ..next.clone() };
        let present = self.good.load(&next.shop).await?.map(|row| row.claim());
        let mut claim = claim.map(|claim| Claim { shop: self.name(&claim.shop), ..claim.clone() });
        match self.flaw {
            Flaw::LastWriterWins => claim = present,
            Flaw::ComparesTheVersionOnly
                if claim.as_ref().map(|claim| claim.version) == present.as_ref().map(|row| row.version) =>
            {
                claim = present;
            }
            Flaw::CutsLongTexts => {
                if let Some(text) = &mut next.tokens.refresh_sealed {
                    text.truncate(4096);
                }
            }
            Flaw::LosesTheTrouble => next.trouble = None,
            Flaw::SaysItWroteWhatItDidNot if claim.is_some() => return Ok(present == claim),
            _ => {}
        }
        self.good.swap(claim.as_ref(), &next).await
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        self.good.clear(&self.name(shop)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_breaks_a_rule_is_reported() {
    for flaw in [
        Flaw::LastWriterWins,
        Flaw::ComparesTheVersionOnly,
        Flaw::ForgetsAtTheEnd,
        Flaw::CutsLongTexts,
        Flaw::FoldsCase,
        Flaw::LosesTheTrouble,
        Flaw::SaysItWroteWhatItDidNot,
        Flaw::HasAClockOfItsOwn,
        Flaw::ListsInAnyOrder,
    ] {
        let (shared, opened) = (memory(), AtomicI64::new(0));
        let broken = check(async || {
            let good = if flaw == Flaw::ForgetsAtTheEnd { memory() } else { shared.clone() };
            Arc::new(Flawed { good, flaw, opened: opened.fetch_add(1, Ordering::SeqCst) })
        })
        .await;
        assert!(!broken.is_empty(), "{flaw:?} was not found");
    }
}
