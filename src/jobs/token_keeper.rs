//! Keeps the tokens of all shops valid, also of shops that no job reads: renews tokens that are due, warns before an end that
//! only the owner can prevent, pauses shops whose grant is dead, and resumes shops that were authorised again.
//!
//! A check reads all shops and grants in two queries. [`plan`] decides what to do and [`actions`] does it. Several programs on
//! one database may each have a keeper.

mod actions;
pub mod code_command;
mod memory;
mod plan;

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::daemon::database::DatabaseWatch;
use crate::app::App;
use crate::auth::{AuthError, GrantStatus, Tokens};
use crate::clock::Clock;
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::error_text::{chain, panic_text};
use crate::platform::Application;
use crate::store::shops::ShopRow;
use crate::store::{Store, StoreError};

pub use actions::log_failure;

use actions::log_shop_failure;
use memory::KeeperMemory;
use plan::{Action, Snapshot};

/// Between two checks.
const CHECK_EVERY: Duration = Duration::from_secs(20);
/// Token calls at the same time for one app. A limit of its own for each app, so that a platform that hangs delays no other.
const CALLS_PER_APP_MAX: usize = 4;
/// Between the starts of two token calls, however many are due after a long pause.
const CALL_SPACING: Duration = Duration::from_millis(20);
/// Runs of `code_command` at the same time.
const COMMANDS_MAX: usize = 2;

/// What a keeper works with.
pub struct KeeperParts {
    pub store: Store,
    pub clock: Clock,
    pub config: KeeperConfig,
    pub database: Arc<DatabaseWatch>,
    pub cancel: CancellationToken,
}

/// What a reload may change.
pub struct KeeperConfig {
    pub tokens: Tokens,
    pub shops: Vec<Shop>,
    /// By the section names of the apps.
    pub applications: Arc<BTreeMap<String, Arc<Application>>>,
}

/// Cheap to clone. Clones share the same state.
#[derive(Clone)]
pub struct Keeper {
    shared: Arc<Shared>,
    /// An action keeps the config that it started with.
    config: Arc<KeeperConfig>,
}

struct Shared {
    store: Store,
    clock: Clock,
    database: Arc<DatabaseWatch>,
    cancel: CancellationToken,
    latest: watch::Sender<Arc<KeeperConfig>>,
    tracker: TaskTracker,
    /// Permits for token calls, by app.
    permits: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    commands: Semaphore,
    pace: tokio::sync::Mutex<Interval>,
    memory: Mutex<KeeperMemory>,
}

impl Keeper {
    pub fn new(parts: KeeperParts) -> Self {
        let mut pace = tokio::time::interval(CALL_SPACING);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let KeeperParts { store, clock, config, database, cancel } = parts;
        let config = Arc::new(config);
        Self {
            shared: Arc::new(Shared {
                store,
                clock,
                database,
                cancel,
                latest: watch::Sender::new(config.clone()),
                tracker: TaskTracker::new(),
                permits: Mutex::default(),
                commands: Semaphore::new(COMMANDS_MAX),
                pace: tokio::sync::Mutex::new(pace),
                memory: Mutex::default(),
            }),
            config,
        }
    }

    /// Uses another config from now on, and checks at once. Actions that run continue to their end.
    pub fn take_over(&self, config: KeeperConfig) {
        self.permits().retain(|app, _| config.applications.contains_key(app));
        let names = config.shops.iter().map(|shop| shop.name.as_str()).collect();
        self.memory().keep_only(&names);
        self.shared.latest.send_replace(Arc::new(config));
    }

    /// Checks until the program stops, then waits for the running actions. Follows the config of each app that `apps` brings.
    pub async fn run_with(self, mut apps: watch::Receiver<Arc<App>>) {
        let (keeper, cancel) = (self.clone(), self.shared.cancel.clone());
        let follow = cancel.run_until_cancelled(async move {
            while apps.changed().await.is_ok() {
                let config = KeeperConfig::from(&**apps.borrow_and_update());
                keeper.take_over(config);
            }
        });
        tokio::join!(self.run(), follow);
    }

    /// Checks until the program stops, then waits for the running actions. A refresh that has started is not among them: the
    /// token layer completes it.
    pub async fn run(mut self) {
        let cancel = self.shared.cancel.clone();
        let mut latest = self.shared.latest.subscribe();
        while !cancel.is_cancelled() {
            self.config = latest.borrow_and_update().clone();
            self.check().await;
            tokio::select! {
                () = cancel.cancelled() => {}
                _ = latest.changed() => {}
                () = tokio::time::sleep(CHECK_EVERY) => {}
            }
        }
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// Checks all shops once and starts the actions, most urgent first. Returns their tasks.
    pub async fn check(&self) -> Vec<JoinHandle<()>> {
        let shared = &self.shared;
        tokio::select! {
            () = shared.cancel.cancelled() => return Vec::new(),
            () = shared.database.wait() => {}
        }
        match self.read_all().await {
            Ok((rows, statuses)) => self.start_all(&rows, &statuses),
            Err(error) if error.is_database_away() => {
                shared.database.report_lost(chain(&error), &shared.cancel).await;
                Vec::new()
            }
            Err(error) => {
                log_failure(&chain(&error));
                Vec::new()
            }
        }
    }

    async fn read_all(&self) -> Result<(Rows, Statuses), ReadError> {
        let rows = self.shared.store.shops().all().await.map_err(ReadError::Shops)?;
        let statuses = self.config.tokens.statuses(&self.config.shops).await.map_err(ReadError::Grants)?;
        Ok((rows.into_iter().map(|row| (row.name.clone(), row)).collect(), statuses))
    }

    fn start_all(&self, rows: &Rows, statuses: &Statuses) -> Vec<JoinHandle<()>> {
        let now = self.shared.clock.now();
        let mut to_do = Vec::new();
        for shop in &self.config.shops {
            let Some(row) = rows.get(&shop.name) else {
                continue;
            };
            self.config.tokens.take_up_files(shop, &row.id);
            let status = match statuses.get(&shop.name) {
                Some(Err(error)) => {
                    self.report_and_back_off(shop, error);
                    continue;
                }
                Some(Ok(status)) => Some(status),
                None => None,
            };
            let actions = self.plan(shop, row, status, now);
            if !actions.is_empty() {
                let ends_at = status.map_or(DateTime::<Utc>::MAX_UTC, |status| status.access_ends_at);
                to_do.push((ends_at, shop, row, actions));
            }
        }
        to_do.sort_by_key(|(ends_at, ..)| *ends_at);
        to_do.into_iter().filter_map(|(_, shop, row, actions)| self.start(shop, row, actions)).collect()
    }

    /// Plans the actions for one shop, and remembers its state.
    fn plan(
        &self,
        shop: &Shop,
        row: &ShopRow,
        status: Option<&GrantStatus>,
        now: DateTime<Utc>,
    ) -> Vec<Action> {
        let Some(application) = self.config.applications.get(&shop.app) else {
            return Vec::new();
        };
        let mut memory = self.memory();
        let snapshot = Snapshot {
            shop,
            profile: application.platform().profile(),
            row,
            status,
            was_dead: memory.dead.contains(&shop.name),
        };
        let mut actions = snapshot.actions(now);
        let is_dead = snapshot.is_dead();
        let was_paused = memory.remember(&shop.name, is_dead, row.pause.is_some());
        if memory.is_backing_off(&shop.name, now) {
            actions.retain(|action| !matches!(action, Action::Renew | Action::Inspect));
        }
        drop(memory);
        if was_paused && row.pause.is_none() {
            self.log_resumed(shop);
        }
        actions
    }

    /// Executes the actions of one shop one after the other, in a task of its own. `None`: the shop's last actions still run.
    fn start(&self, shop: &Shop, row: &ShopRow, actions: Vec<Action>) -> Option<JoinHandle<()>> {
        if !self.memory().busy.insert(shop.name.clone()) {
            return None;
        }
        let (keeper, shop, row) = (self.clone(), shop.clone(), row.clone());
        Some(self.shared.tracker.spawn(async move {
            let _mark = BusyMark { keeper: &keeper, shop: &shop };
            for action in actions {
                if keeper.shared.cancel.is_cancelled() {
                    return;
                }
                let done = AssertUnwindSafe(keeper.execute(&shop, &row, action)).catch_unwind().await;
                match done {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => keeper.handle_error(&shop, &error).await,
                    Err(panic) => log_failure(&panic_text(&*panic)),
                }
            }
        }))
    }

    /// Waits for a permit for a token call of the app, and for the spacing between two calls. `None`: the program stops.
    async fn permit(&self, shop: &Shop) -> Option<OwnedSemaphorePermit> {
        let permits = self
            .permits()
            .entry(shop.app.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(CALLS_PER_APP_MAX)))
            .clone();
        let turn = async {
            let permit = permits.acquire_owned().await.ok()?;
            self.shared.pace.lock().await.tick().await;
            Some(permit)
        };
        tokio::select! {
            () = self.shared.cancel.cancelled() => None,
            permit = turn => permit,
        }
    }

    async fn handle_error(&self, shop: &Shop, error: &AuthError) {
        let shared = &self.shared;
        match error {
            error if error.is_database_away() => {
                shared.database.report_lost(chain(error), &shared.cancel).await;
            }
            // The token layer has reported it, and knows when to try again.
            AuthError::NeverAuthorised { .. }
            | AuthError::NeedsOwner { .. }
            | AuthError::Later { .. }
            | AuthError::NotStoredYet { .. } => {
                tracing::debug!(shop = %shop.name, "the grant of `{}`: {}", shop.name, chain(error));
            }
            // No back-off: a token pair may still wait to be stored, and every check tries again.
            AuthError::TokenStore { .. } | AuthError::Store { .. } => log_shop_failure(shop, error),
            _ => self.report_and_back_off(shop, error),
        }
    }

    /// Reports an error that does not go away by itself, and backs off from the shop.
    fn report_and_back_off(&self, shop: &Shop, error: &AuthError) {
        let now = self.shared.clock.now();
        let mut memory = self.memory();
        if memory.is_backing_off(&shop.name, now) {
            return;
        }
        memory.back_off(&shop.name, now);
        drop(memory);
        log_shop_failure(shop, error);
    }

    fn memory(&self) -> MutexGuard<'_, KeeperMemory> {
        self.shared.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permits(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Semaphore>>> {
        self.shared.permits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("could not read the shops")]
    Shops(#[source] StoreError),
    #[error("could not read the grants")]
    Grants(#[source] AuthError),
}

impl ReadError {
    fn is_database_away(&self) -> bool {
        match self {
            Self::Shops(error) => error.is_unavailable(),
            Self::Grants(error) => error.is_database_away(),
        }
    }
}

type Rows = HashMap<String, ShopRow>;
type Statuses = HashMap<String, Result<GrantStatus, AuthError>>;

/// Marks a shop's actions as running, for as long as it lives.
struct BusyMark<'a> {
    keeper: &'a Keeper,
    shop: &'a Shop,
}

impl Drop for BusyMark<'_> {
    fn drop(&mut self) {
        self.keeper.memory().busy.remove(&self.shop.name);
    }
}

impl From<&App> for KeeperConfig {
    fn from(app: &App) -> Self {
        Self {
            tokens: app.tokens.clone(),
            shops: app.shops.iter().map(|shop| with_records_in_use(app, shop)).collect(),
            applications: app.applications.clone(),
        }
    }
}

/// The shop with only those records that jobs read, so that no permission is reported as missing for the others.
fn with_records_in_use(app: &App, shop: &Shop) -> Shop {
    let is_in_use = |record: &Record| {
        app.reads(shop, *record) && app.config().sync_jobs(*record).any(|(_, job)| job.covers(shop))
    };
    Shop { records: shop.records.iter().copied().filter(is_in_use).collect(), ..shop.clone() }
}
