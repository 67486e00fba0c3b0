//! A pair of tokens in the clear, on its way between the platform's answer and the sealed row. Has no `Debug`, and
//! no longer life than a call.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::keyring::Keyring;
use super::seal::{Field, Place, SealError};
use crate::domain::credential::{Credential, SealedTokens};
use crate::domain::grant::Granted;
use crate::platform::GrantRules;

#[derive(Clone)]
pub struct Pair {
    pub access: Option<SecretString>,
    pub access_ends_at: DateTime<Utc>,
    pub refresh: Option<SecretString>,
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// When the call that brought it was started: lives count from there.
    pub obtained_at: DateTime<Utc>,
    pub granted_at: DateTime<Utc>,
}

impl Pair {
    /// The first pair of a grant. `access_ends_at` is believed within the platform's limits: never eternal, never
    /// already over.
    pub fn first(granted: &Granted, rules: &GrantRules, asked_at: DateTime<Utc>) -> Self {
        let refresh_ends_at =
            granted.refresh_ends_at.or_else(|| rules.refresh_life_default.map(|life| asked_at + life));
        Self {
            access: Some(granted.access.clone()),
            access_ends_at: plausible_end(granted.access_ends_at, rules, asked_at),
            refresh_ends_at: granted.refresh.as_ref().and(refresh_ends_at),
            refresh: granted.refresh.clone(),
            obtained_at: asked_at,
            granted_at: asked_at,
        }
    }

    /// The pair that followed this one. What the answer left out is kept.
    pub fn renewed(&self, granted: &Granted, rules: &GrantRules, asked_at: DateTime<Utc>) -> Self {
        let next = Self::first(granted, rules, asked_at);
        let keeps_end = rules.refresh_end_is_fixed || granted.refresh.is_none();
        Self {
            refresh: next.refresh.or_else(|| self.refresh.clone()),
            refresh_ends_at: if keeps_end { self.refresh_ends_at } else { next.refresh_ends_at },
            granted_at: self.granted_at,
            ..next
        }
    }

    pub fn is_same_as(&self, other: &Self) -> bool {
        fn clear(token: Option<&SecretString>) -> Option<&str> {
            token.map(ExposeSecret::expose_secret)
        }
        clear(self.access.as_ref()) == clear(other.access.as_ref())
            && clear(self.refresh.as_ref()) == clear(other.refresh.as_ref())
    }

    /// Names the refresh token in the intent row without showing it.
    pub fn refresh_hash(&self) -> String {
        let token = self.refresh.as_ref().map_or("", |token| token.expose_secret());
        hex::encode(Sha256::digest(token.as_bytes()))
    }

    pub fn seal(&self, keys: &Keyring, shop_id: &str, generation: i64) -> Result<SealedTokens, SealError> {
        // One key for the whole pair, whatever is rotated meanwhile.
        let keys = keys.sealer();
        let seal = |token: Option<&SecretString>, field| {
            let place = Place { shop_id, field, generation };
            token.map(|token| keys.seal(token, &place)).transpose()
        };
        Ok(SealedTokens {
            access_sealed: seal(self.access.as_ref(), Field::Access)?,
            access_ends_at: self.access_ends_at,
            refresh_sealed: seal(self.refresh.as_ref(), Field::Refresh)?,
            refresh_ends_at: self.refresh_ends_at,
            key_id: keys.key_id().to_owned(),
            obtained_at: self.obtained_at,
        })
    }

    pub fn open(credential: &Credential, keys: &Keyring, shop_id: &str) -> Result<Self, SealError> {
        Self::open_tokens(&credential.tokens, credential.version, credential.granted_at, keys, shop_id)
    }

    /// Opens what was sealed under `generation`.
    pub fn open_tokens(
        tokens: &SealedTokens,
        generation: i64,
        granted_at: DateTime<Utc>,
        keys: &Keyring,
        shop_id: &str,
    ) -> Result<Self, SealError> {
        let open = |sealed: Option<&String>, field| {
            let place = Place { shop_id, field, generation };
            sealed.map(|sealed| keys.open(sealed, &place)).transpose()
        };
        Ok(Self {
            access: open(tokens.access_sealed.as_ref(), Field::Access)?,
            access_ends_at: tokens.access_ends_at,
            refresh: open(tokens.refresh_sealed.as_ref(), Field::Refresh)?,
            refresh_ends_at: tokens.refresh_ends_at,
            obtained_at: tokens.obtained_at,
            granted_at,
        })
    }
}

/// The end that an answer gave, or the platform's default where it gave none that is possible.
fn plausible_end(
    reported: Option<DateTime<Utc>>,
    rules: &GrantRules,
    asked_at: DateTime<Utc>,
) -> DateTime<Utc> {
    let latest = asked_at + rules.access_life_max;
    match reported {
        Some(end) if end > asked_at => end.min(latest),
        _ => asked_at + rules.access_life_default,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};

    use super::*;
    use crate::domain::grant::Account;
    use crate::platform::{Renewal, Replay};

    const RULES: GrantRules = GrantRules {
        access_life_default: TimeDelta::hours(2),
        access_life_max: TimeDelta::days(40),
        renewal: Renewal::ByOwner,
        old_access_grace: TimeDelta::zero(),
        replay: Replay::Never,
        spacing: TimeDelta::zero(),
        refresh_end_is_fixed: false,
        refresh_life_default: Some(TimeDelta::days(365)),
    };

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap()
    }

    fn granted(access_ends_at: Option<DateTime<Utc>>, refresh: Option<&str>) -> Granted {
        Granted {
            access: SecretString::from("access"),
            access_ends_at,
            refresh: refresh.map(SecretString::from),
            refresh_ends_at: None,
            account: Account::default(),
        }
    }

    #[test]
    fn an_end_is_believed_within_the_platforms_limits() {
        let cases = [
            (None, TimeDelta::hours(2)),
            (Some(TimeDelta::zero()), TimeDelta::hours(2)),
            (Some(TimeDelta::hours(-1)), TimeDelta::hours(2)),
            (Some(TimeDelta::days(30)), TimeDelta::days(30)),
            (Some(TimeDelta::days(40_000)), TimeDelta::days(40)),
        ];
        for (reported, life) in cases {
            let pair = Pair::first(&granted(reported.map(|life| now() + life), None), &RULES, now());
            assert_eq!(pair.access_ends_at - now(), life, "{reported:?}");
        }
    }

    #[test]
    fn a_refresh_token_the_answer_leaves_out_is_kept_with_its_end() {
        let first = Pair::first(&granted(None, Some("refresh")), &RULES, now());
        let later = now() + TimeDelta::days(1);
        let second = first.renewed(&granted(None, None), &RULES, later);
        assert_eq!(second.refresh.unwrap().expose_secret(), "refresh");
        assert_eq!(second.refresh_ends_at, Some(now() + TimeDelta::days(365)));
        assert_eq!((second.obtained_at, second.granted_at), (later, now()));
    }

    #[test]
    fn a_fixed_end_is_carried_over_rotations() {
        let later = now() + TimeDelta::days(100);
        let end_after = |refresh_end_is_fixed| {
            let rules = GrantRules { refresh_end_is_fixed, ..RULES };
            let first = Pair::first(&granted(None, Some("one")), &rules, now());
            first.renewed(&granted(None, Some("two")), &rules, later).refresh_ends_at
        };
        assert_eq!(end_after(true), Some(now() + TimeDelta::days(365)));
        assert_eq!(end_after(false), Some(later + TimeDelta::days(365)));
    }
}
