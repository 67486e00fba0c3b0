//! Everything that a job or a verb may use. The only place that connects the parts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::auth::TokenParts;
use crate::auth::store::TokenStore;
use crate::auth::store::grants::Grants;
use crate::auth::{AuthError, Tokens};
use crate::clock::Clock;
use crate::config::{AppConfig, Config, FULL_DEFAULT, Loaded};
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::platform::{Application, ConnectError, DetailNeed, profile};
use crate::store::db::owner::Owner;
use crate::store::{Store, StoreError, StoreSettings};
use crate::sync::{Policy, Progress, RecordSync};

mod grants;
pub mod health_snapshot;
pub mod live;
mod permits;
mod reloaded;

pub use permits::{Permit, Permits};

/// The program with its config, database and apps.
pub struct App {
    pub loaded: Arc<Loaded>,
    pub clock: Clock,
    pub store: Store,
    pub applications: Arc<Applications>,
    pub tokens: Tokens,
    /// Enabled shops, by name.
    pub shops: Vec<Shop>,
    pub policy: Policy,
    /// This process, as leases name it.
    pub owner: Owner,
    /// Permits for the shops that are read at the same time.
    pub shop_permits: Arc<Permits>,
    snapshot_cache: health_snapshot::SnapshotCache,
}

/// By the section names of the apps.
type Applications = BTreeMap<String, Arc<Application>>;

/// Why the app could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl AppError {
    /// Whether the database is away, and nothing else is wrong.
    pub fn is_database_away(&self) -> bool {
        match self {
            Self::Connect(_) => false,
            Self::Store(error) => error.is_unavailable(),
            Self::Auth(error) => error.is_database_away(),
        }
    }
}

impl App {
    /// Connects to the database, brings its schema up to date and makes a client for each app.
    pub async fn open(loaded: Loaded, clock: Clock) -> Result<Self, AppError> {
        let store = Self::open_store(&loaded, clock.clone()).await?;
        Self::with_store(loaded, clock, store).await
    }

    /// Opens the token store, without the keys that decrypt it.
    pub fn open_token_store(
        config: &Config,
        clock: Clock,
        store: &Store,
    ) -> Result<Arc<dyn TokenStore>, AppError> {
        Ok(grants::open(config, store, clock)?)
    }

    /// Opens the database and brings its schema up to date.
    pub async fn open_store(loaded: &Loaded, clock: Clock) -> Result<Store, AppError> {
        let settings = StoreSettings {
            url: loaded.config.database_url().clone(),
            schema: loaded.config.database.schema.clone(),
        };
        let store = Store::connect_with(&settings, loaded.config.database.connections_max, clock).await?;
        tracing::debug!(database = store.describe(), "connected");
        let applied = store.schema().migrate().await?;
        if !applied.is_empty() {
            tracing::debug!("migrated the database: {}", applied.join(", "));
        }
        Ok(store)
    }

    /// Opens the app on a database that is open already.
    pub async fn with_store(
        loaded: impl Into<Arc<Loaded>>,
        clock: Clock,
        store: Store,
    ) -> Result<Self, AppError> {
        let loaded = loaded.into();
        let grants = grants::open(&loaded.config, &store, clock.clone())?;
        Self::with_token_store(loaded, clock, store, grants).await
    }

    /// The same, with the caller's token store instead of the one that `[tokens] store` names.
    pub async fn with_token_store(
        loaded: impl Into<Arc<Loaded>>,
        clock: Clock,
        store: Store,
        grants: Arc<dyn TokenStore>,
    ) -> Result<Self, AppError> {
        let loaded = loaded.into();
        let config = &loaded.config;
        let applications = Arc::new(connect_apps(config, &clock)?);
        let shops = enabled_shops(config, &applications);
        store.shops().register(&shops).await?;
        let grants = Grants::new(grants);
        grants::check(config, &shops, grants.capabilities())?;
        let tokens = open_tokens(config, &store, grants, applications.clone(), clock.clone()).await?;
        tokens.recover(&shops).await;
        tokens.convert().await?;
        let policy = policy_of(config);
        let shop_permits = Arc::new(Permits::new(config.sync.shops_in_parallel));
        Ok(Self {
            clock,
            store,
            applications,
            tokens,
            shops,
            policy,
            owner: Owner::this_process(),
            shop_permits,
            snapshot_cache: health_snapshot::SnapshotCache::default(),
            loaded,
        })
    }

    pub fn config(&self) -> &Config {
        &self.loaded.config
    }

    pub fn shop(&self, name: &str) -> Option<&Shop> {
        self.shops.iter().find(|shop| shop.name == name)
    }

    /// The shops that the job `name` covers.
    pub fn covered_by(&self, job: &str) -> Vec<Shop> {
        let Some(job) = self.config().jobs.get(job) else {
            return Vec::new();
        };
        self.shops.iter().filter(|shop| job.covers(shop)).cloned().collect()
    }

    /// Whether an enabled job keeps a shop's record up to date.
    pub fn is_covered(&self, shop: &Shop, record: Record) -> bool {
        self.config().sync_jobs(record).any(|(_, job)| job.covers(shop))
    }

    /// Whether a shop's record is read: the config wants it, and the platform's client supports it.
    pub fn reads(&self, shop: &Shop, record: Record) -> bool {
        let application = self.applications.get(&shop.app);
        shop.records.contains(&record)
            && application.is_some_and(|application| application.platform().source(record).is_some())
    }

    /// Whether a shop's platform and zone have this record, also if the config does not want it.
    pub fn has_record(&self, shop: &Shop, record: Record) -> bool {
        profile(shop.platform).is_some_and(|profile| profile.records(&shop.zone).contains(&record))
    }

    /// Whether the lane exists. Every record that is read has an update lane. Records that the platform lists by creation time
    /// have a create lane. Orders whose money needs calls of its own have the lane for amounts.
    pub fn has_lane(&self, shop: &Shop, record: Record, lane: Lane) -> bool {
        if !self.reads(shop, record) {
            return false;
        }
        let Some(platform) = self.applications.get(&shop.app).map(|application| application.platform())
        else {
            return false;
        };
        match lane {
            Lane::Update => true,
            Lane::Create => {
                platform.source(record).is_some_and(|source| source.paging().create_max().is_some())
            }
            Lane::Amounts => record == Record::Orders && shop.options.amounts && platform.amounts().is_some(),
        }
    }

    /// How old the last full scan of a record may be, by the jobs that cover it.
    fn full_every(&self, shop: &Shop, record: Record) -> TimeDelta {
        let covering = self.config().sync_jobs(record).filter(|(_, job)| job.covers(shop));
        delta(covering.map(|(_, job)| job.full).min().unwrap_or(FULL_DEFAULT))
    }

    /// Whether the money of a shop's orders is read by calls of its own.
    pub fn reads_amounts(&self, shop: &Shop) -> bool {
        self.has_lane(shop, Record::Orders, Lane::Amounts)
    }

    /// Whether this record is stored without its details if they cannot be read.
    pub fn details_are_extra(&self, shop: &Shop, record: Record) -> bool {
        let application = self.applications.get(&shop.app);
        let source = application.and_then(|application| application.platform().source(record));
        let details = source.and_then(|source| source.paging().details);
        details.is_some_and(|details| details.need == DetailNeed::Optional)
    }

    /// Makes what reads one record of a shop, given the id of the run. `None`: the record is not read.
    pub fn record_sync(
        &self,
        shop: &Shop,
        record: Record,
        progress: Arc<Progress>,
        cancel: CancellationToken,
    ) -> Option<impl FnOnce(i64) -> RecordSync> {
        let application = self.applications.get(&shop.app).filter(|_| self.reads(shop, record))?.clone();
        let paging = application.platform().source(record)?.paging().clone();
        let full_every = self.full_every(shop, record);
        Some(move |run_id| RecordSync {
            store: self.store.clone(),
            application,
            tokens: self.tokens.clone(),
            clock: self.clock.clone(),
            policy: self.policy,
            record,
            paging,
            full_every,
            shop: shop.clone(),
            progress,
            cancel,
            run_id,
        })
    }
}

/// The token layer, with the keys that decrypt what is stored.
async fn open_tokens(
    config: &Config,
    store: &Store,
    grants: Grants,
    applications: Arc<Applications>,
    clock: Clock,
) -> Result<Tokens, AuthError> {
    let keyring = grants::keyring(config, store, &grants).await?;
    Ok(Tokens::of(TokenParts {
        grants,
        store: store.clone(),
        applications,
        keyring,
        clock,
        refresh_before: refresh_before_of(config),
        state_folder: Some(config.state_folder()),
    }))
}

/// A client for each app.
fn connect_apps(config: &Config, clock: &Clock) -> Result<Applications, AppError> {
    let mut applications = BTreeMap::new();
    for name in config.apps.keys() {
        if let Some(application) = connect_app(config, name, clock)? {
            applications.insert(name.clone(), Arc::new(application));
        }
    }
    Ok(applications)
}

/// `None` only for an app that the checks of the config refuse.
fn connect_app(config: &Config, name: &str, clock: &Clock) -> Result<Option<Application>, AppError> {
    let profile = config.apps.get(name).and_then(|app| profile(&app.platform));
    let parts = (profile, config.app_settings(name, clock), config.requests_per_second(name));
    let (Some(profile), Some(settings), Some(rate)) = parts else {
        return Ok(None);
    };
    let platform = (profile.connect)(settings)?;
    Ok(Some(Application::new(name.to_owned(), platform, rate, config.retry_policy())))
}

fn enabled_shops(config: &Config, applications: &Applications) -> Vec<Shop> {
    config.shops().into_iter().filter(|shop| applications.contains_key(&shop.app)).collect()
}

fn policy_of(config: &Config) -> Policy {
    Policy {
        history: delta(config.sync.history),
        overlap: delta(config.sync.overlap),
        settle: delta(config.sync.settle),
        windows_in_parallel: config.sync.windows_in_parallel,
    }
}

/// How long before its end a token is renewed, for the apps that set it.
fn refresh_before_of(config: &Config) -> BTreeMap<String, TimeDelta> {
    let of_app = |(name, app): (&String, &AppConfig)| Some((name.clone(), delta(app.refresh_before?)));
    config.apps.iter().filter_map(of_app).collect()
}

/// Cannot overflow: the config limits its durations.
fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
