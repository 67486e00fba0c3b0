//! The keys that seal grants: their format and which is used for what. Where they lie is [`super::file`]'s
//! business, and who holds them [`super::keyring`]'s.
//!
//! One key a line. `name:` and base64 of 32 bytes, or 64 hex digits alone, which are named by the first 8 hex digits of
//! their SHA-256. The first seals; any opens. Empty lines and lines that start with `#` are skipped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Of XChaCha20-Poly1305, in bytes.
const KEY_LENGTH: usize = 32;
/// Hex digits of the hash that name a key which has no name.
const NAME_DIGITS: usize = 8;
const NAME_LENGTH_MAX: usize = 32;
/// More are not kept after a rotation.
pub const KEYS_MAX: usize = 16;

/// The keys of a key file. Has no `Debug`.
pub struct Keys {
    /// The first is active. Never empty.
    keys: Vec<Key>,
}

/// One key.
pub struct Key {
    id: String,
    bytes: Zeroizing<[u8; KEY_LENGTH]>,
}

/// What is wrong with a line of a key file. Never holds the line itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFormatError {
    #[error("the key file holds no key")]
    Empty,
    #[error("line {line} of the key file is neither `name:` and base64 of 32 bytes nor 64 hex digits")]
    Line { line: usize },
    #[error("line {line} of the key file names key `{key_id}` a second time")]
    Twice { line: usize, key_id: String },
    #[error("the key file holds more than {KEYS_MAX} keys")]
    TooMany,
}

impl Keys {
    /// Reads the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        let mut keys: Vec<Key> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = Key::parse(line).ok_or(KeyFormatError::Line { line: line_number })?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyFormatError::Twice { line: line_number, key_id: key.id });
            }
            if keys.len() == KEYS_MAX {
                return Err(KeyFormatError::TooMany);
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(KeyFormatError::Empty);
        }
        Ok(Self { keys })
    }

    /// The key that seals.
    pub fn active(&self) -> &Key {
        self.keys.first().expect("a keyring is never made without a key")
    }

    /// The key of that name. `None`: it is not in the file.
    pub fn find(&self, key_id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == key_id)
    }

    /// The names of all keys, the active one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(Key::id)
    }
}

impl Key {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn bytes(&self) -> &[u8; KEY_LENGTH] {
        &self.bytes
    }

    /// Makes a key of the line of a new key file.
    pub fn parse(line: &str) -> Option<Self> {
        let Some((name, encoded)) = line.split_once(':') else {
            let bytes = Zeroizing::new(hex::decode(line).ok()?);
            let name = hex::encode(Sha256::digest(&bytes))[..NAME_DIGITS].to_owned();
            return Self::new(name, &bytes);
        };
        let name = name.trim();
        let is_name = !name.is_empty()
            && name.len() <= NAME_LENGTH_MAX
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let bytes = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        is_name.then(|| Self::new(name.to_owned(), &bytes))?
    }

    fn new(id: String, bytes: &[u8]) -> Option<Self> {
        let bytes = Zeroizing::new(<[u8; KEY_LENGTH]>::try_from(bytes).ok()?);
        Some(Self { id, bytes })
    }
}

/// A new random key as a line of a key file: hex digits alone. `None`: the system gave no random numbers.
pub fn new_line() -> Option<Zeroizing<String>> {
    use chacha20poly1305::aead::Generate;

    let bytes = Zeroizing::new(<[u8; KEY_LENGTH]>::try_generate().ok()?);
    Some(Zeroizing::new(format!("{}\n", hex::encode(*bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Result<Vec<String>, KeyFormatError> {
        Keys::parse(text).map(|ring| ring.keys.iter().map(|key| key.id.clone()).collect())
    }

    #[test]
    fn both_forms_are_read_and_the_first_is_active() {
        let text = format!("# ours\n\nmain-2026: {}\n{}\n", STANDARD.encode([7; 32]), "00".repeat(32));
        // SHA-256 of 32 zero bytes begins with 66687aad.
        assert_eq!(ids(&text).unwrap(), ["main-2026", "66687aad"]);
        assert_eq!(Keys::parse(&text).unwrap().active().id(), "main-2026");
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number_and_never_shown() {
        let good = "00".repeat(32);
        let wrong = [
            "00".repeat(31),
            "00".repeat(33),
            "zz".repeat(32),
            "main:".to_owned(),
            format!(":{}", STANDARD.encode([7; 32])),
            format!("with space:{}", STANDARD.encode([7; 32])),
            format!("short:{}", STANDARD.encode([7; 31])),
            "main:!!!".to_owned(),
        ];
        for line in wrong {
            let error = ids(&format!("{good}\n{line}")).unwrap_err();
            assert_eq!(error, KeyFormatError::Line { line: 2 }, "{line}");
            assert!(!error.to_string().contains(&line));
        }
    }

    #[test]
    fn a_file_without_a_key_or_with_one_twice_is_refused() {
        let good = "00".repeat(32);
        assert_eq!(ids("# nothing\n\n").unwrap_err(), KeyFormatError::Empty);
        assert!(matches!(
            ids(&format!("{good}\n{good}")).unwrap_err(),
            KeyFormatError::Twice { line: 2, .. }
        ));
    }

    #[test]
    fn a_new_key_reads_back() {
        let (one, other) = (new_line().unwrap(), new_line().unwrap());
        assert_ne!(ids(&one).unwrap(), ids(&other).unwrap());
    }
}
