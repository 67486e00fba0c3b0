//! The app after a change of the config: what the change does not touch is the same as before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{App, AppError, Applications, enabled_shops, grants, policy_of, pulse, refresh_before_of};
use crate::config::{Config, Loaded};
use crate::domain::shop::Shop;
use crate::platform::{Application, profile};

impl App {
    /// The app that goes by another config, on the same database and with the same grants. Apps that did not change are
    /// the same ones, with what they learned; a changed one keeps its place in the rate limit. On an error nothing has
    /// changed, here or in the database.
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
        self.shops_at_once.resize(config.sync.shops_in_parallel);
        let tokens = self.tokens.with_apps(applications.clone(), refresh_before_of(config));
        let app = Self {
            clock: self.clock.clone(),
            store: self.store.clone(),
            applications,
            tokens,
            policy: policy_of(config),
            owner: self.owner.clone(),
            shops_at_once: self.shops_at_once.clone(),
            last_look: pulse::LastLook::default(),
            shops,
            loaded,
        };
        app.take_over_grants(self).await;
        Ok(app)
    }

    /// Clients for the apps of a config: new ones only where there is something new about them.
    fn connect_again(&self, config: &Config) -> Result<Applications, AppError> {
        let mut applications = BTreeMap::new();
        for name in config.apps.keys() {
            let application = match self.connect_like_before(config, name)? {
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

    /// What an app has become. `None`: there was none that its platform would take for the same.
    fn connect_like_before(&self, config: &Config, name: &str) -> Result<Option<Arc<Application>>, AppError> {
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

    /// Looks after the grants of shops that are new, as at a start, and hands out no token of an app to a shop that has
    /// moved to another.
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
