//! Brings a new pair to where a crash does not reach it: after a refresh token is used up, its
//! successor exists nowhere but in this process.
//!
//! The order of things, each step safe to repeat and to be cut off after:
//!
//! 1. room for a file is taken on the disk; the intent is written, and read back by a connection that did not write it;
//!    else nothing is sent;
//! 2. the refresh token is sent, once;
//! 3. the pair of the answer is sealed and written into that room, before any lock and any database, also when the disk
//!    is full by now: from here on it survives;
//! 4. the pair is committed under the claim of the intent, and read back as the intent was;
//! 5. the file is removed.
//!
//! Callers get the new token after step 4, or after `STORE_WAIT` with step 3 done; the rest then goes on without them,
//! and in the next process if need be: the process that finds the file continues at step 4. Without a folder for the
//! file, step 4 is tried until it is done. What a login brings goes the same way, from step 3 on (`login_pair`). What
//! is left to chance is the moment between the end of step 2 and the end of step 3: a few milliseconds.

pub(in crate::auth) mod commit;
pub(in crate::auth) mod file;
pub(in crate::auth) mod orphans;
pub(in crate::auth) mod pair;
pub(in crate::auth) mod recovery;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::auth::AuthError;
use crate::auth::context::{AuthContext, POLL, POLLS_MAX, blocking};
use crate::auth::refresh::unsaved::file::Room;
use crate::auth::refresh::unsaved::pair::Unsaved;
use crate::auth::shop_state::ShopTokenState;
use crate::auth::store::TokenStoreError;
use crate::auth::store::grants::holds;
use crate::domain::credential::Condition;
use crate::domain::shop::Shop;

/// Stores the pair that waits, if one does, and removes its file.
pub async fn store_unsaved(context: &AuthContext, shop_state: &ShopTokenState) -> Result<(), AuthError> {
    let _turn = shop_state.saving.lock().await;
    let Some(mut unsaved) = shop_state.unsaved() else { return Ok(()) };
    let stored = store_pair(context, &mut unsaved).await;
    if let Err(source) = stored {
        shop_state.renew_claim(&unsaved);
        return Err(source.into());
    }
    let file = shop_state.take_unsaved(&unsaved.attempt);
    finish_stored(context, Unsaved { file, ..unsaved }, shop_state.claims_unsaved_report()).await
}

/// Offers a pair to the store until it is there or another process's is. One that found its place taken is kept
/// beside.
pub async fn store_pair(context: &AuthContext, unsaved: &mut Unsaved) -> Result<(), TokenStoreError> {
    for _ in 0..POLLS_MAX {
        let is_committed = context.grants().commit(&unsaved.claim, &unsaved.tokens).await?;
        if is_committed || reclaim(context, unsaved).await? {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err(TokenStoreError::new(NeverFree))
}

/// After a commit that was refused. `true`: our pair is kept after all. `false`: try again, with the claim this may
/// have renewed.
async fn reclaim(context: &AuthContext, unsaved: &mut Unsaved) -> Result<bool, TokenStoreError> {
    // Not as the writer sees it: a commit that never reached the disk looks there like one that did.
    let row = context.grants().read_back(&unsaved.claim.shop).await?;
    let Some(row) = row.filter(|row| unsaved.is_place_free(row)) else {
        return orphans::keep_orphan(context, &unsaved.claim, &unsaved.attempt, &unsaved.tokens)
            .await
            .map(|()| true);
    };
    // Our own commit may have gone through though its answer was lost.
    if holds(&row, &unsaved.tokens) {
        return Ok(true);
    }
    if row.lease.is_some() {
        return Ok(false);
    }
    // We were taken for dead, and the process that took over failed: it had only the token that we had used up. Ours is
    // the only successor of this version.
    let refresh_hash = row.attempt.as_ref().map(|attempt| attempt.refresh_hash.clone());
    let intent =
        context.intent(Condition::Replaying, refresh_hash.unwrap_or_default(), DateTime::<Utc>::MAX_UTC);
    if let Some(begun) = context.grants().begin(&row.claim(), &intent).await? {
        unsaved.claim = begun;
    }
    Ok(false)
}

/// Writes the file of a pair. Where there is no folder for it, the pair stays in memory.
pub async fn write_file(context: &AuthContext, unsaved: &mut Unsaved) -> std::io::Result<()> {
    let Some(folder) = context.shared.unsaved_folder.clone() else {
        return Ok(());
    };
    let pair = unsaved.clone();
    let room = context.shop_state(&unsaved.claim.shop).take_room();
    unsaved.file = Some(blocking(move || folder.write(&pair, room.as_deref())).await?);
    Ok(())
}

/// Takes room on the disk for the pair of a call that is about to be made, until what comes back is dropped. `None`:
/// there is no folder, or no room; then it is tried again when there is a pair.
pub async fn reserve(context: &AuthContext, shop: &Shop) -> Option<Arc<Room>> {
    let folder = context.shared.unsaved_folder.clone()?;
    match blocking(move || folder.reserve()).await {
        Ok(room) => {
            let room = Arc::new(room);
            context.shop_state(&shop.name).keep_room(&room);
            Some(room)
        }
        Err(error) => {
            tracing::debug!(shop = %shop.name, "no room was taken for the new tokens of `{}`: {error}", shop.name);
            None
        }
    }
}

/// After a pair has found its place: the file goes. One that had waited may save a grant that was given up.
pub async fn finish_stored(
    context: &AuthContext,
    unsaved: Unsaved,
    had_waited: bool,
) -> Result<(), AuthError> {
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
    orphans::adopt_if_given_up(context, &shop).await
}

#[derive(Debug, thiserror::Error)]
#[error("the row was never free")]
struct NeverFree;
