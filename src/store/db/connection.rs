//! The pool of connections, with a limit for how long a caller waits.
//!
//! A peer that vanishes without a word (a firewall that forgot us, a host that lost power) leaves a connection
//! that never answers and never fails, and the driver would wait for it for ever.

use std::panic;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, SqliteTransactionMode, SqlxError, Statement, TransactionOptions,
    TransactionTrait,
};

use super::pools::{self, Opener};

/// How long one statement outside a transaction may take. The server itself gives up earlier, so that this ends
/// only what the server does not hear of.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(20);

/// A pool that can be given up as a whole. Clones share it.
#[derive(Clone)]
pub struct Connection {
    pool: Arc<RwLock<DatabaseConnection>>,
    opener: Arc<Opener>,
}

impl Connection {
    /// Opens one connection to see that the database is there, and closes it: a wrong address shows at once, and by its
    /// name.
    pub async fn open(opener: Opener) -> Result<Self, DbErr> {
        opener.try_alone("SELECT 1").await.map_err(away)?;
        Ok(Self { pool: Arc::new(RwLock::new(opener.pool())), opener: Arc::new(opener) })
    }

    /// The pool of this moment.
    pub fn pool(&self) -> DatabaseConnection {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// See [`Opener::keeps_session`].
    pub async fn keeps_session(&self, server_port: u16) -> Result<bool, DbErr> {
        self.opener.keeps_session(server_port).await.map_err(away)
    }

    /// How many connections the pool opens at most.
    pub fn connections_max(&self) -> u32 {
        self.opener.connections_max()
    }

    /// Leaves all connections to themselves; the next statement opens a new one. A connection that fell silent
    /// may never come back to its pool, and would take a place there for ever.
    pub fn renew(&self) {
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = self.opener.pool();
    }

    /// Does `sql` on a new connection beside the pool.
    pub async fn execute_alone(&self, sql: &str) -> Result<(), DbErr> {
        self.opener.try_alone(sql).await.map_err(away)
    }

    /// Begins a transaction that writes.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        // A deferred transaction that begins by reading fails at once, without waiting, when another one
        // commits before its first write.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let pool = self.pool();
        let begun = if self.opener.is_remote() {
            // In a task of its own, which no one gives up: a `BEGIN` that was sent, and whose answer no one reads,
            // would leave the server inside a transaction that the driver does not know of.
            match tokio::spawn(async move { pool.begin_with_options(options).await }).await {
                Ok(begun) => begun,
                Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
                Err(_) => Err(silence()),
            }
        } else {
            pool.begin_with_options(options).await
        };
        match begun {
            Err(error) => Err(self.with_cause(error).await),
            begun => begun,
        }
    }

    /// Waits for one statement, at most for [`STATEMENT_DEADLINE`] where the database is not a file.
    async fn wait<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let answer = if self.opener.is_remote() {
            tokio::time::timeout(STATEMENT_DEADLINE, answer).await.unwrap_or_else(|_| Err(silence()))
        } else {
            answer.await
        };
        match answer {
            Err(error) => Err(self.with_cause(error).await),
            answer => answer,
        }
    }

    /// The pool says only that no connection came in time. Either the server gives none, and says why, or all of the
    /// pool's are in use.
    async fn with_cause(&self, error: DbErr) -> DbErr {
        if !matches!(error, DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) {
            return error;
        }
        match self.opener.try_alone("SELECT 1").await {
            Err(cause) => away(cause),
            Ok(()) => error,
        }
    }
}

/// The database did not answer within the time we give it.
pub fn silence() -> DbErr {
    away(SqlxError::Io(pools::silence()))
}

fn away(error: SqlxError) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        self.pool().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.wait(self.pool().execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.wait(self.pool().execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.wait(self.pool().query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.wait(self.pool().query_all_raw(statement)).await
    }
}
