//! Bringing the schema up to date, once, however many processes start together.

use std::collections::HashSet;
use std::time::Duration;

use migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, EntityTrait, Statement};

use super::dialect::Dialect;
use super::transaction::Tx;
use super::{Store, StoreError};

/// The number of the Postgres advisory lock that migrating processes queue for: "shopsync" in ASCII.
const MIGRATION_LOCK: i64 = 0x7368_6f70_7379_6e63;

/// How long migrating may take, the wait for another process that is at it included. Rewriting a large table is slow.
const MIGRATION_DEADLINE: Duration = Duration::from_mins(30);

/// One change of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    pub name: String,
    pub is_applied: bool,
}

impl Store {
    /// Applies what is missing and tells its names, oldest first. Cheap when nothing is.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        if pending(&self.migration_status().await?).is_empty() {
            return Ok(Vec::new());
        }
        self.write_within(MIGRATION_DEADLINE, |tx| async move {
            lock(&tx).await?;
            // Another process may have been here while we waited for the lock.
            let pending = pending(&status(tx.db()).await?);
            if !pending.is_empty() {
                Migrator::up(tx.db(), None).await?;
            }
            Ok(pending)
        })
        .await
    }

    /// Every change this version knows, oldest first. Writes nothing.
    pub async fn migration_status(&self) -> Result<Vec<Migration>, StoreError> {
        status(&self.connection).await
    }
}

/// On SQLite the transaction itself is the lock.
async fn lock(tx: &Tx) -> Result<(), StoreError> {
    if tx.dialect == Dialect::Postgres {
        tx.db().execute_unprepared("SET LOCAL statement_timeout = 0").await?;
        let lock = Statement::from_sql_and_values(
            tx.db().get_database_backend(),
            "SELECT pg_advisory_xact_lock($1)",
            [MIGRATION_LOCK.into()],
        );
        tx.db().execute_raw(lock).await?;
    }
    Ok(())
}

fn pending(migrations: &[Migration]) -> Vec<String> {
    migrations
        .iter()
        .filter(|migration| !migration.is_applied)
        .map(|migration| migration.name.clone())
        .collect()
}

async fn status(db: &impl ConnectionTrait) -> Result<Vec<Migration>, StoreError> {
    let applied = applied(db).await?;
    let known: Vec<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    if let Some(migration) = applied.iter().find(|name| !known.contains(name)) {
        return Err(StoreError::SchemaNewer { migration: migration.clone() });
    }
    Ok(known.into_iter().map(|name| Migration { is_applied: applied.contains(&name), name }).collect())
}

/// The names in the migration table; none when there is no such table yet.
async fn applied(db: &impl ConnectionTrait) -> Result<HashSet<String>, StoreError> {
    let has_table = Statement::from_string(
        db.get_database_backend(),
        match db.get_database_backend() {
            sea_orm::DbBackend::Postgres => {
                "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'seaql_migrations'"
            }
            _ => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
        },
    );
    if db.query_one_raw(has_table).await?.is_none() {
        return Ok(HashSet::new());
    }
    let rows = migrations::seaql_migrations::Entity::find().all(db).await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}
