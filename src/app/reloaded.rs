//! The app after a reload: what the new config does not change stays the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    App, AppError, Applications, enabled_shops, grants, health_snapshot, policy_of, refresh_before_of,
};
use crate::config::{Config, Loaded};
use crate::domain::shop::Shop;
use crate::platform::{Application, profile};

impl App {
    /// Makes the app for another config, on the same database and with the same grants. Clients of unchanged apps are kept,
    /// with what they learned; a changed app keeps its rate limit. On an error nothing has changed, here or in the database.
    pub async fn reloaded(&self, loaded: impl Into<Arc<Loaded>>) -> Result<Self, AppError> {
        let loaded = loaded.into();
        let config = &loaded.config;
        let applications = Arc::new(self.connect_again(config)?);
        let shops = enabled_shops(config, &applications);
        grants::check(config, &shops, self.tokens.capabilities())?;
        self.store.shops().register(&shops).await?;

        for (name, application) in &*applications {
            if let Some(rate) = config.requests_per_second(name) {
                application.set_rate(rate);
            }
        }
        self.shop_permits.resize(config.sync.shops_in_parallel);
        let tokens = self.tokens.with_apps(applications.clone(), refresh_before_of(config));
        let app = Self {
            clock: self.clock.clone(),
            store: self.store.clone(),
            applications,
            tokens,
            policy: policy_of(config),
            owner: self.owner.clone(),
            shop_permits: self.shop_permits.clone(),
            snapshot_cache: health_snapshot::SnapshotCache::default(),
            shops,
            loaded,
        };
        app.take_over_grants(self).await;
        Ok(app)
    }

    /// Clients for the apps of a config. Unchanged apps keep theirs.
    fn connect_again(&self, config: &Config) -> Result<Applications, AppError> {
        let mut applications = BTreeMap::new();
        for name in config.apps.keys() {
            let application = match self.reconnect(config, name)? {
                Some(application) => application,
                None => match super::connect_app(config, name, &self.clock)? {
                    Some(application) => Arc::new(application),
                    None => continue,
                },
            };
            applications.insert(name.clone(), application);
        }
        Ok(applications)
    }

    /// The client of an app that existed before. `None`: the platform sees it as a new app.
    fn reconnect(&self, config: &Config, name: &str) -> Result<Option<Arc<Application>>, AppError> {
        let settings = |config: &Config| config.app_settings(name, &self.clock);
        let parts =
            (self.applications.get(name), config.apps.get(name), settings(self.config()), settings(config));
        let (Some(former), Some(app), Some(settings_before), Some(settings)) = parts else {
            return Ok(None);
        };
        let Some(profile) = profile(&app.platform) else { return Ok(None) };
        if former.platform().profile().name != profile.name || !settings.shares_limit_with(&settings_before) {
            return Ok(None);
        }
        let is_same_client = settings.is_same_as(&settings_before);
        if is_same_client && config.retry_policy() == self.config().retry_policy() {
            return Ok(Some(former.clone()));
        }
        let client = if is_same_client { former.client() } else { (profile.connect)(settings)? };
        Ok(Some(Arc::new(former.succeeded_by(client, config.retry_policy()))))
    }

    /// Recovers the grants of new shops, as at a start, and forgets cached tokens of shops that moved to another app.
    async fn take_over_grants(&self, former: &Self) {
        let is_new = |shop: &&Shop| former.shop(&shop.name).is_none_or(|before| !before.is_at(shop));
        let new: Vec<Shop> = self.shops.iter().filter(is_new).cloned().collect();
        for shop in &new {
            self.tokens.reread(&shop.name);
        }
        if !new.is_empty() {
            self.tokens.recover(&new).await;
        }
    }
}
