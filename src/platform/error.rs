//! What can go wrong between us and a platform, distinguished by what it means for the caller.

use std::time::Duration;

use crate::domain::limits::TooLarge;

/// Why a call gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Nothing reached the platform: name, connection or TLS failed.
    #[error("the platform could not be reached")]
    NotSent {
        #[source]
        source: reqwest::Error,
    },
    /// Sent, but no whole answer came: cut off or timed out. Whether the platform acted on it is unknown.
    #[error("no usable answer came from the platform: {what}")]
    NoAnswer {
        what: String,
        #[source]
        source: Option<reqwest::Error>,
    },
    /// An HTTP status other than 200, without the platform's own JSON.
    #[error("the platform answered HTTP {status}")]
    Unavailable { status: u16 },
    /// A whole body at HTTP 200 that the platform's application did not write: HTML of a proxy, a firewall or a
    /// maintenance page.
    #[error("something in front of the platform answered in its place: {what}")]
    NotFromPlatform { what: String },
    /// Too many calls.
    #[error("the platform asks for fewer calls")]
    Throttled { retry_after: Option<Duration> },
    /// The access token is expired, revoked or unknown; or, in answer to a refresh, the refresh token is.
    #[error("the platform refuses the token ({code}: {message})")]
    TokenRefused { code: String, message: String },
    /// This API is not part of the grant.
    #[error("the grant does not cover this API ({code}: {message})")]
    NotGranted { code: String, message: String },
    /// One second holds more rows than the platform pages through.
    #[error("one second holds more orders than the platform lists")]
    TooDense,
    /// The platform understood and said no.
    #[error("the platform rejected the call ({code}: {message})")]
    Rejected { code: String, message: String, why: Rejection },
    /// JSON, but not of the shape this platform documents.
    #[error("the platform's answer has an unexpected shape at `{path}`")]
    Malformed { path: String },
}

/// Why a platform said no, as far as its closed code table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Our parameters: a fault of this program.
    Parameters,
    /// App key, secret or signature: the config is wrong.
    App,
    /// Our server's address is not on the app's list.
    Address,
    /// The timestamp is off: the clock is skewed.
    Clock,
    /// The account cannot do this: a shop of another kind, a country that is closed to it.
    Account,
    /// This gateway has no such call: another zone's has.
    Zone,
    /// The owner has to sign something first.
    Agreement,
    /// The time requested begins so long ago that the platform no longer shows it.
    TooOld,
    /// No such order.
    NotFound,
    /// The platform is still working on it: ask later.
    NotYet,
    /// Internal trouble of the platform that may pass.
    Passing,
    /// A login that is over, or was not begun as the platform wants it.
    Login,
    /// The account holds as many authorisations as the platform allows.
    Capacity,
    /// A code this version does not know.
    Unknown,
}

impl Rejection {
    /// What a person can do about it; `None` when there is nothing to do.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::App => Some("check app_key, app_secret and zone of the app against the platform's console"),
            Self::Address => Some(
                "add this server's address to the app's allow-list in the platform's console, or set a proxy that is on it",
            ),
            Self::Clock => Some("set this server's clock right (NTP)"),
            Self::Account => Some(
                "this kind of account has no such data (a full-managed shop has no orders of its own): take the record out of the shop's `records`",
            ),
            Self::Zone => Some(
                "this gateway has no such call: set the app's `zone` to the one its key and token were issued in",
            ),
            Self::Agreement => Some("the shop's owner has to sign the agreement in the platform's console"),
            Self::Login => Some("start the login again: its code works once and for some minutes"),
            Self::Capacity => {
                Some("remove an authorisation in the account's device management, then log in again")
            }
            Self::Parameters
            | Self::TooOld
            | Self::NotFound
            | Self::NotYet
            | Self::Passing
            | Self::Unknown => None,
        }
    }
}

/// What a caller may do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call would fail again.
    No,
    /// Again after a growing, jittered pause.
    Backoff,
    /// Again once this much time has passed.
    After(Duration),
    /// Again at once, a time or two: the failed answer taught us which clock to go by.
    Once,
}

impl PlatformError {
    /// Whether a read may be tried again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Throttled { retry_after: Some(pause) } => Retry::After(*pause),
            Self::NotSent { .. }
            | Self::NoAnswer { .. }
            | Self::Unavailable { .. }
            | Self::NotFromPlatform { .. }
            | Self::Throttled { retry_after: None }
            | Self::Rejected { why: Rejection::Passing, .. } => Retry::Backoff,
            Self::Rejected { why: Rejection::Clock, .. } => Retry::Once,
            Self::TokenRefused { .. }
            | Self::NotGranted { .. }
            | Self::TooDense
            | Self::Rejected { .. }
            | Self::Malformed { .. } => Retry::No,
        }
    }

    /// A body that no parser takes: cut off, or not quite JSON.
    pub(super) fn not_json() -> Self {
        Self::NoAnswer { what: NOT_JSON.to_owned(), source: None }
    }

    /// Whether it is [`Self::not_json`].
    pub(super) fn is_not_json(&self) -> bool {
        matches!(self, Self::NoAnswer { what, source: None } if what == NOT_JSON)
    }

    /// Whether it is the token that was refused, so that another token may help.
    pub fn is_about_token(&self) -> bool {
        matches!(self, Self::TokenRefused { .. })
    }
}

const NOT_JSON: &str = "the body is cut off or no JSON";

/// Why an answer could not be made into one of our types.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error("`{field}` is missing")]
    Missing { field: &'static str },
    #[error("`{field}` holds {found}, which is not {expected}")]
    Unexpected { field: &'static str, found: String, expected: &'static str },
    #[error("{} has an unexpected shape", named(field))]
    Shape {
        /// The path to it, such as `orderList[3].quantity`. Empty: the whole.
        field: String,
        #[source]
        source: serde_json::Error,
    },
    /// It holds bytes that the charset of the answer does not have.
    #[error("it holds bytes that are no text in the charset of the answer")]
    Undecoded,
    #[error(transparent)]
    TooLarge {
        #[from]
        source: TooLarge,
    },
    /// The detail is an older version of the order than the list row it is to complete: it must be requested
    /// again.
    #[error("the detail is older than the list row")]
    StaleDetail,
}

impl ConvertError {
    /// The error with what is behind it, as it is kept with the record in quarantine.
    pub fn reason(&self) -> String {
        match self {
            Self::Shape { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

fn named(field: &str) -> String {
    if matches!(field, "" | ".") { "the answer".to_owned() } else { format!("`{field}`") }
}

/// A call whose request failed: before it was sent, or without an answer.
pub(super) fn not_answered(source: reqwest::Error) -> PlatformError {
    if source.is_connect() {
        return PlatformError::NotSent { source };
    }
    let what = if source.is_timeout() { "it took too long" } else { "the connection broke" };
    PlatformError::NoAnswer { what: what.to_owned(), source: Some(source) }
}

/// A call without an answer. `what`: the reason.
pub(super) fn no_answer(what: &str) -> PlatformError {
    PlatformError::NoAnswer { what: what.to_owned(), source: None }
}

/// Fails unless the reason for the quarantine begins with this field.
#[cfg(test)]
pub(super) fn assert_names_field<T>(read: Result<T, ConvertError>, field: &str) {
    let reason = read.err().expect(field).reason();
    assert!(reason.starts_with(&format!("`{field}` has an unexpected shape: ")), "{field}: {reason}");
}
