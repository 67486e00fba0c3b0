//! Calls at one of Temu's gateways: stamped, signed, sent, and opened when the answer is there.

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::{PROFILE, codes, sign};
use crate::domain::grant::Access;
use crate::platform::envelope::Dialect;
use crate::platform::error::PlatformError;
use crate::platform::http::Conversation;
use crate::platform::parameters::Parameters;
use crate::platform::{AppSettings, ConnectError};

pub(super) const DIALECT: Dialect = Dialect { content: "result", is_success: codes::is_success };

/// What every call of one app shares.
pub(super) struct Gateway {
    pub(super) settings: AppSettings,
    pub(super) conversation: Conversation,
}

impl Gateway {
    pub(super) fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        Ok(Self { conversation: Conversation::new(PROFILE.name, &settings)?, settings })
    }

    /// What `understand` makes of the answer to a call.
    pub(super) async fn read<T>(
        &self,
        api: &'static str,
        access: &Access,
        parameters: Parameters,
        understand: impl FnOnce(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let body = self.signed(api, &access.token, parameters);
        self.conversation.post_json(api, body, understand).await
    }

    /// The body of a call, stamped with the platform's time and signed.
    pub(super) fn signed(&self, api: &str, token: &SecretString, parameters: Parameters) -> String {
        let parameters = parameters
            .text("type", api)
            .text("app_key", &*self.settings.app_key)
            .text("access_token", token.expose_secret())
            .text("data_type", "JSON")
            .text("version", "V1")
            .integer("timestamp", self.conversation.platform_now().timestamp());
        let signature = sign::sign(&parameters, &self.settings.app_secret, self.settings.sign_method);
        parameters.text("sign", signature).to_json()
    }

    /// The `result` of an answer, or what its code says.
    pub(super) fn result<'a>(&self, answer: &'a str) -> Result<&'a RawValue, PlatformError> {
        DIALECT.content(answer, |code, _| codes::refusal(self.zone(), code))
    }

    /// The same where nothing to tell is told as no `result` at all.
    pub(super) fn result_if_any<'a>(&self, answer: &'a str) -> Result<Option<&'a RawValue>, PlatformError> {
        DIALECT.content_if_any(answer, |code, _| codes::refusal(self.zone(), code))
    }

    pub(super) fn zone(&self) -> &str {
        &self.settings.zone
    }
}
