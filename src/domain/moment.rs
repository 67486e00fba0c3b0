//! Moments: kept within bounds, and written for people.

use chrono::{DateTime, Utc};

/// 0001-01-01 and 9999-12-31, in seconds since 1970: the years that both databases write with four digits.
const EARLIEST_SECONDS: i64 = -62_135_596_800;
const LATEST_SECONDS: i64 = 253_402_214_400;

/// The nearest moment with room for arithmetic on both sides: one that a database or a file gives may be near the end of
/// what the type can hold, and would overflow as soon as a pause or a margin is added to it.
pub fn bounded(at: DateTime<Utc>) -> DateTime<Utc> {
    let bound = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    at.clamp(bound(EARLIEST_SECONDS), bound(LATEST_SECONDS))
}

/// To the day, in UTC: `2026-12-01`.
pub fn to_day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// To the minute, in UTC: `2026-12-01 08:30`.
pub fn to_minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// To the second, in UTC: `2026-12-01 08:30:15`.
pub fn to_second(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// To the minute and without the year, in UTC, for wide tables: `12-01 08:30`.
pub fn to_minute_of_year(at: DateTime<Utc>) -> String {
    at.format("%m-%d %H:%M").to_string()
}

/// The time of the day alone, in UTC: `08:30:15`.
pub fn to_second_of_day(at: DateTime<Utc>) -> String {
    at.format("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_bounded_moment_has_room_for_a_century_on_both_sides() {
        let century = TimeDelta::days(36_525);
        for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let near = bounded(at);
            assert!(near.checked_add_signed(century).is_some() && near.checked_sub_signed(century).is_some());
        }
        for text in ["0001-01-01T00:00:00Z", "2026-12-01T10:00:00.123Z", "9999-12-31T00:00:00Z"] {
            let at: DateTime<Utc> = text.parse().unwrap();
            assert_eq!(bounded(at), at, "{text}");
        }
    }
}
