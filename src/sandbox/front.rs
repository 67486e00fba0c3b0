//! What stands in front of a platform and answers for it: proxies, firewalls, gateways. None of it comes from the
//! platform's own application.

use super::faults::{FaultKind, Struck};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain";
const BAD_GATEWAY: &str = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad \
                           Gateway</h1></center><hr><center>nginx</center></body></html>";
const FORBIDDEN: &str = "<!doctype html><html><head><title>403</title></head><body><h2>您的请求已被拦截</h2><p>Your \
                         request has been blocked by the firewall. ID: 7f3a91</p></body></html>";
const NOT_ALLOWED: &str = "<!doctype html><html lang=\"zh-cn\"><head><title>405</title></head><body><p>很抱歉，由于您访问\
                           的URL有可能对网站造成安全威胁，您的访问被阻断。</p></body></html>";
/// Numbers and dates that no reader may trust.
const RETRY_AFTER: [&str; 6] = [
    "9223372036854775807",
    "18446744073709551615",
    "-5",
    "1e30",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "99999999999999999999999999",
];

/// One answer of whatever stands in front.
pub struct Page {
    pub status: u16,
    pub content_type: &'static str,
    pub retry_after: Option<String>,
    pub text: String,
}

fn written(status: u16, content_type: &'static str, text: &str) -> Page {
    Page { status, content_type, retry_after: None, text: text.to_owned() }
}

/// What never reaches the platform. `None`: the call goes on.
pub fn page(fault: &FaultKind, struck: &Struck) -> Option<Page> {
    Some(match fault {
        FaultKind::InternalError => internal_error(),
        FaultKind::BadGateway | FaultKind::Front502Html => written(502, HTML, BAD_GATEWAY),
        FaultKind::TooManyRequests { retry_after_seconds } => Page {
            retry_after: retry_after_seconds.map(|seconds| seconds.to_string()),
            ..written(429, TEXT, "Too Many Requests")
        },
        FaultKind::RetryAfterHuge => {
            let form = struck.strike(fault).map_or(0, |strike| strike.form);
            let value = RETRY_AFTER[usize::try_from(form).unwrap_or(0) % RETRY_AFTER.len()];
            Page { retry_after: Some(value.to_owned()), ..written(429, TEXT, "Too Many Requests") }
        }
        FaultKind::HtmlPage => written(200, HTML, "<html><body>System upgrade in progress</body></html>"),
        FaultKind::Front503Text => written(
            503,
            TEXT,
            "upstream connect error or disconnect/reset before headers. reset reason: overflow",
        ),
        FaultKind::Gateway404Json => {
            written(404, "application/json", r#"{"message":"no Route matched with those values"}"#)
        }
        FaultKind::Waf403Html => written(403, HTML, FORBIDDEN),
        FaultKind::Waf405Html => written(405, HTML, NOT_ALLOWED),
        _ => return None,
    })
}

/// What takes the place of an answer that the platform has given about one thing.
pub fn page_instead(fault: &FaultKind) -> Option<Page> {
    Some(match fault {
        FaultKind::Isolated500 => internal_error(),
        FaultKind::IsolatedEmpty => written(200, "application/json;charset=UTF-8", ""),
        FaultKind::IsolatedHtml => written(200, HTML, "<html><body>error</body></html>"),
        _ => return None,
    })
}

pub fn internal_error() -> Page {
    written(500, TEXT, "Internal Server Error")
}
