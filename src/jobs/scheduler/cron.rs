//! When a job is due: cron patterns in a time zone, and fixed intervals. Pure: the time is always an argument.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use sha2::{Digest, Sha256};

/// Shortest interval of [`Schedule::every`]. The ticker checks twice a second.
pub const EVERY_MIN: Duration = Duration::from_secs(1);

/// Longest interval of [`Schedule::every`]: a leap year.
pub const EVERY_MAX: Duration = Duration::from_hours(366 * 24);

/// The slots of a job: an endless series of strictly increasing times, the same after every restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Cron { cron: Box<Cron>, zone: Tz },
    Every { every_ms: i64 },
}

impl Schedule {
    /// Slots by a cron pattern of 6 fields (second, minute, hour, day of month, month, day of week) or 5 (at
    /// second 0), read in an IANA zone. A day must match day of month and day of week.
    ///
    /// When the clocks change: a pattern with one second, one minute and one hour fires once a day, at the end of the gap if its
    /// time is skipped, and the first time if its time comes twice. Any other pattern follows the local clock: nothing in
    /// the gap, twice in the repeated hour.
    pub fn cron(pattern: &str, zone: Tz) -> Result<Self, ScheduleError> {
        let six_fields = match pattern.split_whitespace().count() {
            5 => format!("0 {pattern}"),
            6 => pattern.to_owned(),
            found => return Err(ScheduleError::Fields { found }),
        };
        let cron = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Disallowed)
            .dom_and_dow(true)
            .build()
            .parse(&six_fields)
            .map_err(|source| ScheduleError::Pattern { pattern: pattern.to_owned(), source })?;
        let schedule = Self(Kind::Cron { cron: Box::new(cron), zone });
        match schedule.next_slot(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never { pattern: pattern.to_owned() }),
        }
    }

    /// Slots at the whole multiples of `every` since 1970, so that a restart does not shift them.
    pub fn every(every: Duration) -> Result<Self, ScheduleError> {
        if !(EVERY_MIN..=EVERY_MAX).contains(&every) {
            return Err(ScheduleError::Interval { every });
        }
        let every_ms = i64::try_from(every.as_millis()).map_err(|_| ScheduleError::Interval { every })?;
        Ok(Self(Kind::Every { every_ms }))
    }

    /// The first slot later than `after`. `None` only at the end of representable time.
    pub fn next_slot(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            Kind::Cron { cron, zone } => cron
                .find_next_occurrence(&after.with_timezone(zone), false)
                .ok()
                .map(|slot| slot.with_timezone(&Utc)),
            Kind::Every { every_ms } => {
                let since = after.timestamp_millis().div_euclid(*every_ms);
                let next_ms = since.checked_add(1)?.checked_mul(*every_ms)?;
                DateTime::from_timestamp_millis(next_ms)
            }
        }
    }

    /// Whether a slot passed between `last`, the slot or time of the last run, and `now`. One run catches up on all missed slots,
    /// because it reads everything since its cursor.
    ///
    /// `last` is `None` for a job that never ran: it has missed a slot.
    pub fn missed(&self, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        last.is_none_or(|last| self.next_slot(last).is_some_and(|slot| slot <= now))
    }
}

/// How long after its slots a job starts: less than `bound`, always the same for a name, and different between names, so that
/// jobs with the same pattern do not all call at the same second.
pub fn jitter(name: &str, bound: Duration) -> TimeDelta {
    let digest = Sha256::digest(name.as_bytes());
    let head = digest.iter().take(8).fold(0_u128, |head, byte| head << 8 | u128::from(*byte));
    let delay_ms = head.checked_rem(bound.as_millis()).unwrap_or(0);
    i64::try_from(delay_ms).ok().and_then(TimeDelta::try_milliseconds).unwrap_or(TimeDelta::zero())
}

/// Why a schedule is refused.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    #[error("a cron pattern has 6 fields (second minute hour day month weekday) or 5, not {found}")]
    Fields { found: usize },
    #[error("`{pattern}` is not a cron pattern")]
    Pattern {
        pattern: String,
        #[source]
        source: CronError,
    },
    #[error("`{pattern}` names a day that never comes")]
    Never { pattern: String },
    #[error("an interval is between 1 second and 366 days, not {every:?}")]
    Interval { every: Duration },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn five_fields_mean_second_zero() {
        let five = Schedule::cron("*/5 * * * *", Tz::UTC).unwrap();
        let six = Schedule::cron("0 */5 * * * *", Tz::UTC).unwrap();
        let now = at("2026-06-01T10:02:03.456Z");
        assert_eq!(five.next_slot(now), Some(at("2026-06-01T10:05:00Z")));
        assert_eq!(five.next_slot(now), six.next_slot(now));
    }

    #[test]
    fn a_day_must_match_month_day_and_weekday() {
        let friday_13th = Schedule::cron("0 0 12 13 * FRI", Tz::UTC).unwrap();
        assert_eq!(friday_13th.next_slot(at("2026-04-01T00:00:00Z")), Some(at("2026-11-13T12:00:00Z")));
    }

    #[test]
    fn cron_patterns_mean_what_the_docs_say() {
        for (pattern, expected) in [
            ("0 0 12 1,15 * *", "2026-06-15T12:00:00Z"),
            ("0 0 12 * * MON-FRI", "2026-06-08T12:00:00Z"),
            ("0 0 12 L * *", "2026-06-30T12:00:00Z"),
            ("0 0 12 * * 5L", "2026-06-26T12:00:00Z"),
            ("0 0 12 * * MON#1", "2026-07-06T12:00:00Z"),
        ] {
            let schedule = Schedule::cron(pattern, Tz::UTC).unwrap();
            let saturday = at("2026-06-06T13:00:00Z");
            assert_eq!(schedule.next_slot(saturday), Some(at(expected)), "{pattern}");
        }
    }

    #[test]
    fn the_next_slot_is_always_later_than_the_given_time() {
        for schedule in [
            Schedule::cron("* * * * * *", Tz::Asia__Shanghai).unwrap(),
            Schedule::every(Duration::from_secs(1)).unwrap(),
        ] {
            let slot = at("2026-06-01T10:00:00Z");
            assert_eq!(schedule.next_slot(slot), Some(slot + TimeDelta::seconds(1)));
            assert_eq!(schedule.next_slot(slot - TimeDelta::milliseconds(1)), Some(slot));
        }
    }

    #[test]
    fn an_interval_counts_from_the_epoch_and_not_from_the_start() {
        let schedule = Schedule::every(Duration::from_mins(30)).unwrap();
        for start in ["2026-06-01T10:00:00Z", "2026-06-01T10:17:31.250Z", "2026-06-01T10:29:59.999Z"] {
            assert_eq!(schedule.next_slot(at(start)), Some(at("2026-06-01T10:30:00Z")), "{start}");
        }
        assert_eq!(
            schedule.next_slot(at("1969-12-31T23:45:00Z")),
            Some(DateTime::UNIX_EPOCH),
            "times before 1970 round the same way"
        );
    }

    #[test]
    fn an_invalid_schedule_is_refused_with_its_reason() {
        let refused = |pattern| Schedule::cron(pattern, Tz::UTC).unwrap_err();
        assert!(matches!(refused("* * * *"), ScheduleError::Fields { found: 4 }));
        assert!(matches!(refused("0 0 0 1 1 * 2026"), ScheduleError::Fields { found: 7 }));
        assert!(matches!(refused(""), ScheduleError::Fields { found: 0 }));
        assert!(matches!(refused("0 61 * * * *"), ScheduleError::Pattern { .. }));
        assert!(matches!(refused("0 0 0 30 2 *"), ScheduleError::Never { .. }));
        for every in [Duration::ZERO, Duration::from_millis(999), EVERY_MAX + EVERY_MIN, Duration::MAX] {
            assert!(matches!(Schedule::every(every), Err(ScheduleError::Interval { .. })), "{every:?}");
        }
    }

    #[test]
    fn downtime_is_missed_once_a_slot_has_passed() {
        let schedule = Schedule::cron("0 0 * * * *", Tz::UTC).unwrap();
        let last = at("2026-06-01T10:00:00Z");
        assert!(!schedule.missed(Some(last), at("2026-06-01T10:59:59Z")));
        assert!(schedule.missed(Some(last), at("2026-06-01T11:00:00Z")));
        assert!(schedule.missed(Some(last), at("2026-06-03T11:00:00Z")));
        assert!(!schedule.missed(Some(last), at("2026-06-01T09:00:00Z")), "a clock set back");
        assert!(schedule.missed(None, last), "a job that never ran");
    }

    #[test]
    fn jitter_is_fixed_for_a_name_and_below_its_bound() {
        let bound = Duration::from_mins(1);
        assert_eq!(jitter("orders", Duration::ZERO), TimeDelta::zero());
        assert_eq!(jitter("orders", bound), jitter("orders", bound));
        assert_eq!(
            jitter("orders", bound),
            TimeDelta::milliseconds(ORDERS_JITTER_MS),
            "the same in every version"
        );
        let delays: Vec<_> = (0..100).map(|job| jitter(&format!("job{job}"), bound)).collect();
        assert!(delays.iter().all(|delay| (TimeDelta::zero()..TimeDelta::seconds(60)).contains(delay)));
        let early = delays.iter().filter(|delay| **delay < TimeDelta::seconds(30)).count();
        assert!((25..=75).contains(&early), "{early} of 100 in the first half");
    }

    /// `echo -n orders | sha256sum`, its first eight bytes modulo 60,000.
    const ORDERS_JITTER_MS: i64 = 12_388;

    const ZONES: [Tz; 5] =
        [Tz::UTC, Tz::America__New_York, Tz::Europe__Berlin, Tz::Australia__Lord_Howe, Tz::Asia__Shanghai];

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let pattern = prop_oneof![
            (0..60u32, 0..60u32, 0..24u32).prop_map(|(s, m, h)| format!("{s} {m} {h} * * *")),
            (0..60u32, 1..31u32).prop_map(|(s, step)| format!("{s} */{step} * * * *")),
            (0..60u32, 1..13u32).prop_map(|(m, step)| format!("0 {m} */{step} * * *")),
            (0..60u32, 0..22u32).prop_map(|(m, h)| format!("30 {m} {h}-{} * * *", h + 2)),
            (0..60u32, 0..24u32).prop_map(|(m, h)| format!("0 {m} {h} * * SUN")),
        ];
        prop_oneof![
            (pattern, proptest::sample::select(&ZONES))
                .prop_map(|(p, zone)| Schedule::cron(&p, zone).unwrap()),
            (1_000u64..90_000_000).prop_map(|ms| Schedule::every(Duration::from_millis(ms)).unwrap()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn slots_increase_and_none_is_skipped_or_in_the_past(
            schedule in any_schedule(),
            // Any second of 2026 to 2028, or close to one of the changes of clocks in 2026.
            from_ms in prop_oneof![
                1_767_225_600_000i64..1_861_920_000_000,
                (proptest::sample::select(&CHANGES), -7_200_000i64..7_200_000).prop_map(|(at, by)| at * 1_000 + by),
            ],
            probe_ms in 0i64..7_200_000,
        ) {
            let from = DateTime::from_timestamp_millis(from_ms).unwrap();
            let mut before = from;
            for _ in 0..20 {
                let slot = schedule.next_slot(before).unwrap();
                prop_assert!(slot > before, "{slot} after {before}");
                // A time between two slots has the later one as its next: no slot is skipped.
                let probe = (before + TimeDelta::milliseconds(probe_ms)).min(slot - TimeDelta::milliseconds(1));
                prop_assert_eq!(schedule.next_slot(probe).unwrap(), slot, "from {}", probe);
                before = slot;
            }
        }
    }

    /// When the clocks change in 2026, in seconds since 1970: New York, Berlin, Lord Howe.
    const CHANGES: [i64; 6] =
        [1_772_953_200, 1_793_512_800, 1_774_746_000, 1_792_890_000, 1_775_314_800, 1_791_041_400];
}
