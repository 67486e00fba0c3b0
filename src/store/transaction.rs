//! Write transactions: begun so that they cannot deadlock on SQLite, and repeated when others were in the way.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

use super::dialect::Dialect;
use super::{Store, StoreError};
use crate::clock::Clock;

/// How often a transaction is tried before [`StoreError::Busy`].
const ATTEMPTS_MAX: u32 = 8;
/// The pause before a repeat is random, up to this times the number of failures.
const PAUSE_STEP: Duration = Duration::from_millis(40);

/// How long a transaction may take, from its begin to its commit.
const TRANSACTION_DEADLINE: Duration = Duration::from_secs(30);

/// A write transaction. Rolled back when it is dropped without a commit.
pub(super) struct Tx {
    transaction: Arc<DatabaseTransaction>,
    pub(super) dialect: Dialect,
    clock: Clock,
}

impl Tx {
    pub(super) fn db(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// The moment leases are measured by: the database's clock on Postgres, which several machines share; ours
    /// on SQLite, which is on one machine.
    pub(super) async fn now(&self) -> Result<DateTime<Utc>, DbErr> {
        if self.dialect == Dialect::Sqlite {
            return Ok(self.clock.now());
        }
        let row = self
            .db()
            .query_one_raw(Statement::from_string(
                self.db().get_database_backend(),
                "SELECT clock_timestamp() AS now",
            ))
            .await?
            .ok_or_else(|| DbErr::RecordNotFound("the database's clock".to_owned()))?;
        row.try_get("", "now")
    }
}

impl Store {
    /// Does `work` in one transaction and commits it. `work` may be called several times: after a deadlock, a
    /// serialisation failure or a busy database it is done all over again.
    pub(super) async fn write<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        self.write_within(TRANSACTION_DEADLINE, work).await
    }

    /// [`Store::write`] for work that takes its time.
    pub(super) async fn write_within<T, W, F>(&self, deadline: Duration, work: W) -> Result<T, StoreError>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut attempt = 1;
        loop {
            let error = match self.connection.wait(deadline, Box::pin(self.write_once(&work))).await {
                Err(error) if error.is_contention() => error,
                settled => return settled,
            };
            match error {
                StoreError::Refused { source } if attempt == ATTEMPTS_MAX => {
                    return Err(StoreError::Busy { attempts: attempt, source });
                }
                _ => tokio::time::sleep((PAUSE_STEP * attempt).mul_f64(fastrand::f64())).await,
            }
            attempt += 1;
        }
    }

    async fn write_once<T, W, F>(&self, work: &W) -> Result<T, StoreError>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let _turn = match self.dialect {
            Dialect::Sqlite => Some(self.write_turn.lock().await),
            Dialect::Postgres => None,
        };
        self.place.check()?;
        // A deferred transaction that begins by reading fails at once, without waiting, when another one
        // commits before its first write.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = Arc::new(self.connection.pool().begin_with_options(options).await?);
        let done = work(Tx {
            transaction: Arc::clone(&transaction),
            dialect: self.dialect,
            clock: self.clock.clone(),
        })
        .await;
        let transaction =
            Arc::into_inner(transaction).expect("the work is over, and its handle was dropped with it");
        match done {
            Ok(result) => {
                transaction.commit().await?;
                Ok(result)
            }
            Err(error) => {
                // The first failure is the one worth telling; a rollback that fails ends the connection, and
                // the transaction with it.
                let _ = transaction.rollback().await;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use sea_orm::ConnectionTrait;
    use secrecy::SecretString;

    use super::*;
    use crate::store::StoreSettings;

    const WRITERS: u32 = 4;
    const ROUNDS: u32 = 10;

    /// Reads, lets the others in if the database would, and writes.
    async fn count_up(tx: Tx) -> Result<(), StoreError> {
        tx.db().execute_unprepared("SELECT n FROM counter").await?;
        tokio::task::yield_now().await;
        tx.db().execute_unprepared("UPDATE counter SET n = n + 1").await?;
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn writers_of_several_processes_wait_in_line_and_none_has_to_begin_again() {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            url: SecretString::from(format!("sqlite://{}", folder.path().join("a.db").display())),
            schema: String::new(),
        };
        let store = Store::connect(&settings, Clock::system()).await.unwrap();
        store.connection.execute_unprepared("CREATE TABLE counter (n)").await.unwrap();
        store.connection.execute_unprepared("INSERT INTO counter VALUES (0)").await.unwrap();
        let attempts = Arc::new(AtomicU32::new(0));

        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..WRITERS {
            let store = Store::connect(&settings, Clock::system()).await.unwrap();
            let attempts = Arc::clone(&attempts);
            writers.spawn(async move {
                for _ in 0..ROUNDS {
                    let counted = store.write(|tx| {
                        attempts.fetch_add(1, Ordering::Relaxed);
                        count_up(tx)
                    });
                    counted.await.unwrap();
                }
            });
        }
        writers.join_all().await;

        assert_eq!(attempts.load(Ordering::Relaxed), WRITERS * ROUNDS);
    }
}
