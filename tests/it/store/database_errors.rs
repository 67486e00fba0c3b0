//! What keeps the program from its database has a name and a remedy, in words that show no source line of the server's.

use secrecy::{ExposeSecret, SecretString};
use shopsync::clock::Clock;
use shopsync::error_text::chain;
use shopsync::store::db::cause::Trouble;
use shopsync::store::{Store, StoreError, StoreSettings};

use crate::support::databases::{TestDatabase, both_databases, connect};
use crate::support::postgres;

fn trouble(error: &StoreError) -> Option<Trouble> {
    match error {
        StoreError::Unavailable { source } | StoreError::Refused { source } => source.trouble(),
        _ => None,
    }
}

async fn refused(url: &str) -> StoreError {
    let settings = StoreSettings { url: SecretString::from(url.to_owned()), schema: String::new() };
    let error = match Store::connect(&settings, Clock::system()).await {
        Ok(store) => store.schema().migrate().await.unwrap_err(),
        Err(error) => error,
    };
    let text = chain(&error);
    for never in ["at line", ".c:", "pool timed out", "secret"] {
        assert!(!text.contains(never), "{text}");
    }
    error
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_reported_at_once_and_by_its_name() {
    let begun_at = std::time::Instant::now();
    for (url, expected) in [
        ("postgres://ann:secret@127.0.0.1:1/shop", Trouble::Refuses),
        ("postgres://ann:secret@localhost/shop?host=/nowhere", Trouble::Refuses),
        ("postgres://ann:secret@no-such-host.invalid/shop", Trouble::UnknownHost),
    ] {
        let error = refused(url).await;
        assert!(error.is_unavailable());
        assert_eq!(trouble(&error), Some(expected), "{error:?}");
    }
    assert!(begun_at.elapsed().as_secs() < 8, "a refusal needs no waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_refuses_has_a_name_and_a_remedy() {
    let Some(settings) = postgres::empty_database().await else { return };
    let url = settings.url.expose_secret();
    let name = url.split(['/', '?']).nth(3).unwrap();
    let admin = connect(url).await;
    for sql in [
        format!("CREATE ROLE few_{name} LOGIN CONNECTION LIMIT 0"),
        format!("CREATE ROLE poor_{name} LOGIN"),
        "REVOKE ALL ON SCHEMA public FROM PUBLIC".to_owned(),
        format!("CREATE DATABASE latin_{name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"),
    ] {
        sea_orm::ConnectionTrait::execute_unprepared(&admin, &sql).await.unwrap();
    }
    admin.close().await.unwrap();

    for (user, database, expected, is_away) in [
        ("postgres", "no_such_database", Trouble::NoDatabase, false),
        (&*format!("few_{name}"), name, Trouble::TooManyConnections, true),
        (&*format!("poor_{name}"), name, Trouble::NoPermission, false),
        ("nobody_at_all", name, Trouble::NotAdmitted, false),
    ] {
        let url = url
            .replace("postgres@", &format!("{user}@"))
            .replace(&format!("/{name}?"), &format!("/{database}?"));
        let error = refused(&url).await;
        assert_eq!((trouble(&error), error.is_unavailable()), (Some(expected), is_away), "{error:?}");
    }
    let error = refused(&url.replace(&format!("/{name}?"), &format!("/latin_{name}?"))).await;
    assert!(matches!(&error, StoreError::Encoding { encoding } if encoding == "LATIN1"), "{error:?}");
    assert!(error.to_string().contains("ENCODING 'UTF8'"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_turned_read_only_answers_and_takes_no_write() {
    let Some(test) = TestDatabase::postgres().await else { return };
    test.store.probe().write().await.unwrap();
    let name = test.settings.url.expose_secret().split(['/', '?']).nth(3).unwrap().to_owned();
    test.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let later = test.another_store().await;

    later.ping().await.unwrap();
    let error = later.probe().write().await.unwrap_err();
    assert_eq!(trouble(&error), Some(Trouble::ReadOnly), "{error:?}");
    assert!(error.is_unavailable() && later.probe().write_alone().await.is_err());
    test.execute(&format!(
        "BEGIN READ WRITE; ALTER DATABASE {name} SET default_transaction_read_only = off; COMMIT"
    ))
    .await;
    later.reconnect();
    later.probe().write().await.unwrap();
}

both_databases! {
    async fn a_trigger_that_someone_added_is_named_and_is_no_fault_of_ours(test: TestDatabase) {
        let sql = if test.store.is_postgres() {
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION E'not\\nlike this'; END $$; \
             CREATE TRIGGER no BEFORE INSERT ON heartbeats FOR EACH ROW EXECUTE FUNCTION no()"
        } else {
            "CREATE TRIGGER no BEFORE INSERT ON heartbeats BEGIN SELECT RAISE(ABORT, 'not\nlike this'); END"
        };
        test.execute(sql).await;
        let error = test.store.daemons().beat(chrono::TimeDelta::days(1)).await.unwrap_err();
        assert_eq!(trouble(&error), Some(Trouble::Rule), "{error:?}");
        assert!(chain(&error).contains("not like this"), "{}", chain(&error));
        assert_eq!(shopsync::exit::Exit::of_error(&error.into()), shopsync::exit::Exit::BadConfig);
    }
}

/// A database in which another program was first.
async fn shared(preparation: &str, is_postgres: bool) -> Option<StoreError> {
    let (settings, _folder) = if is_postgres {
        (postgres::empty_database().await?, None)
    } else {
        let (settings, folder) = crate::support::databases::sqlite_settings();
        std::fs::write(folder.path().join("shopsync.db"), "").unwrap();
        (settings, Some(folder))
    };
    let other = connect(settings.url.expose_secret()).await;
    sea_orm::ConnectionTrait::execute_unprepared(&other, preparation).await.unwrap();
    other.close().await.unwrap();
    let store = Store::connect(&settings, Clock::system()).await.unwrap();
    Some(store.schema().migrate().await.unwrap_err())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_another_program_are_named_as_such() {
    for (preparation, expected) in [
        (
            "CREATE TABLE seaql_migrations (version varchar(99) PRIMARY KEY, applied_at bigint NOT NULL); \
             INSERT INTO seaql_migrations VALUES ('m20220101_000001_create_table', 1)",
            "seaql_migrations",
        ),
        ("CREATE TABLE orders (id integer)", "orders"),
        ("CREATE TABLE shops (id integer)", "shops"),
    ] {
        for is_postgres in [false, true] {
            let Some(error) = shared(preparation, is_postgres).await else { continue };
            let StoreError::ForeignTable { table, .. } = &error else { panic!("{error:?}") };
            assert_eq!(table, expected);
            assert!(error.to_string().contains("[database]"), "{error}");
        }
    }
}
