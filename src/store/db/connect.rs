//! Opening the database, with the settings each kind needs.

use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectionTrait, DbErr, RuntimeErr, Statement};
use secrecy::ExposeSecret;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use super::connection::Connection;
use super::dialect::Dialect;
use super::pools::Opener;
use crate::clock::Clock;
use crate::store::{Place, Store, StoreError, StoreSettings, identity};

/// Enough for eight shops' lanes and the verbs; few enough for a Postgres that others use too.
pub const CONNECTIONS_DEFAULT: u32 = 12;
/// One writes, the others read. Each is a thread.
const SQLITE_CONNECTIONS_MAX: u32 = 4;
/// How long SQLite waits for a writer in another process, before the transaction is repeated.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// To this many bytes SQLite shortens its write-ahead log once it could be written back: a reader that stays long lets
/// it grow, and it would keep that size.
const SQLITE_LOG_BYTES: &str = "16777216";
/// Prepared statements kept per connection. Bulk statements differ by their number of rows, so that a larger
/// cache would fill with large statements used once: megabytes each on SQLite, where preparing costs next to
/// nothing.
const SQLITE_STATEMENTS_CACHED: usize = 2;
const POSTGRES_STATEMENTS_CACHED: usize = 20;
/// Rights that let users other than the owner in.
const OTHERS: u32 = 0o077;

impl Store {
    /// Opens the database. Makes a missing SQLite file, but no folder and no schema. Asks it for a sign of life,
    /// so that a wrong address shows at once.
    pub async fn connect(settings: &StoreSettings, clock: Clock) -> Result<Self, StoreError> {
        Self::connect_with(settings, CONNECTIONS_DEFAULT, clock).await
    }

    /// The same, with at most so many connections to a Postgres server.
    pub async fn connect_with(
        settings: &StoreSettings,
        connections_max: u32,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let url = settings.url.expose_secret();
        let (dialect, mut place, opener) = if url.starts_with("sqlite:") {
            let file = sqlite_file(url);
            if file.as_os_str().is_empty() || file == Path::new(":memory:") {
                return Err(StoreError::InMemory);
            }
            let place = Place {
                description: format!("sqlite {}", file.display()),
                sqlite_file: Some(file.clone()),
                sqlite_identity: None,
            };
            (Dialect::Sqlite, place, sqlite_opener(&file)?)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let place = Place {
                description: describe_postgres(url, &settings.schema)?,
                sqlite_file: None,
                sqlite_identity: None,
            };
            (Dialect::Postgres, place, postgres_opener(url, &settings.schema, connections_max)?)
        } else {
            return Err(StoreError::UnknownKind);
        };
        let connection = Connection::open(opener).await?;
        place.sqlite_identity = place.sqlite_file.as_deref().and_then(identity);
        let store = Self {
            connection,
            dialect,
            clock,
            write_turn: Arc::new(Mutex::new(())),
            writes: Arc::default(),
            place: Arc::new(place),
            home: Arc::new(OnceCell::new()),
        };
        if store.is_postgres() {
            require_fit(&store.connection).await?;
            if !settings.schema.is_empty() {
                require_schema(&store.connection, &settings.schema).await?;
            }
        }
        Ok(store)
    }

    /// The mode of a SQLite file that users other than its owner can read or write. `None`: it is kept from them.
    pub fn mode_open_to_others(&self) -> Option<u32> {
        let mode = std::fs::metadata(self.place.sqlite_file.as_deref()?).ok()?.permissions().mode() & 0o777;
        (mode & OTHERS != 0).then_some(mode)
    }
}

fn sqlite_opener(file: &Path) -> Result<Opener, StoreError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(StoreError::NoFolder { folder: folder.to_owned() });
    }
    make_private(file)?;
    // Built from the path and not from the address, in which `?` and `%` of a file name would mean something.
    let options = SqliteConnectOptions::new()
        .filename(file)
        // A file that goes away while we run is never created again: it would be an empty database.
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // A confirmed commit must outlive a power cut: a used refresh token cannot be got again.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        .pragma("journal_size_limit", SQLITE_LOG_BYTES)
        .statement_cache_capacity(SQLITE_STATEMENTS_CACHED)
        .disable_statement_logging();
    Ok(Opener::Sqlite { options: Box::new(options), connections_max: SQLITE_CONNECTIONS_MAX })
}

/// Makes a missing file, which only its owner may read: it holds names and notes of buyers. SQLite gives the files
/// beside it the same rights.
fn make_private(file: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        // A link to nowhere, a folder that takes no file: SQLite says what it makes of it.
        Err(_) if file.exists() => Ok(()),
        Err(source) => Err(StoreError::Create { file: file.to_owned(), source }),
    }
}

fn postgres_opener(url: &str, schema: &str, connections_max: u32) -> Result<Opener, StoreError> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|error: sea_orm::SqlxError| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))?;
    let options = options
        .application_name("shopsync")
        // A pooler refuses what it does not know; and we keep no numbers with a fraction.
        .extra_float_digits(None)
        .statement_cache_capacity(POSTGRES_STATEMENTS_CACHED)
        .disable_statement_logging();
    let session = postgres_session(schema);
    Ok(Opener::Postgres { options: Box::new(options), session, connections_max })
}

/// What every connection begins with.
///
/// Plans are made for each statement: a plan kept from when a table was empty reads all of it, and a first
/// load fills the table faster than Postgres finds out.
///
/// The server's notices and warnings are nothing to us, and the driver would log them without an event.
///
/// The limits are for what the server cannot know: that the client has given up, or is gone without closing and
/// left a lease locked for everybody else. They are shorter than our own patience.
const SESSION: &str = "SET plan_cache_mode = force_custom_plan; SET statement_timeout = '15s'; \
    SET idle_in_transaction_session_timeout = '20s'; SET tcp_keepalives_idle = 30; \
    SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; SET client_min_messages = 'error'";

fn postgres_session(schema: &str) -> String {
    let mut session = SESSION.to_owned();
    if !schema.is_empty() {
        session.push_str("; SET search_path = ");
        session.push_str(&quoted(schema));
    }
    session
}

/// A server that keeps all text, and all statements of a connection in one session. What it cannot keep it refuses in
/// the middle of a sync, or keeps as other characters.
async fn require_fit(connection: &Connection) -> Result<(), StoreError> {
    let question = Statement::from_string(
        connection.get_database_backend(),
        "SELECT current_setting('server_encoding') AS encoding, current_setting('port') AS port",
    );
    let Some(row) = connection.query_one_raw(question).await? else { return Ok(()) };
    let encoding: String = row.try_get("", "encoding")?;
    if encoding != "UTF8" {
        return Err(StoreError::Encoding { encoding });
    }
    let port: String = row.try_get("", "port")?;
    match port.parse() {
        Ok(port) if !connection.keeps_session(port).await? => Err(StoreError::Pooler),
        _ => Ok(()),
    }
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
