//! Making good what could not be written when it should have been: pairs no store took, in memory and in files, and
//! intents of which nobody knows whether they were written. Tried before anything else is decided, and by itself
//! until it is done.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::file::SpillFolder;
use super::{STOP_WAIT, Unsaved, blocking, file};
use crate::auth::AuthError;
use crate::auth::keys::pair::Pair;
use crate::auth::policy::OwnerReason;
use crate::auth::refresh::as_before;
use crate::auth::shop_state::{Slot, lock};
use crate::auth::tokens::Tokens;
use crate::domain::credential::Condition;
use crate::domain::shop::Shop;
use crate::store::Store;

/// Between two tries; the pause doubles up to the second.
const MEND_PAUSE_MIN: Duration = Duration::from_millis(500);
const MEND_PAUSE_MAX: Duration = Duration::from_mins(1);
/// A pair that is in this process alone is offered this long when the program ends, unless something ends it sooner.
const LAST_OFFER_MAX: Duration = Duration::from_mins(5);
const LAST_OFFER_PAUSE: Duration = Duration::from_millis(100);

impl Tokens {
    /// For the start of the program: whatever an earlier one left behind is made good, as far as it can be. The rest is
    /// tried again before it matters.
    pub async fn recover(&self, shops: &[Shop]) {
        for shop in shops {
            if let Err(error) = self.settle_what_is_left(shop).await {
                tracing::debug!(shop = %shop.name, "what was left of `{}` is not settled yet: {error}", shop.name);
                self.mend(shop);
            } else if let Err(error) = self.reconsider(&shop.name).await {
                tracing::debug!(shop = %shop.name, "the orphans of `{}` were not tried: {error}", shop.name);
            }
        }
        if let Err(error) = self.shared.parts.store.orphans().prune().await {
            tracing::debug!("old orphans are not pruned yet: {error}");
        }
    }

    /// How many pairs are in memory or in files, but not in the store. More than none needs somebody to look.
    pub fn unsaved(&self) -> usize {
        let slots: Vec<_> = lock(&self.shared.slots).values().map(Arc::clone).collect();
        slots.iter().map(|slot| usize::from(slot.has_reported_unsaved()) + slot.kept_files().len()).sum()
    }

    /// Stores what earlier flights could not, and takes back intents that were never acted upon. `Err`: not all of
    /// it, and nothing may be decided about the grant yet.
    pub async fn settle_what_is_left(&self, shop: &Shop) -> Result<Left, AuthError> {
        let slot = self.slot(&shop.name);
        self.store_unsaved(&slot).await?;
        let _turn = slot.saving.lock().await;
        self.take_back_intents(shop, &slot).await?;
        self.merge_files(shop, &slot).await
    }

    /// Goes on until everything is settled, in a task of its own. It may be cut off: whatever is left is in a file, or
    /// offered a last time.
    pub fn mend(&self, shop: &Shop) {
        let slot = self.slot(&shop.name);
        if !slot.begins_mending() {
            return;
        }
        let (tokens, shop) = (self.clone(), shop.clone());
        let settled = Box::pin(async move {
            let mut pause = MEND_PAUSE_MIN;
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MEND_PAUSE_MAX);
                let is_settled = matches!(tokens.settle_what_is_left(&shop).await, Ok(Left::Nothing));
                if is_settled && slot.ends_mending() {
                    return;
                }
            }
        });
        let stopping = self.shared.stopping.clone();
        self.shared.flights.spawn(async move { stopping.run_until_cancelled_owned(settled).await });
    }

    /// Waits until a pair that no store took is in the store or in a file, before this process ends.
    pub async fn offer_a_last_time(&self, slot: &Slot) {
        let begun = Instant::now();
        while let Some(mut unsaved) = slot.unsaved() {
            let is_stored = tokio::time::timeout(STOP_WAIT, self.store_unsaved(slot)).await;
            if matches!(is_stored, Ok(Ok(()))) {
                return;
            }
            if unsaved.file.is_none() {
                let _ = self.write_file(&mut unsaved).await;
                slot.set_file(&unsaved);
            }
            if unsaved.file.is_some() {
                return;
            }
            let shop = &unsaved.claim.shop;
            if begun.elapsed() > LAST_OFFER_MAX {
                tracing::error!(
                    event = "token.unsaved",
                    shop,
                    "the new tokens of `{shop}` could not be stored to the last and are lost"
                );
                return;
            }
            tokio::time::sleep(LAST_OFFER_PAUSE).await;
        }
    }

    /// After a pair has found its place: the file goes. One that had waited may save a grant that was given up.
    pub async fn has_stored(&self, unsaved: Unsaved, had_waited: bool) -> Result<(), AuthError> {
        let shop = unsaved.claim.shop;
        if let Some(file) = unsaved.file {
            let removed = blocking({
                let file = file.clone();
                move || file::remove(&file)
            });
            if let Err(error) = removed.await {
                tracing::debug!(shop, "{} could not be removed: {error}", file.display());
            }
        }
        if !had_waited {
            return Ok(());
        }
        tracing::info!(
            event = "token.saved",
            shop,
            "the tokens of `{shop}` that could not be stored before are in the store"
        );
        self.reconsider(&shop).await
    }

    /// Looks at the orphans of a grant that needs its owner: one may have come after it was given up.
    pub async fn reconsider(&self, shop: &str) -> Result<(), AuthError> {
        let Some(row) = self.grants().load(shop).await? else {
            return Ok(());
        };
        if row.condition != Condition::NeedsOwner {
            return Ok(());
        }
        let reason = row.owner_reason().unwrap_or(OwnerReason::AccessRefused);
        let kept = self.shared.parts.store.shops().get(shop).await;
        let kept =
            kept.map_err(|source| AuthError::Store { shop: shop.to_owned(), source: Arc::new(source) })?;
        if let Some(kept) = kept {
            self.adopt(&kept.id, &row, &row.claim(), reason).await?;
        }
        Ok(())
    }

    /// A store that failed while it took an intent may have it all the same. Nothing was sent for it.
    async fn take_back_intents(&self, shop: &Shop, slot: &Slot) -> Result<(), AuthError> {
        if !slot.has_unsure_intents() {
            return Ok(());
        }
        let Some(row) = self.grants().load(&shop.name).await? else {
            return Ok(());
        };
        if !matches!(row.condition, Condition::Refreshing | Condition::Replaying) {
            return Ok(());
        }
        let attempt = row.attempt.as_ref().map(|attempt| attempt.id.as_str());
        if let Some(before) = attempt.and_then(|attempt| slot.before_never_sent(attempt)) {
            self.grants().settle(&row.claim(), &as_before(&row, before)).await?;
        }
        Ok(())
    }

    /// Takes back the files of a shop, whoever wrote them.
    async fn merge_files(&self, shop: &Shop, slot: &Slot) -> Result<Left, AuthError> {
        let Some(folder) = self.shared.spill.clone().filter(|folder| !folder.is_empty()) else {
            slot.keep_files(BTreeSet::new());
            return Ok(Left::Nothing);
        };
        let shop_id = self.shop_row(shop).await?.id;
        let files = blocking({
            let shop_id = shop_id.clone();
            move || folder.of_shop(&shop_id)
        });
        let mut kept = BTreeSet::new();
        let mut outcome = Ok(Left::Nothing);
        for file in files.await.unwrap_or_default() {
            match self.merge(shop, &shop_id, &file).await {
                Ok(Merged::Done) => {}
                Ok(Merged::Unusable) => drop(kept.insert(file)),
                Ok(Merged::Later) => {
                    kept.insert(file);
                    outcome = outcome.map(|_| Left::Login);
                }
                Err(error) => {
                    kept.insert(file);
                    outcome = Err(error);
                }
            }
        }
        slot.keep_files(kept);
        outcome
    }

    /// Goes on with the files of a shop, whoever left them. `shop_id`: the id in its row.
    pub fn take_up_files(&self, shop: &Shop, shop_id: &str) {
        let Some(folder) = self.shared.spill.as_ref().filter(|folder| !folder.is_empty()) else {
            return;
        };
        if folder.of_shop(shop_id).is_ok_and(|files| !files.is_empty()) {
            self.mend(shop);
        }
    }

    pub fn has_files(&self) -> bool {
        self.shared.spill.as_ref().is_some_and(|folder| !folder.is_empty())
    }

    async fn merge(&self, shop: &Shop, shop_id: &str, file: &Path) -> Result<Merged, AuthError> {
        let read = blocking({
            let file = file.to_owned();
            move || file::read(&file)
        });
        let mut unsaved = match read.await {
            Ok(Some(unsaved)) => unsaved,
            Ok(None) => return Ok(Merged::Done),
            Err(error) => return Ok(self.keeps_file(shop, file, &error)),
        };
        // The shop may have been given another name since.
        unsaved.claim.shop.clone_from(&shop.name);
        let tokens = &unsaved.tokens;
        let keys = &self.shared.parts.keyring;
        let pair = match Pair::open_tokens(&tokens.tokens, tokens.version, tokens.granted_at, keys, shop_id) {
            Ok(pair) => pair,
            Err(error) => return Ok(self.keeps_file(shop, file, &error)),
        };
        if unsaved.login.is_some() {
            let is_done = self.merge_login(shop, unsaved, &pair).await?;
            return Ok(if is_done { Merged::Done } else { Merged::Later });
        }
        self.store_pair(&mut unsaved).await?;
        self.has_stored(unsaved, true).await?;
        Ok(Merged::Done)
    }

    /// Says once in a process that a file cannot be taken back.
    fn keeps_file(&self, shop: &Shop, file: &Path, error: &dyn std::error::Error) -> Merged {
        let told: PathBuf = file.to_owned();
        if self.slot(&shop.name).is_first_told_of_file(told) {
            tracing::error!(
                event = "token.file_kept",
                shop = %shop.name,
                error = %error,
                file = %file.display(),
                "tokens of `{}` wait in {}, which cannot be used and stays: {error}",
                shop.name,
                file.display()
            );
        }
        Merged::Unusable
    }
}

/// Removes the files of a shop whose grant is forgotten: what waits in them must not bring it back.
pub async fn forget_files(state: &Path, store: &Store, shop: &str) -> Result<(), AuthError> {
    let folder = SpillFolder::below(state);
    if folder.is_empty() {
        return Ok(());
    }
    let row = store.shops().get(shop).await;
    let row = row.map_err(|source| AuthError::Store { shop: shop.to_owned(), source: Arc::new(source) })?;
    let Some(row) = row else { return Ok(()) };
    let removed = blocking(move || folder.of_shop(&row.id)?.iter().try_for_each(|file| file::remove(file)));
    if let Err(error) = removed.await {
        tracing::debug!(shop, "not all files of `{shop}` were removed: {error}");
    }
    Ok(())
}

/// What is left that may still be settled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// A login whose account the platform has not told yet. It keeps nobody from what there is.
    Login,
}

/// What became of a file.
enum Merged {
    Done,
    /// It cannot be used and stays.
    Unusable,
    /// It stays until the platform says whose its tokens are.
    Later,
}
