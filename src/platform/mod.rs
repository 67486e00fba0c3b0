//! The border: how a platform is spoken to. Nothing outside `platform/<name>` names a platform, except the
//! [`BUILT_IN`] table here.
//!
//! A platform is one folder: `mod` (the trait), `sign`, `wire` (what the JSON looks like) and `convert` (what
//! it means). This layer knows nothing of the database and holds no grant: the access token is an argument.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use crate::clock::Clock;
use crate::domain::grant::{Access, GrantInfo, Granted};
use crate::domain::record::Record;
use crate::domain::shop::ShopOptions;

mod answer;
#[cfg(test)]
mod any_json;
mod body;
mod charset;
mod consent;
mod counted_request;
pub mod device_login;
pub mod envelope;
pub mod error;
pub mod fingerprint;
pub mod habits;
pub mod http;
pub mod instant;
pub mod lenient;
pub mod listing;
pub mod open115;
mod parameters;
pub mod part;
pub mod rate;
mod records;
pub mod refusal;
mod registry;
mod repair;
pub mod retry;
pub mod skew;
pub mod temu;
pub mod text;
mod token_answer;
mod wire;
pub mod xiaohongshu;

pub use device_login::DeviceLogin;
pub use error::{ConvertError, PlatformError, Rejection};
pub use records::{
    AmountsSource, DetailNeed, Details, Found, ListRow, Page, PageQuery, Paging, Part, Range, Reach,
    RecordSource, Row, StockSource, UnreadableRow, Windows,
};
pub use registry::{NameTaken, profile, profiles, register};
pub use retry::Application;

/// The platforms that come with this crate. Others are added by [`register`].
static BUILT_IN: &[&Profile] = &[&temu::PROFILE, &xiaohongshu::PROFILE, &open115::PROFILE];

/// What is fixed about a platform: data, so that no other layer needs to know its name.
pub struct Profile {
    /// As in the config.
    pub name: &'static str,
    /// Empty where a platform has one gateway for all.
    pub zones: &'static [Zone],
    /// What its shops have, where no zone says it.
    pub records: &'static [Record],
    /// Used when neither zone nor config names one; for platforms without zones.
    pub gateway: Option<&'static str>,
    /// Hosts that guides name but no official page knows; a gateway there gets a warning.
    pub doubtful_hosts: &'static [&'static str],
    /// Whether calls are signed with an app secret.
    pub has_secret: bool,
    /// How an owner authorises a shop.
    pub login: Login,
    /// Its name as the pages show it.
    pub granting: Granting,
    /// The default of `requests_per_second`.
    pub requests_per_second: f64,
    /// Lifetimes and renewal of its grants.
    pub grant: GrantRules,
    /// How often the platform is asked what a grant holds; where tokens are replaced by hand, nothing else would
    /// show one that was revoked. `None`: never, because renewals show it.
    pub inspect_every: Option<TimeDelta>,
    /// The calls that one kind of record of a shop in this zone needs. Empty where grants do not list theirs.
    pub required_apis: fn(zone: &str, record: Record, options: ShopOptions) -> &'static [RequiredApi],
    /// Makes the client of one app.
    pub connect: fn(AppSettings) -> Result<Arc<dyn Platform>, ConnectError>,
}

/// What a shop's owner does to grant access, as the pages show it.
#[derive(Clone, Copy, Debug)]
pub struct Granting {
    pub english: &'static str,
    pub chinese: &'static str,
}

/// What an owner does to authorise a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Opens a link and is sent back to an address of the app's, with a code.
    Link,
    /// Copies a token from the platform's console.
    Paste,
    /// Scans a code with a phone.
    Scan,
}

impl Login {
    /// The verb of `auth` that takes what the owner brings.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Link | Self::Paste => "login",
            Self::Scan => "qr",
        }
    }
}

/// A call by the names grants list it under: any one of them will do.
pub type RequiredApi = &'static [&'static str];

/// A gateway of a platform that has several.
pub struct Zone {
    pub name: &'static str,
    pub gateway: &'static str,
    /// What shops of this zone have.
    pub records: &'static [Record],
}

impl Profile {
    pub fn zone(&self, name: &str) -> Option<&'static Zone> {
        self.zones.iter().find(|zone| zone.name == name)
    }

    /// What shops of this platform and zone have.
    pub fn records(&self, zone: &str) -> &'static [Record] {
        self.zone(zone).map_or(self.records, |zone| zone.records)
    }
}

/// How a platform's grants live and die. The numbers also stand in `docs/guide/authorise.md`.
#[derive(Clone, Copy, Debug)]
pub struct GrantRules {
    /// Assumed when an answer gives no plausible end of the access token.
    pub access_life_default: TimeDelta,
    /// Longest plausible life of an access token; a longer one is cut to it.
    pub access_life_max: TimeDelta,
    /// Whether tokens are renewed by the platform itself; `false`: a person replaces them.
    pub renewal: Renewal,
    /// The access token a refresh replaced works this much longer.
    pub old_access_grace: TimeDelta,
    /// How the answer to a refresh that got lost may be requested again.
    pub replay: Replay,
    /// Not before this much time after the last token call, whatever happens.
    pub spacing: TimeDelta,
    /// The refresh token's end is fixed at the first grant and carried over rotations.
    pub refresh_end_is_fixed: bool,
    /// Assumed life of a refresh token when the answer gives no end. `None`: unknown, no end.
    pub refresh_life_default: Option<TimeDelta>,
}

/// When an access token is due for renewal.
#[derive(Clone, Copy, Debug)]
pub enum Renewal {
    /// No refresh token: a person replaces the token before its end.
    ByOwner,
    /// This long before the end; a platform that hands the same pair back is requested again at `again`.
    Before { end: TimeDelta, again: TimeDelta },
    /// A share of the life (in percent) before the end, but at least `at_least`.
    Share { percent: i32, at_least: TimeDelta },
}

/// What may be done when the answer to a refresh was lost.
#[derive(Clone, Copy, Debug)]
pub enum Replay {
    Never,
    /// One replay, this long after the lost call; with `only_when_expired`, only once no valid access token
    /// is left.
    Once {
        after: TimeDelta,
        only_when_expired: bool,
    },
}

/// What a client needs to know of its app.
pub struct AppSettings {
    /// The section name, for messages.
    pub name: String,
    /// The whole address calls are posted to.
    pub gateway: url::Url,
    /// Empty where the platform has none.
    pub zone: String,
    pub app_key: String,
    pub app_secret: SecretString,
    /// `http`, `https` or `socks5` address. `None`: straight.
    pub proxy: Option<url::Url>,
    pub sign_method: SignMethod,
    /// Where the owner comes back to after granting. Empty: not given.
    pub redirect_uri: String,
    /// The API type that refreshes a grant which has a refresh token, where the platform itself knows none.
    pub refresh_type: Option<String>,
    /// Of one attempt.
    pub request_timeout: std::time::Duration,
    pub clock: Clock,
}

impl AppSettings {
    /// Whether a client made with these would do the same as one made with `other`.
    pub fn is_same_as(&self, other: &Self) -> bool {
        // Taken apart, so that a setting to come cannot be forgotten here.
        let Self {
            name,
            gateway,
            zone,
            app_key,
            app_secret,
            proxy,
            sign_method,
            redirect_uri,
            refresh_type,
            request_timeout,
            clock: _,
        } = self;
        (name, gateway, zone, app_key, proxy)
            == (&other.name, &other.gateway, &other.zone, &other.app_key, &other.proxy)
            && app_secret.expose_secret() == other.app_secret.expose_secret()
            && (sign_method, redirect_uri, refresh_type, request_timeout)
                == (&other.sign_method, &other.redirect_uri, &other.refresh_type, &other.request_timeout)
    }

    /// Whether the platform counts the calls of both together.
    pub fn shares_limit_with(&self, other: &Self) -> bool {
        (&self.gateway, &self.app_key) == (&other.gateway, &other.app_key)
    }
}

/// The hash in Temu's signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignMethod {
    /// What the gateway speaks.
    #[default]
    Md5,
    /// What the integration guide of the seeds says.
    HmacSha256,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the proxy address of app `{app}` cannot be used")]
    Proxy {
        app: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("the HTTP client of app `{app}` could not be made")]
    Client {
        app: String,
        #[source]
        source: reqwest::Error,
    },
    #[error(
        "this machine has no certificates to know the platform of app `{app}` by: install the package `ca-certificates`"
    )]
    NoCertificates { app: String },
    /// Everything in a call is secret, so it goes in clear only to this machine itself.
    #[error("the gateway of app `{app}` must be an https address")]
    Gateway { app: String },
}

/// One app on one platform's gateway. Signs, sends, parses and converts; knows no retry and no rate limit:
/// those are [`Application`]'s.
#[async_trait]
pub trait Platform: Send + Sync {
    fn profile(&self) -> &'static Profile;

    /// The difference between the platform's clock and ours, learned from every answer.
    fn skew(&self) -> &skew::Skew;

    /// Where the owner grants access, carrying `state` back. `None`: the platform has only a console page,
    /// named by [`Platform::console_page`].
    fn authorize_link(&self, state: &str) -> Option<String>;

    /// The page of the platform's console where an owner finds a token.
    fn console_page(&self) -> &'static str;

    /// Whether a bare text that an owner pastes is a token, rather than a code to be exchanged for one.
    fn is_access_token(&self, text: &str) -> bool;

    /// Exchanges an authorisation code. Sent once, over a fresh connection, with its own short deadline.
    async fn exchange_code(&self, code: &SecretString) -> Result<Granted, PlatformError>;

    /// Spends a refresh token. Sent once, over a fresh connection, with its own short deadline.
    async fn refresh(&self, refresh: &SecretString) -> Result<Granted, PlatformError>;

    /// What the platform says of an access token. Platforms without such a call answer with what a cheap
    /// read proves: an empty [`GrantInfo`].
    async fn grant_info(&self, access: &Access) -> Result<GrantInfo, PlatformError>;

    /// The cheapest call there is, made for the `Date` header of its answer.
    async fn probe(&self, access: &Access) -> Result<(), PlatformError>;

    /// What lists a record. `None`: the platform has it not, or this version does not read it.
    fn source(&self, _record: Record) -> Option<&dyn RecordSource> {
        None
    }

    /// What gives the money of orders. `None`: it comes with the orders.
    fn amounts(&self) -> Option<&dyn AmountsSource> {
        None
    }

    /// What gives the stock by warehouse. `None`: nothing does.
    fn stock(&self) -> Option<&dyn StockSource> {
        None
    }

    /// How an owner logs in by scanning a code we show. `None`: the platform has no such login.
    fn device_login(&self) -> Option<&dyn DeviceLogin> {
        None
    }

    /// The address of a page that the owner of `account` grants access on with a phone, and from which a code comes
    /// back that no state of ours goes with. `None`: the platform has no such page.
    fn scan_link(&self, _account: &str) -> Option<String> {
        None
    }
}
