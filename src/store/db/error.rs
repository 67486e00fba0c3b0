//! Errors of the database, one variant for each meaning to the caller.

use std::path::PathBuf;

use sea_orm::DbErr;

use super::cause::{Cause, Trouble};
use crate::store::ledger::leases::LaneKey;

/// Why a request to the database failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or takes no writes now. Nothing was written, unless the connection broke during a
    /// commit: then all or nothing was, and writing the same again is right in both cases.
    #[error("the database is not available")]
    Unavailable {
        #[source]
        source: Cause,
    },
    /// Other writers were in the way, again and again.
    #[error("the database was busy {attempts} times in a row")]
    Busy {
        attempts: u32,
        #[source]
        source: Cause,
    },
    /// A wrong password, a fault of this program or a damaged database.
    #[error("the database refused")]
    Refused {
        #[source]
        source: Cause,
    },
    /// Someone else holds the lane now, or the cursor was moved by hand: nothing was written.
    #[error("the lease of {key} is lost")]
    LeaseLost { key: LaneKey },
    #[error("the ledger has no open window {id}")]
    NoSuchWindow { id: i64 },
    #[error("the shop `{shop}` is not in the database")]
    UnknownShop { shop: String },
    #[error("a database address must begin with `sqlite:` or `postgres:`")]
    UnknownKind,
    #[error("the database address cannot be read")]
    Address {
        #[source]
        source: url::ParseError,
    },
    #[error("a database in memory would be another one for each connection: name a file")]
    InMemory,
    #[error(
        "the database file `{}` was removed or replaced while it was open; put it back, or restart shopsync to use what is there",
        file.display()
    )]
    FileReplaced { file: PathBuf },
    #[error("the disk of the database file `{}` is full: make room", file.display())]
    DiskFull { file: PathBuf },
    #[error("the folder `{}` for the database does not exist", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("could not make the database file `{}`", file.display())]
    Create {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Text in any other encoding loses characters, or refuses them in the middle of a sync.
    #[error(
        "the database keeps text as {encoding}, and shopsync needs UTF8: make another one with `CREATE DATABASE shopsync \
         ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0` and name it in `[database] url`"
    )]
    Encoding { encoding: String },
    #[error(
        "between shopsync and the database stands a pooler that gives each transaction another session (PgBouncer with \
         `pool_mode = transaction` or `statement`): set `pool_mode = session` for this database, or connect to the \
         server itself"
    )]
    Pooler,
    /// There is a table of one of our names, and no migration of ours was applied.
    #[error("the database holds a table `{table}` of another program: {}", if *.is_postgres {
        "run `CREATE SCHEMA shopsync`, and set `schema = \"shopsync\"` in `[database]`"
    } else {
        "name another file in `[database] url`"
    })]
    ForeignTable { table: String, is_postgres: bool },
    #[error(
        "the schema `{schema}` does not exist; make it with `CREATE SCHEMA`, or leave `database.schema` empty"
    )]
    NoSchema { schema: String },
    #[error("the database was made by a newer version of this program (it has `{migration}`)")]
    SchemaNewer { migration: String },
    /// Nothing was written.
    #[error("the rows of {} orders are only a part of their lines: read each of these orders whole", numbers.len())]
    InParts {
        /// Sorted, each once.
        numbers: Vec<String>,
    },
    #[error("`{column}` holds `{found}`, which this version does not know")]
    UnknownWord { column: &'static str, found: String },
}

impl StoreError {
    /// Whether waiting may help: the database is away, or busy beyond the repeats of a transaction.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::Busy { .. } | Self::FileReplaced { .. } | Self::DiskFull { .. }
        )
    }

    /// Whether the message names what is wrong and what to do.
    pub fn is_named(&self) -> bool {
        match self {
            Self::Unavailable { source } | Self::Busy { source, .. } | Self::Refused { source } => {
                source.trouble().is_some()
            }
            _ => true,
        }
    }

    /// Whether only this process has no connection left.
    pub fn is_pool_in_use(&self) -> bool {
        matches!(self, Self::Unavailable { source } if source.trouble() == Some(Trouble::PoolInUse))
    }

    /// Whether the same transaction may succeed when it is repeated at once.
    pub fn is_contention(&self) -> bool {
        matches!(self, Self::Refused { source } if source.is_contention())
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let source = Cause::from(error);
        if source.is_away() { Self::Unavailable { source } } else { Self::Refused { source } }
    }
}
