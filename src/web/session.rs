//! What a browser keeps in place of the admin token: proof that someone typed it, for half a day.
//!
//! The proof is an HMAC under the token and a word of this process, so it ends with either. Only what was given back
//! before its time is remembered.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;

pub(super) const COOKIE: &str = "shopsync_admin";
/// How long a browser needs no new login.
pub(super) const LIFE: TimeDelta = TimeDelta::hours(12);

/// Keeps this HMAC apart from any other use of the token.
const PURPOSE: &str = "shopsync admin session v2:";
/// Sessions that were ended before their time, remembered until then. At more, all sessions end.
const REVOKED_MAX: usize = 1024;

/// The sessions of this process: they end with it, and with the admin token.
pub(super) struct Sessions {
    state: Mutex<State>,
}

struct State {
    /// Part of every proof: with another one, no session counts any more.
    nonce: Uuid,
    /// Proofs that were given back, and when they would have ended.
    revoked: BTreeMap<String, DateTime<Utc>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { state: Mutex::new(State { nonce: Uuid::new_v4(), revoked: BTreeMap::new() }) }
    }
}

impl Sessions {
    /// A proof that ends at `ends_at`. No two are alike.
    pub(super) fn proof(&self, token: &SecretString, ends_at: DateTime<Utc>) -> String {
        let payload = format!("{}-{}", ends_at.timestamp(), Uuid::new_v4().simple());
        let nonce = self.state().nonce;
        format!("{payload}.{}", hex::encode(mac(token, nonce, &payload).finalize().into_bytes()))
    }

    /// Whether a browser brings a proof that still counts.
    pub(super) fn is_proven(&self, token: &SecretString, headers: &HeaderMap, now: DateTime<Utc>) -> bool {
        let state = self.state();
        cookies(headers).any(|proof| state.end_of(token, proof, now).is_some())
    }

    /// Ends the sessions whose proofs a browser brings.
    pub(super) fn revoke(&self, token: &SecretString, headers: &HeaderMap, now: DateTime<Utc>) {
        let mut state = self.state();
        for proof in cookies(headers) {
            let Some(ends_at) = state.end_of(token, proof, now) else { continue };
            state.revoked.retain(|_, ends_at| now < *ends_at);
            if state.revoked.len() >= REVOKED_MAX {
                *state = State { nonce: Uuid::new_v4(), revoked: BTreeMap::new() };
            } else {
                state.revoked.insert(proof.to_owned(), ends_at);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When a proof ends. `None`: it counts for nothing.
    fn end_of(&self, token: &SecretString, proof: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (payload, given) = proof.split_once('.')?;
        let given = hex::decode(given).ok()?;
        // Compared in constant time.
        mac(token, self.nonce, payload).verify_slice(&given).ok()?;
        let ends_at = DateTime::from_timestamp(payload.split_once('-')?.0.parse().ok()?, 0)?;
        (now < ends_at && !self.revoked.contains_key(proof)).then_some(ends_at)
    }
}

fn mac(token: &SecretString, nonce: Uuid, payload: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(PURPOSE.as_bytes());
    mac.update(nonce.as_bytes());
    mac.update(payload.as_bytes());
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

    fn bringing(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers
    }

    #[test]
    fn a_proof_ends_and_cannot_be_made_without_the_token() {
        let (sessions, token) = (Sessions::default(), SecretString::from("a".repeat(32)));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let good = sessions.proof(&token, now + LIFE);
        let longer = good.replacen("18", "19", 1);
        let of_another_token = sessions.proof(&SecretString::from("b".repeat(32)), now + LIFE);
        let of_another_process = Sessions::default().proof(&token, now + LIFE);
        for (cookie, at, expected) in [
            (format!("{COOKIE}={good}"), now, true),
            (format!("theme=dark; {COOKIE}={good}"), now, true),
            (format!("{COOKIE}={good}"), now + LIFE, false),
            (format!("{COOKIE}={longer}"), now, false),
            (format!("{COOKIE}={}", &good[..good.len() - 2]), now, false),
            (format!("{COOKIE}=1900000000-0."), now, false),
            (format!("other={good}"), now, false),
            (format!("{COOKIE}={of_another_token}"), now, false),
            (format!("{COOKIE}={of_another_process}"), now, false),
            (String::new(), now, false),
        ] {
            assert_eq!(sessions.is_proven(&token, &bringing(&cookie), at), expected, "{cookie}");
        }
    }

    #[test]
    fn an_ended_session_does_not_come_back_and_the_others_stay() {
        let (sessions, token) = (Sessions::default(), SecretString::from("a".repeat(32)));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let cookie = || bringing(&format!("{COOKIE}={}", sessions.proof(&token, now + LIFE)));
        let (ended, other) = (cookie(), cookie());
        sessions.revoke(&token, &ended, now);
        assert!(!sessions.is_proven(&token, &ended, now));
        assert!(sessions.is_proven(&token, &other, now));
        for _ in 0..=REVOKED_MAX {
            sessions.revoke(&token, &cookie(), now);
        }
        assert!(!sessions.is_proven(&token, &ended, now), "forgetting which ended ends all");
        assert!(sessions.state().revoked.len() <= REVOKED_MAX);
    }
}
