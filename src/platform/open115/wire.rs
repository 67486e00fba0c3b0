//! What 115's answers look like. Two kinds of frame are seen, and `state` is a number, a truth value or text.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::platform::error::PlatformError;
use crate::platform::part;
use crate::platform::wire::wire;

wire! {
    /// The frame of every answer: `state`, then `code` and `message` or `errno` and `error`, and `data`.
    #[derive(Deserialize)]
    struct Frame<'a> {
        state: Option<bool>,
        code: Option<String>,
        errno: Option<String>,
        message: Option<String>,
        error: Option<String>,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
}

/// An answer, opened.
pub enum Answer<'a> {
    /// `None`: no content.
    Yes(Option<&'a RawValue>),
    No {
        /// Empty where the answer has none.
        code: String,
        message: String,
    },
}

impl<'a> Answer<'a> {
    /// An answer that says neither yes nor no is none we know: after a refresh, it is as good as lost.
    pub fn open(text: &'a str) -> Result<Self, PlatformError> {
        let frame: Frame<'a> = part::frame(text)?;
        let failure = |code: Option<String>| code.filter(|code| code != "0");
        let trouble = failure(frame.code.clone()).or_else(|| failure(frame.errno.clone()));
        let has_code = frame.code.is_some() || frame.errno.is_some();
        match (frame.state, trouble) {
            (Some(true), None) => Ok(Self::Yes(frame.data)),
            (None, None) if has_code => Ok(Self::Yes(frame.data)),
            (None, None) => Err(malformed("state")),
            (_, trouble) => Ok(Self::No {
                code: trouble.unwrap_or_default(),
                message: frame.message.or(frame.error).unwrap_or_default(),
            }),
        }
    }

    /// The content as one of the types below, or what `refusal` makes of code and message.
    pub fn content<T: Deserialize<'a>>(
        self,
        refusal: impl FnOnce(&str, &str) -> PlatformError,
    ) -> Result<T, PlatformError> {
        match self {
            Self::Yes(Some(data)) => part::object_at("data", data.get()),
            Self::Yes(None) => Err(malformed("data")),
            Self::No { code, message } => Err(refusal(&code, &message)),
        }
    }
}

pub fn malformed(path: &str) -> PlatformError {
    PlatformError::Malformed { path: path.to_owned() }
}

/// The life of an access token, as `expires_in` gives it. `None`: not given, or no life that can be, such as one given
/// in milliseconds.
pub fn life_seconds(value: &Value, seconds_max: i64) -> Option<i64> {
    let seconds = match value {
        Value::Number(number) => lenient_seconds(&number.to_string()),
        Value::String(text) => lenient_seconds(text.trim()),
        _ => None,
    };
    seconds.filter(|seconds| (1..=seconds_max).contains(seconds))
}

/// Whole seconds; the fraction of a decimal number is cut off.
fn lenient_seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
    whole.parse().ok().filter(|_| is_number)
}

wire! {
    /// Whose access token it is.
    #[derive(Deserialize)]
    pub struct User {
        pub user_id: Option<String>,
        pub user_name: Option<String>,
    }

    /// A code to be scanned.
    #[derive(Deserialize)]
    pub struct Device {
        pub uid: Option<String>,
        pub time: Option<String>,
        pub sign: Option<String>,
        pub qrcode: Option<String>,
    }

    /// How far its owner has come.
    #[derive(Deserialize)]
    pub struct Status {
        pub status: Option<i64>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_frames_are_opened_whatever_state_is_written_as() {
        for answer in [
            r#"{"state":1,"code":0,"message":"","data":{}}"#,
            r#"{"state":true,"data":{}}"#,
            r#"{"state":"1","errno":0,"error":"","data":{}}"#,
            r#"{"state":"true","code":"0","data":{}}"#,
            r#"{"code":0,"data":{}}"#,
        ] {
            assert!(matches!(Answer::open(answer), Ok(Answer::Yes(Some(_)))), "{answer}");
        }
        for (answer, expected) in [
            (r#"{"state":0,"errno":40140117,"error":"slow"}"#, ("40140117", "slow")),
            (r#"{"state":false,"code":"40140117","message":"slow","data":[]}"#, ("40140117", "slow")),
            (r#"{"state":0,"code":0,"errno":99,"message":"slow"}"#, ("99", "slow")),
            (r#"{"state":"0"}"#, ("", "")),
            (r#"{"state":true,"code":40140125,"message":"no"}"#, ("40140125", "no")),
            (r#"{"errno":40140116}"#, ("40140116", "")),
        ] {
            let Ok(Answer::No { code, message }) = Answer::open(answer) else {
                panic!("{answer} is no refusal");
            };
            assert_eq!((code.as_str(), message.as_str()), expected, "{answer}");
        }
    }

    #[test]
    fn what_says_neither_yes_nor_no_is_no_refusal() {
        for answer in ["{}", r#"{"data":{"access_token":"a"}}"#, "[]", r#"{"state":7}"#, r#"{"state":{}}"#] {
            let error = Answer::open(answer).err();
            assert!(matches!(error, Some(PlatformError::Malformed { .. })), "{answer}: {error:?}");
        }
        for answer in ["", r#"{"state":1,"data":{"access_"#] {
            let error = Answer::open(answer).err();
            assert!(matches!(error, Some(PlatformError::NoAnswer { .. })), "{answer}: {error:?}");
        }
    }

    #[test]
    fn a_life_is_believed_within_reason() {
        const MONTH: i64 = 31 * 24 * 3600;
        for (value, expected) in [
            ("7200", Some(7200)),
            ("\"7200\"", Some(7200)),
            ("2592000", Some(2_592_000)),
            ("7199.9", Some(7199)),
            ("\" 7200 \"", Some(7200)),
            ("7200000", None),
            ("2592000000", None),
            ("0", None),
            ("-1", None),
            ("null", None),
            ("true", None),
            ("[7200]", None),
            ("\"soon\"", None),
            ("1e30", None),
            ("99999999999999999999", None),
        ] {
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!(life_seconds(&value, MONTH), expected, "{value}");
        }
    }
}
