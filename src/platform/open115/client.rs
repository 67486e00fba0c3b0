//! One app at 115: which call answers which question.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::wire::Answer;
use super::{PROFILE, codes, wire};
use crate::domain::grant::{Access, Account, GrantInfo, Granted};
use crate::platform::error::{PlatformError, Rejection};
use crate::platform::http::Conversation;
use crate::platform::refusal::Refusal;
use crate::platform::token_answer::TokenAnswer;
use crate::platform::{AppSettings, ConnectError, DeviceLogin, Platform, Profile, skew, token_answer};

/// Hosts of this domain have one task each; any other gateway does all of them.
const DOMAIN: &str = "115.com";
const QR_ROOT: &str = "https://qrcodeapi.115.com";
const API_ROOT: &str = "https://proapi.115.com";

pub const BEGIN: &str = "open/authDeviceCode";
pub const STATUS: &str = "get/status/";
pub const EXCHANGE: &str = "open/deviceCodeToToken";
const REFRESH: &str = "open/refreshToken";
const USER: &str = "open/user/info";

pub struct Open115 {
    pub(super) settings: AppSettings,
    pub(super) conversation: Conversation,
    pub(super) addresses: Addresses,
}

/// Where each call goes.
pub struct Addresses {
    pub(super) begin: Url,
    pub(super) status: Url,
    pub(super) exchange: Url,
    refresh: Url,
    user: Url,
}

impl Addresses {
    fn of(gateway: &Url) -> Self {
        let is_live = gateway
            .host_str()
            .is_some_and(|host| host.strip_suffix(DOMAIN).is_some_and(|head| head.ends_with('.')));
        let root = |live: &str| {
            let live = is_live.then(|| Url::parse(live).expect("a constant address"));
            live.unwrap_or_else(|| gateway.clone())
        };
        let (status, user) = (root(QR_ROOT), root(API_ROOT));
        Self {
            begin: below(gateway, BEGIN),
            status: below(&status, STATUS),
            exchange: below(gateway, EXCHANGE),
            refresh: below(gateway, REFRESH),
            user: below(&user, USER),
        }
    }
}

impl Open115 {
    pub(super) fn new(settings: AppSettings) -> Result<Self, ConnectError> {
        Ok(Self {
            conversation: Conversation::new(PROFILE.name, &settings)?,
            addresses: Addresses::of(&settings.gateway),
            settings,
        })
    }

    /// A call that gives tokens and costs `spent`. Lives count from before it is sent.
    pub(super) async fn grant(
        &self,
        (api, address): (&'static str, &Url),
        fields: &[(&str, &str)],
        spent: &SecretString,
        refusal: fn(&str, &str) -> PlatformError,
    ) -> Result<Granted, PlatformError> {
        let asked_at = self.settings.clock.now();
        let understand = |answer: &str| {
            let answer = token_answer::read(answer, spent, codes::is_success, refusal)?;
            Ok(granted(answer, asked_at))
        };
        self.conversation.post_form_once(api, address, fields, understand).await
    }
}

#[async_trait]
impl Platform for Open115 {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn skew(&self) -> &skew::Skew {
        self.conversation.skew()
    }

    fn authorize_link(&self, _state: &str) -> Option<String> {
        None
    }

    fn console_page(&self) -> &'static str {
        "https://open.115.com"
    }

    /// There are no codes that could be pasted: a login is a scan.
    fn is_access_token(&self, _text: &str) -> bool {
        true
    }

    async fn exchange_code(&self, _code: &SecretString) -> Result<Granted, PlatformError> {
        let unknown = Refusal::Rejected(Rejection::Login);
        Err(unknown.into_error("", "this platform has no codes to paste; its logins are scanned"))
    }

    /// The refresh token alone: it needs no app and no secret, so its holder has the grant.
    async fn refresh(&self, refresh: &SecretString) -> Result<Granted, PlatformError> {
        let fields = [("refresh_token", refresh.expose_secret())];
        self.grant((REFRESH, &self.addresses.refresh), &fields, refresh, codes::of_refresh).await
    }

    async fn grant_info(&self, access: &Access) -> Result<GrantInfo, PlatformError> {
        let understand = |answer: &str| Answer::open(answer)?.content(codes::of_call);
        let user: wire::User =
            self.conversation.get_json(USER, &self.addresses.user, Some(&access.token), understand).await?;
        let id = user.user_id.ok_or_else(|| wire::malformed("data.user_id"))?;
        let account = Account { id: Some(id), name: user.user_name, ..Account::default() };
        Ok(GrantInfo { account, access_ends_at: None })
    }

    async fn probe(&self, access: &Access) -> Result<(), PlatformError> {
        self.grant_info(access).await.map(drop)
    }

    fn device_login(&self) -> Option<&dyn DeviceLogin> {
        Some(self)
    }
}

/// `path` below the root, whatever path the root itself has.
fn below(root: &Url, path: &str) -> Url {
    let mut address = root.clone();
    let path = format!("{}/{path}", root.path().trim_end_matches('/'));
    address.set_path(&path);
    address
}

fn granted(answer: TokenAnswer, asked_at: DateTime<Utc>) -> Granted {
    let life_max = PROFILE.grant.access_life_max.num_seconds();
    let life = wire::life_seconds(&answer.beside.value("expires_in"), life_max);
    Granted {
        access: answer.access,
        access_ends_at: life.map(|seconds| asked_at + TimeDelta::seconds(seconds)),
        refresh: answer.refresh,
        // Fixed at the first grant and given by no answer.
        refresh_ends_at: None,
        account: Account::default(),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::Addresses;

    #[test]
    fn the_live_hosts_share_the_work_and_any_other_gateway_does_it_all() {
        for (gateway, begin, status, user) in [
            (
                "https://passportapi.115.com",
                "https://passportapi.115.com/open/authDeviceCode",
                "https://qrcodeapi.115.com/get/status/",
                "https://proapi.115.com/open/user/info",
            ),
            (
                "https://qrcodeapi.115.com/",
                "https://qrcodeapi.115.com/open/authDeviceCode",
                "https://qrcodeapi.115.com/get/status/",
                "https://proapi.115.com/open/user/info",
            ),
            (
                "http://127.0.0.1:8790/115",
                "http://127.0.0.1:8790/115/open/authDeviceCode",
                "http://127.0.0.1:8790/115/get/status/",
                "http://127.0.0.1:8790/115/open/user/info",
            ),
            (
                "https://not115.com/a/",
                "https://not115.com/a/open/authDeviceCode",
                "https://not115.com/a/get/status/",
                "https://not115.com/a/open/user/info",
            ),
        ] {
            let addresses = Addresses::of(&Url::parse(gateway).unwrap());
            assert_eq!(addresses.begin.as_str(), begin);
            assert_eq!(addresses.status.as_str(), status);
            assert_eq!(addresses.user.as_str(), user);
        }
    }
}
