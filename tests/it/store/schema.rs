//! Opening a database and bringing its schema up to date.

use secrecy::SecretString;
use shopsync::clock::Clock;
use shopsync::store::{Store, StoreError, StoreSettings};

use crate::support::databases::{TestDatabase, both_databases, sqlite_settings};
use crate::support::postgres;

async fn two_processes_migrate_at_once(settings: &StoreSettings) {
    let first = Store::connect(settings, Clock::system()).await.unwrap();
    let second = Store::connect(settings, Clock::system()).await.unwrap();

    let (first_made, second_made) = tokio::join!(first.schema().migrate(), second.schema().migrate());

    let (first_made, second_made) = (first_made.unwrap(), second_made.unwrap());
    assert!(first_made.is_empty() != second_made.is_empty(), "{first_made:?} {second_made:?}");
    let status = first.schema().status().await.unwrap();
    assert!(status.iter().all(|migration| migration.is_applied), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_may_migrate_a_sqlite_file_at_once() {
    let (settings, _folder) = sqlite_settings();
    two_processes_migrate_at_once(&settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_may_migrate_a_postgres_database_at_once() {
    if let Some(settings) = postgres::empty_database().await {
        two_processes_migrate_at_once(&settings).await;
    }
}

both_databases! {
    async fn a_schema_that_is_up_to_date_is_left_alone(test: TestDatabase) {
        assert_eq!(test.store.schema().migrate().await.unwrap(), Vec::<String>::new());
    }

    async fn a_schema_of_a_newer_version_is_refused(test: TestDatabase) {
        test.execute("INSERT INTO seaql_migrations VALUES ('m29991231_000001_flux', 0)").await;

        let refused = test.store.schema().migrate().await;

        assert!(
            matches!(&refused, Err(StoreError::SchemaNewer { migration }) if migration == "m29991231_000001_flux"),
            "{refused:?}"
        );
    }

    async fn a_database_answers_a_ping_and_says_where_it_is(test: TestDatabase) {
        test.store.ping().await.unwrap();
        let kind = if test.store.is_postgres() { "postgres " } else { "sqlite " };
        assert!(test.store.describe().starts_with(kind), "{}", test.store.describe());
    }
}

#[tokio::test]
async fn an_empty_database_has_everything_pending_and_telling_so_changes_nothing() {
    let (settings, _folder) = sqlite_settings();
    let store = Store::connect(&settings, Clock::system()).await.unwrap();

    let status = store.schema().status().await.unwrap();
    assert!(!status.is_empty() && status.iter().all(|migration| !migration.is_applied), "{status:?}");
    let made = store.schema().migrate().await.unwrap();
    assert_eq!(made.len(), status.len());
}

#[tokio::test]
async fn a_missing_folder_is_named_and_not_made() {
    let (_, folder) = sqlite_settings();
    let missing = folder.path().join("not-there");
    let settings = StoreSettings {
        url: SecretString::from(format!("sqlite://{}/shopsync.db", missing.display())),
        schema: String::new(),
    };

    let error = Store::connect(&settings, Clock::system()).await.err().unwrap();

    assert!(matches!(&error, StoreError::NoFolder { folder } if *folder == missing), "{error}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_database_in_memory_is_refused_because_each_connection_would_have_its_own() {
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:"] {
        let settings = StoreSettings { url: SecretString::from(url.to_owned()), schema: String::new() };
        let error = Store::connect(&settings, Clock::system()).await.err().unwrap();
        assert!(matches!(error, StoreError::InMemory), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_postgres_that_is_not_there_counts_as_unavailable() {
    let settings = StoreSettings {
        url: SecretString::from("postgres://nobody@localhost/none?host=/nowhere".to_owned()),
        schema: String::new(),
    };

    let error = Store::connect(&settings, Clock::system()).await.err().unwrap();

    assert!(error.is_unavailable(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_made_in_the_schema_requested_and_it_must_exist() {
    let Some(mut settings) = postgres::empty_database().await else {
        return;
    };
    settings.schema = "Shop \"1\"".to_owned();
    let refused = Store::connect(&settings, Clock::system()).await.err().unwrap();
    assert!(matches!(refused, StoreError::NoSchema { .. }), "{refused}");

    let test = TestDatabase::over(settings.clone(), "CREATE SCHEMA \"Shop \"\"1\"\"\"").await;

    let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'orders' AND schemaname = 'Shop \"1\"'";
    assert_eq!(test.number(tables).await, 1);
}
