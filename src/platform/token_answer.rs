//! Reads the answers to token calls. What such a call spent is gone, so the new pair is taken out of whatever can be
//! read: text behind the JSON, another nesting, JSON that was cut short behind the pair. What stands beside the pair is
//! read field by field, and costs nothing but itself.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::error::PlatformError;
use super::instant;

const ACCESS: [&str; 2] = ["accessToken", "access_token"];
const REFRESH: [&str; 2] = ["refreshToken", "refresh_token"];
const SUCCESS: [&str; 2] = ["success", "state"];
const CODES: [&str; 4] = ["errorCode", "error_code", "code", "errno"];
const MESSAGES: [&str; 5] = ["errorMsg", "error_msg", "msg", "message", "error"];
const CONTENTS: [&str; 2] = ["result", "data"];

/// More objects than any answer is made of.
const OBJECTS_MAX: usize = 200;
/// Longer than any platform's token.
const TOKEN_LENGTH_MAX: usize = 64 * 1024;

/// A pair of tokens and what stands beside it. Has no `Debug`.
pub struct TokenAnswer {
    pub access: SecretString,
    /// `None`: the answer has none.
    pub refresh: Option<SecretString>,
    pub beside: Fields,
}

/// The members of an object, each read for itself: one that cannot be read is one that is not there.
#[derive(Default)]
pub struct Fields(Map<String, Value>);

/// Reads the answer to a call that spent `spent`. `refusal` says what a code and a message mean.
///
/// An answer that is not of the platform's frame is none of the platform: [`PlatformError::NotFromPlatform`]. One that
/// says yes and holds no token is [`PlatformError::Malformed`]; one that ends too early is [`PlatformError::NoAnswer`].
pub fn read(
    answer: &str,
    spent: &SecretString,
    is_success: fn(&str) -> bool,
    refusal: impl FnOnce(&str, &str) -> PlatformError,
) -> Result<TokenAnswer, PlatformError> {
    let Some(value) = first_value(answer) else {
        return cut_short(answer, spent).ok_or_else(|| PlatformError::NoAnswer {
            what: "the body is cut off or no JSON".to_owned(),
            source: None,
        });
    };
    let pair = pair_in(&value, spent);
    match verdict(&value, is_success) {
        // Whatever the frame says: no one sends a new pair with a refusal.
        _ if pair.as_ref().is_some_and(|pair| pair.refresh.is_some()) => {}
        Verdict::No { code, message } => return Err(refusal(&code, &message)),
        Verdict::Yes if pair.is_none() => {
            return Err(PlatformError::Malformed { path: "accessToken".to_owned() });
        }
        Verdict::Foreign if pair.is_none() => {
            let what = "the body is not in the platform's frame".to_owned();
            return Err(PlatformError::NotFromPlatform { what });
        }
        Verdict::Yes | Verdict::Foreign => {}
    }
    pair.ok_or_else(|| PlatformError::Malformed { path: "accessToken".to_owned() })
}

impl Fields {
    pub fn of(json: &str) -> Self {
        match first_value(json) {
            Some(Value::Object(members)) => Self(members),
            _ => Self::default(),
        }
    }

    /// The text of the first of these members that has one; a whole number counts as its digits.
    pub fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| text(self.0.get(*name)?))
    }

    /// The texts of a list. `None`: there is no list.
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        Some(self.0.get(name)?.as_array()?.iter().filter_map(text).collect())
    }

    /// The moment of the first of these members that holds a time, in any form that platforms use.
    pub fn moment(&self, names: &[&str]) -> Option<DateTime<Utc>> {
        names.iter().find_map(|name| instant::at(instant::time(self.0.get(*name)?).ok()?))
    }

    /// A member as it stands there.
    pub fn value(&self, name: &str) -> Value {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

/// What the frame says.
enum Verdict {
    Yes,
    No {
        code: String,
        message: String,
    },
    /// Neither: it is not the platform's frame.
    Foreign,
}

fn verdict(value: &Value, is_success: fn(&str) -> bool) -> Verdict {
    let Value::Object(members) = value else { return Verdict::Foreign };
    let frame = Fields(members.clone());
    let success = frame.text(&SUCCESS).and_then(|word| truth(&word));
    let codes: Vec<String> = CODES.iter().filter_map(|name| frame.text(&[name])).collect();
    let trouble = codes.iter().find(|code| !is_success(code));
    if success == Some(false) || trouble.is_some() {
        let code = trouble.cloned().unwrap_or_default();
        return Verdict::No { code, message: frame.text(&MESSAGES).unwrap_or_default() };
    }
    // Some answers come in two frames; content of its own never has both members of one.
    let inner = CONTENTS.iter().find_map(|name| inner_frame(members.get(*name)?));
    match inner.map(|inner| verdict(&inner, is_success)) {
        Some(no @ Verdict::No { .. }) => no,
        _ if success == Some(true) || !codes.is_empty() => Verdict::Yes,
        _ => Verdict::Foreign,
    }
}

fn inner_frame(content: &Value) -> Option<Value> {
    let content = unpacked(content)?;
    let frame = Fields(content.as_object()?.clone());
    (frame.text(&SUCCESS).is_some() && frame.text(&CODES).is_some()).then_some(content)
}

fn truth(word: &str) -> Option<bool> {
    match word.to_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The pair in the outermost object that has one. Lists are not looked into: they hold other accounts' tokens.
fn pair_in(value: &Value, spent: &SecretString) -> Option<TokenAnswer> {
    let mut waiting = VecDeque::from([value.clone()]);
    for _ in 0..OBJECTS_MAX {
        let Value::Object(members) = waiting.pop_front()? else { continue };
        let fields = Fields(members);
        if let Some(access) = token(&fields, &ACCESS).filter(|access| access != spent.expose_secret()) {
            let refresh = token(&fields, &REFRESH).map(SecretString::from);
            return Some(TokenAnswer { access: SecretString::from(access), refresh, beside: fields });
        }
        waiting.extend(fields.0.values().filter_map(unpacked));
    }
    None
}

fn token(fields: &Fields, names: &[&str]) -> Option<String> {
    fields.text(names).filter(|token| token.len() <= TOKEN_LENGTH_MAX)
}

/// An object, also one that was written into a text.
fn unpacked(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value.clone()),
        Value::String(text) if text.trim_start().starts_with('{') => {
            first_value(text).filter(Value::is_object)
        }
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        // A double may have been rounded to another id.
        Value::Number(number) if !number.is_f64() => number.to_string(),
        Value::Number(number) => {
            number.as_f64().filter(|number| number.fract() == 0.0).map(|number| format!("{number:.0}"))?
        }
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The first JSON value of a text, whatever stands behind it.
fn first_value(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

/// The pair of an answer that ends within what stands behind it. Both tokens must be whole.
fn cut_short(answer: &str, spent: &SecretString) -> Option<TokenAnswer> {
    let whole = |names: &[&str]| names.iter().find_map(|name| whole_text(answer, name));
    let access = whole(&ACCESS).filter(|access| access != spent.expose_secret())?;
    let refresh = whole(&REFRESH)?;
    let (access, refresh) = (SecretString::from(access), Some(SecretString::from(refresh)));
    Some(TokenAnswer { access, refresh, beside: Fields::default() })
}

/// The text behind the first member of this name, if its end is there.
fn whole_text(answer: &str, name: &str) -> Option<String> {
    let (_, behind) = answer.split_once(&format!("\"{name}\""))?;
    let text = behind.trim_start().strip_prefix(':')?;
    let text: String = serde_json::Deserializer::from_str(text).into_iter().next()?.ok()?;
    (!text.is_empty() && text.len() <= TOKEN_LENGTH_MAX).then_some(text)
}

#[cfg(test)]
#[path = "token_answer_tests.rs"]
mod tests;
