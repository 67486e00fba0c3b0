//! What 115's refusals mean: one closed table. A code that is not in it is a refusal and nothing more: never a reason
//! to refresh, and never the end of a grant.

use super::SPACING;
use crate::platform::error::{PlatformError, Rejection};
use crate::platform::refusal::Refusal;

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// App missing, stopped, not approved or wrongly named.
    App,
    /// This login came to nothing.
    Login,
    /// The refresh token is gone for good: forged, spent, revoked, evicted by a newer grant, or a year old.
    RefreshDead,
    /// Too many calls.
    Throttled,
    /// The refresh failed, and the answer does not say whether the refresh token was used: a second request shows it.
    Unclear,
    /// The account has authorised too many apps.
    Capacity,
    /// The access token is not taken: forged, expired or revoked.
    AccessDead,
    Parameters,
    /// Trouble of the moment, or of the account's session; no reason to refresh.
    Passing,
}

use Meaning::{AccessDead, App, Capacity, Login, Parameters, Passing, RefreshDead, Throttled, Unclear};

const CODES: &[(i64, Meaning)] = &[
    (99, Passing),
    (406, Throttled),
    (770_004, Throttled),
    (40_100_000, Parameters),
    (40_101_017, Passing),
    (40_110_000, Passing),
    (40_140_100, App),
    (40_140_101, Login),
    (40_140_102, Login),
    (40_140_103, Login),
    (40_140_104, Login),
    (40_140_105, Login),
    (40_140_106, App),
    (40_140_107, App),
    (40_140_108, App),
    (40_140_109, App),
    (40_140_110, App),
    (40_140_111, App),
    (40_140_112, Login),
    (40_140_113, Login),
    (40_140_114, RefreshDead),
    (40_140_115, RefreshDead),
    (40_140_116, RefreshDead),
    (40_140_117, Throttled),
    (40_140_118, App),
    (40_140_119, RefreshDead),
    (40_140_120, RefreshDead),
    (40_140_121, Unclear),
    (40_140_122, Capacity),
    (40_140_123, AccessDead),
    (40_140_124, AccessDead),
    (40_140_125, AccessDead),
    (40_140_126, AccessDead),
    (40_140_127, App),
    (40_140_128, App),
    (40_140_129, App),
    (40_140_130, App),
    (40_140_131, App),
    (40_140_132, App),
    (40_140_133, App),
    (40_140_134, App),
    (40_140_135, App),
    (40_140_136, App),
];

/// The error behind a refusal of anything but a refresh.
pub fn of_call(code: &str, message: &str) -> PlatformError {
    match meaning(code) {
        Some(AccessDead) => Refusal::TokenRefused.into_error(code, message),
        Some(Throttled) => Refusal::Throttled.into_error(code, message),
        other => rejected(other, message).into_error(code, message),
    }
}

/// The error behind a refused refresh. [`PlatformError::TokenRefused`] ends the grant here.
pub fn of_refresh(code: &str, message: &str) -> PlatformError {
    match meaning(code) {
        Some(RefreshDead) => Refusal::TokenRefused.into_error(code, message),
        Some(Throttled) => PlatformError::Throttled { retry_after: SPACING.to_std().ok() },
        other => rejected(other, message).into_error(code, message),
    }
}

/// 0 in both frames.
pub fn is_success(code: &str) -> bool {
    code == "0"
}

/// Whether the platform only requests patience.
pub fn is_throttle(code: &str) -> bool {
    meaning(code) == Some(Throttled)
}

fn meaning(code: &str) -> Option<Meaning> {
    let code: i64 = code.parse().ok()?;
    CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
}

/// A code that is not in the table may still request patience; it never says that a token is dead.
fn rejected(meaning: Option<Meaning>, message: &str) -> Refusal {
    let refusal = Refusal::Rejected(rejection(meaning));
    if meaning.is_none() { refusal.or_by_patience(message) } else { refusal }
}

fn rejection(meaning: Option<Meaning>) -> Rejection {
    match meaning {
        Some(App) => Rejection::App,
        Some(Login) => Rejection::Login,
        Some(Capacity) => Rejection::Capacity,
        Some(Parameters) => Rejection::Parameters,
        Some(Passing | Unclear) => Rejection::Passing,
        // The code is known, but not what it would mean in answer to this call.
        Some(AccessDead | RefreshDead | Throttled) | None => Rejection::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    /// One word for each class of error.
    fn class(error: &PlatformError) -> &'static str {
        match error {
            PlatformError::TokenRefused { .. } => "dead",
            PlatformError::Throttled { retry_after: Some(_) } => "wait",
            PlatformError::Throttled { retry_after: None } => "slower",
            PlatformError::Rejected { why, .. } => match why {
                Rejection::App => "app",
                Rejection::Login => "login",
                Rejection::Capacity => "capacity",
                Rejection::Parameters => "parameters",
                Rejection::Passing => "passing",
                Rejection::Unknown => "unknown",
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_code_of_the_table_has_its_class() {
        // Codes, what they mean in answer to a refresh, and to any other call.
        let table: &[(&[i64], &str, &str)] = &[
            (&[100, 106, 107, 108, 109, 110, 111, 118], "app", "app"),
            (&[101, 102, 103, 104, 105, 112, 113], "login", "login"),
            (&[114, 115, 116, 119, 120], "dead", "unknown"),
            (&[117], "wait", "slower"),
            (&[121], "passing", "passing"),
            (&[122], "capacity", "capacity"),
            (&[123, 124, 125, 126], "unknown", "dead"),
            (&[127, 128, 129, 130, 131, 132, 133, 134, 135, 136], "app", "app"),
            (&[137, 199], "unknown", "unknown"),
        ];
        for (codes, refresh, call) in table {
            for last in *codes {
                let code = (40_140_000 + last).to_string();
                assert_eq!(class(&of_refresh(&code, "no")), *refresh, "{code} to a refresh");
                assert_eq!(class(&of_call(&code, "no")), *call, "{code} to a call");
            }
        }
        for (code, refresh, call) in [
            ("99", "passing", "passing"),
            ("406", "wait", "slower"),
            ("770004", "wait", "slower"),
            ("40100000", "parameters", "parameters"),
            ("40101017", "passing", "passing"),
            ("40110000", "passing", "passing"),
            ("401", "unknown", "unknown"),
            ("", "unknown", "unknown"),
            ("x", "unknown", "unknown"),
        ] {
            assert_eq!(class(&of_refresh(code, "refresh_token expired")), refresh, "{code} to a refresh");
            assert_eq!(class(&of_call(code, "access_token expired")), call, "{code} to a call");
        }
    }

    #[test]
    fn an_unlisted_code_that_asks_for_patience_is_passing_and_ends_no_grant() {
        for (message, refresh, call) in [
            ("系统繁忙，请稍后再试", "passing", "passing"),
            ("refresh_token 刷新过于频繁", "slower", "slower"),
            ("Too many requests", "slower", "slower"),
            ("refresh token invalid, server busy", "passing", "passing"),
        ] {
            assert_eq!(class(&of_refresh("990001", message)), refresh, "{message}");
            assert_eq!(class(&of_call("990001", message)), call, "{message}");
            assert_eq!(class(&of_call("40140125", message)), "dead", "a listed code stands: {message}");
        }
    }

    #[test]
    fn a_throttled_refresh_waits_as_long_as_two_refreshes_are_apart() {
        let PlatformError::Throttled { retry_after: Some(pause) } = of_refresh("40140117", "") else {
            panic!("not throttled");
        };
        assert_eq!(TimeDelta::from_std(pause), Ok(SPACING));
    }
}
