//! The pool of connections, asked with patience that ends.
//!
//! A peer that vanishes without a word (a firewall that forgot us, a host that lost power) leaves a connection
//! that never answers and never fails, and the driver would wait for it for ever.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, SqlxError, Statement,
};

/// How long one statement outside a transaction may take. The server itself gives up earlier, so that this ends
/// only what the server does not hear of.
pub(super) const STATEMENT_DEADLINE: Duration = Duration::from_secs(20);

/// A pool that can be given up as a whole. Clones share it.
#[derive(Clone)]
pub(super) struct Connection {
    pool: Arc<RwLock<DatabaseConnection>>,
    /// What a pool in place of this one is made with. `None` for SQLite, whose file cannot fall silent.
    options: Option<Arc<ConnectOptions>>,
}

impl Connection {
    /// Opens the database, and with it one connection, so that a wrong address shows at once.
    pub(super) async fn open(options: ConnectOptions, is_remote: bool) -> Result<Self, DbErr> {
        let pool = Database::connect(options.clone()).await?;
        let options = is_remote.then(|| {
            let mut options = options;
            options.connect_lazy(true);
            Arc::new(options)
        });
        Ok(Self { pool: Arc::new(RwLock::new(pool)), options })
    }

    /// The pool of this moment.
    pub(super) fn pool(&self) -> DatabaseConnection {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves all connections to themselves; the next statement opens a new one. A connection that fell silent
    /// may never come back to its pool, and would take a place there for ever.
    pub(super) async fn renew(&self) -> Result<(), DbErr> {
        let Some(options) = &self.options else {
            return Ok(());
        };
        let fresh = Database::connect(ConnectOptions::clone(options)).await?;
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Waits for `answer`, at most for `deadline` where the database is not a file.
    pub(super) async fn wait<T, E: From<DbErr>>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if self.options.is_none() {
            return answer.await;
        }
        tokio::time::timeout(deadline, answer).await.unwrap_or_else(|_| Err(silence().into()))
    }
}

/// Counts as the database being away.
fn silence() -> DbErr {
    let silence = std::io::Error::new(std::io::ErrorKind::TimedOut, "the database does not answer");
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(SqlxError::Io(silence))))
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        self.pool().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.wait(STATEMENT_DEADLINE, self.pool().execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.wait(STATEMENT_DEADLINE, self.pool().execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.wait(STATEMENT_DEADLINE, self.pool().query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.wait(STATEMENT_DEADLINE, self.pool().query_all_raw(statement)).await
    }
}
