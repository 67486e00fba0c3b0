//! Making good what could not be written when it should have been: pairs no store took, in memory and in files, and
//! intents of which no one knows whether they were written. Tried before anything else is decided, and by itself
//! until it is done.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::auth::AuthError;
use crate::auth::context::{AuthContext, STOP_WAIT, blocking};
use crate::auth::keys::pair::Pair;
use crate::auth::login::settle;
use crate::auth::refresh::outcome::undo_intent;
use crate::auth::refresh::unsaved;
use crate::auth::refresh::unsaved::file::UnsavedFolder;
use crate::auth::refresh::unsaved::{file, orphans};
use crate::auth::shop_state::{ShopTokenState, lock};
use crate::domain::credential::Condition;
use crate::domain::shop::Shop;
use crate::store::Store;

/// Between two tries; the pause doubles up to the second.
const RECOVERY_PAUSE_MIN: Duration = Duration::from_millis(500);
const RECOVERY_PAUSE_MAX: Duration = Duration::from_mins(1);
/// A pair that is in this process alone is offered this long when the program ends, unless something ends it sooner.
const FINAL_STORE_MAX: Duration = Duration::from_mins(5);
const FINAL_STORE_PAUSE: Duration = Duration::from_millis(100);

/// For the start of the program: whatever an earlier one left behind is made good, as far as it can be. The rest is
/// tried again before it matters.
pub async fn recover(context: &AuthContext, shops: &[Shop]) {
    for shop in shops {
        if let Err(error) = recover_shop(context, shop).await {
            tracing::debug!(shop = %shop.name, "what was left of `{}` is not settled yet: {error}", shop.name);
            spawn_recovery(context, shop);
        } else if let Err(error) = orphans::adopt_if_given_up(context, &shop.name).await {
            tracing::debug!(shop = %shop.name, "the orphans of `{}` were not tried: {error}", shop.name);
        }
    }
    if let Err(error) = context.store().orphans().prune().await {
        tracing::debug!("old orphans are not pruned yet: {error}");
    }
}

/// How many pairs are in memory or in files, but not in the store. Any number above zero needs a look.
pub fn unsaved_count(context: &AuthContext) -> usize {
    let shop_states: Vec<_> = lock(&context.shared.shops).values().map(Arc::clone).collect();
    shop_states
        .iter()
        .map(|shop_state| usize::from(shop_state.has_reported_unsaved()) + shop_state.kept_files().len())
        .sum()
}

/// Stores the pairs that earlier refreshes could not store, and takes back intents that were never acted upon. `Err`: not all of
/// it, and nothing may be decided about the grant yet.
pub async fn recover_shop(context: &AuthContext, shop: &Shop) -> Result<Left, AuthError> {
    let shop_state = context.shop_state(&shop.name);
    unsaved::store_unsaved(context, &shop_state).await?;
    let _turn = shop_state.saving.lock().await;
    take_back_intents(context, shop, &shop_state).await?;
    merge_files(context, shop, &shop_state).await
}

/// Goes on until everything is settled, in a task of its own. It may be cut off: whatever is left is in a file, or
/// offered a last time.
pub fn spawn_recovery(context: &AuthContext, shop: &Shop) {
    let shop_state = context.shop_state(&shop.name);
    if !shop_state.claims_recovery() {
        return;
    }
    let (task_context, shop) = (context.clone(), shop.clone());
    let settled = Box::pin(async move {
        let mut pause = RECOVERY_PAUSE_MIN;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECOVERY_PAUSE_MAX);
            let is_settled = matches!(recover_shop(&task_context, &shop).await, Ok(Left::Nothing));
            if is_settled && shop_state.ends_recovery() {
                return;
            }
        }
    });
    let stopping = context.shared.stopping.clone();
    context.shared.tasks.spawn(async move { stopping.run_until_cancelled_owned(settled).await });
}

/// Waits until a pair that no store took is in the store or in a file, before this process ends.
pub async fn store_before_exit(context: &AuthContext, shop_state: &ShopTokenState) {
    let begun = Instant::now();
    while let Some(mut unsaved) = shop_state.unsaved() {
        let is_stored = tokio::time::timeout(STOP_WAIT, unsaved::store_unsaved(context, shop_state)).await;
        if matches!(is_stored, Ok(Ok(()))) {
            return;
        }
        if unsaved.file.is_none() {
            let _ = unsaved::write_file(context, &mut unsaved).await;
            shop_state.set_file(&unsaved);
        }
        if unsaved.file.is_some() {
            return;
        }
        let shop = &unsaved.claim.shop;
        if begun.elapsed() > FINAL_STORE_MAX {
            tracing::error!(
                event = "token.unsaved",
                shop,
                "the new tokens of `{shop}` could not be stored to the last and are lost"
            );
            return;
        }
        tokio::time::sleep(FINAL_STORE_PAUSE).await;
    }
}

/// A store that failed while it took an intent may have it all the same. Nothing was sent for it.
async fn take_back_intents(
    context: &AuthContext,
    shop: &Shop,
    shop_state: &ShopTokenState,
) -> Result<(), AuthError> {
    if !shop_state.has_unsure_intents() {
        return Ok(());
    }
    let Some(row) = context.grants().load(&shop.name).await? else {
        return Ok(());
    };
    if !matches!(row.condition, Condition::Refreshing | Condition::Replaying) {
        return Ok(());
    }
    let attempt = row.attempt.as_ref().map(|attempt| attempt.id.as_str());
    if let Some(before) = attempt.and_then(|attempt| shop_state.before_never_sent(attempt)) {
        context.grants().settle(&row.claim(), &undo_intent(&row, before)).await?;
    }
    Ok(())
}

/// Takes back the files of a shop, from any process.
async fn merge_files(
    context: &AuthContext,
    shop: &Shop,
    shop_state: &ShopTokenState,
) -> Result<Left, AuthError> {
    let Some(folder) = context.shared.unsaved_folder.clone().filter(|folder| !folder.is_empty()) else {
        shop_state.keep_files(BTreeSet::new());
        return Ok(Left::Nothing);
    };
    let shop_id = context.shop_row(shop).await?.id;
    let files = blocking({
        let shop_id = shop_id.clone();
        move || folder.of_shop(&shop_id)
    });
    let mut kept = BTreeSet::new();
    let mut outcome = Ok(Left::Nothing);
    for file in files.await.unwrap_or_default() {
        match merge(context, shop, &shop_id, &file).await {
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
    shop_state.keep_files(kept);
    outcome
}

/// Continues with the files of a shop, from any process. `shop_id`: the id in its row.
pub fn recover_files(context: &AuthContext, shop: &Shop, shop_id: &str) {
    let Some(folder) = context.shared.unsaved_folder.as_ref().filter(|folder| !folder.is_empty()) else {
        return;
    };
    if folder.of_shop(shop_id).is_ok_and(|files| !files.is_empty()) {
        spawn_recovery(context, shop);
    }
}

pub fn has_files(context: &AuthContext) -> bool {
    context.shared.unsaved_folder.as_ref().is_some_and(|folder| !folder.is_empty())
}

async fn merge(context: &AuthContext, shop: &Shop, shop_id: &str, file: &Path) -> Result<Merged, AuthError> {
    let read = blocking({
        let file = file.to_owned();
        move || file::read(&file)
    });
    let mut unsaved = match read.await {
        Ok(Some(unsaved)) => unsaved,
        Ok(None) => return Ok(Merged::Done),
        Err(error) => return Ok(report_unusable_file(context, shop, file, &error)),
    };
    // The shop may have been given another name since.
    unsaved.claim.shop.clone_from(&shop.name);
    let tokens = &unsaved.tokens;
    let keys = context.keyring();
    let pair = match Pair::open_tokens(&tokens.tokens, tokens.version, tokens.granted_at, keys, shop_id) {
        Ok(pair) => pair,
        Err(error) => return Ok(report_unusable_file(context, shop, file, &error)),
    };
    if unsaved.login.is_some() {
        let is_done = settle::merge_login(context, shop, unsaved, &pair).await?;
        return Ok(if is_done { Merged::Done } else { Merged::Later });
    }
    unsaved::store_pair(context, &mut unsaved).await?;
    unsaved::finish_stored(context, unsaved, true).await?;
    Ok(Merged::Done)
}

/// Reports once in a process that a file cannot be taken back.
fn report_unusable_file(
    context: &AuthContext,
    shop: &Shop,
    file: &Path,
    error: &dyn std::error::Error,
) -> Merged {
    if context.shop_state(&shop.name).claims_file_report(file.to_owned()) {
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

/// Removes the files of a shop whose grant is forgotten: what waits in them must not bring it back.
pub async fn forget_files(state: &Path, store: &Store, shop: &str) -> Result<(), AuthError> {
    let folder = UnsavedFolder::below(state);
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
    /// A login whose account the platform has not given yet. It does not block the present grant.
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
