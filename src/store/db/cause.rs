//! What the database, or the way to it, said; and where it has a name, what to do about it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlxError};

/// Characters of a message of the database that are repeated.
const SAID_CHARS_MAX: usize = 300;

/// Why a statement or a connection failed. Shown without the place in the server's own source, as the
/// driver would.
#[derive(Debug)]
pub struct Cause {
    error: DbErr,
    trouble: Option<Trouble>,
}

/// Trouble that has a name and a remedy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("the server refuses connections: start it, or set the right host and port in `[database] url`")]
    Refuses,
    #[error("the host is unknown: set the right one in `[database] url`, or check this server's DNS")]
    UnknownHost,
    #[error("it does not answer: check the network and the firewall in between")]
    Silent,
    #[error("TLS could not be agreed on: check `sslmode` and the certificates in `[database] url`")]
    Tls,
    #[error("the user or the password is wrong: set the right ones in `[database] url`")]
    Password,
    #[error(
        "the server does not let this user in from here: check the user, and `pg_hba.conf` on the server"
    )]
    NotAdmitted,
    #[error(
        "there is no such database: make it with `CREATE DATABASE`, or set the right name in `[database] url`"
    )]
    NoDatabase,
    #[error(
        "the user lacks a right: `GRANT USAGE, CREATE ON SCHEMA … TO …`, or make it the owner of the database"
    )]
    NoPermission,
    #[error(
        "the server has no connection left for us: lower `connections_max` in `[database]`, or raise the limit of the \
         server or of the role"
    )]
    TooManyConnections,
    #[error(
        "all connections of this process are in use: raise `connections_max` in `[database]`, or sync fewer shops at a time"
    )]
    PoolInUse,
    #[error("the server is starting or stopping")]
    Starting,
    #[error(
        "it takes no writes: it is a standby or was made read-only; point `[database] url` at the server that takes writes"
    )]
    ReadOnly,
    #[error(
        "its file cannot be written: check the rights of file and folder, and that the file system is not read-only"
    )]
    FileReadOnly,
    #[error("its file cannot be opened: check that the folder exists, and the rights of both")]
    FileNotOpened,
    #[error("its disk is full: make room")]
    Full,
    #[error("its disk could not be read or written: check the disk and the system's log")]
    Disk,
    #[error("another program holds its lock")]
    Locked,
    #[error("a statement took too long")]
    TooSlow,
    #[error(
        "it is damaged: stop shopsync and put a backup back, or save what can be read (SQLite: `sqlite3 FILE .recover`)"
    )]
    Damaged,
    #[error("the file is no SQLite database: name another one in `[database] url`")]
    NotADatabase,
    #[error(
        "a trigger or constraint in the database refused the write: take it away or change it if it is not of this program"
    )]
    Rule,
    #[error(
        "a pooler in between does not keep the session (PgBouncer: set `pool_mode = session`), or refuses a setting of it"
    )]
    Pooler,
}

impl Cause {
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// What the database said itself, on one line. `None`: the trouble's name says it all.
    pub fn said(&self) -> Option<String> {
        let text: Cow<'_, str> = match sqlx(&self.error) {
            Some(SqlxError::Database(error)) => match error.code() {
                Some(code) => format!("{} ({code})", error.message()).into(),
                None => error.message().into(),
            },
            Some(SqlxError::Io(error)) => error.to_string().into(),
            Some(SqlxError::PoolTimedOut) => return None,
            Some(error) => error.to_string().into(),
            None if self.trouble.is_some() => return None,
            None => self.error.to_string().into(),
        };
        let text = text.chars().map(|char| if char.is_control() { ' ' } else { char });
        Some(text.take(SAID_CHARS_MAX).collect())
    }

    /// Whether waiting may help.
    pub fn is_away(&self) -> bool {
        match self.trouble {
            // A pooler gives the code of a broken connection to what only the config can help.
            Some(Trouble::Pooler | Trouble::Password | Trouble::NoDatabase) => return false,
            _ if matches!(self.error, DbErr::ConnectionAcquire(_)) => return true,
            _ => {}
        }
        match sqlx(&self.error) {
            Some(SqlxError::Database(_)) => self.code().is_some_and(|code| match sqlite_code(&code) {
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

    pub fn is_contention(&self) -> bool {
        self.code().is_some_and(|code| match sqlite_code(&code) {
            Some(code) => code == SQLITE_BUSY,
            None => POSTGRES_CONTENTION.contains(&code.as_str()),
        })
    }

    fn code(&self) -> Option<String> {
        code(&self.error)
    }
}

impl From<DbErr> for Cause {
    fn from(error: DbErr) -> Self {
        let trouble = trouble(&error);
        Self { error, trouble }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.trouble, self.said()) {
            (Some(trouble), Some(said)) => write!(f, "{trouble}: {said}"),
            (Some(trouble), None) => write!(f, "{trouble}"),
            (None, said) => f.write_str(&said.unwrap_or_default()),
        }
    }
}

/// The driver's own chain is no source: it says the same again.
impl Error for Cause {}

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

fn trouble(error: &DbErr) -> Option<Trouble> {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => return Some(Trouble::PoolInUse),
        DbErr::ConnectionAcquire(_) => return None,
        _ => {}
    }
    match sqlx(error)? {
        SqlxError::PoolTimedOut => Some(Trouble::PoolInUse),
        SqlxError::Tls(_) => Some(Trouble::Tls),
        SqlxError::Io(error) => of_io(error),
        SqlxError::Database(said) => {
            let code = said.code()?;
            match sqlite_code(&code) {
                Some(code) => of_sqlite(code),
                None => of_postgres(&code, said.message()),
            }
        }
        _ => None,
    }
}

fn of_io(error: &std::io::Error) -> Option<Trouble> {
    use std::io::ErrorKind;
    match error.kind() {
        // No socket where a local server would have its own.
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Some(Trouble::Refuses),
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Some(Trouble::Silent)
        }
        // The standard library has no kind for it.
        _ if error.to_string().contains("failed to lookup address") => Some(Trouble::UnknownHost),
        _ => None,
    }
}

fn of_postgres(code: &str, message: &str) -> Option<Trouble> {
    Some(match code {
        "28P01" => Trouble::Password,
        "28000" => Trouble::NotAdmitted,
        "3D000" => Trouble::NoDatabase,
        // Without the right to use the schema, there is none to the user's eyes.
        "42501" | "3F000" => Trouble::NoPermission,
        "53300" => Trouble::TooManyConnections,
        "53100" => Trouble::Full,
        "57P01" | "57P02" | "57P03" => Trouble::Starting,
        "57014" => Trouble::TooSlow,
        "25006" => Trouble::ReadOnly,
        "55P03" => Trouble::Locked,
        "XX001" | "XX002" => Trouble::Damaged,
        "58030" => Trouble::Disk,
        "26000" | "42P05" => Trouble::Pooler,
        // PgBouncer has one code for all that it refuses.
        "08P01" if message.contains("startup parameter") || message.contains("pooling mode") => {
            Trouble::Pooler
        }
        "08P01" if message.contains("no such user") || message.contains("authentication failed") => {
            Trouble::Password
        }
        "08P01" if message.contains("no such database") => Trouble::NoDatabase,
        code if code.starts_with("P0") || code.starts_with("23") || code == "44000" => Trouble::Rule,
        _ => return None,
    })
}

fn of_sqlite(code: u32) -> Option<Trouble> {
    Some(match code {
        SQLITE_BUSY | 6 => Trouble::Locked,
        8 => Trouble::FileReadOnly,
        10 => Trouble::Disk,
        11 => Trouble::Damaged,
        13 => Trouble::Full,
        14 => Trouble::FileNotOpened,
        19 => Trouble::Rule,
        26 => Trouble::NotADatabase,
        _ => return None,
    })
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
        SqlxError::Database(error) => error.code().map(Cow::into_owned),
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
    use std::io::{Error as IoError, ErrorKind};
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_sqlite_code_is_judged_by_its_kind() {
        for (code, kind) in
            [("5", Some(5)), ("517", Some(5)), ("261", Some(5)), ("3850", Some(10)), ("40001", None)]
        {
            assert_eq!(sqlite_code(code), kind, "{code}");
        }
    }

    #[test]
    fn what_keeps_us_from_a_server_has_a_name() {
        let lookup = "failed to lookup address information: Name or service not known";
        for (error, expected) in [
            (IoError::from(ErrorKind::ConnectionRefused), Some(Trouble::Refuses)),
            (IoError::from(ErrorKind::NotFound), Some(Trouble::Refuses)),
            (IoError::from(ErrorKind::TimedOut), Some(Trouble::Silent)),
            (IoError::other(lookup), Some(Trouble::UnknownHost)),
            (IoError::from(ErrorKind::UnexpectedEof), None),
        ] {
            let cause = Cause::from(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(SqlxError::Io(error)))));
            assert_eq!(cause.trouble(), expected, "{cause}");
            assert!(cause.is_away());
        }
        let cause = Cause::from(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
        assert!(!cause.to_string().contains("pool timed out"), "{cause}");
    }

    #[test]
    fn codes_of_both_databases_have_names() {
        for (code, message, expected) in [
            ("28P01", "", Some(Trouble::Password)),
            ("P0001", "", Some(Trouble::Rule)),
            ("23514", "", Some(Trouble::Rule)),
            ("08P01", "unsupported startup parameter: extra_float_digits", Some(Trouble::Pooler)),
            ("08006", "", None),
            ("42P01", "", None),
        ] {
            assert_eq!(of_postgres(code, message), expected, "{code}");
        }
        for (code, expected) in [(13, Some(Trouble::Full)), (11, Some(Trouble::Damaged)), (1, None)] {
            assert_eq!(of_sqlite(code), expected, "{code}");
        }
    }
}
