//! Tokens and codes that a person hands over: a bare token, JSON with the Python SDK's field names, a redirected
//! address.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Longer than any token file of one shop.
const GIVEN_LENGTH_MAX: usize = 64 * 1024;

/// Below this a number is no time of this century in milliseconds, but may well be one in seconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// What `auth set` was given. Has no `Debug`.
pub struct GivenTokens {
    /// `None` only when there is a refresh token.
    pub access: Option<SecretString>,
    /// `None` when it was not told; the platform is asked, or its default assumed.
    pub access_ends_at: Option<DateTime<Utc>>,
    pub refresh: Option<SecretString>,
    pub refresh_ends_at: Option<DateTime<Utc>>,
    pub account_id: Option<String>,
    pub account_name: Option<String>,
}

/// Why the text is no token. Never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    #[error("there is no token in what was given")]
    Empty,
    #[error("what was given is longer than {GIVEN_LENGTH_MAX} bytes")]
    TooLong,
    #[error("what was given holds spaces or line breaks: a bare token has none")]
    NotOneWord,
    #[error("what was given begins like JSON, but is not an object with `access_token` or `refresh_token`")]
    Json,
    #[error("the address holds no `code`")]
    NoCode,
}

/// The fields of `TokenInfo`, times in milliseconds since 1970. Others are ignored.
#[derive(Deserialize)]
struct TokenInfo {
    access_token: Option<SecretText>,
    refresh_token: Option<SecretText>,
    access_token_expires_at: Option<Milliseconds>,
    refresh_token_expires_at: Option<Milliseconds>,
    seller_id: Option<String>,
    seller_name: Option<String>,
}

struct SecretText(SecretString);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

/// A time that is not a number is no reason to refuse a token: it counts as not told.
#[derive(Deserialize)]
#[serde(untagged)]
enum Milliseconds {
    Integer(i64),
    Text(String),
    Other(IgnoredAny),
}

impl GivenTokens {
    /// Reads a bare access token, or JSON.
    pub fn parse(text: &SecretString) -> Result<Self, GivenError> {
        let text = text.expose_secret().trim().trim_start_matches('\u{feff}');
        if text.len() > GIVEN_LENGTH_MAX {
            return Err(GivenError::TooLong);
        }
        if text.starts_with(['{', '[', '"']) {
            return Self::from_json(text);
        }
        Ok(Self {
            access: Some(one_word(text)?),
            access_ends_at: None,
            refresh: None,
            refresh_ends_at: None,
            account_id: None,
            account_name: None,
        })
    }

    fn from_json(text: &str) -> Result<Self, GivenError> {
        // serde's own words are not passed on: they may quote what they could not read.
        let told: TokenInfo = serde_json::from_str(text).map_err(|_| GivenError::Json)?;
        let word = |token: Option<SecretText>| match token {
            Some(SecretText(token)) if !token.expose_secret().trim().is_empty() => {
                one_word(token.expose_secret().trim()).map(Some)
            }
            _ => Ok(None),
        };
        let (access, refresh) = (word(told.access_token)?, word(told.refresh_token)?);
        if access.is_none() && refresh.is_none() {
            return Err(GivenError::Json);
        }
        let named = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Ok(Self {
            access,
            access_ends_at: told.access_token_expires_at.and_then(|time| time.moment()),
            refresh,
            refresh_ends_at: told.refresh_token_expires_at.and_then(|time| time.moment()),
            account_id: named(told.seller_id),
            account_name: named(told.seller_name),
        })
    }
}

impl Milliseconds {
    fn moment(&self) -> Option<DateTime<Utc>> {
        let number = match self {
            Self::Integer(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
            Self::Other(_) => return None,
        };
        match number {
            ..=0 => None,
            1..MILLISECONDS_FROM => DateTime::from_timestamp(number, 0),
            MILLISECONDS_FROM.. => DateTime::from_timestamp_millis(number),
        }
    }
}

/// The authorisation code in a code or in the whole address the owner was sent back to.
pub fn authorisation_code(text: &SecretString) -> Result<SecretString, GivenError> {
    let text = text.expose_secret().trim();
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return one_word(text);
    }
    let address = url::Url::parse(text).map_err(|_| GivenError::NoCode)?;
    let code = address.query_pairs().find_map(|(name, value)| (name == "code").then_some(value));
    code.ok_or(GivenError::NoCode).and_then(|code| one_word(&code))
}

fn one_word(text: &str) -> Result<SecretString, GivenError> {
    if text.is_empty() {
        return Err(GivenError::Empty);
    }
    if text.len() > GIVEN_LENGTH_MAX {
        return Err(GivenError::TooLong);
    }
    if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(GivenError::NotOneWord);
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<GivenTokens, GivenError> {
        GivenTokens::parse(&SecretString::from(text))
    }

    fn clear(token: Option<&SecretString>) -> Option<&str> {
        token.map(ExposeSecret::expose_secret)
    }

    #[test]
    fn a_bare_token_is_an_access_token() {
        let given = parse("  token-1\n").unwrap();
        assert_eq!(clear(given.access.as_ref()), Some("token-1"));
        assert!(given.refresh.is_none() && given.access_ends_at.is_none());
    }

    #[test]
    fn the_sdks_token_file_is_read_with_its_milliseconds() {
        let given = parse(
            r#"{"access_token":"a","refresh_token":"r","access_token_expires_at":1764547200000,
                "refresh_token_expires_at":"1765152000000","seller_id":"5a15","seller_name":"店","more":[1]}"#,
        )
        .unwrap();
        assert_eq!(clear(given.refresh.as_ref()), Some("r"));
        assert_eq!(given.access_ends_at, Some(Utc.timestamp_opt(1_764_547_200, 0).unwrap()));
        assert_eq!(given.refresh_ends_at, Some(Utc.timestamp_opt(1_765_152_000, 0).unwrap()));
        assert_eq!(given.account_id.as_deref(), Some("5a15"));
    }

    #[test]
    fn all_but_one_token_may_be_missing_and_odd_times_count_as_not_told() {
        for (time, expected) in [
            ("0", None),
            ("-1", None),
            ("null", None),
            ("1.5", None),
            ("\"soon\"", None),
            ("9223372036854775807", None),
            ("1764547200", Utc.timestamp_opt(1_764_547_200, 0).single()),
        ] {
            let given =
                parse(&format!(r#"{{"refresh_token":"r","access_token_expires_at":{time}}}"#)).unwrap();
            assert_eq!(given.access_ends_at, expected, "{time}");
            assert!(given.access.is_none());
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        let cases = [
            ("", GivenError::Empty),
            ("two words", GivenError::NotOneWord),
            ("{\"access_token\":\"\"}", GivenError::Json),
            ("{\"access_token\":\"a b\"}", GivenError::NotOneWord),
            ("{\"access_token\":5}", GivenError::Json),
            ("{secret", GivenError::Json),
            ("[]", GivenError::Json),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).err(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_code_is_found_in_the_redirected_address() {
        let code = |text: &str| {
            authorisation_code(&SecretString::from(text)).map(|code| code.expose_secret().to_owned())
        };
        assert_eq!(code(" code-9c \n").unwrap(), "code-9c");
        assert_eq!(code("https://example.com/back?state=x&code=a%2Bb").unwrap(), "a+b");
        assert_eq!(code("https://example.com/back?state=x"), Err(GivenError::NoCode));
        assert_eq!(code(""), Err(GivenError::Empty));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", json in r#"[{}\[\]",:a-z0-9_ ]{0,60}"#) {
            let _ = parse(&text);
            let _ = parse(&format!("{{{json}"));
            let _ = authorisation_code(&SecretString::from(format!("https://{text}")));
        }
    }
}
