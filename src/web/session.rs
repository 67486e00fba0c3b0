//! What a browser keeps in place of the admin token: proof that somebody typed it, for half a day.
//!
//! Nothing is remembered here: the proof is an HMAC under the token, so it outlives a restart and ends with the token.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

pub(super) const COOKIE: &str = "shopsync_admin";
/// How long somebody is not asked again.
pub(super) const LIFE: TimeDelta = TimeDelta::hours(12);

/// Keeps this HMAC apart from any other use of the token.
const PURPOSE: &str = "shopsync admin session v1:";

/// A proof that ends at `ends_at`.
pub(super) fn proof(token: &SecretString, ends_at: DateTime<Utc>) -> String {
    let end = ends_at.timestamp().to_string();
    let mac = mac(token, &end).finalize().into_bytes();
    format!("{end}.{}", hex::encode(mac))
}

/// Whether a browser brings a proof that still counts.
pub(super) fn is_proven(token: &SecretString, headers: &HeaderMap, now: DateTime<Utc>) -> bool {
    cookies(headers).any(|proof| is_valid(token, proof, now))
}

fn is_valid(token: &SecretString, proof: &str, now: DateTime<Utc>) -> bool {
    let Some((end, given)) = proof.split_once('.') else { return false };
    let Ok(given) = hex::decode(given) else { return false };
    let Some(ends_at) = end.parse().ok().and_then(|end| DateTime::from_timestamp(end, 0)) else {
        return false;
    };
    // Compared in constant time.
    mac(token, end).verify_slice(&given).is_ok() && now < ends_at
}

fn mac(token: &SecretString, end: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(PURPOSE.as_bytes());
    mac.update(end.as_bytes());
    mac
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter_map(|(name, value)| (name == COOKIE).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_ends_and_cannot_be_made_without_the_token() {
        let token = SecretString::from("a".repeat(32));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let good = proof(&token, now + LIFE);
        let longer = good.replacen("18", "19", 1);
        let later = now + LIFE;
        for (cookie, at, expected) in [
            (format!("{COOKIE}={good}"), now, true),
            (format!("theme=dark; {COOKIE}={good}"), now, true),
            (format!("{COOKIE}={good}"), later, false),
            (format!("{COOKIE}={longer}"), now, false),
            (format!("{COOKIE}={}", &good[..good.len() - 2]), now, false),
            (format!("{COOKIE}=1900000000."), now, false),
            (format!("other={good}"), now, false),
            (format!("{COOKIE}={}", proof(&SecretString::from("b".repeat(32)), now + LIFE)), now, false),
            (String::new(), now, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            assert_eq!(is_proven(&token, &headers, at), expected, "{cookie}");
        }
    }
}
