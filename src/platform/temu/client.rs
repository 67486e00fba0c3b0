//! One app at one of Temu's gateways: which call answers which question.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::activities::Activities;
use super::after_sales::AfterSales;
use super::gateway::Gateway;
use super::goods::Goods;
use super::orders::Orders;
use super::partner::PartnerGoods;
use super::{PROFILE, codes, partner};
use crate::domain::grant::{Access, Account, GrantInfo, Granted};
use crate::domain::record::Record;
use crate::platform::error::{PlatformError, Rejection};
use crate::platform::parameters::Parameters;
use crate::platform::refusal::Refusal;
use crate::platform::token_answer::{Fields, TokenAnswer};
use crate::platform::{
    AmountsSource, AppSettings, ConnectError, Platform, Profile, RecordSource, consent, instant, skew,
    token_answer,
};

const EXCHANGE: &str = "bg.open.accesstoken.create";
/// What counts as the call that each app's `refresh_type` names.
const REFRESH: &str = "refresh_type";
pub const GRANT_INFO: &str = "bg.open.accesstoken.info.get";
const GRANT_INFO_PARTNER: &str = "bg.open.accesstoken.info.get.global";

pub struct Temu {
    gateway: Arc<Gateway>,
    orders: Orders,
    goods: Goods,
    partner_goods: PartnerGoods,
    after_sales: AfterSales,
    activities: Activities,
}

impl Temu {
    pub(super) fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        let gateway = Arc::new(Gateway::new(settings)?);
        Ok(Self {
            orders: Orders::new(gateway.clone()),
            goods: Goods::new(gateway.clone()),
            partner_goods: PartnerGoods::new(gateway.clone().that_answers(partner::LIST)),
            after_sales: AfterSales::new(gateway.clone()),
            activities: Activities::new(gateway.clone()),
            gateway,
        })
    }

    /// Reads the answer to a call that gives tokens and costs `spent`.
    fn granted(
        &self,
        answer: &str,
        spent: &SecretString,
        refusal: impl FnOnce(&str, &str) -> Refusal,
    ) -> Result<Granted, PlatformError> {
        let refused = |code: &str, message: &str| refusal(code, message).into_error(code, message);
        let TokenAnswer { access, refresh, beside } =
            token_answer::read(answer, spent, codes::is_success, refused)?;
        let now = self.gateway.conversation.platform_now();
        let refresh_end = beside.moment(&["refreshExpiredTime", "refresh_expired_time"]);
        Ok(Granted {
            access,
            access_ends_at: access_end(&beside, now),
            refresh_ends_at: instant::refresh_end(refresh_end, now),
            refresh,
            account: account(&beside),
        })
    }

    fn zone(&self) -> &str {
        self.gateway.zone()
    }
}

#[async_trait]
impl Platform for Temu {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn skew(&self) -> &skew::Skew {
        self.gateway.conversation.skew()
    }

    /// Only local shops have a page; the others' owners copy a token from the console.
    fn authorize_link(&self, state: &str) -> Option<String> {
        let live = match self.zone() {
            "us" => Some("https://seller.temu.com/open-platform/client-manage/authorization"),
            "eu" => Some("https://seller-eu.temu.com/open-platform/client-manage/authorization"),
            _ => None,
        };
        let query = [
            ("appKey", &*self.gateway.settings.app_key),
            ("redirect_uri", &*self.gateway.settings.redirect_uri),
            ("state", state),
        ];
        consent::page(&self.gateway.settings.gateway, PROFILE.name, live, &query)
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
        let body = self.gateway.signed(EXCHANGE, code, parameters);
        let refusal = |code: &str, _: &str| codes::refusal(self.zone(), code);
        let understand = |answer: &str| self.granted(answer, code, refusal);
        self.gateway.conversation.post_json_once(EXCHANGE, body, understand).await
    }

    /// The live platform refreshes nothing: only a grant of the guide's kind, by the configured API type.
    async fn refresh(&self, refresh: &SecretString) -> Result<Granted, PlatformError> {
        let Some(api) = &self.gateway.settings.refresh_type else {
            let unknown = Refusal::Rejected(Rejection::Parameters);
            return Err(
                unknown.into_error("", "this platform has no call that refreshes; set `refresh_type`")
            );
        };
        // As with a code, the token that is spent stands in for the one that is requested.
        let parameters = Parameters::new().text("refresh_token", refresh.expose_secret());
        let body = self.gateway.signed(api, refresh, parameters);
        let refusal = |code: &str, message: &str| {
            codes::refusal(self.zone(), code).or_by_patience(message).of_refresh(message)
        };
        let understand = |answer: &str| self.granted(answer, refresh, refusal);
        self.gateway.conversation.post_json_once(REFRESH, body, understand).await
    }

    async fn grant_info(&self, access: &Access) -> Result<GrantInfo, PlatformError> {
        let api = if self.zone() == super::ZONE_PARTNER { GRANT_INFO_PARTNER } else { GRANT_INFO };
        let understand = |answer: &str| Ok(Fields::of(self.gateway.result(answer)?.get()));
        let grant = self.gateway.read(api, access, Parameters::new(), understand).await?;
        Ok(GrantInfo {
            access_ends_at: access_end(&grant, self.gateway.conversation.platform_now()),
            account: account(&grant),
        })
    }

    async fn probe(&self, access: &Access) -> Result<(), PlatformError> {
        self.grant_info(access).await.map(drop)
    }

    fn source(&self, record: Record) -> Option<&dyn RecordSource> {
        let is_local = !matches!(self.zone(), super::ZONE_CN | super::ZONE_PARTNER);
        match record {
            Record::Products if is_local => Some(&self.goods),
            Record::Products => Some(&self.partner_goods),
            Record::Orders if is_local => Some(&self.orders),
            Record::AfterSales if is_local => Some(&self.after_sales),
            Record::Activities if is_local => Some(&self.activities),
            Record::Orders | Record::AfterSales | Record::Activities => None,
        }
    }

    fn amounts(&self) -> Option<&dyn AmountsSource> {
        Some(&self.orders)
    }
}

fn access_end(grant: &Fields, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let end = grant.moment(&["expiredTime", "expired_time"]);
    instant::access_end(end, now, PROFILE.grant.access_life_max)
}

fn account(grant: &Fields) -> Account {
    Account {
        id: grant.text(&["mallId"]),
        name: grant.text(&["mallName"]),
        region: grant.text(&["regionId"]),
        scopes: grant.texts("apiScopeList"),
    }
}
