//! An app as the config would describe it, for tests that put a client together by hand.

use std::time::Duration;

use secrecy::SecretString;
use shopsync::clock::Clock;
use shopsync::platform::{AppSettings, SignMethod};

/// Key `key` and secret `secret`, in no zone.
pub(crate) fn app_settings(gateway: &str, clock: &Clock) -> AppSettings {
    AppSettings {
        name: "app".to_owned(),
        gateway: gateway.parse().unwrap(),
        zone: String::new(),
        app_key: "key".to_owned(),
        app_secret: SecretString::from("secret"),
        proxy: None,
        sign_method: SignMethod::Md5,
        redirect_uri: String::new(),
        refresh_type: None,
        request_timeout: Duration::from_secs(30),
        clock: clock.clone(),
    }
}
