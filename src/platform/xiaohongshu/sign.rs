//! Xiaohongshu's signature: method, app, time and version, then the secret. Neither the business parameters nor the
//! token are bound by it.

use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};

/// Lower-case hex, for the parameter `sign`. `timestamp` is in seconds, as sent.
pub fn sign(method: &str, app_id: &str, timestamp: &str, version: &str, secret: &SecretString) -> String {
    let mut md5 = Md5::new();
    for part in [method, "?appId=", app_id, "&timestamp=", timestamp, "&version=", version] {
        md5.update(part.as_bytes());
    }
    md5.update(secret.expose_secret().as_bytes());
    hex::encode(md5.finalize())
}

#[cfg(test)]
mod tests {
    use super::{SecretString, sign};

    #[test]
    fn the_documents_vectors_hold() {
        let (app, secret) = ("0a1b2c3d4e5f60718293", "0123456789abcdef0123456789abcdef");
        for (method, app, timestamp, version, secret, expected) in [
            ("order.getOrderList", app, "1700000000", "2.0", secret, "f13708faf986adf34339bda741404486"),
            ("oauth.refreshToken", app, "1700000000", "2.0", secret, "7220e43ab1742c830f247b4d222cd472"),
            (
                "product.getDetailSkuList",
                app,
                "1700000000",
                "2.0",
                secret,
                "866670c12b2e832d4fdfdf7dddf575fe",
            ),
            (
                "oauth.getAccessToken",
                "test-app",
                "1700000000",
                "1.0",
                "secret-key",
                "15dd91e56a77df52c8a652a43a7c131e",
            ),
        ] {
            let signature = sign(method, app, timestamp, version, &SecretString::from(secret));
            assert_eq!(signature, expected, "{method}");
        }
    }
}
