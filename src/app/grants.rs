//! Opens the token store that the config names, and loads the keys that encrypt it.

use std::sync::Arc;

use crate::auth::keys::reseal::stored_key_ids;
use crate::auth::store::file::FileTokenStore;
use crate::auth::store::grants::Grants;
use crate::auth::store::memory::MemoryTokenStore;
use crate::auth::store::{Capabilities, TokenStore, TokenStoreError, missing_capability};
use crate::auth::{AuthError, KeyPlaces, Keyring};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::domain::shop::Shop;
use crate::platform::profile;
use crate::store::Store;

/// Opens the store that `[tokens] store` names.
pub(super) fn open(config: &Config, store: &Store, clock: Clock) -> Result<Arc<dyn TokenStore>, AuthError> {
    Ok(match config.tokens.store {
        config::TokenStore::Database => Arc::new(store.clone()),
        config::TokenStore::File => {
            Arc::new(FileTokenStore::open(&config.tokens.directory, clock).map_err(TokenStoreError::new)?)
        }
        config::TokenStore::Memory => {
            tracing::warn!(
                event = "config.warning",
                "`[tokens] store = \"memory\"`: all authorisations are lost when this process ends"
            );
            Arc::new(MemoryTokenStore::new(clock))
        }
    })
}

/// Refuses a store that could lose tokens which a platform issues only once.
pub(super) fn check(config: &Config, shops: &[Shop], promised: Capabilities) -> Result<(), AuthError> {
    if config.tokens.allow_memory {
        return Ok(());
    }
    for shop in shops {
        let Some(profile) = profile(shop.platform) else { continue };
        let app_refreshes = config.apps.get(&shop.app).is_some_and(|app| app.refresh_type.is_some());
        let missing = missing_capability(&profile.grant, app_refreshes, promised);
        if let Some(missing) = missing {
            return Err(AuthError::Unfit { shop: shop.name.clone(), app: shop.app.clone(), missing });
        }
    }
    Ok(())
}

/// Loads the keys that decrypt what is stored. If nothing is encrypted, no key is read or created.
pub(super) async fn keyring(config: &Config, store: &Store, grants: &Grants) -> Result<Keyring, AuthError> {
    let places = KeyPlaces {
        credentials: config.credentials.clone(),
        key_file: config.tokens.key_file.clone(),
        beside: config.key_folder(),
    };
    let sealed_with = stored_key_ids(grants, store).await?;
    if !config.tokens.seal && sealed_with.is_empty() {
        return Ok(Keyring::in_clear(None));
    }
    let keys = places.load(&sealed_with)?;
    for warning in &keys.warnings {
        tracing::warn!(event = "config.warning", "{warning}");
    }
    let in_files = config.tokens.store == config::TokenStore::File;
    Ok(match (config.tokens.seal, in_files) {
        (false, _) => Keyring::in_clear(Some(keys.keyring)),
        (true, true) => keys.keyring.opening_clear(),
        (true, false) => keys.keyring,
    })
}
