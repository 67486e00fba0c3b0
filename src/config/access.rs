//! What the rest of the program reads from the config.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::clock::Clock;
use crate::domain::record::Record;
use crate::domain::shop::{Shop, ShopOptions};
use crate::platform::AppSettings;
use crate::platform::retry::RetryPolicy;

use super::forms::{Form, SecretAddress};
use super::{AppConfig, Config, JobConfig, ShopConfig, Work, database};

impl Config {
    /// The shops that are copied, by name: those enabled.
    pub fn shops(&self) -> Vec<Shop> {
        let enabled = self.shops.iter().filter(|(_, shop)| shop.enabled);
        enabled.filter_map(|(name, shop)| self.shop(name, shop)).collect()
    }

    /// What a client of an app needs to know. `None`: there is no such app.
    pub fn app_settings(&self, name: &str, clock: &Clock) -> Option<AppSettings> {
        let app = self.apps.get(name)?;
        Some(AppSettings {
            name: name.to_owned(),
            gateway: app.gateway()?,
            zone: app.zone_name().to_owned(),
            app_key: app.app_key.clone(),
            app_secret: app.effective_secret.clone(),
            proxy: app.proxy.clone(),
            sign_method: app.sign_method,
            redirect_uri: self.redirect_uri(app),
            refresh_type: app.refresh_type.clone(),
            request_timeout: self.retry.request_timeout,
            clock: clock.clone(),
        })
    }

    /// The rate limit of an app. `None`: there is no such app.
    pub fn requests_per_second(&self, app: &str) -> Option<f64> {
        let app = self.apps.get(app)?;
        Some(app.requests_per_second.unwrap_or(app.profile()?.requests_per_second))
    }

    pub fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            attempts_max: self.retry.attempts_max,
            backoff_min: self.retry.backoff_min,
            backoff_max: self.retry.backoff_max,
        }
    }

    /// The database's address, with an absolute path for SQLite. The schema stands in `database.schema`.
    pub fn database_url(&self) -> &SecretString {
        &self.database.effective_url
    }

    /// The database's address as it may be shown: without its password.
    pub fn database_shown(&self) -> String {
        SecretAddress::write(&self.database.effective_url)
    }

    /// The file of a SQLite database. `None`: it is Postgres.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        database::sqlite_file(self.database.effective_url.expose_secret())
    }

    /// From now on the database is an empty SQLite file in `folder`, with all that lies beside it.
    pub fn use_empty_database_in(&mut self, folder: &Path) {
        let file = folder.join("shopsync.db");
        self.database.effective_url = SecretString::from(format!("sqlite://{}", file.display()));
        self.state = None;
    }

    /// The enabled jobs that sync `record`, by name. That `[sync] enabled` is off makes no difference: by hand the same
    /// is read.
    pub fn sync_jobs(&self, record: Record) -> impl Iterator<Item = (&str, &JobConfig)> {
        self.jobs
            .iter()
            .filter(move |(_, job)| job.enabled && job.work() == Some(Work::Sync(record)))
            .map(|(name, job)| (name.as_str(), job))
    }

    /// The jobs that run, with what they do, by name.
    pub fn enabled_jobs(&self) -> impl Iterator<Item = (&str, &JobConfig, Work)> {
        let enabled = self.jobs.iter().filter(|(_, job)| self.sync.enabled && job.enabled);
        enabled.filter_map(|(name, job)| Some((name.as_str(), job, job.work()?)))
    }

    /// Where the key that seals tokens is looked for when no other place is named: beside the SQLite file, or
    /// beside the config file for Postgres.
    pub fn key_folder(&self) -> PathBuf {
        database::sqlite_file(self.database.effective_url.expose_secret())
            .and_then(|file| file.parent().map(Path::to_owned))
            .unwrap_or_else(|| self.base.clone())
    }

    /// The folder whose owner this program works as: of the SQLite file, or of the key for Postgres.
    pub fn own_folder(&self) -> PathBuf {
        let beside_key = self.tokens.key_file.as_ref().and_then(|key| key.parent().map(Path::to_owned));
        match database::sqlite_file(self.database.effective_url.expose_secret()) {
            None => beside_key.unwrap_or_else(|| self.key_folder()),
            Some(_) => self.key_folder(),
        }
    }

    /// Where new tokens go that the database does not take: a folder that outlives a restart.
    pub fn state_folder(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| self.key_folder())
    }

    fn shop(&self, name: &str, shop: &ShopConfig) -> Option<Shop> {
        let app = self.apps.get(&shop.app)?;
        let profile = app.profile()?;
        Some(Shop {
            name: name.to_owned(),
            app: shop.app.clone(),
            platform: profile.name,
            zone: app.zone_name().to_owned(),
            account: shop.account.clone(),
            records: shop.records_of(app),
            options: ShopOptions {
                amounts: shop.amounts,
                detail: shop.detail,
                stock_detail: shop.stock_detail,
            },
            code_command: shop.code_command.clone(),
        })
    }

    /// Empty when no one said where owners come back to.
    fn redirect_uri(&self, app: &AppConfig) -> String {
        if let Some(uri) = &app.redirect_uri {
            return uri.clone();
        }
        let Some(public) = &self.http.public_url else {
            return String::new();
        };
        let root = public.as_str().trim_end_matches('/');
        format!("{root}/oauth/{}/callback", app.platform)
    }
}

impl AppConfig {
    /// The app's own, else the zone's, else the platform's. `None` only before validation.
    fn gateway(&self) -> Option<Url> {
        let profile = self.profile()?;
        let zone = profile.zone(self.zone_name()).map(|zone| zone.gateway);
        let known = || Url::parse(zone.or(profile.gateway)?).ok();
        self.gateway.clone().or_else(known)
    }
}

impl ShopConfig {
    /// What is requested, in the order people read records, each once; by default all there is.
    fn records_of(&self, app: &AppConfig) -> Vec<Record> {
        let has = app.profile().map_or(&[][..], |profile| profile.records(app.zone_name()));
        let wanted = |record: &Record| self.records.as_ref().is_none_or(|records| records.contains(record));
        has.iter().copied().filter(wanted).collect()
    }
}
