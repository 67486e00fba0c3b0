//! Keepers over a database and a token service, with shops of which no other test knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::TokenParts;
use shopsync::auth::store::grants::Grants;
use shopsync::auth::{Keyring, TokenInput, Tokens};
use shopsync::domain::credential::Credential;
use shopsync::domain::shop::Shop;
use shopsync::jobs::daemon::database::DatabaseWatch;
use shopsync::jobs::token_keeper::{Keeper, KeeperConfig, KeeperParts};
use shopsync::platform::retry::RetryPolicy;
use shopsync::platform::{Application, profile};
use shopsync::store::Store;
use shopsync::store::shops::ShopRow;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::auth::context::key;
use crate::auth::gateway::client_of;
use crate::auth::keeper_service::Service;
use crate::store::shops::shop;
use crate::support::databases::TestDatabase;
use crate::support::events;

/// The lives of Xiaohongshu's and of Temu's access tokens.
pub(crate) const WEEK: TimeDelta = TimeDelta::days(7);
pub(crate) const QUARTER: TimeDelta = TimeDelta::days(90);

pub(crate) struct Keeping {
    pub(crate) database: TestDatabase,
    pub(crate) service: Service,
    pub(crate) shops: Vec<Shop>,
    /// The program under test.
    pub(crate) tokens: Tokens,
    platform: &'static str,
}

impl Keeping {
    /// Shops of a platform that renews tokens, authorised just now.
    pub(crate) async fn renewing(database: TestDatabase, count: usize) -> Self {
        let test = Self::before_login(database, "xiaohongshu", WEEK, count, &[]).await;
        for shop in &test.shops {
            test.tokens.login_code(shop, SecretString::from(format!("code-{}", shop.name))).await.unwrap();
        }
        test
    }

    /// A shop whose tokens a person replaces, authorised just now.
    pub(crate) async fn by_hand(database: TestDatabase) -> Self {
        let test = Self::before_login(database, "temu", QUARTER, 1, &[]).await;
        test.replace(&test.tokens).await;
        test
    }

    pub(crate) async fn before_login(
        database: TestDatabase,
        platform: &'static str,
        life: TimeDelta,
        count: usize,
        code_command: &[&str],
    ) -> Self {
        events::listen();
        let service = Service::start(database.clock.clone(), life).await;
        let code_command: Vec<String> = code_command.iter().map(ToString::to_string).collect();
        let named = |_| Shop { code_command: code_command.clone(), ..shop(&Uuid::new_v4().to_string()) };
        let shops: Vec<Shop> = (0..count).map(named).collect();
        database.store.shops().register(&shops).await.unwrap();
        let tokens = tokens(&database, &service, platform, database.store.clone());
        Self { database, service, shops, tokens, platform }
    }

    /// Stores a fresh token of the first shop, by the hands of some program.
    pub(crate) async fn replace(&self, tokens: &Tokens) {
        let token = SecretString::from(self.service.issue(self.name()));
        tokens.set(self.shop(), TokenInput::parse(&token).unwrap()).await.unwrap();
    }

    pub(crate) fn shop(&self) -> &Shop {
        &self.shops[0]
    }

    pub(crate) fn name(&self) -> &str {
        &self.shop().name
    }

    /// The program under test, just started.
    pub(crate) fn keeper(&self) -> Keeper {
        self.keeper_of(self.tokens.clone(), self.database.store.clone())
    }

    /// Another program on the same database, just started.
    pub(crate) async fn another_keeper(&self) -> Keeper {
        self.keeper_of(self.another_program().await, self.database.another_store().await)
    }

    pub(crate) async fn another_program(&self) -> Tokens {
        tokens(&self.database, &self.service, self.platform, self.database.another_store().await)
    }

    fn keeper_of(&self, tokens: Tokens, store: Store) -> Keeper {
        Keeper::new(KeeperParts {
            database: Arc::new(DatabaseWatch::new(store.clone())),
            store,
            clock: self.database.clock.clone(),
            config: KeeperConfig {
                tokens,
                shops: self.shops.clone(),
                applications: applications(&self.service, self.platform),
            },
            cancel: CancellationToken::new(),
        })
    }

    pub(crate) fn pass(&self, time: TimeDelta) {
        self.database.clock.advance(time);
    }

    pub(crate) async fn row(&self) -> ShopRow {
        self.database.store.shops().get(self.name()).await.unwrap().unwrap()
    }

    pub(crate) async fn grant(&self, shop: &Shop) -> Credential {
        self.database.store.grants().get(&shop.name).await.unwrap().unwrap()
    }

    /// How often this was told of the first shop.
    pub(crate) fn told(&self, event: &str) -> usize {
        events::told(event, self.name()).len()
    }
}

/// Looks once, with all that there is to do done.
pub(crate) async fn look(keeper: &Keeper) {
    for duty in keeper.check().await {
        duty.await.unwrap();
    }
}

/// Looks with all of them at the same time.
pub(crate) async fn look_all(keepers: &[Keeper]) {
    let looks = keepers.iter().cloned().map(|keeper| tokio::spawn(async move { look(&keeper).await }));
    for done in looks.collect::<Vec<_>>() {
        done.await.unwrap();
    }
}

fn tokens(database: &TestDatabase, service: &Service, platform: &'static str, store: Store) -> Tokens {
    Tokens::of(TokenParts {
        grants: Grants::new(Arc::new(store.clone())),
        store,
        applications: applications(service, platform),
        keyring: Keyring::parse(&key(1)).unwrap(),
        clock: database.clock.clone(),
        refresh_before: BTreeMap::new(),
        state_folder: None,
    })
}

fn applications(service: &Service, platform: &'static str) -> Arc<BTreeMap<String, Arc<Application>>> {
    let policy = RetryPolicy { attempts_max: 1, backoff_min: Duration::ZERO, backoff_max: Duration::ZERO };
    let client = client_of(service.address.clone(), profile(platform).unwrap());
    let application = Application::new("app".to_owned(), client, 1000.0, policy);
    Arc::new(BTreeMap::from([("app".to_owned(), Arc::new(application))]))
}
