//! One app at one of Temu's gateways: which call answers which question.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::{PROFILE, amounts, codes, convert, sign, wire};
use crate::domain::grant::{Access, Account, GrantInfo, Granted};
use crate::domain::order::{Amounts, Answers, Order};
use crate::domain::record::Lane;
use crate::platform::envelope::Dialect;
use crate::platform::error::{ConvertError, PlatformError, Rejection};
use crate::platform::http::Conversation;
use crate::platform::listing::Listing;
use crate::platform::parameters::Parameters;
use crate::platform::refusal::Refusal;
use crate::platform::{
    AppSettings, ConnectError, OrderSource, Page, PageQuery, Platform, Profile, consent, instant, skew,
};

const EXCHANGE: &str = "bg.open.accesstoken.create";
pub(super) const GRANT_INFO: &str = "bg.open.accesstoken.info.get";
const GRANT_INFO_PARTNER: &str = "bg.open.accesstoken.info.get.global";
pub(super) const ORDER_LIST: &str = "bg.order.list.v2.get";
pub(super) const ORDER_DETAIL: &str = "bg.order.detail.v2.get";

const DIALECT: Dialect = Dialect { content: "result", is_success: codes::is_success };

pub(super) struct Temu {
    settings: AppSettings,
    conversation: Conversation,
    amounts: amounts::Versions,
}

impl Temu {
    pub(super) fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        Ok(Self {
            conversation: Conversation::new(&settings)?,
            settings,
            amounts: amounts::Versions::default(),
        })
    }

    async fn read(
        &self,
        api: &str,
        access: &Access,
        parameters: Parameters,
    ) -> Result<String, PlatformError> {
        let body = self.signed(api, &access.token, parameters);
        self.conversation.post_json(body).await
    }

    /// The body of a call, stamped with the platform's time and signed.
    fn signed(&self, api: &str, token: &SecretString, parameters: Parameters) -> String {
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
    fn result<'a>(&self, answer: &'a str) -> Result<&'a RawValue, PlatformError> {
        DIALECT.content(answer, |code, _| codes::refusal(self.zone(), code))
    }

    fn granted(&self, result: &RawValue) -> Result<Granted, PlatformError> {
        let mut grant: wire::Grant = DIALECT.parse(result)?;
        let now = self.conversation.platform_now();
        Ok(Granted {
            access: grant
                .access_token
                .take()
                .map(SecretString::from)
                .ok_or_else(|| DIALECT.malformed("accessToken"))?,
            access_ends_at: access_end(&grant, now),
            refresh_ends_at: instant::refresh_end(instant::from_seconds(grant.refresh_expired_time), now),
            refresh: grant.refresh_token.take().map(SecretString::from),
            account: account(grant),
        })
    }

    fn zone(&self) -> &str {
        &self.settings.zone
    }
}

#[async_trait]
impl Platform for Temu {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn skew(&self) -> &skew::Skew {
        self.conversation.skew()
    }

    /// Only local shops have a page; the others' owners copy a token from the console.
    fn authorize_link(&self, state: &str) -> Option<String> {
        let live = match self.zone() {
            "us" => Some("https://seller.temu.com/open-platform/client-manage/authorization"),
            "eu" => Some("https://seller-eu.temu.com/open-platform/client-manage/authorization"),
            _ => None,
        };
        let query = [
            ("appKey", &*self.settings.app_key),
            ("redirect_uri", &*self.settings.redirect_uri),
            ("state", state),
        ];
        consent::page(&self.settings.gateway, PROFILE.name, live, &query)
    }

    fn console_page(&self) -> &'static str {
        match self.zone() {
            "us" => "https://seller.temu.com/open-platform/client-manage",
            "eu" => "https://seller-eu.temu.com/open-platform/client-manage",
            "global" => "https://agentseller.temu.com/open-platform/system-manage/client-manage",
            _ => "https://agentseller.temu.com/open/system-manage/client-manage",
        }
    }

    /// Whatever an owner copies from the console is a token; a code only ever comes back in an address.
    fn is_access_token(&self, _text: &str) -> bool {
        true
    }

    /// The code stands in for the access token that is not there yet.
    async fn exchange_code(&self, code: &SecretString) -> Result<Granted, PlatformError> {
        let parameters = Parameters::new().text("code", code.expose_secret());
        let body = self.signed(EXCHANGE, code, parameters);
        let answer = self.conversation.post_json_once(body).await?;
        self.granted(self.result(&answer)?)
    }

    /// The live platform refreshes nothing: only a grant of the guide's kind, by the configured API type.
    async fn refresh(&self, refresh: &SecretString) -> Result<Granted, PlatformError> {
        let Some(api) = &self.settings.refresh_type else {
            let unknown = Refusal::Rejected(Rejection::Parameters);
            return Err(
                unknown.into_error("", "this platform has no call that refreshes; set `refresh_type`")
            );
        };
        // As with a code, the token that is spent stands in for the one that is asked for.
        let parameters = Parameters::new().text("refresh_token", refresh.expose_secret());
        let body = self.signed(api, refresh, parameters);
        let answer = self.conversation.post_json_once(body).await?;
        let result = DIALECT
            .content(&answer, |code, message| codes::refusal(self.zone(), code).of_refresh(message))?;
        self.granted(result)
    }

    async fn grant_info(&self, access: &Access) -> Result<GrantInfo, PlatformError> {
        let api = if self.zone() == super::ZONE_PARTNER { GRANT_INFO_PARTNER } else { GRANT_INFO };
        let answer = self.read(api, access, Parameters::new()).await?;
        let grant: wire::Grant = DIALECT.parse(self.result(&answer)?)?;
        Ok(GrantInfo {
            access_ends_at: access_end(&grant, self.conversation.platform_now()),
            account: account(grant),
        })
    }

    async fn probe(&self, access: &Access) -> Result<(), PlatformError> {
        self.grant_info(access).await.map(drop)
    }

    fn orders(&self) -> Option<&dyn OrderSource> {
        Some(self)
    }
}

#[async_trait]
impl OrderSource for Temu {
    async fn order_page(&self, access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let answer = self.read(ORDER_LIST, access, list_parameters(query)).await?;
        let list: wire::OrderList<'_> = DIALECT.parse(self.result(&answer)?)?;
        let listing = Listing {
            dialect: DIALECT,
            total: list.total_item_num,
            total_name: "totalItemNum",
            rows: list.page_items,
            rows_name: "pageItems",
        };
        listing.into_page(query, convert::list_row)
    }

    async fn order_detail(&self, access: &Access, number: &str) -> Result<String, PlatformError> {
        let parameters = Parameters::new().text("parentOrderSn", number);
        let answer = self.read(ORDER_DETAIL, access, parameters).await?;
        Ok(self.result(&answer)?.get().to_owned())
    }

    async fn order_amounts(&self, access: &Access, number: &str) -> Result<String, PlatformError> {
        let region = access.region.as_deref();
        let version = self.amounts.current(self.zone(), region);
        let parameters = Parameters::new().text("parentOrderSn", number);
        let answer = self.read(version, access, parameters).await?;
        match self.result(&answer) {
            Ok(result) => Ok(result.get().to_owned()),
            Err(error) => Err(self.amounts.learn(version, region, error)),
        }
    }

    fn convert_order(&self, answers: &Answers) -> Result<Order, ConvertError> {
        convert::order(answers)
    }

    fn convert_amounts(&self, raw: &str) -> Result<Amounts, ConvertError> {
        amounts::convert(raw)
    }
}

/// Both bounds are inclusive, in seconds, and must come together.
fn list_parameters(query: &PageQuery) -> Parameters {
    let (from, until) = query.window.asked();
    let parameters = Parameters::new().integer("pageNumber", query.page).integer("pageSize", query.page_size);
    let parameters = match query.status.and_then(|status| status.parse::<i64>().ok()) {
        Some(status) => parameters.integer("parentOrderStatus", status),
        None => parameters,
    };
    match query.lane {
        Lane::Update => parameters
            .integer("updateAtStart", from)
            .integer("updateAtEnd", until)
            .text("sortby", "updateTime"),
        Lane::Create | Lane::Amounts => parameters
            .integer("createAfter", from)
            .integer("createBefore", until)
            .text("sortby", "createTime"),
    }
}

fn access_end(grant: &wire::Grant, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let end = instant::from_seconds(grant.expired_time);
    instant::access_end(end, now, PROFILE.grant.access_life_max)
}

fn account(grant: wire::Grant) -> Account {
    Account {
        id: grant.mall_id,
        name: grant.mall_name,
        region: grant.region_id,
        scopes: grant.api_scope_list,
    }
}
