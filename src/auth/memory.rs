//! Grants kept in this process alone: for tests, and for platforms whose tokens cost nothing to get anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::token_store::{Capabilities, TokenStore, TokenStoreError};
use crate::clock::Clock;
use crate::domain::credential::{Claim, Credential, Intent, NewTokens, Settlement};

/// The rows and their leases. Cloned nowhere: share it in an `Arc`.
pub struct MemoryTokenStore {
    clock: Clock,
    rows: Mutex<BTreeMap<String, Row>>,
}

struct Row {
    credential: Credential,
    lease_until: Option<DateTime<Utc>>,
}

impl MemoryTokenStore {
    pub fn new(clock: Clock) -> Self {
        Self { clock, rows: Mutex::default() }
    }

    /// Runs `change` on the row, if it is still as `claim` says.
    fn claimed<T>(&self, claim: &Claim, change: impl FnOnce(&mut Row) -> Option<T>) -> Option<T> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get_mut(&claim.shop)?;
        (row.credential.claim() == *claim).then(|| change(row)).flatten()
    }

    fn seen(&self, row: &Row) -> Credential {
        Credential { leased: row.is_leased(self.clock.now()), ..row.credential.clone() }
    }
}

impl Row {
    fn is_leased(&self, now: DateTime<Utc>) -> bool {
        self.lease_until.is_some_and(|until| now < until)
    }

    fn take(&mut self, tokens: &NewTokens) {
        self.lease_until = None;
        let credential = &mut self.credential;
        credential.version = tokens.version;
        credential.condition = tokens.condition;
        credential.tokens = tokens.tokens.clone();
        credential.granted_at = tokens.granted_at;
        credential.previous_refresh_sealed.clone_from(&tokens.previous_refresh_sealed);
        credential.not_before = tokens.not_before;
        credential.trouble.clone_from(&tokens.trouble);
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: false, cross_process: false }
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.get(shop).map(|row| self.seen(row)))
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.values().map(|row| self.seen(row)).collect())
    }

    async fn begin(&self, claim: &Claim, intent: &Intent) -> Result<Option<Claim>, TokenStoreError> {
        let now = self.clock.now();
        Ok(self.claimed(claim, |row| {
            let paused = row.credential.not_before.is_some_and(|until| until > intent.pauses_until);
            if paused || row.is_leased(now) {
                return None;
            }
            row.lease_until = Some(now + intent.lease);
            row.credential.fence += 1;
            row.credential.condition = intent.condition;
            row.credential.attempt = Some(intent.attempt.clone());
            Some(row.credential.claim())
        }))
    }

    async fn commit(&self, claim: &Claim, tokens: &NewTokens) -> Result<bool, TokenStoreError> {
        let stored = self.claimed(claim, |row| {
            row.take(tokens);
            Some(())
        });
        Ok(stored.is_some())
    }

    async fn settle(&self, claim: &Claim, settlement: &Settlement) -> Result<bool, TokenStoreError> {
        let settled = self.claimed(claim, |row| {
            row.lease_until = None;
            let credential = &mut row.credential;
            credential.condition = settlement.condition;
            credential.not_before = settlement.not_before;
            credential.trouble.clone_from(&settlement.trouble);
            if let Some(end) = settlement.access_ends_at {
                credential.tokens.access_ends_at = end;
            }
            Some(())
        });
        Ok(settled.is_some())
    }

    async fn put(
        &self,
        shop: &str,
        claim: Option<&Claim>,
        tokens: &NewTokens,
    ) -> Result<bool, TokenStoreError> {
        if let Some(claim) = claim {
            let stored = self.claimed(claim, |row| {
                row.take(tokens);
                row.credential.fence += 1;
                row.credential.attempt = None;
                Some(())
            });
            return Ok(stored.is_some());
        }
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.contains_key(shop) {
            return Ok(false);
        }
        let credential = Credential {
            shop: shop.to_owned(),
            version: tokens.version,
            fence: 1,
            condition: tokens.condition,
            tokens: tokens.tokens.clone(),
            granted_at: tokens.granted_at,
            previous_refresh_sealed: tokens.previous_refresh_sealed.clone(),
            not_before: tokens.not_before,
            leased: false,
            attempt: None,
            trouble: tokens.trouble.clone(),
        };
        let row = Row { credential, lease_until: None };
        rows.insert(shop.to_owned(), row);
        Ok(true)
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.remove(shop).is_some())
    }
}
