//! Times as platforms write them: seconds, milliseconds, microseconds or nanoseconds since 1970, distinguished by their
//! size; dates as text; zero for "not yet".

use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde::de::{Deserializer, Error, Visitor};

/// 2015-01-01 and 2100-01-01: what lies outside is no time of these platforms, but a default or a mistake.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 1_420_070_400..4_102_444_800;

/// How many of each unit make a second. The plausible ranges of no two of them overlap.
const UNITS: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

/// The zone of texts that name none: both platforms keep their books in Beijing.
const PLATFORM_ZONE_SECONDS: i32 = 8 * 3600;

/// No refresh token lives longer; an end beyond is cut to it, so that none is taken for eternal.
const REFRESH_LIFE_MAX: TimeDelta = TimeDelta::days(400);

/// Texts of a moment and its zone, and of a moment alone.
const ZONED: [&str; 3] = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y/%m/%d %H:%M:%S%.f%#z"];
const ZONELESS: [&str; 7] = [
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M",
    "%Y%m%d%H%M%S",
];
const DAYS: [&str; 2] = ["%Y-%m-%d", "%Y/%m/%d"];

/// What a platform wrote where a time belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireTime {
    At(DateTime<Utc>),
    /// Zero and below, or no plausible time.
    NotYet,
}

impl WireTime {
    pub(super) fn of_number(number: i64) -> Self {
        from_number(number).map_or(Self::NotYet, Self::At)
    }

    /// What is smaller than the unit is cut off.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what 64 bits cannot hold is no time, and is cut to their bounds"
    )]
    fn of_double(number: f64) -> Self {
        Self::of_number(number as i64)
    }

    /// `None`: the text is no time at all.
    pub fn of_text(text: &str) -> Option<Self> {
        let text = text.trim();
        // `0000-00-00 00:00:00` is a database's "not yet".
        if text.chars().all(|char| "0-/:. TZ".contains(char)) {
            return Some(Self::NotYet);
        }
        if let Ok(number) = text.parse::<i64>() {
            let written = || moment(text).filter(|at| is_plausible(*at)).map(Self::At);
            return match Self::of_number(number) {
                Self::NotYet => Some(written().unwrap_or(Self::NotYet)),
                time @ Self::At(_) => Some(time),
            };
        }
        if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
            return Some(Self::of_double(number));
        }
        let at = moment(text)?;
        Some(if is_plausible(at) { Self::At(at) } else { Self::NotYet })
    }
}

/// A time in any unit or as a date. `None`: null. See [`WireTime`] for the rest.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<WireTime>, D::Error> {
    deserializer.deserialize_any(TimeVisitor)
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Option<WireTime>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(WireTime::of_number(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(i64::try_from(number).map_or(WireTime::NotYet, WireTime::of_number)))
    }

    /// Fractions of the unit that the number is in, such as seconds with milliseconds behind the point.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(WireTime::of_double(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        WireTime::of_text(text).map(Some).ok_or_else(|| E::custom("expected a time, found other text"))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// The moment that was given. `None`: nothing, "not yet", or no plausible time.
pub fn at(time: Option<WireTime>) -> Option<DateTime<Utc>> {
    match time {
        Some(WireTime::At(at)) => Some(at),
        Some(WireTime::NotYet) | None => None,
    }
}

/// `None`: zero, or no plausible time in any unit.
fn from_number(number: i64) -> Option<DateTime<Utc>> {
    let per_second = UNITS.into_iter().find(|unit| PLAUSIBLE_SECONDS.contains(&(number / unit)))?;
    let (seconds, rest) = (number / per_second, number % per_second);
    let nanos = u32::try_from(rest * (1_000_000_000 / per_second)).ok()?;
    DateTime::from_timestamp(seconds, nanos)
}

/// Whether it is a time of these platforms at all.
pub fn is_plausible(at: DateTime<Utc>) -> bool {
    PLAUSIBLE_SECONDS.contains(&at.timestamp())
}

/// The moment a text names.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text)
        .ok()
        .or_else(|| ZONED.iter().find_map(|format| DateTime::parse_from_str(text, format).ok()))
        .or_else(|| DateTime::parse_from_rfc2822(text).ok());
    if let Some(at) = zoned {
        return Some(at.to_utc());
    }
    let day = |format: &&str| NaiveDate::parse_from_str(text, format).ok()?.and_hms_opt(0, 0, 0);
    let local = ZONELESS
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| DAYS.iter().find_map(day))?;
    let at = local.and_local_timezone(FixedOffset::east_opt(PLATFORM_ZONE_SECONDS)?).single()?;
    Some(at.to_utc())
}

/// The end of an access token granted at `now`: never further away than `life_max`; `None` when it is said to be
/// over already, which no fresh token is.
pub fn access_end(
    end: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    life_max: TimeDelta,
) -> Option<DateTime<Utc>> {
    end.filter(|end| *end > now).map(|end| end.min(now + life_max))
}

/// The same for a refresh token.
pub fn refresh_end(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    access_end(end, now, REFRESH_LIFE_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECONDS: i64 = 1_763_600_070;

    #[test]
    fn the_unit_of_a_number_is_recognised_by_its_size() {
        for (number, seconds, nanos) in [
            (SECONDS, SECONDS, 0),
            (1_763_600_070_123, SECONDS, 123_000_000),
            (1_763_600_070_123_456, SECONDS, 123_456_000),
            (1_763_600_070_123_456_789, SECONDS, 123_456_789),
            (1_420_070_400, 1_420_070_400, 0),
            (4_102_444_799_999, 4_102_444_799, 999_000_000),
        ] {
            let at = from_number(number).unwrap();
            assert_eq!((at.timestamp(), at.timestamp_subsec_nanos()), (seconds, nanos), "{number}");
            assert_eq!(WireTime::of_text(&number.to_string()), Some(WireTime::At(at)), "{number}");
        }
        for number in [
            0,
            1,
            -1,
            -SECONDS,
            1_420_070_399,
            4_102_444_800,
            1_420_070_399_999,
            4_102_444_800_000,
            946_684_800,
            20_261_101,
            i64::MAX,
            i64::MIN,
        ] {
            assert_eq!(from_number(number), None, "{number}");
            assert_eq!(WireTime::of_text(&number.to_string()), Some(WireTime::NotYet), "{number}");
        }
    }

    #[test]
    fn a_text_without_a_zone_is_in_the_platforms_zone() {
        for text in [
            "2025-11-20T00:54:30Z",
            "1763600070.9",
            "2025-11-20t00:54:30z",
            "2025-11-20T00:54:30.000+00:00",
            "2025-11-20T08:54:30+08:00",
            "2025-11-20 08:54:30+0800",
            "2025-11-20 08:54:30 +08:00",
            "2025-11-20T08:54:30",
            "2025-11-20 08:54:30",
            " 2025-11-20 08:54:30.000 ",
            "2025/11/20 08:54:30",
            "20251120085430",
            "Thu, 20 Nov 2025 00:54:30 GMT",
        ] {
            let time = WireTime::of_text(text);
            assert_eq!(at(time).map(|at| at.timestamp()), Some(SECONDS), "{text}");
        }
        let midnight = DateTime::parse_from_rfc3339("2025-11-20T00:00:00+08:00").unwrap().to_utc();
        assert_eq!(WireTime::of_text("2025-11-20"), Some(WireTime::At(midnight)));
        assert_eq!(WireTime::of_text("2025-11-20 00:00"), Some(WireTime::At(midnight)));
        for text in ["soon", "NaN", "inf", "2025-13-01", "2025-11-20 25:00:00", "--1"] {
            assert_eq!(WireTime::of_text(text), None, "{text}");
        }
        for text in [
            "",
            "-",
            "1e9",
            "1e300",
            "-0.5",
            "0000-00-00 00:00:00",
            "1970-01-01 08:00:00",
            "1970-01-01T00:00:00Z",
            "2014-12-31",
            "9999-12-31 23:59:59",
        ] {
            assert_eq!(WireTime::of_text(text), Some(WireTime::NotYet), "{text}");
        }
    }

    #[test]
    fn no_token_is_eternal_or_already_over() {
        let now = DateTime::from_timestamp(1_735_600_000, 0).unwrap();
        let (day, week) = (TimeDelta::days(1), TimeDelta::days(7));
        for (end, expected) in [
            (Some(now + day), Some(now + day)),
            (Some(now + week * 100), Some(now + week)),
            (Some(now), None),
            (Some(now - day), None),
            (None, None),
        ] {
            assert_eq!(access_end(end, now, week), expected, "{end:?}");
        }
    }

    proptest! {
        #[test]
        fn no_number_and_no_text_makes_it_fail(number: i64, text in "[0-9TZ:. +/-]{0,30}|.{0,20}") {
            for time in [Some(WireTime::of_number(number)), WireTime::of_text(&text)] {
                prop_assert!(at(time).is_none_or(is_plausible), "{} {}", number, text);
            }
        }
    }
}
