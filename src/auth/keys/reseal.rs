//! Seals again what is stored: after a key was added, and where sealing was turned on or off. Row by row, while others
//! work with them.

use std::collections::BTreeSet;

use crate::auth::AuthError;
use crate::auth::context::{AuthContext, POLL, POLLS_MAX};
use crate::auth::error::Delay;
use crate::auth::keys::file::KeyError;
use crate::auth::keys::keyring::NO_KEY;
use crate::auth::keys::pair::Pair;
use crate::auth::keys::seal::{Field, Place, SealError};
use crate::auth::store::grants::Grants;
use crate::domain::credential::{Credential, Orphan};
use crate::store::{Store, StoreError};

/// What became of the grants that were not sealed with the active key.
#[derive(Debug, Default)]
pub struct Resealed {
    pub changed: usize,
    /// The shops whose grants stay as they were, with the reason.
    pub left: Vec<(String, AuthError)>,
}

/// Seals with the key that was just put first into the key file.
pub fn adopt_key(context: &AuthContext, key_id: &str) -> Result<(), AuthError> {
    if context.keyring().learn(key_id) {
        return Ok(());
    }
    Err(KeyError::Vanished { key_id: key_id.to_owned() }.into())
}

/// The keys, other than the active one, that stored tokens are sealed with.
pub async fn other_keys_in_use(context: &AuthContext) -> Result<BTreeSet<String>, AuthError> {
    let mut key_ids = stored_key_ids(context.grants(), context.store()).await?;
    key_ids.remove(&context.keyring().active_id());
    Ok(key_ids)
}

/// Seals everything with the active key that is not; takes the seal off where nothing is to be sealed. May be
/// broken off at any point and done again.
pub async fn reseal_all(context: &AuthContext) -> Result<Resealed, AuthError> {
    let mut resealed = Resealed::default();
    for row in context.grants().list().await? {
        match reseal(context, &row.shop).await {
            Ok(true) => resealed.changed += 1,
            Ok(false) => {}
            Err(error @ (AuthError::TokenStore { .. } | AuthError::Store { .. })) => return Err(error),
            Err(error) => resealed.left.push((row.shop, error)),
        }
    }
    let store = context.store();
    let orphans = store.orphans().not_sealed_with(&context.keyring().active_id()).await;
    for orphan in orphans.map_err(|source| database(NO_SHOP, source))? {
        match reseal_orphan(context, &orphan).await {
            Ok(changed) => resealed.changed += usize::from(changed),
            Err(error @ AuthError::Store { .. }) => return Err(error),
            Err(error) => resealed.left.push((orphan.shop, error)),
        }
    }
    Ok(resealed)
}

/// `false`: it was sealed so already, or is no more.
async fn reseal(context: &AuthContext, shop: &str) -> Result<bool, AuthError> {
    for _ in 0..POLLS_MAX {
        let Some(row) = context.grants().load(shop).await? else {
            return Ok(false);
        };
        if row.tokens.key_id == context.keyring().active_id() {
            return Ok(false);
        }
        // A renewal under way brings a pair that is sealed with the new key, or gives the row back.
        if row.lease.is_none() && reseal_row(context, &row).await? {
            context.shop_state(shop).forget();
            return Ok(true);
        }
        tokio::time::sleep(POLL).await;
    }
    Err(AuthError::Later { shop: shop.to_owned(), until: context.now(), why: Delay::Contended })
}

async fn reseal_row(context: &AuthContext, row: &Credential) -> Result<bool, AuthError> {
    let id = id_of(context, &row.shop).await?;
    let sealed = |source| AuthError::Seal { shop: row.shop.clone(), source };
    let pair = Pair::open(row, context.keyring(), &id).map_err(sealed)?;
    let tokens = pair.seal(context.keyring(), &id, row.version).map_err(sealed)?;
    let previous = previous_resealed(context, row, &id).map_err(sealed)?;
    Ok(context.grants().reseal(&row.claim(), &tokens, previous.as_deref()).await?)
}

async fn reseal_orphan(context: &AuthContext, orphan: &Orphan) -> Result<bool, AuthError> {
    let id = id_of(context, &orphan.shop).await?;
    let sealed = |source| AuthError::Seal { shop: orphan.shop.clone(), source };
    let keys = context.keyring();
    // When its lineage began is kept nowhere, and not sealed into it.
    let granted_at = orphan.tokens.obtained_at;
    let pair = Pair::open_tokens(&orphan.tokens, orphan.version, granted_at, keys, &id).map_err(sealed)?;
    let tokens = pair.seal(keys, &id, orphan.version).map_err(sealed)?;
    let resealed = context.store().orphans().reseal(orphan, &tokens).await;
    resealed.map_err(|source| database(&orphan.shop, source))
}

fn previous_resealed(
    context: &AuthContext,
    row: &Credential,
    shop_id: &str,
) -> Result<Option<String>, SealError> {
    let place = Place { shop_id, field: Field::PreviousRefresh, generation: row.version };
    let Some(text) = &row.previous_refresh_sealed else {
        return Ok(None);
    };
    match context.keyring().open(text, &place) {
        Ok(token) => context.keyring().seal(&token, &place).map(Some),
        // It is kept for people alone, and was sealed with a key that is gone: no reason to keep the others back.
        Err(SealError::KeyMissing { .. }) => Ok(Some(text.clone())),
        Err(error) => Err(error),
    }
}

async fn id_of(context: &AuthContext, shop: &str) -> Result<String, AuthError> {
    let row = context.store().shops().get(shop).await;
    let row = row.map_err(|source| database(shop, source))?;
    row.map(|row| row.id).ok_or_else(|| AuthError::NotRegistered { shop: shop.to_owned() })
}

/// Brings what is stored into the form the config requests, where it was written in the other: sealed, or in clear.
pub async fn convert(context: &AuthContext) -> Result<(), AuthError> {
    let is_clear = context.keyring().active_id() == NO_KEY;
    let rows = context.grants().list().await?;
    if rows.iter().all(|row| (row.tokens.key_id == NO_KEY) == is_clear) {
        return Ok(());
    }
    let resealed = reseal_all(context).await?;
    match resealed.left.into_iter().next() {
        // A process that renews it now writes it in the form of its own config.
        Some((_, error)) if !matches!(error, AuthError::Later { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// The keys that anything stored is sealed with. Orphans lie in the database wherever the grants are.
pub async fn stored_key_ids(grants: &Grants, store: &Store) -> Result<BTreeSet<String>, AuthError> {
    let mut key_ids = grants.key_ids().await?;
    key_ids.extend(store.orphans().key_ids().await.map_err(|source| database(NO_SHOP, source))?);
    key_ids.remove(NO_KEY);
    Ok(key_ids)
}

/// In the place of a shop's name where all of them are meant.
const NO_SHOP: &str = "*";

fn database(shop: &str, source: StoreError) -> AuthError {
    AuthError::Store { shop: shop.to_owned(), source: source.into() }
}
