//! Tokens and codes that a person hands over: a bare token, JSON with the Python SDK's field names, a redirected
//! address.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

/// Longer than any token file of one shop.
pub const INPUT_LENGTH_MAX: usize = 64 * 1024;

/// What `auth set` was given. Has no `Debug`.
pub struct TokenInput {
    /// `None` only when there is a refresh token.
    pub access: Option<SecretString>,
    /// `None` when it was not given; the platform is called for it, or its default assumed.
    pub access_ends_at: Option<DateTime<Utc>>,
    /// When the platform handed them out. `None`: not given.
    pub obtained_at: Option<DateTime<Utc>>,
    pub refresh: Option<SecretString>,
    pub refresh_ends_at: Option<DateTime<Utc>>,
    pub account_id: Option<String>,
    pub account_name: Option<String>,
    /// Whether they are stored even if the platform cannot be called to check them.
    pub may_be_unproven: bool,
    /// Which entry of a file with several was taken. `None`: there was one.
    pub picked: Option<String>,
}

/// Why the text is no token. Never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenInputError {
    #[error("there is no token in what was given")]
    Empty,
    #[error("what was given is longer than {INPUT_LENGTH_MAX} bytes")]
    TooLong,
    #[error("what was given holds spaces or line breaks: a bare token has none")]
    NotOneWord,
    #[error("what was given begins like JSON, but is not an object with `access_token` or `refresh_token`")]
    Json,
    #[error(
        "the file is a list of storages, and {} of them hold tokens for `{platform}`: one is needed",
        count
    )]
    NotOneStorage { platform: String, count: usize },
    #[error("the address holds no `code`")]
    NoCode,
}

/// What an owner came back with: a code, or the whole address with it. Has no `Debug`.
pub struct Returned {
    pub code: SecretString,
    /// What the address carries to prove which link it answers. `None`: a bare code, or an address without it.
    pub state: Option<String>,
}

impl Returned {
    pub fn parse(text: &SecretString) -> Result<Self, TokenInputError> {
        let text = text.expose_secret().trim();
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Ok(Self { code: one_word(text)?, state: None });
        }
        let address = url::Url::parse(text).map_err(|_| TokenInputError::NoCode)?;
        let value =
            |wanted| address.query_pairs().find_map(|(name, value)| (name == wanted).then_some(value));
        let code = one_word(&value("code").ok_or(TokenInputError::NoCode)?)?;
        let state = value("state").filter(|state| !state.is_empty()).map(Cow::into_owned);
        Ok(Self { code, state })
    }
}

pub fn one_word(text: &str) -> Result<SecretString, TokenInputError> {
    if text.is_empty() {
        return Err(TokenInputError::Empty);
    }
    if text.len() > INPUT_LENGTH_MAX {
        return Err(TokenInputError::TooLong);
    }
    if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(TokenInputError::NotOneWord);
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<TokenInput, TokenInputError> {
        TokenInput::parse(&SecretString::from(text))
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
    fn what_is_no_token_is_refused_without_being_shown() {
        let cases = [
            ("", TokenInputError::Empty),
            ("two words", TokenInputError::NotOneWord),
            ("{\"access_token\":\"\"}", TokenInputError::Json),
            ("{\"access_token\":\"a b\"}", TokenInputError::NotOneWord),
            ("{\"access_token\":5}", TokenInputError::Json),
            ("{secret", TokenInputError::Json),
            ("[]", TokenInputError::Json),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).err(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_code_and_its_state_are_found_in_the_redirected_address() {
        let returned = |text: &str| {
            Returned::parse(&SecretString::from(text))
                .map(|returned| (returned.code.expose_secret().to_owned(), returned.state))
        };
        let found = |code: &str, state: Option<&str>| Ok((code.to_owned(), state.map(str::to_owned)));
        assert_eq!(returned(" code-9c \n"), found("code-9c", None));
        assert_eq!(returned("https://example.com/back?state=x&code=a%2Bb"), found("a+b", Some("x")));
        assert_eq!(returned("https://example.com/back?state=&code=a"), found("a", None));
        assert_eq!(returned("https://example.com/back?state=x"), Err(TokenInputError::NoCode));
        assert_eq!(returned(""), Err(TokenInputError::Empty));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", json in r#"[{}\[\]",:a-z0-9_ ]{0,60}"#) {
            let _ = parse(&text);
            let _ = parse(&format!("{{{json}"));
            let _ = Returned::parse(&SecretString::from(format!("https://{text}")));
        }
    }
}
