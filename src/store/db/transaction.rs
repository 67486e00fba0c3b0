//! Write transactions: begun so that they cannot deadlock on SQLite, and repeated when others were in the way.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};

use super::connection::silence;
use super::dialect::Dialect;
use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// How often a transaction is tried before [`StoreError::Busy`].
const ATTEMPTS_MAX: u32 = 8;
/// The pause before a repeat is random, up to this times the number of failures.
const PAUSE_STEP: Duration = Duration::from_millis(40);

/// How long a transaction may take, from its begin to its commit.
const TRANSACTION_DEADLINE: Duration = Duration::from_secs(30);
/// The same for SQLite, whose disk may be slow but whose answers come by themselves in the end.
const SQLITE_TRANSACTION_DEADLINE: Duration = Duration::from_mins(5);

/// A write transaction. Rolled back when it is dropped without a commit.
pub struct Tx {
    transaction: Arc<DatabaseTransaction>,
    pub dialect: Dialect,
    clock: Clock,
}

impl Tx {
    /// Makes the commit wait for the disk, whatever the server's default is: a used refresh token cannot be got again.
    /// SQLite is opened so that every commit does.
    pub async fn make_durable(&self) -> Result<(), StoreError> {
        if self.dialect == Dialect::Postgres {
            self.db().execute_unprepared("SET LOCAL synchronous_commit = on").await?;
        }
        Ok(())
    }

    pub fn db(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// The moment leases are measured by: the database's clock on Postgres, which several machines share; ours
    /// on SQLite, which is on one machine.
    pub async fn now(&self) -> Result<DateTime<Utc>, DbErr> {
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
    pub async fn write<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        self.write_within(TRANSACTION_DEADLINE, work).await
    }

    /// [`Store::write`] for work that takes its time.
    pub async fn write_within<T, W, F>(&self, deadline: Duration, work: W) -> Result<T, StoreError>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut attempt = 1;
        loop {
            let error = match Box::pin(self.write_once(deadline, &work)).await {
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

    /// One attempt. However it ends, also when it is dropped half way: a connection that is not provably outside of the
    /// transaction does not go back to the pool, see [`super::pools`].
    pub async fn write_once<T, W, F>(&self, deadline: Duration, work: &W) -> Result<T, StoreError>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let (_turn, deadline) = match self.dialect {
            Dialect::Sqlite => {
                (Some(self.write_turn.lock().await), deadline.max(SQLITE_TRANSACTION_DEADLINE))
            }
            Dialect::Postgres => (None, deadline),
        };
        let done = tokio::time::timeout(deadline, self.transact(work)).await;
        let done = done.unwrap_or_else(|_| Err(silence().into()));
        self.writes.note(done.is_ok());
        done
    }

    async fn transact<T, W, F>(&self, work: &W) -> Result<T, StoreError>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        self.place.check()?;
        let transaction = Arc::new(self.connection.begin().await?);
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
                // The first failure is the one to report; a rollback that fails ends the connection, and
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

    async fn counter(folder: &tempfile::TempDir) -> (StoreSettings, Store) {
        let settings = StoreSettings {
            url: SecretString::from(format!("sqlite://{}", folder.path().join("a.db").display())),
            schema: String::new(),
        };
        let store = Store::connect(&settings, Clock::system()).await.unwrap();
        store.connection.execute_unprepared("CREATE TABLE counter (n)").await.unwrap();
        store.connection.execute_unprepared("INSERT INTO counter VALUES (0)").await.unwrap();
        (settings, store)
    }

    /// What another program sees.
    async fn seen_by_others(settings: &StoreSettings) -> i64 {
        let other = Store::connect(settings, Clock::system()).await.unwrap();
        let question = Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT n FROM counter");
        let row = other.connection.query_one_raw(question).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    /// SQLite ends the transaction by itself, as it does when the disk is full.
    async fn clash(tx: Tx) -> Result<(), StoreError> {
        tx.db().execute_unprepared("UPDATE counter SET n = n + 100").await?;
        for _ in 0..2 {
            tx.db().execute_unprepared("INSERT OR ROLLBACK INTO once VALUES (1)").await?;
        }
        Ok(())
    }

    /// Fails in a way that leaves the end of the transaction to us.
    async fn fail(tx: Tx) -> Result<(), StoreError> {
        count_up(tx).await?;
        Err(StoreError::InMemory)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_whose_transaction_the_database_ended_is_never_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, store) = counter(&folder).await;
        store.connection.execute_unprepared("CREATE TABLE once (n UNIQUE)").await.unwrap();
        for round in 1..=3 {
            let error = store.write(clash).await.unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
            // With a count of transactions that is off by one, its rollback would leave a transaction open.
            store.write(fail).await.unwrap_err();
            // Every later write reaches the file, and no one holds the lock.
            store.write(count_up).await.unwrap();
            assert_eq!(seen_by_others(&settings).await, round);
            let other = Store::connect(&settings, Clock::system()).await.unwrap();
            other.write(|_| async { Ok(()) }).await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_write_that_panics_or_is_dropped_half_way_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, store) = counter(&folder).await;
        let panicking = tokio::spawn({
            let store = store.clone();
            async move {
                let work = |tx: Tx| async move {
                    count_up(tx).await?;
                    std::panic::panic_any("this test panics here")
                };
                store.write::<(), _, _>(work).await
            }
        });
        assert!(panicking.await.unwrap_err().is_panic());
        let hanging = store.write(|tx: Tx| async move {
            tx.db().execute_unprepared("UPDATE counter SET n = n + 100").await?;
            std::future::pending::<Result<(), StoreError>>().await
        });
        assert!(tokio::time::timeout(Duration::from_millis(100), hanging).await.is_err());

        store.write(count_up).await.unwrap();
        assert_eq!(seen_by_others(&settings).await, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn writers_of_several_processes_wait_in_line_and_none_has_to_begin_again() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, _store) = counter(&folder).await;
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
