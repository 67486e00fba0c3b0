//! What every part of `auth` works with: the shared memory of all shops, the apps of the config, and the steps that
//! everybody needs (load a grant, publish its token, wait for the store).
//!
//! Imports neither the refresh, nor the login, nor [`Tokens`](super::Tokens): those are built on this.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::auth::error::Delay;
use crate::auth::keys::pair::Pair;
use crate::auth::loaded_grant::LoadedGrant;
use crate::auth::policy::{Demand, LEASE, Rules};
use crate::auth::refresh::unsaved::file::UnsavedFolder;
use crate::auth::shop_state::{ShopTokenState, lock};
use crate::auth::store::TokenStoreError;
use crate::auth::store::grants::Grants;
use crate::auth::{AuthError, GrantStatus, Keyring};
use crate::clock::Clock;
use crate::domain::credential::{Attempt, Condition, Credential, Intent};
use crate::domain::shop::Shop;
use crate::platform::Application;
use crate::store::Store;
use crate::store::db::owner::Owner;
use crate::store::shops::ShopRow;

/// The pause between two looks at a grant that another holder is renewing, and how many there are: together longer
/// than [`LEASE`].
pub const POLL: Duration = Duration::from_millis(100);
pub const POLLS_MAX: usize = 400;
/// How long the outcome of a call is offered to a store that does not answer.
pub const PERSIST_FOR_MAX: Duration = Duration::from_mins(1);
pub const PERSIST_PAUSE_MIN: Duration = Duration::from_millis(50);
pub const PERSIST_PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long those who wait for a new token wait for the store once the pair is in a file.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// The same while the program is ending, and how long it waits then for anything that may be done later as well.
pub const STOP_WAIT: Duration = Duration::from_secs(1);

/// How often a change is tried on a row that others keep changing.
pub const CONFLICTS_MAX: usize = 8;

/// Cheap to clone: clones share the memory and the tasks.
#[derive(Clone)]
pub struct AuthContext {
    pub shared: Arc<Shared>,
    /// Not shared: a refresh task ends with the apps it began with, even when the config changes meanwhile.
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
    /// By the section names of the apps, at first: see [`AuthContext::with_apps`].
    pub applications: Arc<BTreeMap<String, Arc<Application>>>,
    pub keyring: Keyring,
    pub clock: Clock,
    /// `refresh_before` of the apps that set it.
    pub refresh_before: BTreeMap<String, TimeDelta>,
    /// A folder that outlives this process, for pairs the store does not take. `None`: there is none.
    pub state_folder: Option<PathBuf>,
}

pub struct Shared {
    pub parts: TokenParts,
    /// Who we are in the intent rows.
    pub owner: Owner,
    /// Shops that this process has resumed, until a caller reads it.
    pub resumed: Mutex<HashSet<String>>,
    pub shops: Mutex<HashMap<String, Arc<ShopTokenState>>>,
    pub unsaved_folder: Option<UnsavedFolder>,
    pub tasks: TaskTracker,
    /// Set when the program stops: no new call is started.
    pub stopping: CancellationToken,
}

impl AuthContext {
    pub fn new(parts: TokenParts) -> Self {
        let (applications, refresh_before) = (parts.applications.clone(), parts.refresh_before.clone());
        Self {
            apps: Arc::new(Apps { applications, refresh_before }),
            shared: Arc::new(Shared {
                unsaved_folder: parts.state_folder.as_deref().map(UnsavedFolder::below),
                parts,
                owner: Owner::this_process(),
                shops: Mutex::default(),
                resumed: Mutex::default(),
                tasks: TaskTracker::new(),
                stopping: CancellationToken::new(),
            }),
        }
    }

    /// The same grants, memory and tasks, with the apps of another config.
    #[must_use]
    pub fn with_apps(
        &self,
        applications: Arc<BTreeMap<String, Arc<Application>>>,
        refresh_before: BTreeMap<String, TimeDelta>,
    ) -> Self {
        Self { shared: self.shared.clone(), apps: Arc::new(Apps { applications, refresh_before }) }
    }

    pub fn store(&self) -> &Store {
        &self.shared.parts.store
    }

    pub fn application(&self, shop: &Shop) -> Result<&Arc<Application>, AuthError> {
        let application = self.apps.applications.get(&shop.app);
        application.ok_or_else(|| AuthError::NoApplication { shop: shop.name.clone(), app: shop.app.clone() })
    }

    pub fn rules(&self, shop: &Shop) -> Result<Rules, AuthError> {
        Ok(Rules {
            grant: self.application(shop)?.platform().profile().grant,
            refresh_before: self.apps.refresh_before.get(&shop.app).copied(),
        })
    }

    pub fn shop_state(&self, shop: &str) -> Arc<ShopTokenState> {
        let mut shop_states = lock(&self.shared.shops);
        match shop_states.get(shop) {
            Some(shop_state) => Arc::clone(shop_state),
            None => Arc::clone(shop_states.entry(shop.to_owned()).or_default()),
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.shared.parts.clock.now()
    }

    pub fn grants(&self) -> &Grants {
        &self.shared.parts.grants
    }

    /// Reads the row and takes over what it says.
    pub async fn read(&self, shop: &Shop) -> Result<LoadedGrant, AuthError> {
        let rules = self.rules(shop)?;
        let row = self.shop_row(shop).await?;
        let shop_state = self.shop_state(&shop.name);
        let Some(credential) = self.load(&shop.name).await? else {
            shop_state.forget();
            return Err(AuthError::never_authorised(shop));
        };
        warn_copied_once(&credential, &shop_state);
        let pair = Pair::open(&credential, self.keyring(), &row.id)
            .map_err(|source| AuthError::Seal { shop: shop.name.clone(), source })?;
        let loaded = LoadedGrant { credential, pair, row, rules };
        self.publish(&loaded);
        Ok(loaded)
    }

    /// From now on callers get this token.
    pub fn publish(&self, loaded: &LoadedGrant) {
        let shop_state = self.shop_state(&loaded.credential.shop);
        let now = self.now();
        match loaded.access() {
            Some(access) if loaded.credential.state(&loaded.rules, Demand::Due, now).usable => {
                let ends_at = loaded.credential.tokens.access_ends_at;
                shop_state.keep(access, ends_at, loaded.credential.due_at(&loaded.rules), now);
            }
            _ => shop_state.forget(),
        }
    }

    /// The row, with the successor that waits to be stored, if the row still waits for that.
    pub async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        let row = self.grants().load(shop).await?;
        let unsaved = self.shop_state(shop).unsaved();
        Ok(row.map(|row| match unsaved {
            Some(unsaved) if unsaved.file.is_some() && unsaved.claim == row.claim() => {
                row.renewed(&unsaved.tokens)
            }
            _ => row,
        }))
    }

    pub async fn shop_row(&self, shop: &Shop) -> Result<ShopRow, AuthError> {
        let row = self.shared.parts.store.shops().get(&shop.name).await;
        row.map_err(|source| AuthError::Store { shop: shop.name.clone(), source: Arc::new(source) })?
            .ok_or_else(|| AuthError::NotRegistered { shop: shop.name.clone() })
    }

    pub async fn grant_status(&self, shop: &Shop) -> Result<GrantStatus, AuthError> {
        let loaded = self.read(shop).await?;
        Ok(GrantStatus::of(&loaded.credential, &loaded.rules, self.now()))
    }

    pub fn intent(&self, condition: Condition, refresh_hash: String, pauses_until: DateTime<Utc>) -> Intent {
        Intent {
            attempt: Attempt { id: Uuid::new_v4().to_string(), refresh_hash, at: self.now() },
            condition,
            owner: self.shared.owner.as_str().to_owned(),
            lease: LEASE,
            pauses_until,
        }
    }

    pub fn keyring(&self) -> &Keyring {
        &self.shared.parts.keyring
    }

    pub fn check_not_stopping(&self, shop: &Shop) -> Result<(), AuthError> {
        if !self.shared.stopping.is_cancelled() {
            return Ok(());
        }
        Err(AuthError::Later { shop: shop.name.clone(), until: self.now(), why: Delay::Ending })
    }

    pub async fn pause(&self, shop: &Shop) -> Result<(), AuthError> {
        self.check_not_stopping(shop)?;
        tokio::select! {
            () = tokio::time::sleep(POLL) => Ok(()),
            () = self.shared.stopping.cancelled() => self.check_not_stopping(shop),
        }
    }

    /// Returns this long after the program has begun to stop.
    pub async fn stopping_for(&self, pause: Duration) {
        self.shared.stopping.cancelled().await;
        tokio::time::sleep(pause).await;
    }

    /// Does `work`, which costs nothing when it is cut off, unless the program is ending and it does not come to an
    /// end.
    pub async fn unless_stopping<T>(
        &self,
        shop: &Shop,
        work: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, AuthError> {
        tokio::select! {
            done = work => done,
            () = self.stopping_for(STOP_WAIT) => {
                Err(AuthError::Later { shop: shop.name.clone(), until: self.now(), why: Delay::Ending })
            }
        }
    }

    /// Comes back once the store has been waited for long enough.
    pub async fn store_is_late(&self) -> TokenStoreError {
        tokio::select! {
            () = tokio::time::sleep(STORE_WAIT) => {}
            () = self.stopping_for(STOP_WAIT) => {}
        }
        TokenStoreError::new(NoAnswerYet)
    }

    /// Runs `work` where no one's going away ends it.
    pub async fn run_to_end(
        &self,
        shop: String,
        work: impl Future<Output = Result<GrantStatus, AuthError>> + Send + 'static,
    ) -> Result<GrantStatus, AuthError> {
        let done = self.shared.tasks.spawn(work).await;
        done.unwrap_or(Err(AuthError::Broken { shop }))
    }

    pub fn keeps_changing(&self, shop: &Shop) -> AuthError {
        AuthError::Later { shop: shop.name.clone(), until: self.now(), why: Delay::Contended }
    }
}

/// Warns once in a process that a grant is a copy.
fn warn_copied_once(credential: &Credential, state: &ShopTokenState) {
    if !credential.is_frozen_copy() || !state.claims_copy_warning() {
        return;
    }
    tracing::warn!(
        event = "token.copied",
        shop = %credential.shop,
        "the database was copied from elsewhere, so the token of `{}` is used but not renewed here: when nobody \
         uses the original any more, run `shopsync auth take-over {}`",
        credential.shop,
        credential.shop
    );
}

/// Offers a write until the store answers.
pub async fn persist<T, F>(write: impl Fn() -> F) -> Result<T, TokenStoreError>
where
    F: Future<Output = Result<T, TokenStoreError>>,
{
    let begun = Instant::now();
    let mut pause = PERSIST_PAUSE_MIN;
    loop {
        match write().await {
            Err(_) if begun.elapsed() < PERSIST_FOR_MAX => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause = (pause * 2).min(PERSIST_PAUSE_MAX);
    }
}

/// Does what waits for the disk where it keeps no one from the processor.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

#[derive(Debug, thiserror::Error)]
#[error("the store has not answered yet")]
struct NoAnswerYet;
