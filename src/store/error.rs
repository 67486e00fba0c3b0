//! What can go wrong with the database, told apart by what it means for the caller.

use std::path::PathBuf;

use sea_orm::{DbErr, RuntimeErr, SqlxError};

use super::leases::LaneKey;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or takes no writes now. Nothing was written, unless the connection broke during a
    /// commit: then all or nothing was, and writing the same again is right in both cases.
    #[error("the database is not available")]
    Unavailable {
        #[source]
        source: DbErr,
    },
    /// Other writers were in the way, again and again.
    #[error("the database was busy {attempts} times in a row")]
    Busy {
        attempts: u32,
        #[source]
        source: DbErr,
    },
    /// A wrong password, a fault of this program or a damaged database.
    #[error("the database refused")]
    Refused {
        #[source]
        source: DbErr,
    },
    /// Somebody else holds the lane now, or the cursor was moved by hand: nothing was written.
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
    #[error("the folder `{}` for the database does not exist", folder.display())]
    NoFolder { folder: PathBuf },
    #[error(
        "the schema `{schema}` does not exist; make it with `CREATE SCHEMA`, or leave `database.schema` empty"
    )]
    NoSchema { schema: String },
    #[error("the database was made by a newer version of this program (it has `{migration}`)")]
    SchemaNewer { migration: String },
    #[error("`{column}` holds `{found}`, which this version does not know")]
    UnknownWord { column: &'static str, found: String },
}

impl StoreError {
    /// Whether waiting may help: the database is away, or busy beyond the repeats of a transaction.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Busy { .. } | Self::FileReplaced { .. })
    }

    /// Whether the same transaction may succeed when it is repeated at once.
    pub(super) fn is_contention(&self) -> bool {
        match self {
            Self::Refused { source } => code(source).is_some_and(|code| match sqlite_code(&code) {
                Some(code) => code == SQLITE_BUSY,
                None => POSTGRES_CONTENTION.contains(&code.as_str()),
            }),
            _ => false,
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(source: DbErr) -> Self {
        if is_away(&source) { Self::Unavailable { source } } else { Self::Refused { source } }
    }
}

/// Serialisation failure, deadlock, lock not available.
const POSTGRES_CONTENTION: [&str; 3] = ["40001", "40P01", "55P03"];
/// Took too long, shutting down, crashed, starting up, ended as idle, within a transaction too, a standby that takes
/// no writes.
const POSTGRES_AWAY: [&str; 7] = ["57014", "57P01", "57P02", "57P03", "57P05", "25P03", "25006"];
/// Connection exceptions, no resources left (too many connections, disk full), input/output errors.
const POSTGRES_AWAY_CLASSES: [&str; 3] = ["08", "53", "58"];

const SQLITE_BUSY: u32 = 5;
/// Read-only, input/output error, full, cannot be opened.
const SQLITE_AWAY: [u32; 4] = [8, 10, 13, 14];

fn is_away(error: &DbErr) -> bool {
    if matches!(error, DbErr::ConnectionAcquire(_)) {
        return true;
    }
    match sqlx(error) {
        Some(SqlxError::Database(_)) => code(error).is_some_and(|code| match sqlite_code(&code) {
            Some(code) => SQLITE_AWAY.contains(&code),
            None => {
                POSTGRES_AWAY.contains(&code.as_str())
                    || POSTGRES_AWAY_CLASSES.iter().any(|class| code.starts_with(class))
            }
        }),
        Some(
            SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::Protocol(_)
            | SqlxError::PoolTimedOut
            | SqlxError::PoolClosed
            | SqlxError::WorkerCrashed,
        ) => true,
        _ => false,
    }
}

/// The kind of a SQLite error, without the finer distinction in its higher bytes. `None` for a code of Postgres,
/// which always has five characters.
fn sqlite_code(code: &str) -> Option<u32> {
    if code.len() == 5 {
        return None;
    }
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

fn code(error: &DbErr) -> Option<String> {
    match sqlx(error)? {
        SqlxError::Database(error) => error.code().map(std::borrow::Cow::into_owned),
        _ => None,
    }
}

fn sqlx(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_code_is_judged_by_its_kind() {
        for (code, kind) in
            [("5", Some(5)), ("517", Some(5)), ("261", Some(5)), ("3850", Some(10)), ("40001", None)]
        {
            assert_eq!(sqlite_code(code), kind, "{code}");
        }
    }
}
