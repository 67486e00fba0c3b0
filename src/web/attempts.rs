//! Wrong admin tokens: a few each minute from one address, then they must wait. The right one never waits.
//!
//! The same wrong token again counts once, however often it comes: it finds out nothing, and a program with an old
//! token must not shut out the others on its machine.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Different wrong tokens from one address in one [`SPAN`].
const GUESSES_MAX: usize = 10;
const SPAN: Duration = Duration::from_mins(1);
/// Addresses with a count of their own; those beyond share one count.
const ADDRESSES_MAX: usize = 1024;

/// Wrong tokens of late, by where they came from.
#[derive(Default)]
pub(super) struct Attempts {
    by_address: Mutex<HashMap<Option<IpAddr>, Guesses>>,
}

struct Guesses {
    began_at: Instant,
    wrong: HashSet<[u8; 32]>,
}

/// What a wrong token is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One guess more.
    Counted,
    /// It was wrong a moment ago.
    KnownWrong,
    /// Too many others were wrong: for so long.
    Wait(Duration),
}

impl Attempts {
    pub(super) fn before(&self, from: IpAddr, token: &str, now: Instant) -> Verdict {
        let mut guesses = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.retain(|_, guesses| now.saturating_duration_since(guesses.began_at) < SPAN);
        let Some(guesses) = guesses.get(&key(&guesses, from)) else {
            return Verdict::Counted;
        };
        if guesses.wrong.contains(&digest(token)) {
            return Verdict::KnownWrong;
        }
        if guesses.wrong.len() < GUESSES_MAX {
            return Verdict::Counted;
        }
        Verdict::Wait(SPAN.saturating_sub(now.saturating_duration_since(guesses.began_at)))
    }

    pub(super) fn was_wrong(&self, from: IpAddr, token: &str, now: Instant) {
        let mut guesses = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(&guesses, from);
        let guesses = guesses.entry(key).or_insert_with(|| Guesses { began_at: now, wrong: HashSet::new() });
        if guesses.wrong.len() < GUESSES_MAX {
            guesses.wrong.insert(digest(token));
        }
    }
}

fn key(guesses: &HashMap<Option<IpAddr>, Guesses>, from: IpAddr) -> Option<IpAddr> {
    let from = Some(from);
    if guesses.contains_key(&from) || guesses.len() < ADDRESSES_MAX { from } else { None }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_ends_after_a_few_tries_and_begins_again_later() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let (here, there) = ("127.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap());
        for number in 0..GUESSES_MAX {
            let guess = number.to_string();
            assert_eq!(attempts.before(here, &guess, now), Verdict::Counted);
            attempts.was_wrong(here, &guess, now);
        }
        assert_eq!(attempts.before(here, "another", now), Verdict::Wait(SPAN));
        assert_eq!(attempts.before(here, "0", now), Verdict::KnownWrong);
        assert_eq!(attempts.before(there, "another", now), Verdict::Counted);
        assert_eq!(attempts.before(here, "another", now + SPAN), Verdict::Counted);
    }

    #[test]
    fn one_old_token_however_often_shuts_no_one_out() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let here = "127.0.0.1".parse().unwrap();
        for _ in 0..100 {
            attempts.was_wrong(here, "old", now);
        }
        assert_eq!(attempts.before(here, "right", now), Verdict::Counted);
    }

    #[test]
    fn a_crowd_of_addresses_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..2 * u32::try_from(ADDRESSES_MAX).unwrap() {
            attempts.was_wrong(IpAddr::from(number.to_be_bytes()), "wrong", now);
        }
        assert_eq!(attempts.by_address.lock().unwrap().len(), ADDRESSES_MAX + 1);
    }
}
