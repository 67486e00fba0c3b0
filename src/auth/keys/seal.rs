//! Sealing: what makes a token unreadable without the key, and useless anywhere but in its own row.
//!
//! XChaCha20-Poly1305 with a random nonce. The text is `v1:<key id>:<base64 of nonce and ciphertext>`. The shop's
//! own id, the field and the generation are bound to it, so that a text moved to another row, another column or
//! an older generation does not open. Knows nothing of files and tables.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::key::{Key, Keys};

/// The only version there is. Part of the text and of what is authenticated.
const VERSION: &str = "v1";
/// In the place of the version: the token follows as it is. Only a store that was reported not to seal holds such
/// texts.
const CLEAR: &str = "clear:";
/// Of `XChaCha20`, in bytes.
const NONCE_LENGTH: usize = 24;
/// Longer than any token of any platform; a longer text is not one of ours.
const SEALED_LENGTH_MAX: usize = 64 * 1024;

/// Where a sealed text belongs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// `shops.id`: it stays when a shop is renamed, and no two shops ever share one.
    pub shop_id: &'a str,
    pub field: Field,
    /// The version of the row.
    pub generation: i64,
}

/// The columns that hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Access,
    Refresh,
    PreviousRefresh,
    /// What ends a login that was started.
    Login,
}

impl Field {
    fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::PreviousRefresh => "previous_refresh",
            Self::Login => "login",
        }
    }
}

/// Why a sealed text could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("a stored token is not in the sealed form")]
    Form,
    #[error("a stored token is sealed with key `{key_id}`, which is not in the key file")]
    KeyMissing { key_id: String },
    #[error(
        "a stored token does not open with key `{key_id}`: it is another key, or the row was tampered with"
    )]
    Refused { key_id: String },
    #[error("a stored token is in clear, where only sealed ones are taken")]
    InClear,
    #[error("a stored token is sealed, and there is no key")]
    NoKey,
    #[error("the system gave no random numbers")]
    Random,
}

impl Keys {
    /// Seals with the active key.
    pub fn seal(&self, secret: &SecretString, place: &Place<'_>) -> Result<String, SealError> {
        let key = self.active();
        let nonce = XNonce::try_generate().map_err(|_| SealError::Random)?;
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &bound(key.id(), place) };
        let sealed = cipher(key).encrypt(&nonce, payload).map_err(|_| SealError::Form)?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("{VERSION}:{}:{}", key.id(), STANDARD.encode(bytes)))
    }

    /// Opens with whichever key sealed it.
    pub fn open(&self, sealed: &str, place: &Place<'_>) -> Result<SecretString, SealError> {
        let (key_id, bytes) = parts(sealed)?;
        let key = self.find(key_id).ok_or_else(|| SealError::KeyMissing { key_id: key_id.to_owned() })?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_LENGTH).ok_or(SealError::Form)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| SealError::Form)?;
        let payload = Payload { msg: ciphertext, aad: &bound(key_id, place) };
        let clear = cipher(key)
            .decrypt(&nonce, payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::Refused { key_id: key_id.to_owned() })?;
        let clear = std::str::from_utf8(&clear).map_err(|_| SealError::Form)?;
        Ok(SecretString::from(clear))
    }
}

/// A token in the form of a stored text, but not sealed.
pub fn unsealed(token: &str) -> String {
    format!("{CLEAR}{token}")
}

/// The token in a text that is not sealed. `None`: it is.
pub fn in_clear(text: &str) -> Option<&str> {
    text.strip_prefix(CLEAR)
}

/// Key id and bytes of a sealed text.
fn parts(sealed: &str) -> Result<(&str, Vec<u8>), SealError> {
    if sealed.len() > SEALED_LENGTH_MAX {
        return Err(SealError::Form);
    }
    let mut parts = sealed.splitn(3, ':');
    let (Some(VERSION), Some(key_id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(SealError::Form);
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| SealError::Form)?;
    Ok((key_id, bytes))
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

/// What is authenticated beside the token. Each part is preceded by its length, so that no two places share a
/// text.
fn bound(key_id: &str, place: &Place<'_>) -> Vec<u8> {
    let generation = place.generation.to_string();
    let parts = ["shopsync grant", VERSION, key_id, place.shop_id, place.field.as_str(), &generation];
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: Place<'_> =
        Place { shop_id: "7f9c1e54-0000-4000-8000-000000000001", field: Field::Refresh, generation: 7 };

    fn keyring() -> Keys {
        Keys::parse(&format!("{}\n{}\n", "11".repeat(32), "22".repeat(32))).unwrap()
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn a_sealed_token_opens_only_where_it_belongs() {
        let keys = keyring();
        let sealed = keys.seal(&secret("refresh-1"), &HERE).unwrap();
        let elsewhere = [
            Place { shop_id: "7f9c1e54-0000-4000-8000-000000000002", ..HERE },
            Place { field: Field::PreviousRefresh, ..HERE },
            Place { generation: 6, ..HERE },
        ];
        assert_eq!(keys.open(&sealed, &HERE).unwrap().expose_secret(), "refresh-1");
        for place in elsewhere {
            assert!(matches!(keys.open(&sealed, &place), Err(SealError::Refused { .. })), "{place:?}");
        }
    }

    #[test]
    fn any_key_of_the_ring_opens_and_only_the_first_seals() {
        let both = keyring();
        let old = Keys::parse(&"22".repeat(32)).unwrap();
        let sealed_by_old = old.seal(&secret("token"), &HERE).unwrap();
        let sealed_by_both = both.seal(&secret("token"), &HERE).unwrap();
        assert!(both.open(&sealed_by_old, &HERE).is_ok());
        assert!(matches!(old.open(&sealed_by_both, &HERE), Err(SealError::KeyMissing { .. })));
    }

    #[test]
    fn another_key_under_the_same_name_is_refused() {
        let one = Keys::parse(&format!("main:{}", STANDARD.encode([1; 32]))).unwrap();
        let other = Keys::parse(&format!("main:{}", STANDARD.encode([2; 32]))).unwrap();
        let sealed = one.seal(&secret("token"), &HERE).unwrap();
        assert!(matches!(other.open(&sealed, &HERE), Err(SealError::Refused { .. })));
    }

    #[test]
    fn the_same_token_is_never_sealed_to_the_same_text() {
        let keys = keyring();
        assert_ne!(keys.seal(&secret("token"), &HERE).unwrap(), keys.seal(&secret("token"), &HERE).unwrap());
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again_and_does_not_show(token in "\\PC{8,200}", generation: i64) {
            let place = Place { generation, ..HERE };
            let sealed = keyring().seal(&secret(&token), &place).unwrap();
            let opened = keyring().open(&sealed, &place).unwrap();
            prop_assert_eq!(opened.expose_secret(), token.as_str());
            prop_assert!(!sealed.contains(&token));
        }

        #[test]
        fn a_changed_text_never_opens(at in 0_usize..160, flip in 1_u8..=127) {
            let sealed = keyring().seal(&secret("a token of some length, as platforms give"), &HERE).unwrap();
            let mut bytes = sealed.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert!(keyring().open(&changed, &HERE).is_err());
            }
        }

        #[test]
        fn foreign_text_is_an_error_and_never_a_panic(text in "\\PC{0,80}", tail in "[A-Za-z0-9+/=]{0,80}") {
            prop_assert!(keyring().open(&text, &HERE).is_err());
            let dressed = format!("v1:{text}:{tail}");
            prop_assert!(keyring().open(&dressed, &HERE).is_err());
        }
    }
}
