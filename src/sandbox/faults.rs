//! Trouble on demand: what goes wrong, at which call, how often.

use chrono::TimeDelta;
use serde::Deserialize;

use super::accounts::Platform;

/// Everything that is to go wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Looked through in order; the first that matches and strikes is the call's fault.
    pub list: Vec<Fault>,
    /// How far the platform's clock is ahead of the sandbox's: timestamps, `Date` headers, update times.
    pub skew: TimeDelta,
}

impl Faults {
    /// The fault that strikes this call, counted down if it is a counted one. `names`: whether the call is about the thing
    /// of a number.
    pub(super) fn strike(
        &mut self,
        platform: Option<Platform>,
        api: &str,
        names: impl Fn(&str) -> bool,
        random: &mut fastrand::Rng,
    ) -> Option<FaultKind> {
        let is_about = |fault: &Fault| fault.number.as_deref().is_none_or(&names);
        self.list.iter_mut().find_map(|fault| {
            (is_about(fault) && fault.strikes(platform, api, random)).then(|| fault.kind.clone())
        })
    }
}

/// One kind of trouble. Without `next` and `probability` it strikes every matching call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub kind: FaultKind,
    /// `None`: on every platform. One that sells nothing is named by the path of its API alone.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// The API's name, or its beginning when it ends with `*`. `None`: every API.
    #[serde(default)]
    pub api: Option<String>,
    /// The one thing it is about: a number of an order, case, SKU or activity that the call names. `None`: everything.
    #[serde(default)]
    pub number: Option<String>,
    /// Strikes this many matching calls, then never again.
    #[serde(default)]
    pub next: Option<u32>,
    /// From 0 (never) to 1 (always).
    #[serde(default)]
    pub probability: Option<f64>,
}

/// What goes wrong. Those before [`FaultKind::Truncated`] happen instead of acting on the call.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// HTTP 500 with a short text.
    InternalError,
    /// HTTP 502 with a page of HTML.
    BadGateway,
    /// HTTP 429, with a `Retry-After` header if it says how long.
    TooManyRequests {
        #[serde(default)]
        retry_after_seconds: Option<u64>,
    },
    /// HTTP 200 with a page of HTML.
    HtmlPage,
    /// HTTP 200 with no body at all.
    EmptyBody,
    /// The platform's own "too many calls".
    Throttle,
    /// The platform's own refusal.
    Business { code: i64, message: String },
    /// The grant does not cover this API.
    NotGranted,
    /// The access token has expired.
    TokenExpired,
    /// The access token is not known.
    TokenRevoked,
    /// "Still being calculated": ask later.
    StillCalculated,
    /// HTTP 200 with the first half of the JSON.
    Truncated,
    /// The connection is reset in the middle of the answer.
    Reset,
    /// Acts on the call, then resets the connection without a word.
    LostReply,
    /// Holds the answer back for this long.
    Stall { milliseconds: u64 },
    /// The first row of the list cannot be read.
    UnreadableRow,
    /// The list says that it holds nothing, whatever it holds.
    EmptyList,
}

impl Fault {
    /// A fault that strikes every call until it is narrowed down.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, platform: None, api: None, number: None, next: None, probability: None }
    }

    #[must_use]
    pub fn on(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    #[must_use]
    pub fn at(mut self, api: &str) -> Self {
        self.api = Some(api.to_owned());
        self
    }

    /// About the one thing of this number.
    #[must_use]
    pub fn about(mut self, number: &str) -> Self {
        self.number = Some(number.to_owned());
        self
    }

    #[must_use]
    pub fn next(mut self, calls: u32) -> Self {
        self.next = Some(calls);
        self
    }

    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    fn strikes(&mut self, platform: Option<Platform>, api: &str, random: &mut fastrand::Rng) -> bool {
        let is_meant = (self.platform.is_none() || self.platform == platform)
            && self.api.as_deref().is_none_or(|meant| is_named(meant, api));
        if !is_meant || self.probability.is_some_and(|probability| random.f64() >= probability) {
            return false;
        }
        match &mut self.next {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

fn is_named(meant: &str, api: &str) -> bool {
    match meant.strip_suffix('*') {
        Some(beginning) => api.starts_with(beginning),
        None => meant == api,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_strikes_its_api_that_often_and_no_more() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut faults = Faults {
            list: vec![Fault::new(FaultKind::Reset).on(Platform::Temu).at("bg.order.*").next(2)],
            ..Faults::default()
        };

        let mut strikes = |platform, api| faults.strike(Some(platform), api, |_| true, &mut random).is_some();

        assert!(!strikes(Platform::Xiaohongshu, "bg.order.list.v2.get"));
        assert!(!strikes(Platform::Temu, "bg.open.accesstoken.create"));
        assert!(strikes(Platform::Temu, "bg.order.list.v2.get"));
        assert!(strikes(Platform::Temu, "bg.order.detail.v2.get"));
        assert!(!strikes(Platform::Temu, "bg.order.list.v2.get"));
    }

    #[test]
    fn probability_strikes_about_that_share() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut fault = Fault::new(FaultKind::BadGateway).with_probability(0.25);

        let struck = (0..1000).filter(|_| fault.strikes(Some(Platform::Temu), "any", &mut random)).count();

        assert!((200..300).contains(&struck), "{struck}");
    }
}
