//! The database: the only folder that knows sea-orm. SQLite and Postgres behave alike behind [`Store`].
//!
//! One file per table or question, each adding methods to [`Store`]. This layer decides nothing about platforms
//! or time: what to read next is `sync`'s business, what a grant is worth is `auth`'s.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sea_orm::ConnectionTrait;
use secrecy::SecretString;
use tokio::sync::{Mutex, OnceCell};

use crate::clock::Clock;
use crate::domain::record::{Lane, Record};

pub mod grant_marks;
pub mod shops;

pub mod leases;
pub mod owner;

pub mod cursor_moves;
pub mod cursors;
pub mod windows;

pub mod amounts;
pub mod compare;
pub mod pages;
pub mod quarantine;
pub mod read_again;
pub mod scans;
pub mod stock;

pub mod prune;
pub mod pulse;
pub mod replay;

pub mod alarms;
pub mod concerns;
pub mod daemons;
pub mod explain;
pub mod heartbeats;
pub mod orders_per_day;
pub mod overview;
pub mod records;
pub mod runs;

pub mod cause;
pub mod connect;
pub mod credentials;
pub mod error;
pub mod home;
pub mod login_attempts;
pub mod login_codes;
pub mod orphans;
pub mod shop_tables;

mod activities;
mod after_sales;
mod bulk;
mod connection;
mod dialect;
mod entities;
mod ledger;
mod merge;
mod migrate;
mod order_events;
mod order_items;
mod order_rows;
mod orders;
mod parts;
mod pools;
mod probe;
mod products;
mod read_back;
mod rows;
mod tables;
mod transaction;

pub use error::StoreError;
pub use migrate::Migration;

use connection::Connection;
use dialect::Dialect;
use probe::Writes;

/// Where the rows are kept.
#[derive(Clone)]
pub struct StoreSettings {
    /// `sqlite://…` or `postgres://…`. May hold a password.
    pub url: SecretString,
    /// The Postgres schema. Empty: the role's default.
    pub schema: String,
}

/// The database. Cheap to clone; clones share one pool of connections.
#[derive(Clone)]
pub struct Store {
    connection: Connection,
    dialect: Dialect,
    clock: Clock,
    /// Writers of one process queue here for SQLite, which lets one write at a time: waiting in line is fairer
    /// than its busy handler. Never taken on Postgres.
    write_turn: Arc<Mutex<()>>,
    writes: Arc<Writes>,
    place: Arc<Place>,
    /// What [`Store::home`] was told.
    home: Arc<OnceCell<Option<String>>>,
}

/// Where the database is, in words that may be printed.
struct Place {
    description: String,
    sqlite_file: Option<PathBuf>,
    /// Device and number of the SQLite file when it was opened.
    sqlite_identity: Option<(u64, u64)>,
}

impl Place {
    /// Fails when the SQLite file that is open is no longer the one of that name: SQLite itself would go on
    /// writing into a file that nobody can find.
    fn check(&self) -> Result<(), StoreError> {
        match &self.sqlite_file {
            Some(file) if identity(file) != self.sqlite_identity => {
                Err(StoreError::FileReplaced { file: file.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Which file stands behind a name. `None`: none that can be seen.
fn identity(file: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl Store {
    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.place.check()?;
        // Not the driver's own ping, which SQLite answers without touching the file.
        let question = match self.dialect {
            Dialect::Postgres => "SELECT 1",
            Dialect::Sqlite => "PRAGMA schema_version",
        };
        self.connection.execute_unprepared(question).await?;
        Ok(())
    }

    /// Trusts none of the connections any more: whoever asks next gets a new one. For when the database was away.
    pub fn reconnect(&self) {
        self.connection.renew();
    }

    /// How many connections are opened at most.
    pub fn connections_max(&self) -> u32 {
        self.connection.connections_max()
    }

    /// Which database it is, without user and password.
    pub fn describe(&self) -> String {
        self.place.description.clone()
    }

    pub fn is_postgres(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// The file, for a SQLite database.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        self.place.sqlite_file.clone()
    }

    /// Ends all connections, after which every clone of this store is unusable.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.pool().close().await?)
    }
}

/// The lane behind the word of a column.
fn lane_of(column: &'static str, word: &str) -> Result<Lane, StoreError> {
    word.parse().map_err(|_| StoreError::UnknownWord { column, found: word.to_owned() })
}

/// The record behind the word of a column.
fn record_of(column: &'static str, word: &str) -> Result<Record, StoreError> {
    word.parse().map_err(|_| StoreError::UnknownWord { column, found: word.to_owned() })
}
