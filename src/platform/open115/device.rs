//! Logging in at 115: the owner scans a code with the app and says yes there.

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::client::{BEGIN, EXCHANGE, Open115, STATUS};
use super::wire::Answer;
use super::{codes, pkce, wire};
use crate::domain::grant::Granted;
use crate::platform::device_login::{DeviceCode, DeviceLogin, DeviceProgress};
use crate::platform::error::{PlatformError, Rejection};
use crate::platform::refusal::Refusal;

/// The guides differ on two and three; the fewer is the safer to warn of.
const GRANTS_MAX: u32 = 2;

/// What is kept of a login between its calls. Has no `Debug`.
#[derive(Deserialize, Serialize)]
struct Secret {
    uid: String,
    time: String,
    sign: String,
    verifier: String,
}

#[async_trait]
impl DeviceLogin for Open115 {
    fn grants_max(&self) -> Option<u32> {
        Some(GRANTS_MAX)
    }

    async fn begin(&self) -> Result<DeviceCode, PlatformError> {
        let verifier = pkce::verifier();
        let challenge = pkce::challenge(&verifier);
        let fields = [
            ("client_id", &*self.settings.app_key),
            ("code_challenge", &*challenge),
            ("code_challenge_method", pkce::METHOD),
        ];
        let understand = |answer: &str| Answer::open(answer)?.content(codes::of_call);
        let device: wire::Device =
            self.conversation.post_form_once(BEGIN, &self.addresses.begin, &fields, understand).await?;
        let required = |member: Option<String>, name: &str| {
            member.ok_or_else(|| wire::malformed(&format!("data.{name}")))
        };
        let secret = Secret {
            uid: required(device.uid, "uid")?,
            time: required(device.time, "time")?,
            sign: required(device.sign, "sign")?,
            verifier: verifier.expose_secret().to_owned(),
        };
        let secret = serde_json::to_string(&secret).expect("four texts make JSON");
        Ok(DeviceCode { shown: required(device.qrcode, "qrcode")?, secret: SecretString::from(secret) })
    }

    async fn progress(&self, secret: &SecretString) -> Result<DeviceProgress, PlatformError> {
        let secret = opened(secret)?;
        let mut address: Url = self.addresses.status.clone();
        let query = [("uid", &secret.uid), ("time", &secret.time), ("sign", &secret.sign)];
        address.query_pairs_mut().extend_pairs(query);
        self.conversation.get_json(STATUS, &address, None, progress).await
    }

    async fn exchange(&self, secret: &SecretString) -> Result<Granted, PlatformError> {
        let secret = opened(secret)?;
        let fields = [("uid", &*secret.uid), ("code_verifier", &*secret.verifier)];
        let verifier = SecretString::from(secret.verifier.clone());
        self.grant((EXCHANGE, &self.addresses.exchange), &fields, &verifier, codes::of_call).await
    }
}

fn progress(answer: &str) -> Result<DeviceProgress, PlatformError> {
    let status: wire::Status = match Answer::open(answer)? {
        Answer::No { code, message } if codes::is_throttle(&code) => {
            return Err(codes::of_call(&code, &message));
        }
        // Whatever the reason is: a code that is over does not come back.
        Answer::No { .. } => return Ok(DeviceProgress::Dead),
        yes @ Answer::Yes(_) => yes.content(codes::of_call)?,
    };
    match status.status {
        // A poll that was held back until its time was up has nothing to report.
        Some(0) | None => Ok(DeviceProgress::Waiting),
        Some(1) => Ok(DeviceProgress::Scanned),
        Some(2) => Ok(DeviceProgress::Confirmed),
        Some(..0) => Ok(DeviceProgress::Dead),
        Some(3..) => Err(wire::malformed("data.status")),
    }
}

fn opened(secret: &SecretString) -> Result<Secret, PlatformError> {
    // Only another version of this program could have written it otherwise.
    serde_json::from_str(secret.expose_secret()).map_err(|_| {
        Refusal::Rejected(Rejection::Login).into_error("", "this login was begun by another version")
    })
}
