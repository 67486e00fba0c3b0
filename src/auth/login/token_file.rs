//! The JSON in which other programs keep tokens.
//!
//! Two forms are known, and a file may mix them: the `TokenInfo` of the Python SDK's file storage, with ends in
//! milliseconds, and a platform's own answer with the time of the request (`refresh_time` and `expires_in`, both in
//! seconds; or `expires_at`), as media managers keep it.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::token_input::{INPUT_LENGTH_MAX, TokenInput, TokenInputError, one_word};
use crate::domain::moment::bounded;

/// Below this a number is no time of this century in milliseconds, but may well be one in seconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// No token lives longer; a larger number is none of seconds.
const LIFE_SECONDS_MAX: i64 = 10 * 366 * 24 * 60 * 60;

impl TokenInput {
    /// Reads a bare access token, or JSON of one platform.
    pub fn parse(text: &SecretString) -> Result<Self, TokenInputError> {
        Self::parse_for(text, "")
    }

    /// The same; of a file with the tokens of several platforms, those of `platform`.
    pub fn parse_for(text: &SecretString, platform: &str) -> Result<Self, TokenInputError> {
        let text = text.expose_secret().trim().trim_start_matches('\u{feff}');
        if text.len() > INPUT_LENGTH_MAX {
            return Err(TokenInputError::TooLong);
        }
        if text.starts_with(['{', '[', '"']) {
            return parse_json(text, platform);
        }
        Ok(Self {
            access: Some(one_word(text)?),
            access_ends_at: None,
            obtained_at: None,
            refresh: None,
            refresh_ends_at: None,
            account_id: None,
            account_name: None,
            may_be_unproven: false,
            picked: None,
        })
    }
}

/// What either form may hold. Others are ignored.
#[derive(Deserialize)]
struct TokenFile {
    access_token: Option<SecretText>,
    refresh_token: Option<SecretText>,
    access_token_expires_at: Option<Number>,
    refresh_token_expires_at: Option<Number>,
    expires_at: Option<Number>,
    refresh_time: Option<Number>,
    expires_in: Option<Number>,
    seller_id: Option<String>,
    seller_name: Option<String>,
}

struct SecretText(SecretString);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

/// A time that is not a number is no reason to refuse a token: it counts as not given.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Integer(i64),
    Text(String),
    Other(IgnoredAny),
}

/// One of the storages that a media manager keeps in one list.
#[derive(Deserialize)]
struct Storage {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    config: Option<TokenFile>,
}

/// `platform`: which one is looked for in a list.
fn parse_json(text: &str, platform: &str) -> Result<TokenInput, TokenInputError> {
    if text.starts_with('[') {
        return of_storages(text, platform);
    }
    // serde's messages are not passed on: they may quote what could not be read.
    given(serde_json::from_str(text).map_err(|_| TokenInputError::Json)?)
}

fn of_storages(text: &str, platform: &str) -> Result<TokenInput, TokenInputError> {
    // One by one: what other storages keep is no business of ours, and may have any shape.
    let all: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| TokenInputError::Json)?;
    if all.is_empty() {
        return Err(TokenInputError::Json);
    }
    let mut found = Vec::new();
    for storage in all {
        let Ok(Storage { kind: Some(kind), name, config: Some(config) }) = serde_json::from_value(storage)
        else {
            continue;
        };
        // Such programs put a letter of their own in front of a platform's name, or a word behind it.
        let is_of_platform = !platform.is_empty() && kind.to_ascii_lowercase().contains(platform);
        if is_of_platform && let Ok(given) = given(config) {
            let label = name.filter(|name| !name.trim().is_empty()).unwrap_or(kind);
            found.push(TokenInput { picked: Some(label), ..given });
        }
    }
    match (found.len(), found.pop()) {
        (1, Some(given)) => Ok(given),
        (count, _) => Err(TokenInputError::NotOneStorage { platform: platform.to_owned(), count }),
    }
}

fn given(file: TokenFile) -> Result<TokenInput, TokenInputError> {
    let word = |token: Option<SecretText>| match token {
        Some(SecretText(token)) if !token.expose_secret().trim().is_empty() => {
            one_word(token.expose_secret().trim()).map(Some)
        }
        _ => Ok(None),
    };
    let obtained_at = moment(file.refresh_time);
    let access_ends_at = moment(file.access_token_expires_at)
        .or_else(|| moment(file.expires_at))
        .or_else(|| end_of_life(obtained_at, file.expires_in));
    let (access, refresh) = (word(file.access_token)?, word(file.refresh_token)?);
    if access.is_none() && refresh.is_none() {
        return Err(TokenInputError::Json);
    }
    let named = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Ok(TokenInput {
        access,
        access_ends_at,
        obtained_at,
        refresh,
        refresh_ends_at: moment(file.refresh_token_expires_at),
        account_id: named(file.seller_id),
        account_name: named(file.seller_name),
        may_be_unproven: false,
        picked: None,
    })
}

/// A life alone says nothing: no one knows how much of it is over.
fn end_of_life(obtained_at: Option<DateTime<Utc>>, life: Option<Number>) -> Option<DateTime<Utc>> {
    let seconds = life?.integer()?;
    let life = (1..=LIFE_SECONDS_MAX).contains(&seconds).then(|| TimeDelta::seconds(seconds))?;
    obtained_at?.checked_add_signed(life)
}

fn moment(number: Option<Number>) -> Option<DateTime<Utc>> {
    let at = match number?.integer()? {
        ..=0 => None,
        number @ 1..MILLISECONDS_FROM => DateTime::from_timestamp(number, 0),
        number @ MILLISECONDS_FROM.. => DateTime::from_timestamp_millis(number),
    };
    at.map(bounded)
}

impl Number {
    fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn read(text: &str) -> Result<TokenInput, TokenInputError> {
        parse_json(text, "115")
    }

    #[test]
    fn of_a_list_of_storages_the_one_of_the_platform_is_taken_and_named() {
        let local = r#"{"type":"local","name":"本地","config":{}}"#;
        let alipan =
            r#"{"type":"alipan","name":"阿里云盘","config":{"access_token":"x","refresh_token":"y"}}"#;
        let u115 = r#"{"type":"u115","name":"115网盘","config":{"access_token":"a","refresh_token":"r","refresh_time":1764547200,"expires_in":7200}}"#;
        let empty = r#"{"type":"u115","name":"another","config":null}"#;
        let given = read(&format!("[{local},{alipan},{u115},{empty},7]")).unwrap();
        assert_eq!(clear(given.refresh.as_ref()), Some("r"));
        assert_eq!(given.picked.as_deref(), Some("115网盘"));
        assert_eq!(given.access_ends_at, Utc.timestamp_opt(1_764_554_400, 0).single());
        for (text, count) in [(format!("[{local},{alipan}]"), 0), (format!("[{u115},{u115}]"), 2)] {
            let expected = TokenInputError::NotOneStorage { platform: "115".to_owned(), count };
            assert_eq!(read(&text).err(), Some(expected));
        }
        assert!(parse_json(&format!("[{u115}]"), "temu").is_err(), "tokens of 115 are none of Temu");
    }

    fn clear(token: Option<&SecretString>) -> Option<&str> {
        token.map(ExposeSecret::expose_secret)
    }

    #[test]
    fn the_sdks_token_file_is_read_with_its_milliseconds() {
        let given = read(
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
    fn all_but_one_token_may_be_missing_and_impossible_times_count_as_not_given() {
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
                read(&format!(r#"{{"refresh_token":"r","access_token_expires_at":{time}}}"#)).unwrap();
            assert_eq!(given.access_ends_at, expected, "{time}");
            assert!(given.access.is_none());
        }
    }

    #[test]
    fn a_life_counts_from_the_time_the_platform_was_asked() {
        let end = |text: &str| read(&format!(r#"{{"refresh_token":"r",{text}}}"#)).unwrap().access_ends_at;
        let at = |seconds| Utc.timestamp_opt(seconds, 0).single();
        for (text, expected) in [
            (r#""refresh_time":1764547200,"expires_in":7200"#, at(1_764_554_400)),
            (r#""refresh_time":"1764547200","expires_in":"2592000""#, at(1_767_139_200)),
            (r#""refresh_time":1764547200000,"expires_in":7200"#, at(1_764_554_400)),
            (r#""expires_at":1764547200,"refresh_time":5,"expires_in":7200"#, at(1_764_547_200)),
            (r#""expires_in":7200"#, None),
            (r#""refresh_time":1764547200"#, None),
            (r#""refresh_time":1764547200,"expires_in":0"#, None),
            (r#""refresh_time":1764547200,"expires_in":-1"#, None),
            (r#""refresh_time":9223372036854775807,"expires_in":9223372036854775807"#, None),
        ] {
            assert_eq!(end(text), expected, "{text}");
        }
    }
}
