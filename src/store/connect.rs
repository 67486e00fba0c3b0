//! Opening the database, with the settings each kind needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{AssertSqlSafe, Executor};
use sea_orm::{ConnectOptions, ConnectionTrait, Statement};
use secrecy::ExposeSecret;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use super::connection::Connection;
use super::dialect::Dialect;
use super::{Place, Store, StoreError, StoreSettings, identity};
use crate::clock::Clock;

/// Enough for eight shops' lanes and the verbs; few enough for a Postgres that others use too.
const POSTGRES_CONNECTIONS_MAX: u32 = 12;
/// One writes, the others read. Each is a thread.
const SQLITE_CONNECTIONS_MAX: u32 = 4;
/// How long a connection may be waited for before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Ages are looked at when a connection is taken, by ourselves. With an age of its own to watch, sqlx 0.9 starts a
/// task that counts idle connections while others take them; the count can fall below zero, and the task then goes
/// round for ever on one of the runtime's threads.
const NO_MAINTENANCE: Option<Duration> = None;
/// A connection of this age is closed instead of used: one whose peer died silently is then found out at last.
const CONNECTION_LIFETIME: Duration = Duration::from_mins(30);
const CONNECTION_IDLE: Duration = Duration::from_mins(5);
/// How long SQLite waits for a writer in another process, before the transaction is repeated.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection. Bulk statements differ by their number of rows, so that a larger
/// cache would fill with large statements used once: megabytes each on SQLite, where preparing costs next to
/// nothing.
const SQLITE_STATEMENTS_CACHED: usize = 2;
const POSTGRES_STATEMENTS_CACHED: usize = 20;

impl Store {
    /// Opens the database. Makes a missing SQLite file, but no folder and no schema. Asks it for a sign of life,
    /// so that a wrong address shows at once.
    pub async fn connect(settings: &StoreSettings, clock: Clock) -> Result<Self, StoreError> {
        let url = settings.url.expose_secret();
        let (dialect, mut place, options) = if url.starts_with("sqlite:") {
            let file = sqlite_file(url);
            if file.as_os_str().is_empty() || file == Path::new(":memory:") {
                return Err(StoreError::InMemory);
            }
            let place = Place {
                description: format!("sqlite {}", file.display()),
                sqlite_file: Some(file.clone()),
                sqlite_identity: None,
            };
            (Dialect::Sqlite, place, sqlite_options(&file)?)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let place = Place {
                description: describe_postgres(url, &settings.schema)?,
                sqlite_file: None,
                sqlite_identity: None,
            };
            (Dialect::Postgres, place, postgres_options(url, &settings.schema))
        } else {
            return Err(StoreError::UnknownKind);
        };
        let connection = Connection::open(options, dialect == Dialect::Postgres).await?;
        place.sqlite_identity = place.sqlite_file.as_deref().and_then(identity);
        let store = Self {
            connection,
            dialect,
            clock,
            write_turn: Arc::new(Mutex::new(())),
            place: Arc::new(place),
            home: Arc::new(OnceCell::new()),
        };
        if store.is_postgres() && !settings.schema.is_empty() {
            require_schema(&store.connection, &settings.schema).await?;
        }
        Ok(store)
    }
}

fn sqlite_options(file: &Path) -> Result<ConnectOptions, StoreError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(StoreError::NoFolder { folder: folder.to_owned() });
    }
    let file = file.to_owned();
    let mut options = ConnectOptions::new("sqlite:");
    options
        .max_connections(SQLITE_CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(NO_MAINTENANCE)
        .idle_timeout(NO_MAINTENANCE)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        // Built anew and not from the address, in which `?` and `%` of a file name would mean something.
        .map_sqlx_sqlite_opts(move |_| {
            SqliteConnectOptions::new()
                .filename(&file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // A commit that was told must outlive a power cut: a spent refresh token cannot be got again.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(BUSY_TIMEOUT)
                .foreign_keys(false)
                .statement_cache_capacity(SQLITE_STATEMENTS_CACHED)
        });
    Ok(options)
}

fn postgres_options(url: &str, schema: &str) -> ConnectOptions {
    // sea-orm knows only the short form.
    let url = url.replacen("postgresql:", "postgres:", 1);
    let session = postgres_session(schema);
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(POSTGRES_CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(true)
        .max_lifetime(NO_MAINTENANCE)
        .idle_timeout(NO_MAINTENANCE)
        .set_application_name("shopsync")
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_postgres_opts(|options| options.statement_cache_capacity(POSTGRES_STATEMENTS_CACHED))
        .map_sqlx_postgres_pool_opts(move |options| {
            let session = session.clone();
            options
                .before_acquire(|_, of| {
                    let is_young = of.age < CONNECTION_LIFETIME && of.idle_for < CONNECTION_IDLE;
                    Box::pin(async move { Ok(is_young) })
                })
                .after_connect(move |connection, _| {
                    let session = AssertSqlSafe(session.clone());
                    Box::pin(async move { connection.execute(session).await.map(|_| ()) })
                })
        });
    options
}

/// What every connection begins with.
///
/// Plans are made anew for each statement: a plan kept from when a table was empty reads all of it, and a first
/// load fills the table faster than Postgres finds out.
///
/// The limits are for what the server cannot know: that whoever asked has given up, or is gone without a word and
/// left a lease locked for everybody else. They are shorter than our own patience.
const SESSION: &str = "SET plan_cache_mode = force_custom_plan; SET statement_timeout = '15s'; \
    SET idle_in_transaction_session_timeout = '20s'; SET tcp_keepalives_idle = 30; \
    SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

fn postgres_session(schema: &str) -> String {
    let mut session = SESSION.to_owned();
    if !schema.is_empty() {
        session.push_str("; SET search_path = ");
        session.push_str(&quoted(schema));
    }
    session
}

/// Postgres accepts a search path that does not exist, and the tables would then be made nowhere.
async fn require_schema(connection: &Connection, schema: &str) -> Result<(), StoreError> {
    let found = connection
        .query_one_raw(Statement::from_sql_and_values(
            connection.get_database_backend(),
            "SELECT 1 FROM pg_namespace WHERE nspname = $1",
            [schema.into()],
        ))
        .await?;
    match found {
        Some(_) => Ok(()),
        None => Err(StoreError::NoSchema { schema: schema.to_owned() }),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The file of `sqlite:file`, `sqlite://file` or `sqlite:///file`. Anything behind a `?` is for other programs.
fn sqlite_file(url: &str) -> PathBuf {
    let rest = url.trim_start_matches("sqlite:");
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    PathBuf::from(rest.split_once('?').map_or(rest, |(file, _)| file))
}

fn describe_postgres(url: &str, schema: &str) -> Result<String, StoreError> {
    let url = Url::parse(url).map_err(|source| StoreError::Address { source })?;
    let host = url
        .query_pairs()
        .find_map(|(name, value)| (name == "host").then(|| value.into_owned()))
        .unwrap_or_else(|| url.host_str().unwrap_or("localhost").to_owned());
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let schema = if schema.is_empty() { String::new() } else { format!(", schema {schema}") };
    Ok(format!("postgres {host}{port}/{}{schema}", url.path().trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_in_every_form_of_address() {
        for (url, file) in [
            ("sqlite://shopsync.db", "shopsync.db"),
            ("sqlite:shopsync.db", "shopsync.db"),
            ("sqlite:///var/lib/a.db", "/var/lib/a.db"),
            ("sqlite:///var/lib/a%20b.db?mode=rwc", "/var/lib/a%20b.db"),
        ] {
            assert_eq!(sqlite_file(url), Path::new(file), "{url}");
        }
    }

    #[test]
    fn a_description_never_holds_user_or_password() {
        let described = describe_postgres("postgres://bob:s3cret@db.example:5433/shop", "live").unwrap();
        assert_eq!(described, "postgres db.example:5433/shop, schema live");
        let socket = describe_postgres("postgres://bob:s3cret@localhost/shop?host=/run/pg", "").unwrap();
        assert_eq!(socket, "postgres /run/pg/shop");
    }

    #[test]
    fn a_schema_name_cannot_break_out_of_its_quotes() {
        assert_eq!(quoted("a\", public; --"), "\"a\"\", public; --\"");
    }
}
