//! When people are notified that a grant is about to end. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// Days before the end at which the owner is reported.
const THRESHOLDS_DAYS: [i64; 5] = [30, 14, 7, 3, 1];

/// How often a grant that is dead is reported of again.
const REMINDER_EVERY: TimeDelta = TimeDelta::days(1);

/// A mark further in the future than this was made by a clock that was wrong, and counts for nothing.
const CLOCK_STEP_MAX: TimeDelta = TimeDelta::days(1);

/// Whether a warning is due now for something that ends at `end`; the days left, rounded up. Once for each
/// threshold, as long as the moment of the warning is kept; several that passed together are one.
pub fn due_warning(
    end: DateTime<Utc>,
    last_warned_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<i64> {
    if end <= now {
        return None;
    }
    let thresholds = THRESHOLDS_DAYS.into_iter().map(|days| end - TimeDelta::days(days));
    let latest = thresholds.filter(|at| *at <= now).max()?;
    let is_reported = believable(last_warned_at, now).is_some_and(|warned_at| latest <= warned_at);
    let day_ms = TimeDelta::days(1).num_milliseconds();
    (!is_reported).then(|| ((end - now).num_milliseconds() + day_ms - 1) / day_ms)
}

/// Whether a reminder is due now for a grant that is dead.
pub fn due_reminder(last_warned_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    believable(last_warned_at, now).is_none_or(|warned_at| warned_at + REMINDER_EVERY <= now)
}

/// Whether something that is done once in each period of `every` is due. A period begins `offset` after the round
/// moment, so that not everything that has one begins at once.
pub fn due_in_period(
    last_at: Option<DateTime<Utc>>,
    every: TimeDelta,
    offset: TimeDelta,
    now: DateTime<Utc>,
) -> bool {
    let into_ms = (now - offset).timestamp_millis().rem_euclid(every.num_milliseconds().max(1));
    let begun_at = now - TimeDelta::milliseconds(into_ms);
    believable(last_at, now).is_none_or(|last_at| last_at < begun_at)
}

fn believable(mark: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    mark.filter(|at| *at <= now + CLOCK_STEP_MAX)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn noon() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).unwrap()
    }

    /// Looks at these moments, one after the other, and returns the days of the warnings. `None`: a new authorisation
    /// that lasts as long as the first did.
    fn warned(mut end: DateTime<Utc>, looks: impl IntoIterator<Item = Option<DateTime<Utc>>>) -> Vec<i64> {
        let (mut days_warned, mut warned_at, mut last) = (Vec::new(), None, noon());
        let life = end - noon();
        for look in looks {
            let Some(now) = look else {
                (end, warned_at) = (last + life, None);
                continue;
            };
            last = now;
            if let Some(days) = due_warning(end, warned_at, now) {
                days_warned.push(days);
                warned_at = Some(now);
            }
        }
        days_warned
    }

    fn every_hour(days: i64) -> impl Iterator<Item = Option<DateTime<Utc>>> {
        (0..days * 24).map(|hour| Some(noon() + TimeDelta::hours(hour)))
    }

    #[test]
    fn each_threshold_is_reported_once() {
        let end = |days| noon() + TimeDelta::days(days);
        assert_eq!(warned(end(90), every_hour(100)), [30, 14, 7, 3, 1]);
        assert_eq!(warned(end(10), every_hour(100)), [10, 7, 3, 1], "a short life warns at once");
        assert_eq!(
            warned(end(90), (0..40).map(|day| Some(end(day * 12)))),
            [30, 6],
            "what passed unseen is one"
        );
        assert!(warned(end(90), []).is_empty());
    }

    #[test]
    fn a_new_authorisation_starts_over() {
        let first = every_hour(80);
        let second = (80 * 24..180 * 24).map(|hour| Some(noon() + TimeDelta::hours(hour)));
        let days = warned(noon() + TimeDelta::days(90), first.chain([None]).chain(second));
        assert_eq!(days, [30, 14, 30, 14, 7, 3, 1]);
    }

    #[test]
    fn a_mark_of_a_clock_that_was_a_year_ahead_silences_nothing() {
        let end = noon() + TimeDelta::days(5);
        assert_eq!(due_warning(end, Some(noon() + TimeDelta::days(365)), noon()), Some(5));
        assert!(due_reminder(Some(noon() + TimeDelta::days(365)), noon()));
        assert!(due_in_period(
            Some(noon() + TimeDelta::days(365)),
            TimeDelta::days(1),
            TimeDelta::zero(),
            noon()
        ));
    }

    #[test]
    fn a_dead_grant_is_reported_once_a_day() {
        for (hours_ago, expected) in [(0, false), (23, false), (24, true), (100, true), (-1, false)] {
            let warned_at = noon() - TimeDelta::hours(hours_ago);
            assert_eq!(due_reminder(Some(warned_at), noon()), expected, "{hours_ago}");
        }
        assert!(due_reminder(None, noon()));
    }

    #[test]
    fn a_period_begins_at_its_offset_and_is_due_once() {
        let day = TimeDelta::days(1);
        let midnight = noon() + TimeDelta::hours(12);
        for (last, offset_minutes, now, expected) in [
            (None, 0, noon(), true),
            (Some(midnight - day), 0, midnight - TimeDelta::seconds(1), false),
            (Some(midnight - TimeDelta::seconds(1)), 0, midnight, true),
            (Some(midnight - TimeDelta::seconds(1)), 7, midnight, false),
            (Some(midnight - TimeDelta::seconds(1)), 7, midnight + TimeDelta::minutes(7), true),
            (Some(midnight + TimeDelta::minutes(7)), 7, midnight + TimeDelta::hours(23), false),
        ] {
            let due = due_in_period(last, day, TimeDelta::minutes(offset_minutes), now);
            assert_eq!(due, expected, "{last:?} {offset_minutes} {now}");
        }
    }

    proptest! {
        /// The clock is an hour wrong, one way or the other, for as long as it likes.
        #[test]
        fn a_clock_that_steps_by_an_hour_repeats_and_skips_nothing(
            steps in prop::collection::vec(-60_i64..=60, 95 * 8),
        ) {
            let end = noon() + TimeDelta::days(90);
            let looks = steps.into_iter().enumerate().map(|(index, minutes)| {
                let hour = 3 * i64::try_from(index).unwrap();
                Some(noon() + TimeDelta::hours(hour) + TimeDelta::minutes(minutes))
            });
            let days = warned(end, looks);
            prop_assert_eq!(days, [30, 14, 7, 3, 1]);
        }
    }
}
