//! The requests of each kind of webhook, and the meaning of the responses. Pure.

use chrono::{DateTime, Utc};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::message::{Message, cut};
use super::sender::{Request, Response};
use super::sign;
use crate::config::WebhookKind;

/// The longest text that each receiver accepts, in bytes. WeCom: 2048. DingTalk and Feishu: 20,000 for the whole request, of
/// which escapes and the other fields need a part.
const WECOM_BYTES_MAX: usize = 2_048;
const DINGTALK_BYTES_MAX: usize = 15_000;
const FEISHU_BYTES_MAX: usize = 15_000;

/// The longest message of a rejection.
const REJECTION_BYTES_MAX: usize = 200;

/// The header with the signature of our own JSON.
pub const SIGNATURE_HEADER: &str = "x-shopsync-signature";

/// Why a receiver did not accept a message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the receiver answered HTTP {0}")]
    Status(u16),
    #[error("the receiver refused it with code {code}: {message}")]
    Code { code: i64, message: String },
    #[error("the response is not one of this kind of webhook")]
    Unknown,
}

impl Rejection {
    /// Whether another try may succeed.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::Code { .. } | Self::Unknown => false,
        }
    }
}

/// The request that sends `message`.
pub fn request(
    kind: WebhookKind,
    address: &Url,
    secret: Option<&SecretString>,
    message: &Message,
    now: DateTime<Utc>,
) -> Request {
    let mut address = address.clone();
    let mut headers = Vec::new();
    let body = match kind {
        WebhookKind::Feishu => {
            let text = message.text(FEISHU_BYTES_MAX);
            let mut body = json!({"msg_type": "text", "content": {"text": text}});
            if let Some(secret) = secret {
                let timestamp = now.timestamp();
                body["timestamp"] = timestamp.to_string().into();
                body["sign"] = sign::feishu(timestamp, secret).into();
            }
            body.to_string()
        }
        WebhookKind::Dingtalk => {
            if let Some(secret) = secret {
                let timestamp_ms = now.timestamp_millis();
                address
                    .query_pairs_mut()
                    .append_pair("timestamp", &timestamp_ms.to_string())
                    .append_pair("sign", &sign::dingtalk(timestamp_ms, secret));
            }
            json!({"msgtype": "text", "text": {"content": message.text(DINGTALK_BYTES_MAX)}}).to_string()
        }
        WebhookKind::Wecom => {
            json!({"msgtype": "text", "text": {"content": message.text(WECOM_BYTES_MAX)}}).to_string()
        }
        WebhookKind::Json => {
            let body = message.json().to_string();
            if let Some(secret) = secret {
                headers.push((SIGNATURE_HEADER, sign::json(&body, secret)));
            }
            body
        }
    };
    Request { method: Method::POST, address, content_type: "application/json; charset=utf-8", body, headers }
}

/// Whether the receiver accepted the message. Chat programs send their errors with HTTP 200.
pub fn check_response(kind: WebhookKind, response: &Response) -> Result<(), Rejection> {
    if !(200..300).contains(&response.status) {
        return Err(Rejection::Status(response.status));
    }
    let (codes, messages): (&[&str], &[&str]) = match kind {
        WebhookKind::Json => return Ok(()),
        // The second names are those of older bots.
        WebhookKind::Feishu => (&["code", "StatusCode"], &["msg", "StatusMessage"]),
        WebhookKind::Dingtalk | WebhookKind::Wecom => (&["errcode"], &["errmsg"]),
    };
    let answer: Value = serde_json::from_str(&response.body).map_err(|_| Rejection::Unknown)?;
    let code = codes.iter().find_map(|name| answer[name].as_i64()).ok_or(Rejection::Unknown)?;
    if code == 0 {
        return Ok(());
    }
    let message = messages.iter().find_map(|name| answer[name].as_str()).unwrap_or_default();
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(Rejection::Code { code, message: cut(&message, REJECTION_BYTES_MAX) })
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn sent(kind: WebhookKind, secret: Option<&str>) -> (Request, Value) {
        let now = Utc.timestamp_millis_opt(1_795_262_400_123).unwrap();
        let secret = secret.map(SecretString::from);
        let address = "https://hook.example/robot?token=1".parse().unwrap();
        let request =
            request(kind, &address, secret.as_ref(), &Message { sent_at: now, items: Vec::new() }, now);
        let body = serde_json::from_str(&request.body).unwrap();
        (request, body)
    }

    #[test]
    fn each_kind_has_its_own_format_and_signature() {
        let text = "shopsync: 0 alarms · 0 条告警";
        let secret = Some("SEC9f0c1d2e3b4a5968778695a4b3c2d1e0");

        let (request, body) = sent(WebhookKind::Dingtalk, secret);
        assert_eq!(body, json!({"msgtype": "text", "text": {"content": text}}));
        let pairs: Vec<_> = request.address.query_pairs().into_owned().collect();
        assert_eq!(pairs[..2], [("token".into(), "1".into()), ("timestamp".into(), "1795262400123".into())]);
        assert_eq!(pairs[2].0, "sign");
        let raw = request.address.query().unwrap().split("sign=").nth(1).unwrap().to_owned();
        assert!(!raw.contains(['+', '/', '=']), "{raw}");

        let (request, body) = sent(WebhookKind::Feishu, secret);
        assert_eq!(request.address.query(), Some("token=1"));
        assert_eq!((&body["msg_type"], &body["content"]["text"]), (&json!("text"), &json!(text)));
        assert_eq!(body["timestamp"], "1795262400");
        assert!(body["sign"].is_string());

        let (_, body) = sent(WebhookKind::Feishu, None);
        assert_eq!(body, json!({"msg_type": "text", "content": {"text": text}}));

        let (_, body) = sent(WebhookKind::Wecom, None);
        assert_eq!(body, json!({"msgtype": "text", "text": {"content": text}}));

        let (request, body) = sent(WebhookKind::Json, secret);
        assert_eq!((&body["program"], &body["title"]), (&json!("shopsync"), &json!(text)));
        assert!(request.headers[0].1.starts_with("sha256="));
    }

    #[test]
    fn an_error_that_comes_with_http_200_is_an_error() {
        use WebhookKind::{Dingtalk, Feishu, Json, Wecom};
        let refused = |code, message: &str| Err(Rejection::Code { code, message: message.to_owned() });
        for (kind, status, body, expected) in [
            (Feishu, 200, r#"{"code":0,"msg":"success","data":{}}"#, Ok(())),
            (Feishu, 200, r#"{"StatusCode":0,"StatusMessage":"success"}"#, Ok(())),
            (Feishu, 200, r#"{"code":19021,"msg":"sign match fail"}"#, refused(19021, "sign match fail")),
            (Dingtalk, 200, r#"{"errcode":0,"errmsg":"ok"}"#, Ok(())),
            (Dingtalk, 200, r#"{"errcode":310000,"errmsg":"a\nb"}"#, refused(310_000, "a b")),
            (Wecom, 200, r#"{"errcode":93000}"#, refused(93_000, "")),
            (Wecom, 200, "<html>", Err(Rejection::Unknown)),
            (Wecom, 200, "{}", Err(Rejection::Unknown)),
            (Wecom, 302, "", Err(Rejection::Status(302))),
            (Json, 204, "", Ok(())),
            (Json, 503, "", Err(Rejection::Status(503))),
        ] {
            let response = Response { status, body: body.to_owned() };
            assert_eq!(check_response(kind, &response), expected, "{kind:?} {status} {body}");
        }
    }
}
