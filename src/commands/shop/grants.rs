//! The grant of a shop that is renamed or forgotten, where it lies outside the database and no transaction reaches it.

use crate::app::App;
use crate::auth::AuthError;
use crate::auth::store::TokenStore;
use crate::auth::store::grants::Grants;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::domain::credential::Credential;
use crate::exit::{Exit, Failure};
use crate::store::Store;

/// A token store that is not the database.
pub(super) struct Elsewhere(std::sync::Arc<dyn TokenStore>);

impl Elsewhere {
    /// `None`: grants are rows like others.
    pub(super) fn open(config: &Config, clock: Clock, store: &Store) -> anyhow::Result<Option<Self>> {
        if config.tokens.store == config::TokenStore::Database {
            return Ok(None);
        }
        Ok(Some(Self(App::open_token_store(config, clock, store)?)))
    }

    /// Puts the grant under its new name beside the old one. Done again after a crash, it does nothing.
    pub(super) async fn copy(&self, old: &str, new: &str) -> anyhow::Result<()> {
        let Some(row) = Grants::new(self.0.clone()).load(old).await.map_err(AuthError::from)? else {
            return Ok(());
        };
        if row.lease.is_some() {
            let message =
                format!("the token of `{old}` is being renewed: stop the daemon, and say this again");
            return Err(Failure::new(Exit::Later, message).into());
        }
        let copy = Credential { shop: new.to_owned(), ..row };
        let is_copied = self.0.swap(None, &copy).await.map_err(AuthError::from)?;
        let there = self.0.load(new).await.map_err(AuthError::from)?;
        if is_copied || there.is_some_and(|there| there.tokens == copy.tokens) {
            return Ok(());
        }
        let message =
            format!("there is a grant of a shop `{new}` already: `shopsync auth clear {new}` forgets it");
        Err(Failure::new(Exit::BadInput, message).into())
    }

    pub(super) async fn clear(&self, shop: &str) -> anyhow::Result<()> {
        self.0.clear(shop).await.map_err(AuthError::from)?;
        Ok(())
    }
}
