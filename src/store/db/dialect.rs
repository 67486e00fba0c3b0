//! The two ways a value is written. Reading needs none of this: the driver reads both.

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Postgres,
    Sqlite,
}

impl Dialect {
    /// A moment, to whole milliseconds. SQLite compares instants as text, so all of them must have the one form
    /// of 23 characters, which sea-orm's own binding does not write.
    pub fn instant(self, at: DateTime<Utc>) -> Value {
        self.instant_or_null(Some(at))
    }

    pub fn instant_or_null(self, at: Option<DateTime<Utc>>) -> Value {
        let at = at.map(|at| at.clamp(EARLIEST, LATEST).trunc_subsecs(3));
        match self {
            Self::Postgres => Value::ChronoDateTimeUtc(at),
            Self::Sqlite => Value::String(at.map(|at| at.format("%Y-%m-%d %H:%M:%S%.3f").to_string())),
        }
    }
}

/// Years have four digits.
const EARLIEST: DateTime<Utc> =
    DateTime::from_timestamp(-62_135_596_800, 0).expect("the first day of year 1");
const LATEST: DateTime<Utc> =
    DateTime::from_timestamp(253_402_300_799, 999_000_000).expect("the last moment of year 9999");

/// Text without NUL, which Postgres refuses. The border removes it from answers; this is the second lock.
pub fn text(text: &str) -> Value {
    Value::String(Some(text.replace('\0', "")))
}

pub fn text_or_null(text: Option<&str>) -> Value {
    Value::String(text.map(|text| text.replace('\0', "")))
}

/// Counts are never near the end of their type; a larger one is cut to it.
pub fn count(count: u64) -> Value {
    Value::BigInt(Some(i64::try_from(count).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite_text(at: DateTime<Utc>) -> String {
        match Dialect::Sqlite.instant(at) {
            Value::String(Some(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_instant_is_23_characters_in_sqlite_whatever_it_is() {
        let ms = |ms| DateTime::from_timestamp_millis(ms).unwrap();
        assert_eq!(sqlite_text(ms(0)), "1970-01-01 00:00:00.000");
        assert_eq!(sqlite_text(ms(1_795_225_504_007)), "2026-11-21 01:45:04.007");
        for extreme in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC, ms(-1)] {
            assert_eq!(sqlite_text(extreme).len(), 23, "{extreme}");
        }
    }

    #[test]
    fn microseconds_are_cut_and_not_rounded_alike_in_both() {
        let at = DateTime::from_timestamp_nanos(1_999_999_999);
        assert_eq!(sqlite_text(at), "1970-01-01 00:00:01.999");
        assert_eq!(
            Dialect::Postgres.instant(at),
            Value::ChronoDateTimeUtc(DateTime::from_timestamp_millis(1_999))
        );
    }

    #[test]
    fn text_never_holds_a_nul() {
        assert_eq!(text("a\0b"), Value::String(Some("ab".to_owned())));
    }
}
