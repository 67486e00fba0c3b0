//! The database: the only folder that knows sea-orm. SQLite and Postgres behave alike behind [`Store`].
//!
//! [`db`] is the connection, [`records`] the copied rows, [`ledger`] what was read and what is due, [`grants`] the
//! credentials, [`shops`] the shops, [`reports`] the questions of people and monitors. This layer decides nothing about
//! platforms or time: what to read next is `sync`'s business, what a grant is worth is `auth`'s.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sea_orm::ConnectionTrait;
use secrecy::SecretString;
use tokio::sync::{Mutex, OnceCell};

use crate::clock::Clock;
use crate::domain::record::{Lane, Record};

pub mod db;
pub mod grants;
pub mod ledger;
pub mod records;
pub mod reports;
pub mod shops;

mod entities;

pub use db::error::StoreError;
pub use db::migrate::Migration;

use db::connection::Connection;
use db::dialect::Dialect;
use db::migrate::SchemaRepo;
use db::probe::{Probe, Writes};
use grants::credentials::GrantRepo;
use grants::login_attempts::LoginRepo;
use grants::orphans::OrphanRepo;
use ledger::cursors::CursorRepo;
use ledger::leases::LeaseRepo;
use ledger::window_repo::WindowRepo;
use records::amounts::AmountRepo;
use records::pages::PageRepo;
use records::quarantine::QuarantineRepo;
use records::replay::ReplayRepo;
use records::scans::ScanRepo;
use records::stock::StockRepo;
use reports::alarms::AlarmRepo;
use reports::daemons::DaemonRepo;
use reports::explain::ExplainRepo;
use reports::overview::ReportRepo;
use reports::rows::RowRepo;
use reports::runs::RunRepo;
use shops::ShopRepo;
use shops::prune::PruneRepo;

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
    /// What [`Store::home`] has read.
    home: Arc<OnceCell<Option<String>>>,
}

/// Where the database is, as text that may be printed.
struct Place {
    description: String,
    sqlite_file: Option<PathBuf>,
    /// Device and number of the SQLite file when it was opened.
    sqlite_identity: Option<(u64, u64)>,
}

impl Place {
    /// Fails when the SQLite file that is open is no longer the one of that name: SQLite itself would go on
    /// writing into a file that no one can find.
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

    /// Replaces all connections with new ones, for when the database was away.
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

/// The repositories: one for each subject.
impl Store {
    /// The shops' grants: tokens, and what is known of them.
    pub fn grants(&self) -> GrantRepo<'_> {
        GrantRepo { store: self }
    }

    /// Logins under way, and codes that were tried.
    pub fn logins(&self) -> LoginRepo<'_> {
        LoginRepo { store: self }
    }

    /// Token pairs that a platform handed out and that no grant holds yet.
    pub fn orphans(&self) -> OrphanRepo<'_> {
        OrphanRepo { store: self }
    }

    /// How far each record of each shop is read, and what is switched off.
    pub fn cursors(&self) -> CursorRepo<'_> {
        CursorRepo { store: self }
    }

    /// Who may write a lane at present.
    pub fn leases(&self) -> LeaseRepo<'_> {
        LeaseRepo { store: self }
    }

    /// Which stretches of time were read, and which are open.
    pub fn windows(&self) -> WindowRepo<'_> {
        WindowRepo { store: self }
    }

    /// Writes what a page of a list brought.
    pub fn pages(&self) -> PageRepo<'_> {
        PageRepo { store: self }
    }

    /// The money of orders: what is due, and what came.
    pub fn amounts(&self) -> AmountRepo<'_> {
        AmountRepo { store: self }
    }

    /// Rows that could not be read, and when they are requested again.
    pub fn quarantine(&self) -> QuarantineRepo<'_> {
        QuarantineRepo { store: self }
    }

    /// Converts stored answers again into typed columns.
    pub fn replay(&self) -> ReplayRepo<'_> {
        ReplayRepo { store: self }
    }

    /// Compares lists that are read whole with what is stored.
    pub fn scans(&self) -> ScanRepo<'_> {
        ScanRepo { store: self }
    }

    /// The stock of SKUs.
    pub fn stock(&self) -> StockRepo<'_> {
        StockRepo { store: self }
    }

    /// Alarms that were raised, and when they were sent.
    pub fn alarms(&self) -> AlarmRepo<'_> {
        AlarmRepo { store: self }
    }

    /// Which daemons work, and for which shops.
    pub fn daemons(&self) -> DaemonRepo<'_> {
        DaemonRepo { store: self }
    }

    /// Where a row comes from, and what is missing.
    pub fn explain(&self) -> ExplainRepo<'_> {
        ExplainRepo { store: self }
    }

    /// Questions of people: status, orders, numbers of days.
    pub fn reports(&self) -> ReportRepo<'_> {
        ReportRepo { store: self }
    }

    /// The stored rows of records that are no orders.
    pub fn rows(&self) -> RowRepo<'_> {
        RowRepo { store: self }
    }

    /// Runs of jobs.
    pub fn runs(&self) -> RunRepo<'_> {
        RunRepo { store: self }
    }

    /// The shops themselves: accounts, pauses, new names.
    pub fn shops(&self) -> ShopRepo<'_> {
        ShopRepo { store: self }
    }

    /// Deletes what is old.
    pub fn pruning(&self) -> PruneRepo<'_> {
        PruneRepo { store: self }
    }

    /// The migrations of the schema.
    pub fn schema(&self) -> SchemaRepo<'_> {
        SchemaRepo { store: self }
    }

    /// Finds out whether the database takes writes, and whether its file is damaged.
    pub fn probe(&self) -> Probe<'_> {
        Probe { store: self }
    }
}
