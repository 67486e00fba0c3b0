//! One app at Xiaohongshu's gateway: which call answers which question.

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::{PROFILE, codes, convert, sign, wire};
use crate::domain::grant::{Access, Account, GrantInfo, Granted};
use crate::domain::order::{Amounts, Answers, Order};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::envelope::Dialect;
use crate::platform::error::{ConvertError, PlatformError, Rejection};
use crate::platform::http::Conversation;
use crate::platform::listing::Listing;
use crate::platform::parameters::Parameters;
use crate::platform::refusal::Refusal;
use crate::platform::{
    AppSettings, ConnectError, OrderSource, Page, PageQuery, Platform, Profile, consent, instant, skew,
};

const EXCHANGE: &str = "oauth.getAccessToken";
const REFRESH: &str = "oauth.refreshToken";
const ORDER_LIST: &str = "order.getOrderList";
const ORDER_DETAIL: &str = "order.getOrderDetail";

/// Of every app that is authorised by OAuth 2.
const VERSION: &str = "2.0";
const CONTENT_TYPE: &str = "application/json;charset=utf-8";
const CONSENT_PAGE: &str = "https://ark.xiaohongshu.com/ark/authorization";
/// For phones; takes no `state`.
const SCAN_PAGE: &str = "https://ark.xiaohongshu.com/thor/open/authorization";
/// How far back the one-row probe looks: a minute that is over for any clock that is not far off.
const PROBE_AGE: TimeDelta = TimeDelta::minutes(10);

const DIALECT: Dialect = Dialect { content: "data", is_success: codes::is_success };

pub(super) struct Xiaohongshu {
    settings: AppSettings,
    conversation: Conversation,
}

impl Xiaohongshu {
    pub(super) fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        Ok(Self { conversation: Conversation::new(&settings)?.with_content_type(CONTENT_TYPE), settings })
    }

    async fn read(
        &self,
        method: &str,
        access: &Access,
        parameters: Parameters,
    ) -> Result<String, PlatformError> {
        let parameters = parameters.text("accessToken", access.token.expose_secret());
        self.conversation.post_json(self.signed(method, parameters)).await
    }

    /// A call that gives tokens: `spent` is the code or the token it costs.
    async fn grant(
        &self,
        method: &str,
        spent_as: &'static str,
        spent: &SecretString,
        refusal: fn(&str, &str) -> Refusal,
    ) -> Result<Granted, PlatformError> {
        let body = self.signed(method, Parameters::new().text(spent_as, spent.expose_secret()));
        let answer = self.conversation.post_json_once(body).await?;
        let grant: wire::Grant = DIALECT.parse(DIALECT.content(&answer, refusal)?)?;
        let now = self.conversation.platform_now();
        let access_end = instant::from_millis(grant.access_token_expires_at);
        let refresh_end = instant::from_millis(grant.refresh_token_expires_at);
        Ok(Granted {
            access: grant
                .access_token
                .map(SecretString::from)
                .ok_or_else(|| DIALECT.malformed("accessToken"))?,
            access_ends_at: instant::access_end(access_end, now, PROFILE.grant.access_life_max),
            refresh: grant.refresh_token.map(SecretString::from),
            refresh_ends_at: instant::refresh_end(refresh_end, now),
            account: Account { id: grant.seller_id, name: grant.seller_name, region: None, scopes: None },
        })
    }

    /// The body of a call, stamped with the platform's time and signed.
    fn signed(&self, method: &str, parameters: Parameters) -> String {
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

    async fn list(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let answer = self.read(ORDER_LIST, access, list_parameters(query)).await?;
        let list: wire::OrderList<'_> = DIALECT.parse(content(&answer)?)?;
        let listing = Listing {
            dialect: DIALECT,
            total: list.total,
            total_name: "total",
            rows: list.order_list,
            rows_name: "orderList",
        };
        listing.into_page(query, convert::list_row)
    }
}

#[async_trait]
impl Platform for Xiaohongshu {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn skew(&self) -> &skew::Skew {
        self.conversation.skew()
    }

    fn authorize_link(&self, state: &str) -> Option<String> {
        let query = [
            ("appId", &*self.settings.app_key),
            ("redirectUri", &*self.settings.redirect_uri),
            ("state", state),
        ];
        consent::page(&self.settings.gateway, PROFILE.name, Some(CONSENT_PAGE), &query)
    }

    fn console_page(&self) -> &'static str {
        "https://open.xiaohongshu.com"
    }

    fn is_access_token(&self, text: &str) -> bool {
        text.starts_with("token-")
    }

    async fn exchange_code(&self, code: &SecretString) -> Result<Granted, PlatformError> {
        self.grant(EXCHANGE, "code", code, codes::refusal).await
    }

    async fn refresh(&self, refresh: &SecretString) -> Result<Granted, PlatformError> {
        let refusal = |code: &str, message: &str| codes::refusal(code, message).of_refresh(message);
        self.grant(REFRESH, "refreshToken", refresh, refusal).await
    }

    async fn grant_info(&self, access: &Access) -> Result<GrantInfo, PlatformError> {
        self.probe(access).await?;
        Ok(GrantInfo::default())
    }

    async fn probe(&self, access: &Access) -> Result<(), PlatformError> {
        let until = self.conversation.platform_now() - PROBE_AGE;
        let Some(window) = Window::new(until - TimeDelta::minutes(1), until) else {
            return Ok(());
        };
        let query = PageQuery { lane: Lane::Update, window, page: 1, page_size: 1, status: None };
        self.list(access, &query).await.map(drop)
    }

    fn scan_link(&self, account: &str) -> Option<String> {
        let query = [
            ("fullscreen", "true"),
            ("appId", &*self.settings.app_key),
            ("sellerId", account),
            ("redirectUri", &*self.settings.redirect_uri),
        ];
        consent::page(&self.settings.gateway, PROFILE.name, Some(SCAN_PAGE), &query)
    }

    fn orders(&self) -> Option<&dyn OrderSource> {
        Some(self)
    }
}

#[async_trait]
impl OrderSource for Xiaohongshu {
    async fn order_page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        self.list(access, query).await
    }

    async fn order_detail(&self, access: &Access, number: &str) -> Result<String, PlatformError> {
        let parameters = Parameters::new().text("orderId", number);
        let answer = self.read(ORDER_DETAIL, access, parameters).await?;
        Ok(content(&answer)?.get().to_owned())
    }

    /// There is no such call: the detail has the money.
    async fn order_amounts(&self, _access: &Access, _number: &str) -> Result<String, PlatformError> {
        let unknown = Refusal::Rejected(Rejection::Parameters);
        Err(unknown.into_error("", "this platform tells money in the detail"))
    }

    fn convert_order(&self, answers: &Answers) -> Result<Order, ConvertError> {
        convert::order(answers)
    }

    fn convert_amounts(&self, _raw: &str) -> Result<Amounts, ConvertError> {
        Err(ConvertError::Missing { field: "amounts" })
    }
}

/// Both bounds are taken as inclusive, and in seconds, though the answers tell milliseconds.
fn list_parameters(query: &PageQuery) -> Parameters {
    const BY_CREATION: i64 = 1;
    const BY_UPDATE: i64 = 2;
    let (from, until) = query.window.asked();
    let time_type = match query.lane {
        Lane::Update => BY_UPDATE,
        Lane::Create | Lane::Amounts => BY_CREATION,
    };
    let parameters = Parameters::new()
        .integer("startTime", from)
        .integer("endTime", until)
        .integer("timeType", time_type)
        .integer("pageNo", query.page)
        .integer("pageSize", query.page_size);
    match query.status.and_then(|status| status.parse::<i64>().ok()) {
        Some(status) => parameters.integer("orderStatus", status),
        None => parameters,
    }
}

/// The `data` of an answer, or what its code and message say.
fn content(answer: &str) -> Result<&RawValue, PlatformError> {
    DIALECT.content(answer, codes::refusal)
}
