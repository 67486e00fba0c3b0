//! What browsers may do with our answers: nothing but show them.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// On every answer. Pages that bring a style or a script of their own say so by [`allowing`].
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: with it browsers send `Origin: null` with our own forms, which the guard has to refuse.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The `Content-Security-Policy` of a page with exactly this inline style and this inline script. Empty: it has none.
pub fn allowing(style: &str, script: &str) -> HeaderValue {
    let mut policy = NOTHING.to_owned();
    for (directive, text) in [("style-src", style), ("script-src", script)] {
        if !text.is_empty() {
            let hash = STANDARD.encode(Sha256::digest(text.as_bytes()));
            policy.push_str(&["; ", directive, " 'sha256-", &hash, "'"].concat());
        }
    }
    if !script.is_empty() {
        policy.push_str("; connect-src 'self'");
    }
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(NOTHING))
}

pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOTHING));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_use_its_own_style_and_script_and_no_other() {
        let policy = allowing("body{}", "");
        let policy = policy.to_str().unwrap();
        assert!(policy.starts_with(NOTHING), "{policy}");
        assert_eq!(
            &policy[NOTHING.len()..],
            "; style-src 'sha256-fJgEClQWV1hGkK4qHMO0KotTsVnMYMXTq7/suurGyUo='"
        );
        assert!(allowing("", "go()").to_str().unwrap().contains("; connect-src 'self'"));
    }
}
