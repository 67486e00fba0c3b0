//! Puts a new pair where a crash does not reach it: into a file at once, then into the store. The order of the steps
//! stands in [`super`].

use tokio::time::Instant;

use crate::auth::AuthError;
use crate::auth::context::{AuthContext, PERSIST_FOR_MAX, PERSIST_PAUSE_MAX, PERSIST_PAUSE_MIN};
use crate::auth::refresh::unsaved;
use crate::auth::refresh::unsaved::pair::{Kept, Unsaved};
use crate::auth::refresh::unsaved::recovery;
use crate::domain::shop::Shop;

/// Puts a new pair where a crash does not reach it: into a file at once, then into the store. The refresh token it
/// came from is used up.
pub async fn commit(context: &AuthContext, shop: &Shop, mut unsaved: Unsaved) -> Result<Kept, AuthError> {
    let shop_state = context.shop_state(&shop.name);
    // Before any lock: another task that stores something may be waiting for a database that is locked for minutes.
    let mut not_in_file = unsaved::write_file(context, &mut unsaved).await.err();
    shop_state.keep_unsaved(Some(unsaved.clone()));
    let begun = Instant::now();
    let mut pause = PERSIST_PAUSE_MIN;
    loop {
        let why = match wait_for_store(context, shop).await {
            Ok(()) => return Ok(Kept::Stored),
            Err(why) => why,
        };
        if unsaved.file.is_some() {
            shop_state.report_unsaved(&unsaved, &why, None);
            return Ok(Kept::InFile);
        }
        // Nothing else keeps it: it is offered to both.
        not_in_file = unsaved::write_file(context, &mut unsaved).await.err().or(not_in_file);
        shop_state.set_file(&unsaved);
        if unsaved.file.is_none() {
            if begun.elapsed() > PERSIST_FOR_MAX {
                shop_state.report_unsaved(&unsaved, &why, not_in_file);
                return Err(why);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PERSIST_PAUSE_MAX);
        }
    }
}

/// Offers the pair that waits to the store, in a task that goes on when no one waits any more.
async fn wait_for_store(context: &AuthContext, shop: &Shop) -> Result<(), AuthError> {
    let (task_context, stored_for) = (context.clone(), shop.clone());
    let storing = tokio::spawn(async move {
        let stored = unsaved::store_unsaved(&task_context, &task_context.shop_state(&stored_for.name)).await;
        if stored.is_err() {
            recovery::spawn_recovery(&task_context, &stored_for);
        }
        stored
    });
    tokio::select! {
        stored = storing => stored.unwrap_or_else(|_| Err(AuthError::Broken { shop: shop.name.clone() })),
        late = context.store_is_late() => Err(late.into()),
    }
}
