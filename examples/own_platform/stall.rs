//! Stall, an invented platform: one address for all calls, and a token that the owner copies from a web page.
//!
//! A call is a JSON object: `{"call": "orders.list", "app": "…", "token": "…", …}`. The answer has `success`, `code`,
//! `message` in `msg`, and the content in `data`.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shopsync::domain::grant::{Access, Account, GrantInfo, Granted};
use shopsync::domain::record::Record;
use shopsync::platform::envelope::Dialect;
use shopsync::platform::http::Conversation;
use shopsync::platform::refusal::Refusal;
use shopsync::platform::skew::Skew;
use shopsync::platform::{
    AppSettings, ConnectError, GrantRules, Granting, Login, Platform, PlatformError, Profile, RecordSource,
    Rejection, Renewal, Replay, lenient,
};

use crate::orders::Orders;

/// Everything that the rest of the program must know about the platform.
pub static PROFILE: Profile = Profile {
    name: "stall",
    zones: &[],
    records: &[Record::Orders],
    gateway: Some("https://api.stall.example/call"),
    doubtful_hosts: &[],
    has_secret: false,
    login: Login::Paste,
    granting: Granting {
        english: "Its owner opens the page “API” of the stall and copies the token.",
        chinese: "由店主打开摊位的“API”页面，复制令牌。",
    },
    requests_per_second: 5.0,
    grant: GrantRules {
        access_life_default: TimeDelta::days(90),
        access_life_max: TimeDelta::days(90),
        renewal: Renewal::ByOwner,
        old_access_grace: TimeDelta::zero(),
        replay: Replay::Never,
        spacing: TimeDelta::zero(),
        refresh_end_is_fixed: true,
        refresh_life_default: None,
    },
    // Nothing else would show that a token was revoked.
    inspect_every: Some(TimeDelta::hours(6)),
    required_apis: |_, _, _| &[],
    connect: |settings| Ok(Arc::new(Stall::new(settings)?)),
};

/// How its answers are opened: `data` holds the content, and the code 0 means success.
pub const DIALECT: Dialect = Dialect { content: "data", is_success: |code| code == "0" };

/// What its codes mean. A code that is not here is one we do not know, and never a refused token.
pub fn refusal(code: &str, message: &str) -> Refusal {
    match code {
        "busy" => Refusal::Throttled,
        "bad_token" => Refusal::TokenRefused,
        "no_such_order" => Refusal::Rejected(Rejection::NotFound),
        _ => Refusal::Rejected(Rejection::Unknown).or_by_patience(message),
    }
}

/// One app at Stall.
struct Stall {
    client: Arc<Client>,
    orders: Orders,
}

impl Stall {
    fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        let conversation = Conversation::new(PROFILE.name, &settings)?;
        let client = Arc::new(Client { app_key: settings.app_key, conversation });
        Ok(Self { orders: Orders::new(client.clone()), client })
    }
}

/// Sends the calls of one app.
pub struct Client {
    app_key: String,
    conversation: Conversation,
}

impl Client {
    /// Sends a read and returns what `understand` makes of the answer's text.
    pub async fn read<T>(
        &self,
        call: &'static str,
        access: &Access,
        mut parameters: Map<String, Value>,
        understand: impl FnMut(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        parameters.insert("call".to_owned(), json!(call));
        parameters.insert("app".to_owned(), json!(self.app_key));
        parameters.insert("token".to_owned(), json!(access.token.expose_secret()));
        self.conversation.post_json(call, Value::Object(parameters).to_string(), understand).await
    }
}

#[async_trait]
impl Platform for Stall {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn skew(&self) -> &Skew {
        self.client.conversation.skew()
    }

    fn authorize_link(&self, _state: &str) -> Option<String> {
        None
    }

    fn console_page(&self) -> &'static str {
        "https://stall.example/api"
    }

    fn is_access_token(&self, _text: &str) -> bool {
        true
    }

    async fn exchange_code(&self, _code: &SecretString) -> Result<Granted, PlatformError> {
        Err(Refusal::Rejected(Rejection::Login).into_error("", "this platform has no codes, only tokens"))
    }

    async fn refresh(&self, _refresh: &SecretString) -> Result<Granted, PlatformError> {
        Err(Refusal::Rejected(Rejection::Login).into_error("", "this platform renews no tokens"))
    }

    async fn grant_info(&self, access: &Access) -> Result<GrantInfo, PlatformError> {
        let understand = |answer: &str| DIALECT.parse(DIALECT.content(answer, refusal)?);
        let shop: Shop = self.client.read("shop.show", access, Map::new(), understand).await?;
        let account = Account { id: shop.id, name: shop.name, ..Account::default() };
        Ok(GrantInfo { account, access_ends_at: None })
    }

    async fn probe(&self, access: &Access) -> Result<(), PlatformError> {
        self.grant_info(access).await.map(drop)
    }

    fn source(&self, record: Record) -> Option<&dyn RecordSource> {
        (record == Record::Orders).then_some(&self.orders)
    }
}

/// The content of `shop.show`.
#[derive(Deserialize)]
struct Shop {
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    name: Option<String>,
}
