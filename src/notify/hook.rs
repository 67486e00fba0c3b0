//! How each kind of webhook is spoken to, and what its answers mean. Pure.

use chrono::{DateTime, Utc};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::courier::{Answer, Letter};
use super::message::{Message, cut};
use super::sign;
use crate::config::WebhookKind;

/// The longest text each receiver takes, in bytes. WeCom says 2048; of DingTalk's and Feishu's 20,000 for the whole request,
/// escapes and the rest of it need some.
const WECOM_BYTES_MAX: usize = 2_048;
const DINGTALK_BYTES_MAX: usize = 15_000;
const FEISHU_BYTES_MAX: usize = 15_000;

/// What of a refusal is told.
const REFUSAL_BYTES_MAX: usize = 200;

/// The header with the signature of our own JSON.
pub const SIGNATURE_HEADER: &str = "x-shopsync-signature";

/// Why a receiver did not take a message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it was answered with HTTP {0}")]
    Status(u16),
    #[error("it was refused with code {code}: {message}")]
    Code { code: i64, message: String },
    #[error("the answer is none that such a webhook gives")]
    Strange,
}

impl Refusal {
    /// Whether it may be taken in a moment.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::Code { .. } | Self::Strange => false,
        }
    }
}

/// The request that tells `message`.
pub fn letter(
    kind: WebhookKind,
    address: &Url,
    secret: Option<&SecretString>,
    message: &Message,
    now: DateTime<Utc>,
) -> Letter {
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
    Letter { method: Method::POST, address, content_type: "application/json; charset=utf-8", body, headers }
}

/// Whether the receiver took it. The groups of chat programs say no with HTTP 200.
pub fn accepted(kind: WebhookKind, answer: &Answer) -> Result<(), Refusal> {
    if !(200..300).contains(&answer.status) {
        return Err(Refusal::Status(answer.status));
    }
    let (codes, messages): (&[&str], &[&str]) = match kind {
        WebhookKind::Json => return Ok(()),
        // The second form is that of bots made some years ago.
        WebhookKind::Feishu => (&["code", "StatusCode"], &["msg", "StatusMessage"]),
        WebhookKind::Dingtalk | WebhookKind::Wecom => (&["errcode"], &["errmsg"]),
    };
    let told: Value = serde_json::from_str(&answer.body).map_err(|_| Refusal::Strange)?;
    let code = codes.iter().find_map(|name| told[name].as_i64()).ok_or(Refusal::Strange)?;
    if code == 0 {
        return Ok(());
    }
    let message = messages.iter().find_map(|name| told[name].as_str()).unwrap_or_default();
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(Refusal::Code { code, message: cut(&message, REFUSAL_BYTES_MAX) })
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn sent(kind: WebhookKind, secret: Option<&str>) -> (Letter, Value) {
        let now = Utc.timestamp_millis_opt(1_795_262_400_123).unwrap();
        let secret = secret.map(SecretString::from);
        let address = "https://hook.example/robot?token=1".parse().unwrap();
        let letter =
            letter(kind, &address, secret.as_ref(), &Message { sent_at: now, items: Vec::new() }, now);
        let body = serde_json::from_str(&letter.body).unwrap();
        (letter, body)
    }

    #[test]
    fn each_kind_is_written_to_and_signed_in_its_own_way() {
        let text = "shopsync: 0 alarms · 0 条告警";
        let secret = Some("SEC9f0c1d2e3b4a5968778695a4b3c2d1e0");

        let (letter, body) = sent(WebhookKind::Dingtalk, secret);
        assert_eq!(body, json!({"msgtype": "text", "text": {"content": text}}));
        let pairs: Vec<_> = letter.address.query_pairs().into_owned().collect();
        assert_eq!(pairs[..2], [("token".into(), "1".into()), ("timestamp".into(), "1795262400123".into())]);
        assert_eq!(pairs[2].0, "sign");
        let raw = letter.address.query().unwrap().split("sign=").nth(1).unwrap().to_owned();
        assert!(!raw.contains(['+', '/', '=']), "{raw}");

        let (letter, body) = sent(WebhookKind::Feishu, secret);
        assert_eq!(letter.address.query(), Some("token=1"));
        assert_eq!((&body["msg_type"], &body["content"]["text"]), (&json!("text"), &json!(text)));
        assert_eq!(body["timestamp"], "1795262400");
        assert!(body["sign"].is_string());

        let (_, body) = sent(WebhookKind::Feishu, None);
        assert_eq!(body, json!({"msg_type": "text", "content": {"text": text}}));

        let (_, body) = sent(WebhookKind::Wecom, None);
        assert_eq!(body, json!({"msgtype": "text", "text": {"content": text}}));

        let (letter, body) = sent(WebhookKind::Json, secret);
        assert_eq!((&body["program"], &body["title"]), (&json!("shopsync"), &json!(text)));
        assert!(letter.headers[0].1.starts_with("sha256="));
    }

    #[test]
    fn a_no_that_comes_as_http_200_is_a_no() {
        use WebhookKind::{Dingtalk, Feishu, Json, Wecom};
        let refused = |code, message: &str| Err(Refusal::Code { code, message: message.to_owned() });
        for (kind, status, body, expected) in [
            (Feishu, 200, r#"{"code":0,"msg":"success","data":{}}"#, Ok(())),
            (Feishu, 200, r#"{"StatusCode":0,"StatusMessage":"success"}"#, Ok(())),
            (Feishu, 200, r#"{"code":19021,"msg":"sign match fail"}"#, refused(19021, "sign match fail")),
            (Dingtalk, 200, r#"{"errcode":0,"errmsg":"ok"}"#, Ok(())),
            (Dingtalk, 200, r#"{"errcode":310000,"errmsg":"a\nb"}"#, refused(310_000, "a b")),
            (Wecom, 200, r#"{"errcode":93000}"#, refused(93_000, "")),
            (Wecom, 200, "<html>", Err(Refusal::Strange)),
            (Wecom, 200, "{}", Err(Refusal::Strange)),
            (Wecom, 302, "", Err(Refusal::Status(302))),
            (Json, 204, "", Ok(())),
            (Json, 503, "", Err(Refusal::Status(503))),
        ] {
            let answer = Answer { status, body: body.to_owned() };
            assert_eq!(accepted(kind, &answer), expected, "{kind:?} {status} {body}");
        }
    }
}
