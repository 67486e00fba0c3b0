//! How a pool of each database is made, and when a connection may be used again.
//!
//! A connection whose transaction did not end in order is closed instead of going back to its pool. The driver keeps a
//! count of open transactions of its own, and that count can differ from the truth: SQLite ends a transaction by itself
//! when the disk is full, the driver's `ROLLBACK` then fails, and its next transaction would be a savepoint that
//! no one ever commits and that holds the write lock for good.

use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use sea_orm::{DatabaseConnection, SqlxError, SqlxPostgresConnector, SqlxSqliteConnector};

/// How long a connection may be waited for before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening a connection may take outside of the pool.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Ages are looked at when a connection is taken, by ourselves. With an age of its own to watch, sqlx 0.9 starts a
/// task that counts idle connections while others take them; the count can fall below zero, and the task then goes
/// round for ever on one of the runtime's threads.
const NO_MAINTENANCE: Option<Duration> = None;
/// The driver would log a long wait by itself, without an event; a wait that is too long is an error of ours.
const NO_SLOW_LOG: Duration = Duration::MAX;
/// A connection of this age is closed instead of used: one whose peer died silently is then found out at last.
const CONNECTION_LIFETIME: Duration = Duration::from_mins(30);
const CONNECTION_IDLE: Duration = Duration::from_mins(5);

/// What every connection of a database is opened with.
pub enum Opener {
    Sqlite {
        options: Box<SqliteConnectOptions>,
        connections_max: u32,
    },
    Postgres {
        options: Box<PgConnectOptions>,
        /// What every session begins with.
        session: String,
        connections_max: u32,
    },
}

impl Opener {
    /// Whether the other end may fall silent. A file cannot.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    pub fn connections_max(&self) -> u32 {
        match self {
            Self::Sqlite { connections_max, .. } | Self::Postgres { connections_max, .. } => *connections_max,
        }
    }

    /// A pool that opens its connections when they are needed.
    pub fn pool(&self) -> DatabaseConnection {
        match self {
            Self::Sqlite { options, connections_max } => {
                let pool = SqlitePoolOptions::new()
                    .max_connections(*connections_max)
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .acquire_slow_threshold(NO_SLOW_LOG)
                    .max_lifetime(NO_MAINTENANCE)
                    .idle_timeout(NO_MAINTENANCE)
                    .test_before_acquire(false)
                    .after_release(|connection, _| Box::pin(is_sqlite_clean(connection)));
                SqlxSqliteConnector::from_sqlx_sqlite_pool(
                    pool.connect_lazy_with(SqliteConnectOptions::clone(options)),
                )
            }
            Self::Postgres { options, session, connections_max } => {
                let session = session.clone();
                let pool = PgPoolOptions::new()
                    .max_connections(*connections_max)
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .acquire_slow_threshold(NO_SLOW_LOG)
                    .max_lifetime(NO_MAINTENANCE)
                    .idle_timeout(NO_MAINTENANCE)
                    .test_before_acquire(true)
                    .before_acquire(|_, of| {
                        let is_young = of.age < CONNECTION_LIFETIME && of.idle_for < CONNECTION_IDLE;
                        Box::pin(async move { Ok(is_young) })
                    })
                    .after_connect(move |connection, _| {
                        let session = AssertSqlSafe(session.clone());
                        Box::pin(async move { connection.execute(session).await.map(|_| ()) })
                    })
                    .after_release(|connection, _| {
                        let is_clean = is_postgres_clean(connection);
                        Box::pin(async move { Ok(is_clean) })
                    });
                SqlxPostgresConnector::from_sqlx_postgres_pool(
                    pool.connect_lazy_with(PgConnectOptions::clone(options)),
                )
            }
        }
    }

    /// Opens one connection outside of the pool, does `sql` on it and closes it. The pool tries a server that refuses
    /// connections again and again, and then reports only a timeout; this reports the cause at once.
    pub async fn try_alone(&self, sql: &str) -> Result<(), SqlxError> {
        let sql = AssertSqlSafe(sql.to_owned());
        let tried = async {
            match self {
                Self::Sqlite { options, .. } => {
                    let mut connection = options.connect().await?;
                    connection.execute(sql).await?;
                    connection.close().await
                }
                Self::Postgres { options, session, .. } => {
                    let mut connection = options.connect().await?;
                    connection.execute(AssertSqlSafe(session.clone())).await?;
                    connection.execute(sql).await?;
                    connection.close().await
                }
            }
        };
        if self.is_remote() {
            tokio::time::timeout(CONNECT_TIMEOUT, tried)
                .await
                .unwrap_or_else(|_| Err(SqlxError::Io(silence())))
        } else {
            tried.await
        }
    }
}

impl Opener {
    /// Whether all statements of a connection reach one session of the server. `server_port`: where that server listens
    /// by its own account; at any other port something may stand in between.
    ///
    /// A pooler that gives each transaction another session would hand our settings to others, and others' to us.
    pub async fn keeps_session(&self, server_port: u16) -> Result<bool, SqlxError> {
        let Self::Postgres { options, .. } = self else { return Ok(true) };
        if options.get_port() == server_port {
            return Ok(true);
        }
        let asked = async {
            let mut first = options.connect().await?;
            first.execute("SET shopsync.session = 'ours'").await?;
            // A role may have no second connection; then there is nothing to see.
            let Ok(mut second) = options.connect().await else { return Ok(true) };
            second.execute("BEGIN").await?;
            let is_shared = has_mark(&mut second).await?;
            let is_kept = has_mark(&mut first).await?;
            second.execute("ROLLBACK").await?;
            first.execute("RESET shopsync.session").await?;
            first.close().await?;
            second.close().await?;
            Ok(is_kept && !is_shared)
        };
        // One that has a single session to give makes the second wait.
        tokio::time::timeout(CONNECT_TIMEOUT, asked).await.unwrap_or(Ok(true))
    }
}

async fn has_mark(connection: &mut PgConnection) -> Result<bool, SqlxError> {
    let row = connection.fetch_one("SELECT current_setting('shopsync.session', true)").await?;
    let mark: Option<String> = row.try_get(0)?;
    Ok(mark.as_deref() == Some("ours"))
}

/// Counts as the database being away.
pub fn silence() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "the database does not answer")
}

/// Neither SQLite nor the driver is inside a transaction. `BEGIN` without a word behind it takes no lock and touches no
/// file; it fails inside a transaction.
async fn is_sqlite_clean(connection: &mut SqliteConnection) -> Result<bool, SqlxError> {
    // First the statement: a rollback of a dropped transaction may still be on its way to the driver's thread.
    let is_outside = connection.execute("BEGIN; ROLLBACK").await.is_ok();
    Ok(is_outside && !connection.is_in_transaction())
}

/// The driver queues a `ROLLBACK` for a transaction that was dropped or whose end failed, and sends it with the next
/// statement. Whoever ended a transaction in order leaves nothing to send.
fn is_postgres_clean(connection: &PgConnection) -> bool {
    !connection.should_flush() && !connection.is_in_transaction()
}
