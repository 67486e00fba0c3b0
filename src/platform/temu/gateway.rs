//! Calls at one of Temu's gateways: stamped, signed, sent, and opened when the answer is there.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;
use url::Url;

use super::{PROFILE, ZONE_CN, ZONE_PARTNER, codes, sign};
use crate::domain::grant::Access;
use crate::platform::envelope::Dialect;
use crate::platform::error::PlatformError;
use crate::platform::http::Conversation;
use crate::platform::parameters::Parameters;
use crate::platform::{AppSettings, ConnectError};

pub const DIALECT: Dialect = Dialect { content: "result", is_success: codes::is_success };

/// Calls of a zone that another zone's gateway answers.
struct Moved {
    zone: &'static str,
    /// How their types begin.
    types: &'static [&'static str],
    answered_by: &'static str,
}

const MOVED: &[Moved] =
    &[Moved { zone: ZONE_CN, types: &["bg.glo.", "bg.qtg.", "bg.btg."], answered_by: ZONE_PARTNER }];

/// What every call of one app shares.
pub struct Gateway {
    pub(super) settings: Arc<AppSettings>,
    pub(super) conversation: Conversation,
    /// Whose codes it answers with.
    zone: String,
}

impl Gateway {
    pub(super) fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        let conversation = Conversation::new(PROFILE.name, &settings)?;
        Ok(Self { conversation, zone: settings.zone.clone(), settings: Arc::new(settings) })
    }

    /// The gateway that answers calls of this type: the token of one zone is good at another's gateway too, where some of
    /// its calls have moved. A gateway that the config names answers all of them.
    pub(super) fn that_answers(self: Arc<Self>, api: &str) -> Arc<Self> {
        let moved = MOVED.iter().find(|moved| {
            let is_own =
                PROFILE.zone(moved.zone).is_some_and(|zone| zone.gateway == self.settings.gateway.as_str());
            moved.zone == self.zone && is_own && moved.types.iter().any(|begin| api.starts_with(begin))
        });
        let Some(zone) = moved.and_then(|moved| PROFILE.zone(moved.answered_by)) else { return self };
        match Url::parse(zone.gateway) {
            Ok(gateway) => Arc::new(Self {
                settings: self.settings.clone(),
                conversation: self.conversation.with_gateway(gateway),
                zone: zone.name.to_owned(),
            }),
            Err(_) => self,
        }
    }

    /// What `understand` makes of the answer to a call.
    pub(super) async fn read<T>(
        &self,
        api: &'static str,
        access: &Access,
        parameters: Parameters,
        understand: impl FnMut(&str) -> Result<T, PlatformError>,
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
        DIALECT.content(answer, |code, message| codes::refusal(self.zone(), code).or_by_patience(message))
    }

    /// The `result` of a list.
    pub(super) fn list<'a>(&self, answer: &'a str) -> Result<&'a RawValue, PlatformError> {
        DIALECT.list(answer, |code, message| codes::refusal(self.zone(), code).or_by_patience(message))
    }

    pub(super) fn zone(&self) -> &str {
        &self.zone
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::platform::SignMethod;

    fn gateway(zone: &str, address: &str) -> Arc<Gateway> {
        let settings = AppSettings {
            name: "test".to_owned(),
            gateway: Url::parse(address).unwrap(),
            zone: zone.to_owned(),
            app_key: "key".to_owned(),
            app_secret: SecretString::from("secret"),
            proxy: None,
            sign_method: SignMethod::Md5,
            redirect_uri: String::new(),
            refresh_type: None,
            request_timeout: Duration::from_secs(1),
            clock: Clock::system(),
        };
        Arc::new(Gateway::new(settings).unwrap_or_else(|error| panic!("{error}")))
    }

    #[test]
    fn the_type_of_a_call_says_which_gateway_answers_a_token_of_the_cn_zone() {
        let address = |zone: &str| PROFILE.zone(zone).unwrap().gateway;
        for (zone, gateway_of, api, answered_by) in [
            (ZONE_CN, address(ZONE_CN), "bg.glo.goods.list.get", ZONE_PARTNER),
            (ZONE_CN, address(ZONE_CN), "bg.qtg.stock.virtualinventoryjit.get", ZONE_PARTNER),
            (ZONE_CN, address(ZONE_CN), "bg.btg.goods.stock.quantity.get", ZONE_PARTNER),
            (ZONE_CN, address(ZONE_CN), "bg.open.accesstoken.info.get", ZONE_CN),
            (ZONE_CN, "http://127.0.0.1:9/temu/cn", "bg.glo.goods.list.get", ZONE_CN),
            (ZONE_PARTNER, address(ZONE_PARTNER), "bg.glo.goods.list.get", ZONE_PARTNER),
            ("us", address("us"), "bg.glo.goods.list.get", "us"),
        ] {
            let found = gateway(zone, gateway_of).that_answers(api);
            assert_eq!(found.zone(), answered_by, "{zone} {api}");
        }
    }
}
