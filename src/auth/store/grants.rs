//! The rows of a token store and what may be done to them: each step rests on the row as it was read, and does
//! nothing when that has changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Capabilities, TokenStore, TokenStoreError};
use crate::auth::keys::keyring::NO_KEY;
use crate::auth::policy::LEASE;
use crate::domain::credential::{Claim, Credential, Intent, NewTokens, SealedTokens, Settlement};
use crate::domain::until::lasting;
use crate::store::db::owner::Owner;

/// The grants of all shops, in whichever store they are. Cheap to clone.
#[derive(Clone)]
pub struct Grants {
    store: Arc<dyn TokenStore>,
}

impl Grants {
    pub fn new(store: Arc<dyn TokenStore>) -> Self {
        Self { store }
    }

    pub fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    /// `None`: the shop has no grant.
    pub async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        match self.store.load(shop).await? {
            Some(row) => Ok(self.seen(vec![row]).await?.pop()),
            None => Ok(None),
        }
    }

    /// The row as it would be found after a crash. `None`: there would be none.
    pub async fn read_back(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        match self.store.read_back(shop).await? {
            Some(row) => Ok(self.seen(vec![row]).await?.pop()),
            None => Ok(None),
        }
    }

    /// Every grant there is, by the shops' names.
    pub async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        let rows = self.store.list().await?;
        self.seen(rows).await
    }

    /// Takes the right to renew, and writes down the intent, which is on the disk when this returns. `None` while
    /// another has it or a pause lasts.
    pub async fn begin(&self, claim: &Claim, intent: &Intent) -> Result<Option<Claim>, TokenStoreError> {
        let Some(row) = self.claimed(claim).await? else {
            return Ok(None);
        };
        let Some(next) = row.begun(intent, self.store.now().await?) else {
            return Ok(None);
        };
        let begun = next.claim();
        if !self.write(claim, next).await? {
            return Ok(None);
        }
        let found = self.store.read_back(&claim.shop).await?.map(|row| row.claim());
        if found.as_ref() == Some(claim) || found.is_none() {
            return Err(TokenStoreError::new(NotOnDisk));
        }
        // Any other is of an owner who authorised the shop meanwhile.
        Ok((found.as_ref() == Some(&begun)).then_some(begun))
    }

    /// Stores what a renewal brought, and gives the right back. On the disk when this returns.
    pub async fn commit(&self, claim: &Claim, tokens: &NewTokens) -> Result<bool, TokenStoreError> {
        let Some(row) = self.claimed(claim).await? else {
            return Ok(false);
        };
        // A copy stays one until a person takes it over: its original may live on.
        Ok(self.write(claim, row.renewed(tokens)).await? && self.is_on_disk(&claim.shop, tokens).await?)
    }

    /// Writes down how a renewal ended that brought nothing, and gives the right back. Touches no token.
    pub async fn settle(&self, claim: &Claim, settlement: &Settlement) -> Result<bool, TokenStoreError> {
        match self.claimed(claim).await? {
            Some(row) => self.write(claim, row.settled(settlement)).await,
            None => Ok(false),
        }
    }

    /// Stores what an owner's authorisation brought, which is on the disk when this returns. A renewal under way loses
    /// its claim. `claim` is `None` for a shop that has no grant yet.
    pub async fn put(
        &self,
        shop: &str,
        claim: Option<&Claim>,
        tokens: &NewTokens,
    ) -> Result<bool, TokenStoreError> {
        let next = match claim {
            None => Credential::first(shop, tokens),
            Some(claim) => match self.claimed(claim).await? {
                Some(row) => row.replaced(tokens),
                None => return Ok(false),
            },
        };
        let next = self.at_home(next).await?;
        Ok(self.store.swap(claim, &next).await? && self.is_on_disk(shop, tokens).await?)
    }

    /// Puts the same tokens in the place of the row, sealed again. `false` also while they are renewed.
    pub async fn reseal(
        &self,
        claim: &Claim,
        tokens: &SealedTokens,
        previous_refresh_sealed: Option<&str>,
    ) -> Result<bool, TokenStoreError> {
        let row = self.claimed(claim).await?;
        match row.and_then(|row| row.resealed(tokens, previous_refresh_sealed)) {
            Some(next) => self.write(claim, next).await,
            None => Ok(false),
        }
    }

    /// Makes a copied row the one that is used from now on.
    pub async fn take_over(&self, claim: &Claim) -> Result<bool, TokenStoreError> {
        match self.claimed(claim).await? {
            Some(row) => self.write(claim, row.taken_over(self.store.place().await?)).await,
            None => Ok(false),
        }
    }

    /// Forgets a grant. `false`: there was none.
    pub async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        self.store.clear(shop).await
    }

    /// The keys that stored grants are sealed with. Those in clear have none.
    pub async fn key_ids(&self) -> Result<BTreeSet<String>, TokenStoreError> {
        let rows = self.store.list().await?;
        let key_ids = rows.into_iter().map(|row| row.tokens.key_id);
        Ok(key_ids.filter(|key_id| key_id != NO_KEY).collect())
    }

    /// `true`, or an error: a pair that was written is found by a connection that did not write it.
    async fn is_on_disk(&self, shop: &str, tokens: &NewTokens) -> Result<bool, TokenStoreError> {
        match self.store.read_back(shop).await? {
            // Ours, or what others have made of it since.
            Some(found) if found.version > tokens.version || holds(&found, tokens) => Ok(true),
            _ => Err(TokenStoreError::new(NotOnDisk)),
        }
    }

    async fn claimed(&self, claim: &Claim) -> Result<Option<Credential>, TokenStoreError> {
        let row = self.load(&claim.shop).await?;
        Ok(row.filter(|row| row.claim() == *claim))
    }

    /// A row that was written before its place had a name is at home wherever it is found.
    async fn write(&self, claim: &Claim, next: Credential) -> Result<bool, TokenStoreError> {
        let next = if next.place.is_none() { self.at_home(next).await? } else { next };
        self.store.swap(Some(claim), &next).await
    }

    async fn at_home(&self, row: Credential) -> Result<Credential, TokenStoreError> {
        Ok(Credential { place: self.store.place().await?, is_copied: false, ..row })
    }

    /// The rows as they are to be taken: without rights that have run out, and knowing whether they were copied here.
    async fn seen(&self, rows: Vec<Credential>) -> Result<Vec<Credential>, TokenStoreError> {
        // Rare: the store's clock is read only during a renewal.
        let is_any_leased = rows.iter().any(|row| row.lease.is_some());
        let now = if is_any_leased { Some(self.store.now().await?) } else { None };
        let here = self.store.place().await?;
        let seen = rows.into_iter().map(|row| Credential {
            lease: row.lease.filter(|lease| {
                now.is_some_and(|now| lasting(lease.until, LEASE, now).is_some())
                    && !Owner::from(lease.owner.clone()).is_gone()
            }),
            is_copied: matches!((&row.place, &here), (Some(place), Some(here)) if place != here),
            ..row
        });
        Ok(seen.collect())
    }
}

/// Whether the row holds this very pair.
pub fn holds(row: &Credential, pair: &NewTokens) -> bool {
    let (found, ours) = (&row.tokens, &pair.tokens);
    (&found.access_sealed, &found.refresh_sealed) == (&ours.access_sealed, &ours.refresh_sealed)
}

/// A store that says it has written what another connection does not find.
#[derive(Debug, thiserror::Error)]
#[error("it was written, but is not on the disk: the connection that wrote it is broken")]
struct NotOnDisk;
