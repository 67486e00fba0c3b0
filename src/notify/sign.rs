//! The signatures of webhooks, which prove that the sender knows the secret. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// DingTalk: the key is the secret, the text is time and secret. For the parameter `sign`, not escaped yet.
pub(super) fn dingtalk(timestamp_ms: i64, secret: &SecretString) -> String {
    let text = format!("{timestamp_ms}\n{}", secret.expose_secret());
    STANDARD.encode(mac(secret.expose_secret().as_bytes(), text.as_bytes()))
}

/// Feishu: the key is time and secret, the text is empty.
pub(super) fn feishu(timestamp_secs: i64, secret: &SecretString) -> String {
    let key = format!("{timestamp_secs}\n{}", secret.expose_secret());
    STANDARD.encode(mac(key.as_bytes(), b""))
}

/// Our own JSON: a MAC of the whole body in hex, as is usual for webhooks.
pub(super) fn json(body: &str, secret: &SecretString) -> String {
    format!("sha256={}", hex::encode(mac(secret.expose_secret().as_bytes(), body.as_bytes())))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with the `hmac` and `base64` of Python's standard library.
    #[test]
    fn the_signatures_are_those_that_another_program_computes() {
        let secret = SecretString::from("SEC9f0c1d2e3b4a5968778695a4b3c2d1e0");
        assert_eq!(dingtalk(1_795_262_400_123, &secret), "gSQGEh310/m+KVEOo3rZD0la8o6tmH6zNqofOukD2sM=");
        assert_eq!(feishu(1_795_262_400, &secret), "YFlGCU/a10ExreAIj26BVnu50n0wIelcTOQ3HJHKe9I=");
        assert_eq!(
            json("{\"a\":1}", &secret),
            "sha256=38f5e10bcad2766a6b328cda8db84c76268565f013ba23897ab00fb8e92b4d94"
        );
    }
}
