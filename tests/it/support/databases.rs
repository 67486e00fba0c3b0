//! A test that needs a database runs twice: on SQLite and on Postgres.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement};
use secrecy::{ExposeSecret, SecretString};
use shopsync::clock::Clock;
use shopsync::store::{Store, StoreSettings};
use tempfile::TempDir;

use crate::support::postgres;

/// Makes two tests of one: `async fn name(test: TestDatabase)` on a migrated database of its own.
macro_rules! both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($test:ident: $database:ty) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn rule($test: $database) $body

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                rule(<$database>::sqlite().await).await;
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(test) = <$database>::postgres().await {
                    rule(test).await;
                }
            }
        }
    )+};
}
pub(crate) use both_databases;

/// A database for one test, with a clock in the test's hand.
pub(crate) struct TestDatabase {
    pub(crate) settings: StoreSettings,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Holds the SQLite file; removed with the test.
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// A fresh SQLite file, migrated.
    pub(crate) async fn sqlite() -> Self {
        let (settings, folder) = sqlite_settings();
        Self::open(settings, Some(folder)).await
    }

    /// A fresh Postgres database, migrated. `None` when this machine has no Postgres.
    pub(crate) async fn postgres() -> Option<Self> {
        Some(Self::open(postgres::database().await?, None).await)
    }

    /// An empty database in which `preparation` is run before it is migrated.
    pub(crate) async fn over(settings: StoreSettings, preparation: &str) -> Self {
        let connection = connect(settings.url.expose_secret()).await;
        connection.execute_unprepared(preparation).await.unwrap();
        connection.close().await.unwrap();
        Self::open(settings, None).await
    }

    async fn open(settings: StoreSettings, folder: Option<TempDir>) -> Self {
        let clock = Clock::manual(at("2026-11-20 12:00:00"));
        let store = Store::connect(&settings, clock.clone()).await.unwrap();
        store.schema().migrate().await.unwrap();
        Self { settings, store, clock, _folder: folder }
    }

    /// The same rows in another place: a copied file, a restored dump.
    pub(crate) async fn copy(&self) -> Self {
        let address = self.settings.url.expose_secret();
        if self.store.is_postgres() {
            let name = address.split(['/', '?']).nth(3).unwrap();
            return Self::open(postgres::copy_of(name, &format!("{name}_copy")).await, None).await;
        }
        let (settings, folder) = sqlite_settings();
        let file = settings.url.expose_secret().trim_start_matches("sqlite://");
        self.execute(&format!("VACUUM INTO '{file}'")).await;
        Self::open(settings, Some(folder)).await
    }

    /// A second program on the same database.
    pub(crate) async fn another_store(&self) -> Store {
        Store::connect(&self.settings, self.clock.clone()).await.unwrap()
    }

    /// Looks behind the store, as a seller's engineer would.
    pub(crate) async fn query(&self, sql: &str) -> Vec<QueryResult> {
        let connection = self.connection().await;
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        connection.close().await.unwrap();
        rows
    }

    /// The one number a query answers with.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.query(sql).await[0].try_get_by_index(0).unwrap()
    }

    /// Every row of a table with all its columns, in no order of its own.
    pub(crate) async fn dump(&self, table: &str) -> BTreeSet<String> {
        let rows = self.query(&format!("SELECT * FROM {table}")).await;
        rows.iter().map(whole_row).collect()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let connection = self.connection().await;
        connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn connection(&self) -> DatabaseConnection {
        connect(self.settings.url.expose_secret()).await
    }
}

fn whole_row(row: &QueryResult) -> String {
    let cell = |column: String| {
        let column = column.as_str();
        let text = row.try_get::<Option<String>>("", column).map(|text| format!("{text:?}"));
        let whole = || row.try_get::<Option<i64>>("", column).map(|whole| format!("{whole:?}"));
        let yes = || row.try_get::<Option<bool>>("", column).map(|yes| format!("{yes:?}"));
        let at = || row.try_get::<Option<DateTime<Utc>>>("", column).map(|at| format!("{at:?}"));
        format!("{column}={}", text.or_else(|_| whole()).or_else(|_| yes()).or_else(|_| at()).unwrap())
    };
    row.column_names().into_iter().map(cell).collect::<Vec<_>>().join(" ")
}

/// A connection of the tests' own. Without the ages that sqlx 0.9 watches: its watching can go round for ever.
pub(crate) async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_lifetime(None::<Duration>).idle_timeout(None::<Duration>);
    Database::connect(options).await.unwrap()
}

/// Where a SQLite database may be made; the folder goes when it is dropped.
pub(crate) fn sqlite_settings() -> (StoreSettings, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        url: SecretString::from(format!("sqlite://{}", folder.path().join("shopsync.db").display())),
        schema: String::new(),
    };
    (settings, folder)
}

/// `2026-11-20 12:00:00` in UTC.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().unwrap()
}
