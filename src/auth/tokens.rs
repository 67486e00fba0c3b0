//! Hands out access tokens and sees to it that there are some: what the rest of the program knows of grants.
//!
//! A token that is valid is handed out at once, from memory. When it is due, a task of its own renews it while the
//! old one is still handed out; only when nothing valid is left does a caller wait. Callers may go away at any
//! time: the task does not notice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::Delay;
use super::policy::{Demand, Need, Rules};
use super::refresh::unsaved::file::SpillFolder;
use super::refresh::unsaved::recovery::forget_files;
use super::shop_state::{Landing, Slot, lock};
use super::store::Capabilities;
use super::store::grants::Grants;
use super::{AuthError, GrantStatus, Keyring};
use crate::clock::Clock;
use crate::domain::credential::Condition;
use crate::domain::grant::Access;
use crate::domain::shop::Shop;
use crate::platform::{Application, PlatformError};
use crate::store::Store;
use crate::store::db::owner::Owner;

/// How often a caller who needs a token looks again after a flight: each look is after a token call that went well.
const ROUNDS_MAX: usize = 3;

/// Keeps the grants of all shops. Cheap to clone; clones share memory and flights.
#[derive(Clone)]
pub struct Tokens {
    pub(super) shared: Arc<Shared>,
    /// Of its own: a flight ends with the apps it began with, whatever the config comes to say meanwhile.
    apps: Arc<Apps>,
}

/// What a config says of apps.
struct Apps {
    applications: Arc<BTreeMap<String, Arc<Application>>>,
    refresh_before: BTreeMap<String, TimeDelta>,
}

/// What is needed to keep grants.
pub struct TokenParts {
    pub store: Store,
    /// Where the grants are: the store itself, unless the config says otherwise.
    pub grants: Grants,
    /// By the section names of the apps, at first: see [`Tokens::with_apps`].
    pub applications: Arc<BTreeMap<String, Arc<Application>>>,
    pub keyring: Keyring,
    pub clock: Clock,
    /// `refresh_before` of the apps that set it.
    pub refresh_before: BTreeMap<String, TimeDelta>,
    /// A folder that outlives this process, for pairs the store does not take. `None`: there is none.
    pub state_folder: Option<PathBuf>,
}

pub(super) struct Shared {
    pub(super) parts: TokenParts,
    /// Who we are in the intent rows.
    pub(super) owner: Owner,
    /// Shops that this process said go on, until somebody asks.
    pub(super) resumed: Mutex<HashSet<String>>,
    pub(super) slots: Mutex<HashMap<String, Arc<Slot>>>,
    pub(super) spill: Option<SpillFolder>,
    pub(super) flights: TaskTracker,
    /// Set when the program is ending: no new call is begun.
    pub(super) stopping: CancellationToken,
}

impl Tokens {
    pub fn new(
        store: Store,
        applications: Arc<BTreeMap<String, Arc<Application>>>,
        keyring: Keyring,
        clock: Clock,
    ) -> Self {
        Self::of(TokenParts {
            grants: Grants::new(Arc::new(store.clone())),
            store,
            applications,
            keyring,
            clock,
            refresh_before: BTreeMap::new(),
            state_folder: None,
        })
    }

    pub fn of(parts: TokenParts) -> Self {
        let (applications, refresh_before) = (parts.applications.clone(), parts.refresh_before.clone());
        Self {
            apps: Arc::new(Apps { applications, refresh_before }),
            shared: Arc::new(Shared {
                spill: parts.state_folder.as_deref().map(SpillFolder::below),
                parts,
                owner: Owner::this_process(),
                slots: Mutex::default(),
                resumed: Mutex::default(),
                flights: TaskTracker::new(),
                stopping: CancellationToken::new(),
            }),
        }
    }

    /// The same grants, memory and flights, with the apps of another config.
    #[must_use]
    pub fn with_apps(
        &self,
        applications: Arc<BTreeMap<String, Arc<Application>>>,
        refresh_before: BTreeMap<String, TimeDelta>,
    ) -> Self {
        Self { shared: self.shared.clone(), apps: Arc::new(Apps { applications, refresh_before }) }
    }

    /// Lets go of the token in memory: the row is read again before the next call, by the rules of the shop's app.
    pub fn reread(&self, shop: &str) {
        self.slot(shop).forget();
    }

    /// What the place of the grants promises.
    pub fn capabilities(&self) -> Capabilities {
        self.grants().capabilities()
    }

    /// A valid access token. Waits only when none is left.
    pub async fn access(&self, shop: &Shop) -> Result<Access, AuthError> {
        let slot = self.slot(&shop.name);
        for _ in 0..ROUNDS_MAX {
            if let Some(access) = slot.fresh(self.now()) {
                return Ok(access);
            }
            let reader = slot.reading.lock().await;
            if let Some(access) = slot.fresh(self.now()) {
                return Ok(access);
            }
            let held = match self.read(shop).await {
                Ok(held) => held,
                // With the database away, what was read before is as true as it gets.
                Err(error @ (AuthError::TokenStore { .. } | AuthError::Store { .. })) => {
                    return slot.usable(self.now()).ok_or(error);
                }
                // Its first pair may wait in a file.
                Err(AuthError::NeverAuthorised { .. }) if self.has_files() => {
                    drop(reader);
                    land(shop, self.fly(shop, Demand::Due)).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            drop(reader);
            let now = self.now();
            let state = held.credential.state(&held.rules, Demand::Due, now);
            let wants_flight = match state.need {
                Need::Refresh | Need::Replay => true,
                Need::Busy => !state.usable,
                // Told to nobody yet: the flight writes it down and says so.
                Need::Owner(_) => held.credential.owner_reason().is_none(),
                // A pair may wait in a file, left by a process that died.
                Need::Rest { .. } => !state.usable && self.has_files(),
                Need::Copied => false,
            };
            let flight = wants_flight.then(|| self.fly(shop, Demand::Due));
            match (held.access().filter(|_| state.usable), flight) {
                (Some(access), _) => return Ok(access),
                (None, Some(flight)) => land(shop, flight).await?,
                (None, None) => return Err(held.without_token(state.need)),
            }
        }
        Err(AuthError::Later { shop: shop.name.clone(), until: self.now(), why: Delay::ShortLived })
    }

    /// A better token than the one of `generation`, which the platform refused with `error`. Only a refused
    /// token of the present generation leads to a refresh, and that to one.
    pub async fn refused(
        &self,
        shop: &Shop,
        generation: i64,
        error: &PlatformError,
    ) -> Result<Access, AuthError> {
        if !matches!(error, PlatformError::TokenRefused { .. }) {
            return self.access(shop).await;
        }
        let demand = Demand::Refused { version: generation };
        for _ in 0..ROUNDS_MAX {
            let held = self.read(shop).await?;
            if held.credential.version > generation {
                return self.access(shop).await;
            }
            // A flight that was under way for another reason may end without a call; the next is ours.
            land(shop, self.fly(shop, demand)).await?;
        }
        Err(AuthError::Later { shop: shop.name.clone(), until: self.now(), why: Delay::RefusedAnew })
    }

    /// Renews now, because a person wants it. A token that was just renewed by somebody else will do.
    pub async fn refresh_now(&self, shop: &Shop) -> Result<GrantStatus, AuthError> {
        land(shop, self.fly(shop, Demand::Now)).await?;
        let held = self.read(shop).await?;
        Ok(GrantStatus::of(&held.credential, &held.rules, self.now()))
    }

    /// Sends whatever refresh token is stored, also that of a grant which was given up, because a person insists. A token
    /// that was spent before is refused, and a platform may take a second use of one amiss.
    pub async fn refresh_by_force(&self, shop: &Shop) -> Result<GrantStatus, AuthError> {
        let held = self.read(shop).await?;
        tracing::warn!(
            event = "token.forced",
            shop = %shop.name,
            condition = held.credential.condition.as_str(),
            "a person has the stored refresh token of `{}` sent, whatever is known of it",
            shop.name,
        );
        land(shop, self.fly(shop, Demand::Forced)).await?;
        // What was paused because the grant was given up goes on.
        if held.credential.condition == Condition::NeedsOwner {
            self.begin_grant(shop).await?;
        }
        let held = self.read(shop).await?;
        Ok(GrantStatus::of(&held.credential, &held.rules, self.now()))
    }

    /// How the grant stands. `None`: the shop was never authorised.
    pub async fn status(&self, shop: &Shop) -> Result<Option<GrantStatus>, AuthError> {
        let rules = self.rules(shop)?;
        let credential = self.load(&shop.name).await?;
        Ok(credential.map(|credential| GrantStatus::of(&credential, &rules, self.now())))
    }

    /// How the grants of `shops` stand, by shop, with one look at all of them. A shop that was never authorised is not
    /// among them; one whose row cannot be read is, with the reason.
    pub async fn statuses(
        &self,
        shops: &[Shop],
    ) -> Result<HashMap<String, Result<GrantStatus, AuthError>>, AuthError> {
        let credentials = match self.shared.parts.grants.list().await.map_err(AuthError::from) {
            Ok(credentials) => credentials,
            Err(error) if error.is_database_away() => return Err(error),
            // One unreadable row hides the others from a look at all.
            Err(_) => return Ok(self.statuses_one_by_one(shops).await),
        };
        let by_name: HashMap<_, _> = credentials.into_iter().map(|row| (row.shop.clone(), row)).collect();
        let now = self.now();
        let status = |shop: &Shop| {
            let credential = by_name.get(&shop.name)?;
            let status = self.rules(shop).map(|rules| GrantStatus::of(credential, &rules, now));
            Some((shop.name.clone(), status))
        };
        Ok(shops.iter().filter_map(status).collect())
    }

    /// Renews the grant if it is due, and waits for that; a renewal under way will do. A grant of which nothing is left
    /// but that only its owner can help is written down, and told, as such.
    pub async fn renew_if_due(&self, shop: &Shop) -> Result<(), AuthError> {
        land(shop, self.fly(shop, Demand::Due)).await
    }

    /// Whether this process has said, since it was last asked, that the shop goes on after a pause.
    pub fn take_resumed(&self, shop: &str) -> bool {
        lock(&self.shared.resumed).remove(shop)
    }

    /// Forgets the grant, its orphans and what waits in files. `false`: there was none. The platform is not told.
    pub async fn clear(&self, shop: &Shop) -> Result<bool, AuthError> {
        let cleared = self.grants().clear(&shop.name).await?;
        let parts = &self.shared.parts;
        if let Some(state) = &parts.state_folder {
            forget_files(state, &parts.store, &shop.name).await?;
        }
        self.slot(&shop.name).forget();
        let dropped = self.shared.parts.store.orphans().delete_of_shop(&shop.name).await;
        dropped.map_err(|source| AuthError::Store { shop: shop.name.clone(), source: Arc::new(source) })?;
        Ok(cleared)
    }

    /// Begins no more calls and waits for those under way, so that no answer is lost.
    pub async fn drain(&self) {
        self.shared.stopping.cancel();
        self.shared.flights.close();
        self.shared.flights.wait().await;
        let slots: Vec<_> = lock(&self.shared.slots).values().map(Arc::clone).collect();
        let offers = slots.iter().map(|slot| self.offer_a_last_time(slot));
        futures_util::future::join_all(offers).await;
    }

    /// The flight of this shop: the one under way, or a new one.
    pub(super) fn fly(&self, shop: &Shop, demand: Demand) -> watch::Receiver<Landing> {
        let slot = self.slot(&shop.name);
        let mut latest = lock(&slot.flight);
        // A flight whose sender is gone without a landing has panicked.
        if let Some(flight) = latest.as_ref()
            && flight.borrow().is_none()
            && flight.has_changed().is_ok()
        {
            return flight.clone();
        }
        let (landing, flight) = watch::channel(None);
        *latest = Some(flight.clone());
        let (tokens, shop) = (self.clone(), shop.clone());
        self.shared.flights.spawn(async move {
            let result = Box::pin(tokens.renew(&shop, demand)).await;
            landing.send_replace(Some(result));
        });
        flight
    }

    async fn statuses_one_by_one(&self, shops: &[Shop]) -> HashMap<String, Result<GrantStatus, AuthError>> {
        let mut statuses = HashMap::new();
        for shop in shops {
            if let Some(status) = self.status(shop).await.transpose() {
                statuses.insert(shop.name.clone(), status);
            }
        }
        statuses
    }

    pub(super) fn application(&self, shop: &Shop) -> Result<&Arc<Application>, AuthError> {
        let application = self.apps.applications.get(&shop.app);
        application.ok_or_else(|| AuthError::NoApplication { shop: shop.name.clone(), app: shop.app.clone() })
    }

    pub(super) fn rules(&self, shop: &Shop) -> Result<Rules, AuthError> {
        Ok(Rules {
            grant: self.application(shop)?.platform().profile().grant,
            refresh_before: self.apps.refresh_before.get(&shop.app).copied(),
        })
    }

    pub(super) fn slot(&self, shop: &str) -> Arc<Slot> {
        let mut slots = lock(&self.shared.slots);
        match slots.get(shop) {
            Some(slot) => Arc::clone(slot),
            None => Arc::clone(slots.entry(shop.to_owned()).or_default()),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.shared.parts.clock.now()
    }

    pub(super) fn grants(&self) -> &Grants {
        &self.shared.parts.grants
    }
}

/// Waits for a flight. Whoever stops waiting changes nothing.
pub(super) async fn land(shop: &Shop, mut flight: watch::Receiver<Landing>) -> Result<(), AuthError> {
    let landed = flight.wait_for(Option::is_some).await;
    let landing = landed.ok().and_then(|landing| landing.clone());
    landing.unwrap_or_else(|| Err(AuthError::Broken { shop: shop.name.clone() }))
}
