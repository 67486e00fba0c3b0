//! Why there is no token, with one variant for each person or program that can act.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::auth::keys::file::KeyError;
use crate::auth::keys::seal::SealError;
use crate::auth::policy::OwnerReason;
use crate::auth::required_action::authorise_command;
use crate::auth::store::file::FileStoreError;
use crate::auth::store::{MissingCapability, TokenStoreError};
use crate::domain::shop::Shop;
use crate::platform::PlatformError;
use crate::store::StoreError;

/// Cheap to clone: everyone who waited for one refresh gets the same answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthError {
    #[error("shop `{shop}` was never authorised: run `{command}`")]
    NeverAuthorised {
        shop: String,
        /// What authorises it.
        command: String,
    },
    #[error("shop `{shop}` needs its owner, because {}: run `{command}`", reason.describe())]
    NeedsOwner {
        shop: String,
        reason: OwnerReason,
        /// What authorises it again.
        command: String,
    },
    #[error(
        "the token of shop `{shop}` is not renewed here, because its database was copied from elsewhere: when the original is no longer used, run `shopsync auth take-over {shop}`"
    )]
    Copied { shop: String },
    #[error("no valid token for shop `{shop}` before {}: {why}", until.to_rfc3339_opts(SecondsFormat::Secs, true))]
    Later { shop: String, until: DateTime<Utc>, why: Delay },
    #[error(
        "the access token of shop `{shop}` lives only until {}, too short to be handed out, and was not renewed",
        ends_at.to_rfc3339_opts(SecondsFormat::Secs, true)
    )]
    EndsSoon {
        shop: String,
        ends_at: DateTime<Utc>,
        /// Why it was not renewed.
        #[source]
        source: Box<AuthError>,
    },
    #[error(
        "the address was not taken for shop `{shop}`: {fault}; `shopsync auth login {shop}` leads to a new link"
    )]
    ForeignLink { shop: String, fault: StateFault },
    #[error(
        "the tokens belong to account `{found}`, but shop `{shop}` is account `{expected}`: nothing was stored"
    )]
    OtherAccount { shop: String, expected: String, found: String },
    #[error(
        "this account (`{account}`) is shop `{other}` already, and one account is one shop: nothing was stored for \
         `{shop}`. Log in at the platform with the account of `{shop}`"
    )]
    SharedAccount { shop: String, account: String, other: String },
    #[error(
        "the tokens for shop `{shop}` could not be proved at the platform, so nothing was replaced: try again later, or \
         store them all the same with `--unproven`"
    )]
    Unproven {
        shop: String,
        #[source]
        source: Arc<PlatformError>,
    },
    #[error(
        "this code was tried for shop `{shop}` before and failed, so it is not sent again: \
         `shopsync auth login {shop}` leads to a new one"
    )]
    CodeTriedBefore { shop: String },
    #[error("the stored tokens of shop `{shop}` cannot be sealed or opened")]
    Seal {
        shop: String,
        #[source]
        source: SealError,
    },
    #[error(
        "shop `{shop}` of app `{app}` has refresh tokens that work once, and this token store {missing}: set `[tokens] store = \"database\"`, or accept it by `[tokens] allow_memory = true`"
    )]
    Unfit { shop: String, app: String, missing: MissingCapability },
    #[error("there is no key to seal tokens with")]
    Key {
        #[source]
        source: Arc<KeyError>,
    },
    #[error("the stored tokens could not be read or written")]
    TokenStore {
        #[source]
        source: TokenStoreError,
    },
    #[error("shop `{shop}` could not be read or written in the database")]
    Store {
        shop: String,
        #[source]
        source: Arc<StoreError>,
    },
    #[error("a token call for shop `{shop}` failed")]
    Platform {
        shop: String,
        #[source]
        source: Arc<PlatformError>,
    },
    #[error(
        "the new tokens of shop `{shop}` are safe in a sealed file, and are stored by themselves as soon as that can be done: \
         nothing has to be brought again"
    )]
    NotStoredYet {
        shop: String,
        /// What keeps them from being stored.
        #[source]
        source: Box<AuthError>,
    },
    #[error("app `{app}` of shop `{shop}` is not among those this program runs")]
    NoApplication { shop: String, app: String },
    #[error("this login of shop `{shop}` is over: it was ended, or it took too long; start a new one")]
    LoginOver { shop: String },
    #[error("the platform of shop `{shop}` has no login by a scanned code: run `shopsync auth login {shop}`")]
    NoDeviceLogin { shop: String },
    #[error("shop `{shop}` is not in the database yet")]
    NotRegistered { shop: String },
    #[error("the refresh of shop `{shop}` ended without an answer")]
    Broken { shop: String },
}

/// Why one has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delay {
    Contended,
    RenewedElsewhere,
    /// This program is.
    Ending,
    ShortLived,
    RefusedAnew,
    JustRenewed,
    /// A process ended between the request and the platform's answer: the refresh token may be used up.
    AnswerMissing,
    NeverRenewed,
    /// What the last try to renew it met.
    Troubled(String),
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contended => "others keep changing its grant",
            Self::RenewedElsewhere => "another process has been renewing its token for too long",
            Self::Ending => "this program is ending",
            Self::ShortLived => "its tokens end faster than they are renewed",
            Self::RefusedAnew => "the platform refuses its token and hands out no other",
            Self::JustRenewed => "it was renewed just now",
            Self::AnswerMissing => "a process ended while it renewed the token",
            Self::NeverRenewed => "it was not renewed since it was authorised or imported, and is not before",
            Self::Troubled(message) => message,
        })
    }
}

impl AuthError {
    pub(super) fn never_authorised(shop: &Shop) -> Self {
        let command = authorise_command(&shop.name, shop.platform);
        Self::NeverAuthorised { shop: shop.name.clone(), command }
    }

    /// Whether the database is away, which is nothing a shop can help.
    pub fn is_database_away(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.is_unavailable(),
            Self::TokenStore { source } => std::error::Error::source(source)
                .and_then(|source| source.downcast_ref::<StoreError>())
                .is_some_and(StoreError::is_unavailable),
            Self::EndsSoon { source, .. } => source.is_database_away(),
            _ => false,
        }
    }

    /// Whether a person has to set something right before anything can be read or written.
    pub fn is_misconfigured(&self) -> bool {
        match self {
            Self::Seal { .. } | Self::Key { .. } | Self::Unfit { .. } | Self::NoApplication { .. } => true,
            Self::TokenStore { source } => {
                source.cause().downcast_ref::<FileStoreError>().is_some_and(FileStoreError::is_misconfigured)
            }
            _ => false,
        }
    }

    /// Whether only the shop's owner can help.
    pub fn needs_owner(&self) -> bool {
        match self {
            Self::NeverAuthorised { .. } | Self::NeedsOwner { .. } => true,
            Self::EndsSoon { source, .. } => source.needs_owner(),
            _ => false,
        }
    }
}

impl From<TokenStoreError> for AuthError {
    fn from(source: TokenStoreError) -> Self {
        Self::TokenStore { source }
    }
}

impl From<KeyError> for AuthError {
    fn from(source: KeyError) -> Self {
        Self::Key { source: Arc::new(source) }
    }
}

/// How long a link may lie in an owner's mailbox. The code it leads to lives for minutes.
pub const LINK_LIFE: TimeDelta = TimeDelta::days(7);

/// Why an address is not the answer to a link of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateFault {
    OtherShop(String),
    Used,
    TooOld,
    Unknown,
}

impl fmt::Display for StateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherShop(shop) => write!(f, "it answers the link of shop `{shop}`"),
            Self::Used => f.write_str("it was used already"),
            Self::TooOld => write!(f, "its link is older than {} days", LINK_LIFE.num_days()),
            Self::Unknown => f.write_str("it carries a `state` that no link of ours had"),
        }
    }
}

pub(super) fn store_error(shop: &Shop, source: StoreError) -> AuthError {
    AuthError::Store { shop: shop.name.clone(), source: Arc::new(source) }
}

pub(super) fn refusal(shop: &Shop, source: PlatformError) -> AuthError {
    AuthError::Platform { shop: shop.name.clone(), source: Arc::new(source) }
}
