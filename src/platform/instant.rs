//! Times as platforms write them: whole seconds or milliseconds since 1970, zero for "not yet".

use chrono::{DateTime, TimeDelta, Utc};

/// 2000-01-01 and 2100-01-01: outside of these a number is no time of an order, but a wrong unit or a default.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 946_684_800..4_102_444_800;
/// No refresh token lives longer; an end beyond is cut to it, so that none is taken for eternal.
const REFRESH_LIFE_MAX: TimeDelta = TimeDelta::days(400);

/// `None`: absent, zero, or no plausible time.
pub(super) fn from_seconds(seconds: Option<i64>) -> Option<DateTime<Utc>> {
    let seconds = seconds.filter(|seconds| PLAUSIBLE_SECONDS.contains(seconds))?;
    DateTime::from_timestamp(seconds, 0)
}

/// `None`: absent, zero, or no plausible time.
pub(super) fn from_millis(millis: Option<i64>) -> Option<DateTime<Utc>> {
    let millis = millis.filter(|millis| PLAUSIBLE_SECONDS.contains(&millis.div_euclid(1000)))?;
    DateTime::from_timestamp_millis(millis)
}

/// The end of an access token granted at `now`: never further away than `life_max`; `None` when it is told to be
/// over already, which no fresh token is.
pub(super) fn access_end(
    end: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    life_max: TimeDelta,
) -> Option<DateTime<Utc>> {
    end.filter(|end| *end > now).map(|end| end.min(now + life_max))
}

/// The same for a refresh token.
pub(super) fn refresh_end(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    access_end(end, now, REFRESH_LIFE_MAX)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::{access_end, from_millis, from_seconds};

    #[test]
    fn a_time_is_plausible_or_none() {
        for (seconds, is_time) in [
            (None, false),
            (Some(0), false),
            (Some(1), false),
            (Some(-1_735_600_000), false),
            (Some(1_735_600_000), true),
            (Some(1_735_600_000_000), false),
            (Some(i64::MAX), false),
            (Some(i64::MIN), false),
        ] {
            assert_eq!(from_seconds(seconds).is_some(), is_time, "{seconds:?} s");
            let millis = seconds.map(|seconds| seconds.saturating_mul(1000));
            assert_eq!(from_millis(millis).is_some(), is_time, "{millis:?} ms");
        }
        assert_eq!(from_millis(Some(1_763_600_070_123)).unwrap().timestamp_subsec_millis(), 123);
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
}
