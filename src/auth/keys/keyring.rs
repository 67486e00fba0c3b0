//! The keys a process holds: one seals, any opens, and the key file is looked into again when a text turns up that
//! was sealed with a key added since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::key::{KeyFormatError, Keys};
use super::seal;
use super::seal::{Place, SealError};

/// A key file is a few lines; a longer one is some other file.
const KEY_FILE_LENGTH_MAX: u64 = 16 * 1024;

/// The name of the key in a row that no key sealed.
pub const NO_KEY: &str = "";

/// What seals and opens the grants of this process. Cheap to clone; clones share what is learnt. Has no `Debug`.
#[derive(Clone)]
pub struct Keyring {
    shared: Arc<Shared>,
    /// Whether new texts are sealed.
    seals: bool,
    /// Whether texts in clear are taken too.
    opens_clear: bool,
}

struct Shared {
    /// `None` only where nothing is sealed.
    keys: RwLock<Option<Arc<Keys>>>,
    /// Where they came from, and then where else new ones may turn up. Empty: nowhere.
    files: Vec<PathBuf>,
    /// The files as they were when they were last looked into in vain.
    looked_at: Mutex<BTreeMap<PathBuf, Stamp>>,
}

/// What differs when a file was replaced or written to.
type Stamp = (u64, u64, i64, i64);

/// Seals several texts with one and the same key.
pub enum Sealer {
    With(Arc<Keys>),
    InClear,
}

impl Keyring {
    /// The keys in a text that is shaped like a key file.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        Ok(Self::new(Some(Keys::parse(text)?), Vec::new()))
    }

    pub fn of_files(keys: Keys, file: PathBuf, others: Vec<PathBuf>) -> Self {
        Self::new(Some(keys), [vec![file], others].concat())
    }

    /// For a store that was reported not to seal. `before`: opens what was sealed when it still did.
    pub fn in_clear(before: Option<Self>) -> Self {
        Self { seals: false, opens_clear: true, ..before.unwrap_or_else(|| Self::new(None, Vec::new())) }
    }

    /// Takes texts in clear too, such as a file that another program wrote; writes only sealed ones.
    #[must_use]
    pub fn opening_clear(self) -> Self {
        Self { opens_clear: true, ..self }
    }

    fn new(keys: Option<Keys>, files: Vec<PathBuf>) -> Self {
        let keys = RwLock::new(keys.map(Arc::new));
        let shared = Shared { keys, files, looked_at: Mutex::default() };
        Self { shared: Arc::new(shared), seals: true, opens_clear: false }
    }

    /// Seals with the active key.
    pub fn seal(&self, secret: &SecretString, place: &Place<'_>) -> Result<String, SealError> {
        self.sealer().seal(secret, place)
    }

    /// Opens with whichever key sealed it. One that is not known may have been added since: the key file, which is a
    /// few lines, is read once more for it.
    pub fn open(&self, text: &str, place: &Place<'_>) -> Result<SecretString, SealError> {
        if let Some(token) = seal::in_clear(text) {
            return if self.opens_clear { Ok(SecretString::from(token)) } else { Err(SealError::InClear) };
        }
        match self.open_known(text, place) {
            Err(SealError::KeyMissing { key_id }) if self.learn(&key_id) => self.open_known(text, place),
            answer => answer,
        }
    }

    /// The name of the key that seals; [`NO_KEY`] where nothing is sealed.
    pub fn active_id(&self) -> String {
        self.sealer().key_id().to_owned()
    }

    /// The names of all keys, whether they seal or not.
    pub fn key_ids(&self) -> BTreeSet<String> {
        self.keys().iter().flat_map(|keys| keys.ids().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// The file the keys came from. `None`: from none.
    pub fn file(&self) -> Option<&Path> {
        self.shared.files.first().map(PathBuf::as_path)
    }

    pub fn sealer(&self) -> Sealer {
        match self.keys().filter(|_| self.seals) {
            Some(keys) => Sealer::With(keys),
            None => Sealer::InClear,
        }
    }

    /// Reads the key file again for a key that it did not have before. `false`: it has not, or is as it was when it had
    /// not.
    pub fn learn(&self, key_id: &str) -> bool {
        let mut looked_at = self.shared.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if self.keys().is_some_and(|keys| keys.find(key_id).is_some()) {
            return true;
        }
        for file in &self.shared.files {
            let Some(stamp) = stamp(file).filter(|stamp| looked_at.get(file) != Some(stamp)) else {
                continue;
            };
            let keys = read_key_file(file).ok().and_then(|text| Keys::parse(&text).ok());
            if let Some(keys) = keys.filter(|keys| keys.find(key_id).is_some()) {
                *self.shared.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
                tracing::debug!(key_id, "the key file has a new key");
                return true;
            }
            looked_at.insert(file.clone(), stamp);
        }
        false
    }

    fn open_known(&self, text: &str, place: &Place<'_>) -> Result<SecretString, SealError> {
        match self.keys() {
            Some(keys) => keys.open(text, place),
            None => Err(SealError::NoKey),
        }
    }

    fn keys(&self) -> Option<Arc<Keys>> {
        self.shared.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sealer {
    pub fn seal(&self, secret: &SecretString, place: &Place<'_>) -> Result<String, SealError> {
        match self {
            Self::With(keys) => keys.seal(secret, place),
            Self::InClear => Ok(seal::unsealed(secret.expose_secret())),
        }
    }

    pub fn key_id(&self) -> &str {
        match self {
            Self::With(keys) => keys.active().id(),
            Self::InClear => NO_KEY,
        }
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

pub fn read_key_file(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let length = File::open(path)?.take(KEY_FILE_LENGTH_MAX + 1).read_to_string(&mut text)?;
    if length as u64 > KEY_FILE_LENGTH_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is too long for a key file"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::seal::Field;
    use super::*;
    use crate::auth::keys::file::{self, KeyPlaces};

    const HERE: Place<'_> = Place { shop_id: "shop", field: Field::Refresh, generation: 1 };

    fn secret() -> SecretString {
        SecretString::from("token")
    }

    fn line(number: u8) -> String {
        format!("{}\n", hex::encode([number; 32]))
    }

    fn in_file(folder: &TempDir, text: &str) -> Keyring {
        fs::write(folder.path().join(file::KEY_FILE_NAME), text).unwrap();
        let places = KeyPlaces { credentials: None, key_file: None, beside: folder.path().to_owned() };
        places.load(&BTreeSet::new()).unwrap().keyring
    }

    #[test]
    fn a_key_that_was_added_since_is_found_in_the_file() {
        let folder = TempDir::new().unwrap();
        let running = in_file(&folder, &line(1));
        let rotated = Keyring::parse(&format!("{}{}", line(2), line(1))).unwrap();
        let sealed = rotated.seal(&secret(), &HERE).unwrap();

        assert!(matches!(running.open(&sealed, &HERE), Err(SealError::KeyMissing { .. })));
        fs::write(folder.path().join(file::KEY_FILE_NAME), line(2) + &line(1)).unwrap();

        assert_eq!(running.open(&sealed, &HERE).unwrap().expose_secret(), "token");
        assert_eq!(running.active_id(), rotated.active_id(), "and seals from now on");
    }

    #[test]
    fn a_file_that_lacks_the_key_changes_nothing() {
        let folder = TempDir::new().unwrap();
        let running = in_file(&folder, &line(1));
        let active = running.active_id();
        let foreign = Keyring::parse(&line(3)).unwrap().seal(&secret(), &HERE).unwrap();

        for text in [line(2), "no key at all".to_owned(), String::new()] {
            fs::write(folder.path().join(file::KEY_FILE_NAME), text).unwrap();
            assert!(matches!(running.open(&foreign, &HERE), Err(SealError::KeyMissing { .. })));
            assert_eq!(running.active_id(), active);
        }
    }

    #[test]
    fn a_text_in_clear_is_taken_only_where_that_was_requested() {
        let keys = Keyring::parse(&line(1)).unwrap();
        let clear = Keyring::in_clear(Some(keys.clone()));
        let text = clear.seal(&secret(), &HERE).unwrap();

        assert_eq!(keys.open(&text, &HERE).err(), Some(SealError::InClear));
        assert_eq!(keys.clone().opening_clear().open(&text, &HERE).unwrap().expose_secret(), "token");
        assert_ne!(keys.clone().opening_clear().seal(&secret(), &HERE).unwrap(), text);
        let before = keys.seal(&secret(), &HERE).unwrap();
        assert_eq!(clear.open(&before, &HERE).unwrap().expose_secret(), "token");
        assert_eq!(Keyring::in_clear(None).open(&before, &HERE).err(), Some(SealError::NoKey));
    }
}
