//! One app at Xiaohongshu's gateway: which call answers which question.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use super::after_sales::AfterSales;
use super::gateway::Gateway;
use super::orders::Orders;
use super::products::Products;
use super::stock::Stock;
use super::{PROFILE, codes};
use crate::domain::grant::{Access, Account, GrantInfo, Granted};
use crate::domain::record::{Lane, Record};
use crate::domain::window::Window;
use crate::platform::error::PlatformError;
use crate::platform::parameters::Parameters;
use crate::platform::refusal::Refusal;
use crate::platform::token_answer::TokenAnswer;
use crate::platform::{
    AppSettings, ConnectError, PageQuery, Platform, Profile, Range, RecordSource, StockSource, consent,
    instant, skew, token_answer,
};

const EXCHANGE: &str = "oauth.getAccessToken";
const REFRESH: &str = "oauth.refreshToken";

const CONSENT_PAGE: &str = "https://ark.xiaohongshu.com/ark/authorization";
/// For phones; takes no `state`.
const SCAN_PAGE: &str = "https://ark.xiaohongshu.com/thor/open/authorization";
/// How far back the one-row probe looks: a minute that is over for any clock that is not far off.
const PROBE_AGE: TimeDelta = TimeDelta::minutes(10);

pub struct Xiaohongshu {
    gateway: Arc<Gateway>,
    orders: Orders,
    products: Products,
    after_sales: AfterSales,
    stock: Stock,
}

impl Xiaohongshu {
    pub(super) fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        let gateway = Arc::new(Gateway::new(settings)?);
        Ok(Self {
            orders: Orders::new(gateway.clone()),
            products: Products::new(gateway.clone()),
            after_sales: AfterSales::new(gateway.clone()),
            stock: Stock::new(gateway.clone()),
            gateway,
        })
    }

    /// A call that gives tokens: `spent` is the code or the token it costs.
    async fn grant(
        &self,
        method: &'static str,
        spent_as: &'static str,
        spent: &SecretString,
        refusal: fn(&str, &str) -> Refusal,
    ) -> Result<Granted, PlatformError> {
        let body = self.gateway.signed(method, Parameters::new().text(spent_as, spent.expose_secret()));
        let understand = |answer: &str| self.granted(answer, spent, refusal);
        self.gateway.conversation.post_json_once(method, body, understand).await
    }

    fn granted(
        &self,
        answer: &str,
        spent: &SecretString,
        refusal: fn(&str, &str) -> Refusal,
    ) -> Result<Granted, PlatformError> {
        let refused = |code: &str, message: &str| refusal(code, message).into_error(code, message);
        let TokenAnswer { access, refresh, beside } =
            token_answer::read(answer, spent, codes::is_success, refused)?;
        let now = self.gateway.conversation.platform_now();
        let access_end = beside.moment(&["accessTokenExpiresAt"]);
        let refresh_end = beside.moment(&["refreshTokenExpiresAt"]);
        Ok(Granted {
            access,
            access_ends_at: instant::access_end(access_end, now, PROFILE.grant.access_life_max),
            refresh,
            refresh_ends_at: instant::refresh_end(refresh_end, now),
            account: Account {
                id: beside.text(&["sellerId"]),
                name: beside.text(&["sellerName"]),
                region: None,
                scopes: None,
            },
        })
    }
}

#[async_trait]
impl Platform for Xiaohongshu {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn skew(&self) -> &skew::Skew {
        self.gateway.conversation.skew()
    }

    fn authorize_link(&self, state: &str) -> Option<String> {
        let query = [
            ("appId", &*self.gateway.settings.app_key),
            ("redirectUri", &*self.gateway.settings.redirect_uri),
            ("state", state),
        ];
        consent::page(&self.gateway.settings.gateway, PROFILE.name, Some(CONSENT_PAGE), &query)
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
        let until = self.gateway.conversation.platform_now() - PROBE_AGE;
        let Some(window) = Window::new(until - TimeDelta::minutes(1), until) else {
            return Ok(());
        };
        let range = Range::Window { lane: Lane::Update, window, status: None };
        self.orders.page(access, &PageQuery { range, page: 1, page_size: 1 }).await.map(drop)
    }

    fn scan_link(&self, account: &str) -> Option<String> {
        let query = [
            ("fullscreen", "true"),
            ("appId", &*self.gateway.settings.app_key),
            ("sellerId", account),
            ("redirectUri", &*self.gateway.settings.redirect_uri),
        ];
        consent::page(&self.gateway.settings.gateway, PROFILE.name, Some(SCAN_PAGE), &query)
    }

    fn source(&self, record: Record) -> Option<&dyn RecordSource> {
        match record {
            Record::Orders => Some(&self.orders),
            Record::Products => Some(&self.products),
            Record::AfterSales => Some(&self.after_sales),
            Record::Activities => None,
        }
    }

    fn stock(&self) -> Option<&dyn StockSource> {
        Some(&self.stock)
    }
}
