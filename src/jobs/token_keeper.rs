//! Keeps the grants of all shops alive, also of those that no job asks for: renews what is due, warns before an end that
//! only a person can put off, pauses what is dead and lets go on what was authorised again.
//!
//! A look reads all shops and all grants in two queries and starts what there is to do; [`plan`] decides what that is,
//! [`actions`] does it. Several programs on one database may each have a keeper.

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
use super::daemon::run::{chain, panic_text};
use crate::auth::{AuthError, GrantStatus, Tokens};
use crate::clock::Clock;
use crate::domain::shop::Shop;
use crate::platform::Application;
use crate::store::shops::ShopRow;
use crate::store::{Store, StoreError};

use actions::{tell_fault, tell_kept_not};
use memory::Seen;
use plan::{Duty, Sight};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// Calls for the grants of one app at the same time: an app whose platform hangs holds up no other.
const CALLS_PER_APP_MAX: usize = 4;
/// Calls for grants do not begin faster than this, whatever a long night has left to do.
const CALL_SPACING: Duration = Duration::from_millis(20);
/// `code_command`s at the same time.
const COMMANDS_MAX: usize = 2;

/// What a keeper works with.
pub struct KeeperParts {
    pub store: Store,
    pub tokens: Tokens,
    pub clock: Clock,
    pub shops: Vec<Shop>,
    /// By the section names of the apps.
    pub applications: Arc<BTreeMap<String, Arc<Application>>>,
    pub database: Arc<DatabaseWatch>,
    pub cancel: CancellationToken,
}

/// What the config may come to change of them.
pub struct Charge {
    pub tokens: Tokens,
    pub shops: Vec<Shop>,
    /// By the section names of the apps.
    pub applications: Arc<BTreeMap<String, Arc<Application>>>,
}

/// Cheap to clone; clones share what is under way.
#[derive(Clone)]
pub struct Keeper {
    shared: Arc<Shared>,
    /// What it looks after; a duty keeps what it began with to its end.
    charge: Arc<Charge>,
}

struct Shared {
    store: Store,
    clock: Clock,
    database: Arc<DatabaseWatch>,
    cancel: CancellationToken,
    latest: watch::Sender<Arc<Charge>>,
    tracker: TaskTracker,
    /// By app.
    places: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    commands: Semaphore,
    pace: tokio::sync::Mutex<Interval>,
    seen: Mutex<Seen>,
}

impl Keeper {
    pub fn new(parts: KeeperParts) -> Self {
        let mut pace = tokio::time::interval(CALL_SPACING);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let KeeperParts { store, tokens, clock, shops, applications, database, cancel } = parts;
        let charge = Arc::new(Charge { tokens, shops, applications });
        Self {
            shared: Arc::new(Shared {
                store,
                clock,
                database,
                cancel,
                latest: watch::Sender::new(charge.clone()),
                tracker: TaskTracker::new(),
                places: Mutex::default(),
                commands: Semaphore::new(COMMANDS_MAX),
                pace: tokio::sync::Mutex::new(pace),
                seen: Mutex::default(),
            }),
            charge,
        }
    }

    /// Looks after these from now on, beginning at once. What is under way for others is brought to its end.
    pub fn take_over(&self, charge: Charge) {
        self.places().retain(|app, _| charge.applications.contains_key(app));
        let names = charge.shops.iter().map(|shop| shop.name.as_str()).collect();
        self.seen().keep_only(&names);
        self.shared.latest.send_replace(Arc::new(charge));
    }

    /// Looks, again and again, until the program is to end; then waits for what is under way. A refresh that was
    /// begun is the token layer's to end.
    pub async fn run(mut self) {
        let cancel = self.shared.cancel.clone();
        let mut latest = self.shared.latest.subscribe();
        while !cancel.is_cancelled() {
            self.charge = latest.borrow_and_update().clone();
            // A fault of this program in one look must not be the last one.
            if let Err(panic) = AssertUnwindSafe(self.look()).catch_unwind().await {
                tell_fault(&panic_text(&*panic));
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                _ = latest.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// Looks at all shops once and starts what there is to do, most urgent first. The handles are for those who want to
    /// wait for it.
    pub async fn look(&self) -> Vec<JoinHandle<()>> {
        let shared = &self.shared;
        tokio::select! {
            () = shared.cancel.cancelled() => return Vec::new(),
            () = shared.database.wait() => {}
        }
        match self.read_all().await {
            Ok((rows, statuses)) => self.start_all(&rows, &statuses),
            Err(error) if error.is_database_away() => {
                shared.database.lost(chain(&error), &shared.cancel).await;
                Vec::new()
            }
            Err(error) => {
                tell_fault(&chain(&error));
                Vec::new()
            }
        }
    }

    async fn read_all(&self) -> Result<(Rows, Statuses), LookError> {
        let rows = self.shared.store.shops().all().await.map_err(LookError::Shops)?;
        let statuses = self.charge.tokens.statuses(&self.charge.shops).await.map_err(LookError::Grants)?;
        Ok((rows.into_iter().map(|row| (row.name.clone(), row)).collect(), statuses))
    }

    fn start_all(&self, rows: &Rows, statuses: &Statuses) -> Vec<JoinHandle<()>> {
        let now = self.shared.clock.now();
        let mut to_do = Vec::new();
        for shop in &self.charge.shops {
            let Some(row) = rows.get(&shop.name) else {
                continue;
            };
            self.charge.tokens.take_up_files(shop, &row.id);
            let status = match statuses.get(&shop.name) {
                Some(Err(error)) => {
                    self.tell_trouble(shop, error);
                    continue;
                }
                Some(Ok(status)) => Some(status),
                None => None,
            };
            let duties = self.duties(shop, row, status, now);
            if !duties.is_empty() {
                let ends_at = status.map_or(DateTime::<Utc>::MAX_UTC, |status| status.access_ends_at);
                to_do.push((ends_at, shop, row, duties));
            }
        }
        to_do.sort_by_key(|(ends_at, ..)| *ends_at);
        to_do.into_iter().filter_map(|(_, shop, row, duties)| self.start(shop, row, duties)).collect()
    }

    /// What there is to do for one shop, remembering what is seen of it.
    fn duties(
        &self,
        shop: &Shop,
        row: &ShopRow,
        status: Option<&GrantStatus>,
        now: DateTime<Utc>,
    ) -> Vec<Duty> {
        let Some(application) = self.charge.applications.get(&shop.app) else {
            return Vec::new();
        };
        let mut seen = self.seen();
        let sight = Sight {
            shop,
            profile: application.platform().profile(),
            row,
            status,
            was_dead: seen.dead.contains(&shop.name),
        };
        let mut duties = sight.duties(now);
        let is_dead = sight.is_dead();
        let was_paused = seen.keep(&shop.name, is_dead, row.pause.is_some());
        if seen.rests(&shop.name, now) {
            duties.retain(|duty| !matches!(duty, Duty::Renew | Duty::Inspect));
        }
        drop(seen);
        if was_paused && row.pause.is_none() {
            self.tell_resumed(shop);
        }
        duties
    }

    /// Does the duties of one shop, one after the other, in a task of its own. `None`: the last ones are not done yet.
    fn start(&self, shop: &Shop, row: &ShopRow, duties: Vec<Duty>) -> Option<JoinHandle<()>> {
        if !self.seen().under_way.insert(shop.name.clone()) {
            return None;
        }
        let (keeper, shop, row) = (self.clone(), shop.clone(), row.clone());
        Some(self.shared.tracker.spawn(async move {
            let _mark = UnderWay { keeper: &keeper, shop: &shop };
            for duty in duties {
                if keeper.shared.cancel.is_cancelled() {
                    return;
                }
                let done = AssertUnwindSafe(keeper.fulfil(&shop, &row, duty)).catch_unwind().await;
                match done {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => keeper.trouble(&shop, &error).await,
                    Err(panic) => tell_fault(&panic_text(&*panic)),
                }
            }
        }))
    }

    /// A place among the calls for the app's grants, and a moment for this one to begin. `None`: the program ends.
    async fn place(&self, shop: &Shop) -> Option<OwnedSemaphorePermit> {
        let places = self
            .places()
            .entry(shop.app.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(CALLS_PER_APP_MAX)))
            .clone();
        let turn = async {
            let place = places.acquire_owned().await.ok()?;
            self.shared.pace.lock().await.tick().await;
            Some(place)
        };
        tokio::select! {
            () = self.shared.cancel.cancelled() => None,
            place = turn => place,
        }
    }

    async fn trouble(&self, shop: &Shop, error: &AuthError) {
        let shared = &self.shared;
        match error {
            error if error.is_database_away() => shared.database.lost(chain(error), &shared.cancel).await,
            // Told by the token layer, which also knows until when the grant is left alone.
            AuthError::NeverAuthorised { .. }
            | AuthError::NeedsOwner { .. }
            | AuthError::Later { .. }
            | AuthError::NotStoredYet { .. } => {
                tracing::debug!(shop = %shop.name, "the grant of `{}`: {}", shop.name, chain(error));
            }
            // A pair may still wait for its place in the store: it is offered at every look.
            AuthError::TokenStore { .. } | AuthError::Store { .. } => tell_kept_not(shop, error),
            _ => self.tell_trouble(shop, error),
        }
    }

    /// Tells trouble that time does not mend, and leaves the shop alone for a while.
    fn tell_trouble(&self, shop: &Shop, error: &AuthError) {
        let now = self.shared.clock.now();
        let mut seen = self.seen();
        if seen.rests(&shop.name, now) {
            return;
        }
        seen.let_rest(&shop.name, now);
        drop(seen);
        tell_kept_not(shop, error);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Semaphore>>> {
        self.shared.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a look saw nothing.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("the shops could not be read")]
    Shops(#[source] StoreError),
    #[error("the grants could not be read")]
    Grants(#[source] AuthError),
}

impl LookError {
    fn is_database_away(&self) -> bool {
        match self {
            Self::Shops(error) => error.is_unavailable(),
            Self::Grants(error) => error.is_database_away(),
        }
    }
}

type Rows = HashMap<String, ShopRow>;
type Statuses = HashMap<String, Result<GrantStatus, AuthError>>;

/// Marks a shop's duties as under way, for as long as it lives.
struct UnderWay<'a> {
    keeper: &'a Keeper,
    shop: &'a Shop,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.keeper.seen().under_way.remove(&self.shop.name);
    }
}
