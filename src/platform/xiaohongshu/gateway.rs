//! Calls at Xiaohongshu's gateway: stamped, signed, sent, and opened when the answer is there.

use secrecy::ExposeSecret;
use serde_json::value::RawValue;

use super::{PROFILE, codes, sign};
use crate::domain::grant::Access;
use crate::domain::record::Lane;
use crate::platform::envelope::Dialect;
use crate::platform::error::PlatformError;
use crate::platform::http::Conversation;
use crate::platform::parameters::Parameters;
use crate::platform::{AppSettings, ConnectError, PageQuery, Range};

/// Of every app that is authorised by OAuth 2.
const VERSION: &str = "2.0";
const CONTENT_TYPE: &str = "application/json;charset=utf-8";

pub const DIALECT: Dialect = Dialect { content: "data", is_success: codes::is_success };

/// What every call of one app shares.
pub struct Gateway {
    pub(super) settings: AppSettings,
    pub(super) conversation: Conversation,
}

impl Gateway {
    pub(super) fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        Ok(Self {
            conversation: Conversation::new(PROFILE.name, &settings)?.with_content_type(CONTENT_TYPE),
            settings,
        })
    }

    /// What `understand` makes of the answer to a call.
    pub(super) async fn read<T>(
        &self,
        method: &'static str,
        access: &Access,
        parameters: Parameters,
        understand: impl FnMut(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let parameters = parameters.text("accessToken", access.token.expose_secret());
        self.conversation.post_json(method, self.signed(method, parameters), understand).await
    }

    /// The body of a call, stamped with the platform's time and signed.
    pub(super) fn signed(&self, method: &str, parameters: Parameters) -> String {
        let timestamp = self.conversation.platform_now().timestamp().to_string();
        let app_id = &self.settings.app_key;
        let signature = sign::sign(method, app_id, &timestamp, VERSION, &self.settings.app_secret);
        parameters
            .text("appId", app_id.as_str())
            .text("method", method)
            .text("version", VERSION)
            .text("timestamp", timestamp)
            .text("sign", signature)
            .to_json()
    }
}

/// The `data` of an answer, or what its code and message say.
pub fn content(answer: &str) -> Result<&RawValue, PlatformError> {
    DIALECT.content(answer, codes::refusal)
}

/// The `data` of a list.
pub fn listed(answer: &str) -> Result<&RawValue, PlatformError> {
    DIALECT.list(answer, codes::refusal)
}

/// The page, and the window of a list that is read by time; both bounds are taken as inclusive. `per_second`: how many
/// of the call's own units of time make a second.
pub fn window_parameters(query: &PageQuery, per_second: i64) -> Parameters {
    const BY_CREATION: i64 = 1;
    const BY_UPDATE: i64 = 2;
    let parameters = Parameters::new().integer("pageNo", query.page).integer("pageSize", query.page_size);
    let Range::Window { lane, window, .. } = query.range else {
        return parameters;
    };
    let (from, until) = window.query_bounds();
    let time_type = match lane {
        Lane::Update => BY_UPDATE,
        Lane::Create | Lane::Amounts => BY_CREATION,
    };
    parameters
        .integer("startTime", from * per_second)
        .integer("endTime", until * per_second)
        .integer("timeType", time_type)
}
