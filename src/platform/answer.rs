//! An answer as it came over HTTP, and what it means together with its status.
//!
//! Platforms, and what stands in front of them, put refusals at every status. Where the body is the platform's own
//! envelope, its code says more than the status does; where it is not, only the status is left.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::error::Rejection;
use super::{PlatformError, body, instant, repair};

/// The longest pause that an answer can request.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// What a call may have cost when its answer says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    /// It may have spent a token.
    Token,
}

/// An answer whose body is not yet understood.
pub struct Answer {
    status: StatusCode,
    /// What the answer requests. `None`: nothing, or nothing readable.
    retry_after: Option<Duration>,
    /// Begins like JSON; or why there is no such text.
    text: Result<String, PlatformError>,
    /// What may be JSON behind text of something else. `None`: it begins like JSON, or holds none.
    behind_text: Option<String>,
}

impl Answer {
    /// Reads the body. `now`: on the platform's clock.
    pub async fn read(response: Response, now: DateTime<Utc>) -> Self {
        let status = response.status();
        let retry_after = retry_after(response.headers(), now);
        let text = body::read(response).await;
        let behind_text = text.as_ref().ok().and_then(|text| behind_text(text));
        let text = text.and_then(|text| match text.trim_ascii_start().chars().next() {
            Some('{' | '[') => Ok(text),
            Some(_) => Err(PlatformError::NotFromPlatform { what: "the body is not JSON".to_owned() }),
            None => Err(PlatformError::NotFromPlatform { what: "the body is empty".to_owned() }),
        });
        Self { status, retry_after, text, behind_text }
    }

    /// What `understand` makes of the text, as far as the status lets that count.
    pub fn understood<T>(
        self,
        call: Call,
        mut understand: impl FnMut(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let Self { status, retry_after, text, behind_text } = self;
        // A new pair is good wherever it stands. A refusal that stands there need not be the platform's.
        if call == Call::Token
            && let Some(Ok(understood)) = behind_text.as_deref().map(&mut understand)
        {
            return Ok(understood);
        }
        if status.is_success() {
            return text
                .and_then(|text| read_leniently(&text, understand))
                .map_err(|error| with_pause(error, retry_after));
        }
        let by_status = error_of(status, retry_after, call);
        let Ok(text) = text else { return Err(by_status) };
        match read_leniently(&text, understand) {
            // Tokens that are here are good, whatever the status; rows may be an old page of a cache.
            Ok(understood) if call == Call::Token => Ok(understood),
            Err(error) if says_more_than(status, &error, call) => Err(with_pause(error, retry_after)),
            Ok(_) | Err(_) => Err(by_status),
        }
    }
}

fn behind_text(text: &str) -> Option<String> {
    let is_json = text.trim_ascii_start().starts_with(['{', '[']);
    text.find('{').filter(|_| !is_json).map(|at| text[at..].to_owned())
}

/// Text that is not quite JSON is mended and read once more; text that is JSON costs nothing here.
fn read_leniently<T>(
    text: &str,
    mut understand: impl FnMut(&str) -> Result<T, PlatformError>,
) -> Result<T, PlatformError> {
    match understand(text) {
        Err(error) if error.is_not_json() => match repair::repaired(text) {
            Some(mended) => understand(&mended),
            None => Err(error),
        },
        understood => understood,
    }
}

/// Whether an error that was read from a body is the platform's own word. A gateway in front of it writes JSON too,
/// with codes of its own: those are in no table.
fn says_more_than(status: StatusCode, error: &PlatformError, call: Call) -> bool {
    match error {
        PlatformError::Rejected { why: Rejection::Unknown, code, .. } => {
            let is_refusal = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
            call == Call::Read && is_refusal && !code.is_empty()
        }
        // It may be a gateway that says so, and no one knows what was done behind it.
        PlatformError::Throttled { .. } | PlatformError::Rejected { why: Rejection::Passing, .. } => {
            call == Call::Read || status.is_client_error()
        }
        PlatformError::TokenRefused { .. }
        | PlatformError::NotGranted { .. }
        | PlatformError::Rejected { .. } => true,
        _ => false,
    }
}

/// What an HTTP status other than success means by itself.
fn error_of(status: StatusCode, retry_after: Option<Duration>, call: Call) -> PlatformError {
    match status {
        StatusCode::TOO_MANY_REQUESTS => PlatformError::Throttled { retry_after },
        // "Not before then" is a request for fewer calls, whatever its number; but a proxy that says so does not say
        // that nothing was done behind it.
        StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() && call == Call::Read => {
            PlatformError::Throttled { retry_after }
        }
        status => PlatformError::Unavailable { status: status.as_u16() },
    }
}

/// A request for fewer calls with the pause that its header names.
fn with_pause(error: PlatformError, pause: Option<Duration>) -> PlatformError {
    match error {
        PlatformError::Throttled { retry_after: None } => PlatformError::Throttled { retry_after: pause },
        other => other,
    }
}

/// Seconds or a date, never more than [`RETRY_AFTER_MAX`]; a date that is past means now. `None`: none, or nothing
/// that can be waited for.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    if let Ok(seconds) = value.to_str().ok()?.trim().parse::<f64>() {
        let is_pause = seconds.is_finite() && seconds >= 0.0;
        return is_pause.then(|| Duration::from_secs_f64(seconds.min(RETRY_AFTER_MAX.as_secs_f64())));
    }
    let pause: TimeDelta = http_date(Some(value))? - now;
    Some(pause.to_std().unwrap_or_default().min(RETRY_AFTER_MAX))
}

/// `None`: no date, or none of our time.
pub fn http_date(value: Option<&HeaderValue>) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(value?.to_str().ok()?).ok()?;
    Some(date.to_utc()).filter(|date| instant::is_plausible(*date))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).expect("in range")
    }

    fn pause(value: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).ok()?)]);
        retry_after(&headers, now())
    }

    #[test]
    fn a_pause_from_outside_is_bounded_where_it_is_read() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (value, expected) in [
            ("0", seconds(0)),
            ("7", seconds(7)),
            (" 7 ", seconds(7)),
            ("1.5", Some(Duration::from_millis(1500))),
            ("9223372036854775807", Some(RETRY_AFTER_MAX)),
            ("18446744073709551616", Some(RETRY_AFTER_MAX)),
            ("1e300", Some(RETRY_AFTER_MAX)),
            ("-1", None),
            ("-9223372036854775808", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
            ("Tue, 14 Nov 2023 22:13:50 GMT", seconds(30)),
            ("Tue, 14 Nov 2023 22:00:00 GMT", seconds(0)),
            ("Sat, 14 Nov 2099 22:13:50 GMT", Some(RETRY_AFTER_MAX)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ] {
            assert_eq!(pause(value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_fail(value in "[ -~]{0,40}", seconds: f64, whole: i64) {
            for value in [value, seconds.to_string(), whole.to_string()] {
                let pause = pause(&value);
                prop_assert!(pause.is_none_or(|pause| pause <= RETRY_AFTER_MAX), "{}", value);
            }
        }
    }

    const NO_RIGHT: &str = r#"{"success":false,"error_code":401,"error_msg":"no right"}"#;

    fn rejected(why: Rejection) -> PlatformError {
        PlatformError::Rejected { code: "1".to_owned(), message: String::new(), why }
    }

    /// What comes of a refusal at a status.
    fn outcome(status: u16, call: Call, error: fn() -> PlatformError) -> PlatformError {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer { status, retry_after: None, text: Ok(NO_RIGHT.to_owned()), behind_text: None };
        answer.understood(call, |_| Err::<(), _>(error())).expect_err("a refusal")
    }

    #[test]
    fn a_refusal_in_the_platforms_own_words_counts_at_every_status() {
        let known: [fn() -> PlatformError; 4] = [
            || PlatformError::TokenRefused { code: String::new(), message: String::new() },
            || PlatformError::NotGranted { code: String::new(), message: String::new() },
            || rejected(Rejection::App),
            || rejected(Rejection::Clock),
        ];
        for status in [400, 401, 403, 404, 405, 409, 422, 429, 500, 502, 503] {
            for call in [Call::Read, Call::Token] {
                for error in known {
                    let heard = outcome(status, call, error);
                    assert_eq!(heard.to_string(), error().to_string(), "{status} {call:?}");
                }
            }
        }
        let unknown: fn() -> PlatformError = || rejected(Rejection::Unknown);
        let passing: fn() -> PlatformError = || rejected(Rejection::Passing);
        let no_envelope: fn() -> PlatformError = || PlatformError::Malformed { path: "$".to_owned() };
        for (status, call, error, is_heard) in [
            (400, Call::Read, unknown, true),
            (403, Call::Read, unknown, true),
            (500, Call::Read, unknown, false),
            (403, Call::Token, unknown, false),
            (502, Call::Read, passing, true),
            (502, Call::Token, passing, false),
            (403, Call::Read, no_envelope, false),
            (500, Call::Token, no_envelope, false),
        ] {
            let made = outcome(status, call, error);
            let is_by_status =
                matches!(made, PlatformError::Unavailable { status: found } if found == status);
            assert_eq!(is_by_status, !is_heard, "{status} {call:?}: {made}");
        }
    }

    #[test]
    fn tokens_count_at_every_status_and_rows_only_at_success() {
        for (status, call, is_taken) in [
            (200, Call::Read, true),
            (201, Call::Read, true),
            (500, Call::Read, false),
            (403, Call::Read, false),
            (500, Call::Token, true),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let answer = Answer { status, retry_after: None, text: Ok("{}".to_owned()), behind_text: None };
            assert_eq!(answer.understood(call, |_| Ok(())).is_ok(), is_taken, "{status} {call:?}");
        }
    }
}
