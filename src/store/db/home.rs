//! Which database this is, in a word that a copy of it does not share: tokens that work once must not be spent by an
//! original and its copy both.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use sha2::{Digest, Sha256};

use crate::store::{Store, StoreError};

/// Where Linux keeps the name of an installation.
const MACHINE_ID: &str = "/etc/machine-id";
/// Bytes of the hash that stands for it: its own text is not to be shown around.
const MACHINE_BYTES: usize = 8;
/// Stands for a part that this machine does not give.
const UNKNOWN: &str = "-";

/// The cluster, the database in it and the schema that holds the tables. A dump that is restored anywhere gets other
/// numbers; a standby that takes over keeps them. A copy of a whole data directory keeps them too and is not noticed.
const POSTGRES_HOME: &str = "
    SELECT concat_ws(':', 'postgres', (SELECT system_identifier FROM pg_control_system()),
        (SELECT oid FROM pg_database WHERE datname = current_database()),
        (SELECT oid FROM pg_namespace WHERE nspname = current_schema())) AS home";

impl Store {
    /// Read once, then remembered. `None`: this database has no such mark.
    pub async fn home(&self) -> Result<Option<String>, StoreError> {
        let home = self.home.get_or_try_init(|| async {
            match self.place.sqlite_file.as_deref() {
                Some(file) => {
                    self.place.check()?;
                    Ok(of_path("sqlite", file))
                }
                None => self.postgres_home().await,
            }
        });
        home.await.cloned()
    }

    async fn postgres_home(&self) -> Result<Option<String>, StoreError> {
        let question = Statement::from_string(self.connection.get_database_backend(), POSTGRES_HOME);
        let answer = self.connection.query_one_raw(question).await.and_then(|row| {
            row.ok_or_else(|| DbErr::RecordNotFound("the name of the database".to_owned()))?
                .try_get("", "home")
        });
        match answer.map_err(StoreError::from) {
            Ok(home) => Ok(Some(home)),
            // A server may keep its identifier from a role. Half a name would be worse than none: it would differ from
            // the whole one as soon as the right is granted.
            Err(StoreError::Refused { source }) => {
                tracing::debug!("this role may not read which server it is on: {source}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The machine, and the number and birth of a file or folder. A `VACUUM` and a restart keep all three; `cp`, `rsync`,
/// `mv` between file systems and a restore that puts a new file in place change the file's; another host has another
/// name. What is written over the old file (`cp` onto it, SQLite's `.restore`), and the image of a whole machine, is
/// not noticed. The number of the device is left out, because it may change when a machine starts.
pub(crate) fn of_path(kind: &str, path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.map_or_else(|| UNKNOWN.to_owned(), |born| born.as_nanos().to_string());
    Some(format!("{kind}:{}:{}:{born}", machine(), metadata.ino()))
}

fn machine() -> String {
    let name = std::fs::read_to_string(MACHINE_ID).unwrap_or_default();
    // An image that has not been started yet says `uninitialized`.
    let is_name = name.trim().len() == 32 && name.trim().bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_name {
        return UNKNOWN.to_owned();
    }
    let hash = Sha256::new().chain_update("shopsync home").chain_update(name.trim()).finalize();
    hex::encode(&hash[..MACHINE_BYTES])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_keeps_its_home_when_it_is_written_and_a_copy_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("a.db"), folder.path().join("b.db"));
        fs::write(&file, "one").unwrap();
        let home = of_path("sqlite", &file).unwrap();
        fs::write(&file, "two").unwrap();
        fs::copy(&file, &copy).unwrap();

        assert_eq!(of_path("sqlite", &file).unwrap(), home);
        assert_ne!(of_path("sqlite", &copy).unwrap(), home);
        assert_eq!(of_path("sqlite", &folder.path().join("c.db")), None);
    }
}
