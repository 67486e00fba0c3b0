//! One shop with a grant, on a database and a token service of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use shopsync::auth::TokenParts;
use shopsync::auth::store::TokenStore;
use shopsync::auth::store::grants::Grants;
use shopsync::auth::{AuthError, Keyring, Tokens};
use shopsync::clock::Clock;
use shopsync::domain::credential::{Condition, Credential};
use shopsync::domain::grant::Access;
use shopsync::domain::shop::Shop;
use shopsync::platform::retry::RetryPolicy;
use shopsync::platform::{Application, Platform, PlatformError, profile};
use shopsync::store::Store;

use crate::auth::gateway::{ACCESS_LIFE, Gateway, SELLER, client_of};
use crate::store::shops::shop;
use crate::support::databases::TestDatabase;

pub(crate) struct Authorised {
    pub(crate) database: TestDatabase,
    pub(crate) gateway: Gateway,
    pub(crate) shop: Shop,
    /// The program under test.
    pub(crate) tokens: Tokens,
    platform: &'static str,
}

impl Authorised {
    /// A shop of Xiaohongshu that was authorised just now.
    pub(crate) async fn new(database: TestDatabase) -> Self {
        let test = Self::before_login(database, "xiaohongshu").await;
        test.log_in(&test.tokens).await;
        test
    }

    /// The owner authorises the shop, by this program.
    pub(crate) async fn log_in(&self, program: &Tokens) {
        program.login_code(&self.shop, SecretString::from(format!("code-{SELLER}"))).await.unwrap();
    }

    pub(crate) async fn before_login(database: TestDatabase, platform: &'static str) -> Self {
        let gateway = Gateway::start(database.clock.clone()).await;
        let shop = shop("acme");
        database.store.shops().register(std::slice::from_ref(&shop)).await.unwrap();
        let tokens = tokens(&database, &gateway, platform, &key(1), database.store.clone());
        Self { database, gateway, shop, tokens, platform }
    }

    /// A program on a copy of the database, with the clock of the original.
    pub(crate) async fn copied(&self) -> (TestDatabase, Tokens) {
        let mut copy = self.database.copy().await;
        copy.clock = self.database.clock.clone();
        copy.store = copy.another_store().await;
        let tokens = tokens(&copy, &self.gateway, self.platform, &key(1), copy.store.clone());
        (copy, tokens)
    }

    /// Another program on the same database.
    pub(crate) async fn another_program(&self) -> Tokens {
        self.another_with(&key(1)).await
    }

    /// Another program with other keys.
    pub(crate) async fn another_with(&self, keys: &str) -> Tokens {
        let store = self.database.another_store().await;
        tokens(&self.database, &self.gateway, self.platform, keys, store)
    }

    /// Another program with keys from a file.
    pub(crate) async fn another_with_keyring(&self, keyring: Keyring) -> Tokens {
        let store = self.database.another_store().await;
        let client = self.gateway.client(profile(self.platform).unwrap());
        Tokens::of(TokenParts { keyring, ..parts(store, &self.database.clock, client, &key(1)) })
    }

    /// A program whose grants lie behind `grants`.
    pub(crate) fn over(&self, grants: Arc<dyn TokenStore>) -> Tokens {
        Tokens::of(TokenParts { grants: Grants::new(grants), ..self.parts() })
    }

    /// A program that may leave files in `state`, with its grants behind `grants`.
    pub(crate) fn over_with_state(&self, grants: Arc<dyn TokenStore>, state: &Path) -> Tokens {
        let state_folder = Some(state.to_owned());
        Tokens::of(TokenParts { grants: Grants::new(grants), state_folder, ..self.parts() })
    }

    fn parts(&self) -> TokenParts {
        let client = self.gateway.client(profile(self.platform).unwrap());
        parts(self.database.store.clone(), &self.database.clock, client, &key(1))
    }

    pub(crate) async fn access(&self) -> Result<Access, AuthError> {
        self.tokens.access(&self.shop).await
    }

    pub(crate) fn grants(&self) -> Grants {
        Grants::new(Arc::new(self.database.store.clone()))
    }

    pub(crate) async fn row(&self) -> Credential {
        self.database.store.grants().get("acme").await.unwrap().unwrap()
    }

    /// Moves the clock to this long before the end of the access token.
    pub(crate) async fn before_end(&self, left: TimeDelta) {
        self.database.clock.set(self.row().await.tokens.access_ends_at - left);
    }

    /// Moves the clock to a moment when no valid access token is left.
    pub(crate) async fn after_end(&self) {
        self.before_end(TimeDelta::minutes(-1)).await;
    }

    /// Ends the lease of whoever is renewing, which on Postgres is measured by the server's own clock.
    pub(crate) async fn end_leases(&self) {
        self.database.clock.advance(TimeDelta::minutes(1));
        if self.database.store.is_postgres() {
            self.database
                .execute("UPDATE credentials SET lease_until = lease_until - interval '1 hour'")
                .await;
        }
    }

    /// Ends the program under test once this many refresh calls were made, and waits for what is under way.
    pub(crate) async fn settled(&self, refresh_calls: usize) -> Credential {
        self.gateway.until_refresh_call(refresh_calls).await;
        self.tokens.drain().await;
        self.row().await
    }
}

/// A key file of one key.
pub(crate) fn key(number: u8) -> String {
    hex::encode([number; 32])
}

pub(crate) fn clear(access: &Access) -> &str {
    access.token.expose_secret()
}

pub(crate) fn refused() -> PlatformError {
    PlatformError::TokenRefused { code: "401".to_owned(), message: "accessToken expired".to_owned() }
}

/// The grant was renewed this often since the login.
pub(crate) fn renewals(row: &Credential) -> i64 {
    assert_eq!(row.condition, Condition::Active);
    assert!(row.tokens.access_ends_at > row.tokens.obtained_at + ACCESS_LIFE - TimeDelta::seconds(1));
    row.version - 1
}

/// A program with everything it needs: grants in `grants`, the rest in `store`.
pub(crate) fn program(
    store: Store,
    grants: Arc<dyn TokenStore>,
    clock: &Clock,
    gateway: &str,
    state: &Path,
) -> Tokens {
    let parts = parts(store, clock, client_of(gateway.to_owned(), profile("xiaohongshu").unwrap()), &key(1));
    Tokens::of(TokenParts { grants: Grants::new(grants), state_folder: Some(state.to_owned()), ..parts })
}

fn tokens(
    database: &TestDatabase,
    gateway: &Gateway,
    platform: &'static str,
    keys: &str,
    store: Store,
) -> Tokens {
    Tokens::of(parts(store, &database.clock, gateway.client(profile(platform).unwrap()), keys))
}

fn parts(store: Store, clock: &Clock, client: Arc<dyn Platform>, keys: &str) -> TokenParts {
    let policy = RetryPolicy { attempts_max: 1, backoff_min: Duration::ZERO, backoff_max: Duration::ZERO };
    let application = Application::new("app".to_owned(), client, 1000.0, policy);
    TokenParts {
        grants: Grants::new(Arc::new(store.clone())),
        store,
        applications: Arc::new(BTreeMap::from([("app".to_owned(), Arc::new(application))])),
        keyring: Keyring::parse(keys).unwrap(),
        clock: clock.clone(),
        refresh_before: BTreeMap::new(),
        state_folder: None,
    }
}

/// What a verb that fails for this reason ends with.
pub(crate) trait ExitCode {
    fn exit_code(&self) -> u8;
}

impl ExitCode for shopsync::auth::AuthError {
    fn exit_code(&self) -> u8 {
        shopsync::exit::Exit::of_auth(self) as u8
    }
}
