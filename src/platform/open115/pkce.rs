//! The proof that the one who ends a login began it. Like RFC 7636, but the challenge is standard base64 with padding
//! and the method is called `sha256`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The platform's word for how a challenge is made.
pub const METHOD: &str = "sha256";

/// A fresh secret of 64 characters; the platform takes 43 to 128.
pub fn verifier() -> SecretString {
    SecretString::from(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
}

/// What is given of the secret when a login begins.
pub fn challenge(verifier: &SecretString) -> String {
    STANDARD.encode(Sha256::digest(verifier.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{ExposeSecret, SecretString, challenge, verifier};

    #[test]
    fn a_challenge_is_standard_base64_with_padding() {
        // RFC 7636, appendix B, in the other alphabet.
        let verifier = SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM=");
    }

    #[test]
    fn a_verifier_has_the_length_the_platform_takes_and_is_never_used_twice() {
        let (one, other) = (verifier(), verifier());
        assert!((43..=128).contains(&one.expose_secret().len()));
        assert!(one.expose_secret().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
