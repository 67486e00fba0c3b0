//! A grant as one JSON object: what the file store writes, and what a store of one's own may keep as a text.
//!
//! The tokens and their ends bear the names of the Python SDK's `TokenInfo` (ends in milliseconds since 1970), so
//! that a file of its `FileTokenStorage` is read as the grant it is. The other fields bear the names of the columns of
//! `credentials`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::auth::keys::keyring::NO_KEY;
use crate::auth::keys::seal;
use crate::domain::credential::{Attempt, Condition, Credential, RefreshLease, SealedTokens, Trouble};
use crate::domain::moment::bounded;

/// Longer than any grant: each of its three tokens may be as long as any platform's.
pub const RECORD_LENGTH_MAX: usize = 512 * 1024;

/// The first of a lineage, for a grant that another program wrote.
const FIRST: i64 = 1;

/// A version or fence beyond is none: no one has counted that far, and there must be room to count on.
const COUNTER_MAX: i64 = i64::MAX / 2;

/// Why a text is no grant. Never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("it is longer than {RECORD_LENGTH_MAX} bytes")]
    TooLong,
    #[error("it is cut off or garbled at line {line}, column {column}")]
    Garbled { line: usize, column: usize },
    #[error("it holds neither `access_token` nor `refresh_token`")]
    NoToken,
    #[error("`{field}` holds what this version does not know")]
    Unknown { field: &'static str },
}

#[derive(Deserialize, Serialize)]
struct Record {
    /// Absent in a file of another program.
    shop: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
    access_token_expires_at: Option<i64>,
    refresh_token_expires_at: Option<i64>,
    prev_refresh_token: Option<String>,
    /// The key that sealed the tokens. Absent: they are in clear.
    kid: Option<String>,
    version: Option<i64>,
    fence: Option<i64>,
    state: Option<String>,
    obtained_at: Option<i64>,
    grant_at: Option<i64>,
    not_before: Option<i64>,
    lease_owner: Option<String>,
    lease_until: Option<i64>,
    attempt_id: Option<String>,
    attempt_rt_hash: Option<String>,
    attempt_at: Option<i64>,
    instance_id: Option<String>,
    last_error_class: Option<String>,
    last_error: Option<String>,
}

/// The text of a grant.
pub fn write(row: &Credential) -> Zeroizing<String> {
    let text = serde_json::to_string_pretty(&Record::of(row)).expect("text and numbers can be written");
    Zeroizing::new(text + "\n")
}

/// The grant in a text. `shop`: whose it is, where the text does not say.
pub fn read(shop: &str, text: &str) -> Result<Credential, RecordError> {
    if text.len() > RECORD_LENGTH_MAX {
        return Err(RecordError::TooLong);
    }
    // serde's messages are not passed on: they may quote what could not be read.
    let record: Record = serde_json::from_str(text)
        .map_err(|error| RecordError::Garbled { line: error.line(), column: error.column() })?;
    record.credential(shop)
}

impl Record {
    fn of(row: &Credential) -> Self {
        let (tokens, lease, attempt) = (&row.tokens, row.lease.as_ref(), row.attempt.as_ref());
        let trouble = row.trouble.as_ref();
        Self {
            shop: Some(row.shop.clone()),
            access_token: shown(tokens.access_sealed.as_ref()),
            refresh_token: shown(tokens.refresh_sealed.as_ref()),
            access_token_expires_at: Some(tokens.access_ends_at.timestamp_millis()),
            refresh_token_expires_at: millis(tokens.refresh_ends_at),
            prev_refresh_token: shown(row.previous_refresh_sealed.as_ref()),
            kid: (tokens.key_id != NO_KEY).then(|| tokens.key_id.clone()),
            version: Some(row.version),
            fence: Some(row.fence),
            state: Some(row.condition.as_str().to_owned()),
            obtained_at: Some(tokens.obtained_at.timestamp_millis()),
            grant_at: Some(row.granted_at.timestamp_millis()),
            not_before: millis(row.not_before),
            lease_owner: lease.map(|lease| lease.owner.clone()),
            lease_until: millis(lease.map(|lease| lease.until)),
            attempt_id: attempt.map(|attempt| attempt.id.clone()),
            attempt_rt_hash: attempt.map(|attempt| attempt.refresh_hash.clone()),
            attempt_at: millis(attempt.map(|attempt| attempt.at)),
            instance_id: row.place.clone(),
            last_error_class: trouble.map(|trouble| trouble.class.clone()),
            last_error: trouble.map(|trouble| trouble.message.clone()),
        }
    }

    fn credential(self, shop: &str) -> Result<Credential, RecordError> {
        let key_id = self.kid.unwrap_or_default();
        let stored = |token: Option<String>| {
            let token = token.filter(|token| !token.is_empty())?;
            Some(if key_id == NO_KEY { seal::unsealed(&token) } else { token })
        };
        let (access_sealed, refresh_sealed) = (stored(self.access_token), stored(self.refresh_token));
        if access_sealed.is_none() && refresh_sealed.is_none() {
            return Err(RecordError::NoToken);
        }
        let previous_refresh_sealed = stored(self.prev_refresh_token);
        let condition = match self.state.as_deref() {
            None => Condition::Active,
            Some(word) => Condition::parse(word).ok_or(RecordError::Unknown { field: "state" })?,
        };
        // The beginning of time, where nothing was reported, counts as long over.
        let obtained_at = moment(self.obtained_at, "obtained_at")?.unwrap_or(DateTime::UNIX_EPOCH);
        let lease_until = moment(self.lease_until, "lease_until")?;
        let attempt_at = moment(self.attempt_at, "attempt_at")?;
        Ok(Credential {
            shop: self.shop.unwrap_or_else(|| shop.to_owned()),
            version: counter(self.version, "version")?,
            fence: counter(self.fence, "fence")?,
            condition,
            tokens: SealedTokens {
                access_sealed,
                access_ends_at: moment(self.access_token_expires_at, "access_token_expires_at")?
                    .unwrap_or(obtained_at),
                refresh_sealed,
                refresh_ends_at: moment(self.refresh_token_expires_at, "refresh_token_expires_at")?,
                key_id,
                obtained_at,
            },
            granted_at: moment(self.grant_at, "grant_at")?.unwrap_or(obtained_at),
            previous_refresh_sealed,
            not_before: moment(self.not_before, "not_before")?,
            lease: self.lease_owner.zip(lease_until).map(|(owner, until)| RefreshLease { owner, until }),
            place: self.instance_id,
            is_copied: false,
            attempt: self
                .attempt_id
                .zip(self.attempt_rt_hash)
                .zip(attempt_at)
                .map(|((id, refresh_hash), at)| Attempt { id, refresh_hash, at }),
            trouble: self
                .last_error_class
                .map(|class| Trouble { class, message: self.last_error.unwrap_or_default() }),
        })
    }
}

/// A number that is only ever counted up, one at a time.
fn counter(number: Option<i64>, field: &'static str) -> Result<i64, RecordError> {
    let number = number.unwrap_or(FIRST);
    if number <= COUNTER_MAX { Ok(number) } else { Err(RecordError::Unknown { field }) }
}

/// A token in clear stands for itself, as in a file of the SDK.
fn shown(text: Option<&String>) -> Option<String> {
    text.map(|text| seal::in_clear(text).unwrap_or(text).to_owned())
}

fn millis(at: Option<DateTime<Utc>>) -> Option<i64> {
    at.map(|at| at.timestamp_millis())
}

fn moment(millis: Option<i64>, field: &'static str) -> Result<Option<DateTime<Utc>>, RecordError> {
    let at = |millis| DateTime::from_timestamp_millis(millis).ok_or(RecordError::Unknown { field });
    Ok(millis.map(at).transpose()?.map(bounded))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::auth::expiry;
    use crate::auth::policy::Demand;
    use crate::auth::policy::tests::{credential, rules};

    /// Everything that is worked out of a grant's times.
    fn judge(row: &Credential, now: DateTime<Utc>) {
        let rules = rules();
        for demand in [Demand::Due, Demand::Now, Demand::Forced] {
            row.state(&rules, demand, now);
        }
        rules.ask_again_at(row.tokens.access_ends_at, now);
        row.next_pause(now);
        expiry::due_warning(row.tokens.access_ends_at, row.not_before, now);
        expiry::due_reminder(row.not_before, now);
    }

    #[test]
    fn a_grant_reads_back_as_it_was_written() {
        let at = credential().tokens.obtained_at + TimeDelta::milliseconds(123);
        let full = Credential {
            previous_refresh_sealed: Some("v1:main:p".to_owned()),
            not_before: Some(at),
            lease: Some(RefreshLease { owner: "host:1:2:3".to_owned(), until: at }),
            place: Some("file:1".to_owned()),
            attempt: Some(Attempt { id: "one".to_owned(), refresh_hash: "hash".to_owned(), at }),
            trouble: Some(Trouble { class: "throttled".to_owned(), message: "慢\n\"点\"".to_owned() }),
            ..credential()
        };
        let mut bare = credential();
        bare.tokens.refresh_sealed = None;
        for row in [full, bare] {
            assert_eq!(read("other", &write(&row)).unwrap(), row);
        }
    }

    #[test]
    fn a_file_of_the_python_sdk_is_a_grant_in_clear() {
        let text = r#"{"access_token": "a", "refresh_token": "r", "access_token_expires_at": 1764547200000,
            "refresh_token_expires_at": 1765152000000, "seller_id": "5a15", "seller_name": "店"}"#;
        let row = read("acme", text).unwrap();
        assert_eq!((row.shop.as_str(), row.version, row.condition), ("acme", 1, Condition::Active));
        assert_eq!(row.tokens.key_id, NO_KEY);
        assert_eq!(seal::in_clear(row.tokens.refresh_sealed.as_ref().unwrap()), Some("r"));
        assert_eq!(row.tokens.access_ends_at.timestamp_millis(), 1_764_547_200_000);

        let written: serde_json::Value = serde_json::from_str(&write(&row)).unwrap();
        for (field, expected) in [("access_token", "a"), ("refresh_token", "r")] {
            assert_eq!(written[field], expected, "{field}");
        }
        assert_eq!(written["refresh_token_expires_at"], 1_765_152_000_000_i64);
    }

    #[test]
    fn what_is_no_grant_is_refused_without_being_shown() {
        let whole = write(&credential());
        for end in 0..whole.trim_end().len() {
            assert!(read("acme", &whole[..end]).is_err(), "cut off at {end}");
        }
        for text in
            [r#"{"access_token":5,"s":"canary"}"#, r#"{"access_token":""}"#, "[\"canary\"]", "null", "canary"]
        {
            let error = read("acme", text).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let odd = r#"{"access_token":"a","state":"canary"}"#;
        assert_eq!(read("acme", odd), Err(RecordError::Unknown { field: "state" }));
        let far = r#"{"access_token":"a","obtained_at":9223372036854775807}"#;
        assert_eq!(read("acme", far), Err(RecordError::Unknown { field: "obtained_at" }));
    }

    proptest! {
        /// Whatever the numbers of a grant are, it is refused or judged.
        #[test]
        fn no_number_in_a_text_makes_it_or_its_judgement_panic(
            version: i64,
            fence: i64,
            moments in proptest::array::uniform7(prop_oneof![any::<i64>(), -8_334_601_228_800_000..8_210_266_876_799_999_i64]),
            states in proptest::sample::select(&Condition::ALL[..]),
        ) {
            let [obtained, ends, refresh_ends, not_before, lease, attempt, now] = moments;
            let text = format!(
                r#"{{"access_token":"a","refresh_token":"r","version":{version},"fence":{fence},"state":"{}",
                    "obtained_at":{obtained},"access_token_expires_at":{ends},"refresh_token_expires_at":{refresh_ends},
                    "not_before":{not_before},"lease_owner":"o","lease_until":{lease},
                    "attempt_id":"i","attempt_rt_hash":"h","attempt_at":{attempt}}}"#,
                states.as_str(),
            );
            let now = bounded(DateTime::from_timestamp_millis(now).unwrap_or_default());
            if let Ok(row) = read("acme", &text) {
                judge(&row, now);
                prop_assert!(row.version.checked_add(1).is_some() && row.fence.checked_add(1).is_some());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", json in r#"[{}\[\]",:a-z0-9_ ]{0,60}"#) {
            let _ = read("acme", &text);
            let _ = read("acme", &format!("{{{json}"));
        }
    }
}
