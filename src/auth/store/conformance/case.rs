//! One rule's own shop in the store under test, and rows to put there.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::super::grants::Grants;
use super::{Fault, must};
use crate::auth::store::{TokenStore, TokenStoreError};
use crate::domain::credential::{
    Attempt, Claim, Condition, Credential, Intent, NewTokens, SealedTokens, Settlement, Trouble,
};

pub(super) const LEASE: TimeDelta = TimeDelta::seconds(30);

/// A process on no machine, so that only time can end what it holds.
const ELSEWHERE: &str = "there:1:1:there";

/// The store, as the program and as a rule sees it.
pub(super) struct Case {
    pub(super) raw: Arc<dyn TokenStore>,
    pub(super) store: Grants,
    pub(super) shop: String,
    shops: Mutex<Vec<String>>,
}

impl Case {
    pub(super) fn new(raw: Arc<dyn TokenStore>, rule: &str) -> Self {
        let shop = format!("conformance {rule}");
        Self { store: Grants::new(raw.clone()), raw, shops: Mutex::new(vec![shop.clone()]), shop }
    }

    /// Another shop, which is forgotten with the case.
    pub(super) fn also(&self, shop: &str) {
        self.shops.lock().unwrap_or_else(PoisonError::into_inner).push(shop.to_owned());
    }

    pub(super) async fn clean_up(&self) -> Result<(), TokenStoreError> {
        let shops = self.shops.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for shop in shops {
            self.store.clear(&shop).await?;
        }
        Ok(())
    }

    /// The shop's first grant.
    pub(super) async fn put(&self) -> Result<Claim, Fault> {
        let is_put = self.store.put(&self.shop, None, &tokens(1)).await?;
        must(is_put, "a shop without a grant is refused its first")?;
        Ok(self.row().await?.claim())
    }

    pub(super) async fn row(&self) -> Result<Credential, Fault> {
        let row = self.store.load(&self.shop).await?;
        row.ok_or_else(|| Fault::Broken("what was put is not there".to_owned()))
    }

    /// The right to renew, from now.
    pub(super) async fn begin(
        &self,
        claim: &Claim,
        id: &str,
        lease: TimeDelta,
    ) -> Result<Option<Claim>, Fault> {
        let intent = intent(id, lease, self.raw.now().await?);
        Ok(self.store.begin(claim, &intent).await?)
    }

    /// The same, where nothing stands against it.
    pub(super) async fn begun(&self, claim: &Claim, id: &str, lease: TimeDelta) -> Result<Claim, Fault> {
        let begun = self.begin(claim, id, lease).await?;
        begun.ok_or_else(|| Fault::Broken("nobody has the right, and it is refused".to_owned()))
    }
}

pub(super) fn tokens(version: i64) -> NewTokens {
    NewTokens {
        version,
        condition: Condition::Active,
        tokens: SealedTokens {
            access_sealed: Some(format!("v1:main:access{version}")),
            access_ends_at: at(1_795_780_800_123),
            refresh_sealed: Some(format!("v1:main:refresh{version}")),
            refresh_ends_at: Some(at(1_796_385_600_000)),
            key_id: "main".to_owned(),
            obtained_at: at(1_795_176_000_000),
        },
        granted_at: at(1_793_491_200_000),
        previous_refresh_sealed: Some(format!("v1:main:previous{version}")),
        not_before: None,
        trouble: None,
    }
}

pub(super) fn intent(id: &str, lease: TimeDelta, now: DateTime<Utc>) -> Intent {
    Intent {
        attempt: Attempt { id: id.to_owned(), refresh_hash: "hash".to_owned(), at: now },
        condition: Condition::Refreshing,
        owner: ELSEWHERE.to_owned(),
        lease,
        pauses_until: now,
    }
}

pub(super) fn settlement(not_before: Option<DateTime<Utc>>) -> Settlement {
    Settlement {
        condition: Condition::Throttled,
        not_before,
        trouble: Some(Trouble {
            class: "throttled".to_owned(),
            message: "the platform asks for fewer calls".to_owned(),
        }),
        access_ends_at: None,
    }
}

/// Whole milliseconds: a store need not keep more.
pub(super) fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
