//! The frame around every answer: success or not, a code, a message, and the content as the platform wrote it.
//!
//! Both platforms and each of their dialects are read by the same loose rules; what a code means is left to them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::PlatformError;
use super::part;
use super::refusal::Refusal;
use super::wire::wire;

/// How one platform's answers are judged.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// The member that holds the content, for messages.
    pub content: &'static str,
    pub is_success: fn(code: &str) -> bool,
}

impl Dialect {
    /// The content of an answer, as the platform wrote it, or what `refusal` makes of its code and message.
    pub fn content(
        self,
        answer: &str,
        refusal: impl FnOnce(&str, &str) -> Refusal,
    ) -> Result<&RawValue, PlatformError> {
        self.content_if_any(answer, refusal)?.ok_or_else(|| malformed(self.content))
    }

    /// The content of a list's answer. A list without anything in it is written in many ways; all of them are
    /// [`EMPTY_LIST`] here.
    pub fn list(
        self,
        answer: &str,
        refusal: impl FnOnce(&str, &str) -> Refusal,
    ) -> Result<&RawValue, PlatformError> {
        match self.content_if_any(answer, refusal)? {
            Some(content) if !is_empty_list(content.get()) => Ok(content),
            _ => serde_json::from_str(EMPTY_LIST).map_err(|_| malformed(self.content)),
        }
    }

    /// The same where a success may come without content. `None`: absent or null.
    pub fn content_if_any(
        self,
        answer: &str,
        refusal: impl FnOnce(&str, &str) -> Refusal,
    ) -> Result<Option<&RawValue>, PlatformError> {
        let envelope = Envelope::open(answer)?;
        let code = envelope.code.as_deref();
        // A refusal may say `success` all the same, with a code of its own; and one without either is no answer
        // that is documented.
        let is_success = match envelope.success {
            Some(success) => success && code.is_none_or(self.is_success),
            None => code.is_some_and(self.is_success),
        };
        if is_success {
            return Ok(envelope.content);
        }
        let code = code.unwrap_or_default();
        Err(refusal(code, &envelope.message).into_error(code, &envelope.message))
    }

    /// The content as one of our wire types.
    pub fn parse<'a, T: Deserialize<'a>>(self, content: &'a RawValue) -> Result<T, PlatformError> {
        part::object_at(self.content, content.get())
    }

    /// The error for a member of the content that must be there.
    pub fn malformed(self, member: &str) -> PlatformError {
        malformed(&format!("{}.{member}", self.content))
    }
}

/// An empty list by the names that all calls give to their total.
const EMPTY_LIST: &str = r#"{"total":0,"totalItemNum":0,"totalCount":0}"#;

/// The content of an empty list has no rows and is no longer than this.
const EMPTY_LIST_BYTES_MAX: usize = 1_000;

/// Whether nothing is listed: no member holds anything but a text or a number, and none of the totals counts something.
/// A list under a name that no one knows is no empty one.
fn is_empty_list(content: &str) -> bool {
    const TOTALS: [&str; 3] = ["total", "totalItemNum", "totalCount"];
    if content.len() > EMPTY_LIST_BYTES_MAX {
        return false;
    }
    let is_nothing = |value: &Value| match value {
        Value::Array(members) => members.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => true,
    };
    let counts = |name: &&str, value: &Value| {
        let is_zero = matches!(value, Value::Null) || value == 0 || matches!(value.as_str(), Some("" | "0"));
        TOTALS.contains(name) && !is_zero
    };
    match serde_json::from_str(content) {
        Ok(Value::Array(members)) => members.is_empty(),
        Ok(Value::String(text)) => text.is_empty(),
        Ok(Value::Object(members)) => {
            members.iter().all(|(name, value)| is_nothing(value) && !counts(&name.as_str(), value))
        }
        _ => false,
    }
}

/// An answer, opened.
struct Envelope<'a> {
    /// `None` when the answer does not say.
    success: Option<bool>,
    /// Digits, or whatever stands there. `None` when the answer has no code.
    code: Option<String>,
    message: String,
    /// The content, byte for byte. `None`: absent or null.
    content: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Opens an answer, and once more if it holds another envelope: some calls of both platforms are said to come
    /// in two.
    fn open(answer: &'a str) -> Result<Self, PlatformError> {
        let outer = Self::read(answer)?;
        if outer.success == Some(false) {
            return Ok(outer);
        }
        let inner = outer.content.and_then(|content| Self::read(content.get()).ok());
        // Content of its own never has both.
        match inner.filter(|inner| inner.success.is_some() && inner.code.is_some()) {
            Some(inner) => Ok(inner),
            None => Ok(outer),
        }
    }

    fn read(answer: &'a str) -> Result<Self, PlatformError> {
        let wire: WireEnvelope<'a> = part::frame(answer)?;
        Ok(Self {
            success: wire.success,
            code: wire.error_code.or(wire.classic_code).or(wire.plain_code),
            message: wire.error_message.or(wire.classic_message).or(wire.plain_message).unwrap_or_default(),
            content: wire.result.or(wire.content),
        })
    }
}

fn malformed(path: &str) -> PlatformError {
    PlatformError::Malformed { path: path.to_owned() }
}

wire! {
    /// Answers say `errorCode errorMsg result`, or `error_code error_msg data`, or `code msg data`.
    #[derive(Deserialize)]
    struct WireEnvelope<'a> {
        success: Option<bool>,
        #[serde(rename = "errorCode")]
        error_code: Option<String>,
        #[serde(rename = "error_code")]
        classic_code: Option<String>,
        #[serde(rename = "code")]
        plain_code: Option<String>,
        #[serde(rename = "errorMsg")]
        error_message: Option<String>,
        #[serde(rename = "error_msg")]
        classic_message: Option<String>,
        #[serde(rename = "msg")]
        plain_message: Option<String>,
        #[serde(borrow)]
        result: Option<&'a RawValue>,
        #[serde(borrow, rename = "data")]
        content: Option<&'a RawValue>,
    }
}

#[cfg(test)]
mod tests {
    use super::{Envelope, PlatformError};

    /// Answer, then success, code, message and content.
    type Case = (&'static str, Option<bool>, Option<&'static str>, &'static str, Option<&'static str>);

    const DIALECTS: [Case; 9] = [
        (
            r#"{"success":true,"errorCode":1000000,"errorMsg":"","result":{"a":1}}"#,
            Some(true),
            Some("1000000"),
            "",
            Some(r#"{"a":1}"#),
        ),
        (
            r#"{"error_code":0,"error_msg":"","success":true,"data":{"a": 1}}"#,
            Some(true),
            Some("0"),
            "",
            Some(r#"{"a": 1}"#),
        ),
        (r#"{"code":"401","msg":"no","success":false,"data":null}"#, Some(false), Some("401"), "no", None),
        (r#"{"success":true,"error_code":50209,"error_msg":"no"}"#, Some(true), Some("50209"), "no", None),
        (
            r#"{"error_code":0,"success":true,"data":{"code":0,"msg":"ok","success":true,"data":{"b":2}}}"#,
            Some(true),
            Some("0"),
            "ok",
            Some(r#"{"b":2}"#),
        ),
        (
            r#"{"success":true,"errorCode":1000000,"result":{"result":{"c":3},"success":true,"errorCode":0,"errorMsg":"SUC"}}"#,
            Some(true),
            Some("0"),
            "SUC",
            Some(r#"{"c":3}"#),
        ),
        (
            r#"{"error_code":0,"success":true,"data":{"code":500,"msg":"inner","success":false}}"#,
            Some(false),
            Some("500"),
            "inner",
            None,
        ),
        (r#" {"success":"true","result":[1]}"#, Some(true), None, "", Some("[1]")),
        (r#"{"result":{"success":true,"x":1}}"#, None, None, "", Some(r#"{"success":true,"x":1}"#)),
    ];

    #[test]
    fn every_dialect_is_opened() {
        for (answer, success, code, message, content) in DIALECTS {
            let envelope = Envelope::open(answer).expect(answer);
            assert_eq!(envelope.success, success, "{answer}");
            assert_eq!(envelope.code.as_deref(), code, "{answer}");
            assert_eq!(envelope.message, message, "{answer}");
            assert_eq!(envelope.content.map(serde_json::value::RawValue::get), content, "{answer}");
        }
    }

    #[test]
    fn a_body_cut_off_is_no_answer_and_another_shape_is_malformed() {
        for answer in ["[]", "7", "{\"success\":{}}", "{\"errorCode\":[1]}"] {
            let error = Envelope::open(answer).err();
            assert!(matches!(error, Some(PlatformError::Malformed { .. })), "{answer}");
        }
        for answer in ["{\"a\":", "", "{\"success\":true,\"result\":{\"a\":[1,2", "{]"] {
            let error = Envelope::open(answer).err();
            assert!(matches!(error, Some(PlatformError::NoAnswer { .. })), "{answer}");
        }
    }
}
