//! When something that could not be read is requested again.

use chrono::{DateTime, TimeDelta, Utc};

/// The pause after the first failure, the second, and so on: with the next run, then in 10 minutes, then in an hour,
/// from then on daily.
const PAUSES: [TimeDelta; 4] =
    [TimeDelta::zero(), TimeDelta::minutes(10), TimeDelta::hours(1), TimeDelta::days(1)];

/// No pause is longer.
pub const PAUSE_MAX: TimeDelta = PAUSES[PAUSES.len() - 1];

/// The moment from which it is requested again, after this many failures in a row.
pub fn next_try(failures: i64, now: DateTime<Utc>) -> DateTime<Utc> {
    let longest = PAUSES.len() - 1;
    let step = usize::try_from(failures.saturating_sub(1)).unwrap_or(0).min(longest);
    now + PAUSES[step]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_requested_with_the_next_run_then_after_10_minutes_an_hour_and_daily() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (failures, minutes) in
            [(i64::MIN, 0), (0, 0), (1, 0), (2, 10), (3, 60), (4, 1440), (5, 1440), (i64::MAX, 1440)]
        {
            assert_eq!(next_try(failures, now) - now, TimeDelta::minutes(minutes), "{failures}");
        }
    }
}
