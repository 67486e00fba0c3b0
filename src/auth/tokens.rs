//! Hands out access tokens: what the rest of the program uses of `auth`.
//!
//! A valid token is handed out at once, from memory. When it is due, a task of its own renews it while the old one is
//! still handed out; a caller waits only when no valid token is left. A caller may stop waiting at any time: the task
//! goes on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::SecretString;

use super::context::{AuthContext, CONFLICTS_MAX, TokenParts};
use super::error::{Delay, refusal};
use super::external_access::{self, ExternalToken};
use super::keys::reseal::{self, Resealed};
use super::login::accounts::{self, SharedAccount};
use super::login::device::{self, DeviceAttempt};
use super::login::token_input::{Returned, TokenInput};
use super::login::{self, code, link};
use super::policy::{Demand, Need};
use super::refresh::unsaved::recovery;
use super::refresh::{spawn_refresh, wait};
use super::shop_state::lock;
use super::store::Capabilities;
use super::store::grants::Grants;
use super::{AuthError, GrantStatus, Keyring};
use crate::clock::Clock;
use crate::domain::credential::Condition;
use crate::domain::grant::{Access, GrantInfo};
use crate::domain::shop::Shop;
use crate::platform::device_login::DeviceProgress;
use crate::platform::{Application, PlatformError};
use crate::store::{Store, StoreError};

/// How many refreshes a caller waits for before it gives up.
const ROUNDS_MAX: usize = 3;

/// Keeps the grants of all shops. Cheap to clone; clones share the memory and the refresh tasks.
#[derive(Clone)]
pub struct Tokens {
    context: AuthContext,
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
        Self { context: AuthContext::new(parts) }
    }

    /// The same grants, memory and refresh tasks, with the apps of another config.
    #[must_use]
    pub fn with_apps(
        &self,
        applications: Arc<BTreeMap<String, Arc<Application>>>,
        refresh_before: BTreeMap<String, TimeDelta>,
    ) -> Self {
        Self { context: self.context.with_apps(applications, refresh_before) }
    }

    /// A valid access token. Waits only when none is left.
    pub async fn access(&self, shop: &Shop) -> Result<Access, AuthError> {
        let context = &self.context;
        let shop_state = context.shop_state(&shop.name);
        for _ in 0..ROUNDS_MAX {
            if let Some(access) = shop_state.fresh(context.now()) {
                return Ok(access);
            }
            let reader = shop_state.reading.lock().await;
            // Another caller may have read the row while this one waited for the lock.
            if let Some(access) = shop_state.fresh(context.now()) {
                return Ok(access);
            }
            let loaded = match context.read(shop).await {
                Ok(loaded) => loaded,
                // The database does not answer: what was read before is the best that is known.
                Err(error @ (AuthError::TokenStore { .. } | AuthError::Store { .. })) => {
                    return shop_state.usable(context.now()).ok_or(error);
                }
                // Its first pair may wait in a file.
                Err(AuthError::NeverAuthorised { .. }) if recovery::has_files(context) => {
                    drop(reader);
                    self.refresh(shop, Demand::Due).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            drop(reader);
            let now = context.now();
            let state = loaded.credential.state(&loaded.rules, Demand::Due, now);
            let needs_refresh = match state.need {
                Need::Refresh | Need::Replay => true,
                Need::Busy => !state.usable,
                // Not reported yet: the refresh task records and reports it.
                Need::Owner(_) => loaded.credential.owner_reason().is_none(),
                // A pair may wait in a file, left by a process that died.
                Need::Rest { .. } => !state.usable && recovery::has_files(context),
                Need::Copied => false,
            };
            let task = needs_refresh.then(|| spawn_refresh(context, shop, Demand::Due));
            match (loaded.access().filter(|_| state.usable), task) {
                (Some(access), _) => return Ok(access),
                (None, Some(task)) => wait(shop, task).await?,
                (None, None) => return Err(loaded.without_token(state.need)),
            }
        }
        Err(AuthError::Later { shop: shop.name.clone(), until: context.now(), why: Delay::ShortLived })
    }

    /// A newer token than the one of `generation`, which the platform refused with `error`. Only a refused token of the
    /// present generation leads to a refresh, and to one only.
    pub async fn refused(
        &self,
        shop: &Shop,
        generation: i64,
        error: &PlatformError,
    ) -> Result<Access, AuthError> {
        if !matches!(error, PlatformError::TokenRefused { .. }) {
            return self.access(shop).await;
        }
        for _ in 0..ROUNDS_MAX {
            if self.context.read(shop).await?.credential.version > generation {
                return self.access(shop).await;
            }
            // A task that runs for another reason may end without a call; the next one makes it.
            self.refresh(shop, Demand::Refused { version: generation }).await?;
        }
        Err(AuthError::Later { shop: shop.name.clone(), until: self.context.now(), why: Delay::RefusedAnew })
    }

    /// Renews the grant if it is due, and waits for that; a renewal that already runs counts. A grant that only its
    /// owner can renew is recorded and reported as such.
    pub async fn renew_if_due(&self, shop: &Shop) -> Result<(), AuthError> {
        self.refresh(shop, Demand::Due).await
    }

    /// Renews now, because a person wants it. A token that another process has just renewed is good enough.
    pub async fn refresh_now(&self, shop: &Shop) -> Result<GrantStatus, AuthError> {
        self.refresh(shop, Demand::Now).await?;
        self.context.grant_status(shop).await
    }

    /// Sends the stored refresh token because a person insists, also that of a grant which was given up. A platform
    /// refuses a token that was used before, and may answer the second use by ending the grant.
    pub async fn refresh_by_force(&self, shop: &Shop) -> Result<GrantStatus, AuthError> {
        let condition = self.context.read(shop).await?.credential.condition;
        tracing::warn!(
            event = "token.forced",
            shop = %shop.name,
            condition = condition.as_str(),
            "sending the stored refresh token of `{}` because a person forced it",
            shop.name,
        );
        self.refresh(shop, Demand::Forced).await?;
        // A shop that was paused because its grant was given up resumes.
        if condition == Condition::NeedsOwner {
            accounts::begin_grant(&self.context, shop).await?;
        }
        self.context.grant_status(shop).await
    }

    async fn refresh(&self, shop: &Shop, demand: Demand) -> Result<(), AuthError> {
        wait(shop, spawn_refresh(&self.context, shop, demand)).await
    }

    /// The state of the grant. `None`: the shop was never authorised.
    pub async fn status(&self, shop: &Shop) -> Result<Option<GrantStatus>, AuthError> {
        let rules = self.context.rules(shop)?;
        let credential = self.context.load(&shop.name).await?;
        Ok(credential.map(|credential| GrantStatus::of(&credential, &rules, self.context.now())))
    }

    /// The states of the grants of `shops`, by shop, with one query for all. A shop that was never authorised is
    /// missing; one whose row cannot be read is there, with the error.
    pub async fn statuses(
        &self,
        shops: &[Shop],
    ) -> Result<HashMap<String, Result<GrantStatus, AuthError>>, AuthError> {
        let credentials = match self.context.grants().list().await.map_err(AuthError::from) {
            Ok(credentials) => credentials,
            Err(error) if error.is_database_away() => return Err(error),
            // One unreadable row makes the query for all fail.
            Err(_) => return Ok(self.statuses_one_by_one(shops).await),
        };
        let by_name: HashMap<_, _> = credentials.into_iter().map(|row| (row.shop.clone(), row)).collect();
        let now = self.context.now();
        let status = |shop: &Shop| {
            let credential = by_name.get(&shop.name)?;
            let status = self.context.rules(shop).map(|rules| GrantStatus::of(credential, &rules, now));
            Some((shop.name.clone(), status))
        };
        Ok(shops.iter().filter_map(status).collect())
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

    /// An access token for another program.
    pub async fn access_for_others(&self, shop: &Shop) -> Result<ExternalToken, AuthError> {
        external_access::access_for_others(&self.context, shop).await
    }

    /// Requests what the platform knows of the present token, and stores its account, scopes and end.
    pub async fn inspect(&self, shop: &Shop) -> Result<GrantInfo, AuthError> {
        let mut access = self.access(shop).await?;
        let mut answer = accounts::request_grant_info(&self.context, shop, &access).await;
        if let Err(error @ PlatformError::TokenRefused { .. }) = &answer {
            access = self.refused(shop, access.generation, error).await?;
            answer = accounts::request_grant_info(&self.context, shop, &access).await;
        }
        let info = answer.map_err(|source| refusal(shop, source))?;
        login::store_grant_info(&self.context, shop, access.generation, &info).await?;
        Ok(info)
    }

    /// Stores tokens that a person brought.
    pub async fn set(&self, shop: &Shop, input: TokenInput) -> Result<GrantStatus, AuthError> {
        login::set(&self.context, shop, input).await
    }

    /// Exchanges an authorisation code.
    pub async fn login_code(&self, shop: &Shop, code: SecretString) -> Result<GrantStatus, AuthError> {
        code::login_code(&self.context, shop, code).await
    }

    /// The link where a shop's owner grants access. `None`: its platform has only a console page.
    pub async fn login_link(&self, shop: &Shop) -> Result<Option<String>, AuthError> {
        link::login_link(&self.context, shop).await
    }

    /// The shop whose link had this `state`. `None`: no link of ours, or one that was deleted since.
    pub async fn shop_of_link(&self, state: &str) -> Result<Option<String>, StoreError> {
        link::shop_of_link(&self.context, state).await
    }

    /// Exchanges the code, or the address with it, that an owner brought back.
    pub async fn login_returned(&self, shop: &Shop, returned: Returned) -> Result<GrantStatus, AuthError> {
        link::login_returned(&self.context, shop, returned).await
    }

    pub async fn begin_device_login(&self, shop: &Shop) -> Result<DeviceAttempt, AuthError> {
        device::begin_device_login(&self.context, shop).await
    }

    pub async fn device_progress(&self, shop: &Shop, id: &str) -> Result<DeviceProgress, AuthError> {
        device::device_progress(&self.context, shop, id).await
    }

    pub async fn login_device(&self, shop: &Shop, id: &str) -> Result<GrantStatus, AuthError> {
        device::login_device(&self.context, shop, id).await
    }

    pub async fn give_up_device_login(&self, shop: &Shop, id: &str) -> Result<(), AuthError> {
        device::give_up_device_login(&self.context, shop, id).await
    }

    /// The accounts that more than one authorised shop has.
    pub async fn shared_accounts(&self) -> Result<Vec<SharedAccount>, AuthError> {
        accounts::shared_by_authorised_shops(&self.context).await
    }

    /// Makes a copied grant the one that is renewed from now on. `false`: it is no copy.
    pub async fn take_over(&self, shop: &Shop) -> Result<bool, AuthError> {
        for _ in 0..CONFLICTS_MAX {
            let Some(row) = self.context.grants().load(&shop.name).await? else {
                return Err(AuthError::never_authorised(shop));
            };
            if !row.is_copied {
                return Ok(false);
            }
            if self.context.grants().take_over(&row.claim()).await? {
                self.reread(&shop.name);
                tracing::info!(
                    event = "token.taken_over",
                    shop = %shop.name,
                    "the token of `{}` is renewed here from now on",
                    shop.name
                );
                return Ok(true);
            }
        }
        Err(self.context.keeps_changing(shop))
    }

    /// Deletes the grant, its orphans and its files. `false`: there was none. No call is made to the platform.
    pub async fn clear(&self, shop: &Shop) -> Result<bool, AuthError> {
        let cleared = self.context.grants().clear(&shop.name).await?;
        let parts = &self.context.shared.parts;
        if let Some(state) = &parts.state_folder {
            recovery::forget_files(state, &parts.store, &shop.name).await?;
        }
        self.reread(&shop.name);
        let dropped = parts.store.orphans().delete_of_shop(&shop.name).await;
        dropped.map_err(|source| super::error::store_error(shop, source))?;
        Ok(cleared)
    }

    /// Drops the token in memory: the row is read again before the next call, by the rules of the shop's app.
    pub fn reread(&self, shop: &str) {
        self.context.shop_state(shop).forget();
    }

    /// Whether this process has resumed the shop since the last time this was called.
    pub fn take_resumed(&self, shop: &str) -> bool {
        lock(&self.context.shared.resumed).remove(shop)
    }

    /// What the store of the grants promises.
    pub fn capabilities(&self) -> Capabilities {
        self.context.grants().capabilities()
    }

    pub fn keyring(&self) -> &Keyring {
        self.context.keyring()
    }

    pub fn adopt_key(&self, key_id: &str) -> Result<(), AuthError> {
        reseal::adopt_key(&self.context, key_id)
    }

    pub async fn other_keys_in_use(&self) -> Result<BTreeSet<String>, AuthError> {
        reseal::other_keys_in_use(&self.context).await
    }

    pub async fn reseal_all(&self) -> Result<Resealed, AuthError> {
        reseal::reseal_all(&self.context).await
    }

    pub async fn convert(&self) -> Result<(), AuthError> {
        reseal::convert(&self.context).await
    }

    /// At the start of the program: stores what an earlier process left in files, as far as it can.
    pub async fn recover(&self, shops: &[Shop]) {
        recovery::recover(&self.context, shops).await;
    }

    /// Recovers the files of a shop, whichever process left them. `shop_id`: the id in its row.
    pub fn take_up_files(&self, shop: &Shop, shop_id: &str) {
        recovery::recover_files(&self.context, shop, shop_id);
    }

    /// How many pairs are in memory or in files, but not in the store. Any number above 0 needs attention.
    pub fn unsaved(&self) -> usize {
        recovery::unsaved_count(&self.context)
    }

    /// Begins no more calls and waits for those that run, so that no answer is lost.
    pub async fn drain(&self) {
        let shared = &self.context.shared;
        shared.stopping.cancel();
        shared.tasks.close();
        shared.tasks.wait().await;
        let states: Vec<_> = lock(&shared.shops).values().map(Arc::clone).collect();
        let stored = states.iter().map(|state| recovery::store_before_exit(&self.context, state));
        futures_util::future::join_all(stored).await;
    }
}
