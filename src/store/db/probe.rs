//! Whether the database takes writes: what answers questions may still have a full disk, a file system that was made
//! read-only, or be a standby.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Statement};

use super::dialect::Dialect;
use super::transaction::Tx;
use crate::store::{Store, StoreError};

/// A write that was committed this lately proves enough. Without one the probe writes a row itself: 4 KB of log each
/// time, and one `fsync`.
const WRITE_PROOF: Duration = Duration::from_secs(10);
/// A disk with less room than this counts as full. A single row may still fit where a page of orders does not.
const ROOM_MIN: u64 = 1024 * 1024;

/// How long writing one row may take.
const PROBE_DEADLINE: Duration = Duration::from_secs(15);

/// When a write was last committed.
#[derive(Default)]
pub struct Writes {
    /// `None`: none yet, or the last one failed.
    last: Mutex<Option<Instant>>,
}

impl Writes {
    pub fn note(&self, is_committed: bool) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = is_committed.then(Instant::now);
    }

    fn is_proven(&self) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|at| at.elapsed() < WRITE_PROOF)
    }
}

/// Finds out whether the database takes writes, and whether its file is damaged.
#[derive(Clone, Copy)]
pub struct Probe<'a> {
    pub(in crate::store) store: &'a Store,
}

impl Probe<'_> {
    /// Writes a row, unless something else was written just now.
    pub async fn write(self) -> Result<(), StoreError> {
        if self.store.writes.is_proven() {
            return Ok(());
        }
        self.require_place()?;
        let sql = self.probe_sql();
        self.store
            .write_once(PROBE_DEADLINE, &|tx: Tx| {
                let sql = sql.clone();
                async move {
                    tx.db().execute_unprepared(&sql).await?;
                    Ok(())
                }
            })
            .await
    }

    /// The same on a new connection beside the pool: when this works and [`Probe::write`] does not, the pool is
    /// what is broken.
    pub async fn write_alone(self) -> Result<(), StoreError> {
        self.require_place()?;
        Ok(self.store.connection.execute_alone(&self.probe_sql()).await?)
    }

    /// The SQLite file is the one that was opened, and its disk has room.
    fn require_place(self) -> Result<(), StoreError> {
        self.store.place.check()?;
        self.store.place.sqlite_file.as_deref().map_or(Ok(()), require_room)
    }

    /// What is wrong with the pages of a SQLite file, as SQLite reports it. `None`: nothing, or it takes longer than
    /// `limit` to look at all of them.
    pub async fn damage(self, limit: Duration) -> Result<Option<String>, StoreError> {
        if self.store.dialect == Dialect::Postgres {
            return Ok(None);
        }
        let question =
            Statement::from_string(self.store.connection.get_database_backend(), "PRAGMA quick_check(1)");
        let Ok(answer) = tokio::time::timeout(limit, self.store.connection.query_one_raw(question)).await
        else {
            return Ok(None);
        };
        let said: Option<String> = answer?.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(said.filter(|said| said != "ok"))
    }

    /// One row that is written again and again.
    fn probe_sql(self) -> String {
        let now = self.store.clock.now().format("%Y-%m-%d %H:%M:%S%.3f");
        // Postgres reads it in the time zone of the session, which is UTC.
        let zone = if self.store.dialect == Dialect::Postgres { "+00" } else { "" };
        format!(
            "INSERT INTO heartbeats (program, since, beat_at) VALUES ('probe', '{now}{zone}', '{now}{zone}') \
             ON CONFLICT (program) DO UPDATE SET beat_at = excluded.beat_at"
        )
    }
}

fn require_room(file: &Path) -> Result<(), StoreError> {
    // A file system that does not say is no reason to stop.
    let Ok(system) = rustix::fs::statvfs(file) else { return Ok(()) };
    if system.f_bavail.saturating_mul(system.f_frsize) < ROOM_MIN {
        return Err(StoreError::DiskFull { file: file.to_owned() });
    }
    Ok(())
}
