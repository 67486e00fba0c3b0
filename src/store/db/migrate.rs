//! Bringing the schema up to date, once, however many processes start together.

use std::collections::HashSet;
use std::time::Duration;

use migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, EntityTrait, Statement};

use super::dialect::Dialect;
use super::transaction::Tx;
use crate::store::{Store, StoreError};

/// The number of the Postgres advisory lock that migrating processes queue for: "shopsync" in ASCII.
const MIGRATION_LOCK: i64 = 0x7368_6f70_7379_6e63;

/// How long migrating may take, the wait for another process that is at it included. Rewriting a large table is slow.
const MIGRATION_DEADLINE: Duration = Duration::from_mins(30);

/// The table with the names of the migrations that were applied.
const LIST: &str = "seaql_migrations";

/// One change of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    pub name: String,
    pub is_applied: bool,
}

/// The migrations of the schema.
#[derive(Clone, Copy)]
pub struct SchemaRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl SchemaRepo<'_> {
    /// Applies what is missing and returns the names, oldest first. Cheap when nothing is.
    pub async fn migrate(self) -> Result<Vec<String>, StoreError> {
        let known = self.status().await?;
        if pending(&known).is_empty() {
            return Ok(Vec::new());
        }
        let is_first = known.iter().all(|migration| !migration.is_applied);
        let applied = self.apply().await;
        applied.map_err(|error| match table_in_the_way(&error) {
            Some(table) if is_first => {
                StoreError::ForeignTable { table, is_postgres: self.store.is_postgres() }
            }
            _ => error,
        })
    }

    async fn apply(self) -> Result<Vec<String>, StoreError> {
        self.store
            .write_within(MIGRATION_DEADLINE, |tx| async move {
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
    pub async fn status(self) -> Result<Vec<Migration>, StoreError> {
        status(&self.store.connection).await
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
        // Other programs keep their list in a table of the same name.
        if !known.iter().any(|name| applied.contains(name)) {
            let is_postgres = db.get_database_backend() == sea_orm::DbBackend::Postgres;
            return Err(StoreError::ForeignTable { table: LIST.to_owned(), is_postgres });
        }
        return Err(StoreError::SchemaNewer { migration: migration.clone() });
    }
    Ok(known.into_iter().map(|name| Migration { is_applied: applied.contains(&name), name }).collect())
}

/// The table that a first migration could not make, because another program's has its name.
fn table_in_the_way(error: &StoreError) -> Option<String> {
    let StoreError::Refused { source } = error else { return None };
    // `relation "orders" already exists (42P07)`; `table orders already exists (1)`.
    let said = source.said()?;
    let (before, _) = said.split_once(" already exists")?;
    let name = before.rsplit(' ').next()?;
    Some(name.trim_matches(['"', '`', '\'']).to_owned())
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
