//! Whether a record is too far behind: one rule for the alerts and for the status page.

use chrono::{DateTime, TimeDelta, Utc};

use super::scheduler::schedule;
use crate::app::App;
use crate::domain::record::Record;
use crate::domain::shop::Shop;

/// The limits for a late record.
#[derive(Clone, Copy, Debug)]
pub struct LagRules {
    /// How far behind a record may be.
    pub lag_limit: TimeDelta,
    /// How long after its end a window is read.
    pub settle: TimeDelta,
}

/// Whether a shop's record, stored until this time, is late by the jobs and limits of the config.
pub fn is_record_late(app: &App, shop: &Shop, record: Record, stored_until: DateTime<Utc>) -> bool {
    let rules = LagRules { lag_limit: lag_limit(app), settle: app.policy.settle };
    let next_slot = |after| schedule::next_run(app.config(), shop, record, after);
    is_late(stored_until, rules, next_slot, app.clock.now())
}

/// How far behind a record may be, by the config.
pub fn lag_limit(app: &App) -> TimeDelta {
    TimeDelta::from_std(app.config().notify.lag_limit).unwrap_or(TimeDelta::MAX)
}

/// Whether what is stored ends more than `lag_limit` ago, and a slot that should have brought more has passed. So a job that
/// runs once an hour, or not at night, is not late between its slots. `next_slot`: the first one after a time.
pub fn is_late(
    stored_until: DateTime<Utc>,
    rules: LagRules,
    next_slot: impl Fn(DateTime<Utc>) -> Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> bool {
    if now - stored_until <= rules.lag_limit {
        return false;
    }
    // The last successful slot started `settle` after the end of what is stored, plus jitter and the difference of clocks.
    let slot_over = stored_until + rules.settle + rules.lag_limit / 4;
    next_slot(slot_over).is_some_and(|missed| missed + rules.lag_limit / 2 <= now)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::jobs::scheduler::cron::Schedule;

    #[test]
    fn a_record_is_late_when_a_slot_brought_nothing() {
        let rules = LagRules { lag_limit: TimeDelta::minutes(30), settle: TimeDelta::minutes(1) };
        for (pattern, stored_until, now, expected) in [
            ("0 */5 * * * *", "09:59", "10:28", false),
            ("0 */5 * * * *", "09:59", "10:29", true),
            ("0 */20 * * * *", "09:59", "10:30", false),
            ("0 */20 * * * *", "09:59", "10:35", true),
            // Once an hour: the next slot is given half the limit.
            ("0 0 * * * *", "09:59", "11:14", false),
            ("0 0 * * * *", "09:59", "11:15", true),
            // A platform whose clock is three minutes behind ours.
            ("0 0 * * * *", "09:56", "10:59", false),
            // Nothing runs before eight.
            ("0 */5 8-18 * * *", "18:54", "23:59", false),
            ("0 */5 8-18 * * *", "00:10", "08:14", false),
            ("0 */5 8-18 * * *", "00:10", "08:15", true),
        ] {
            let schedule = Schedule::cron(pattern, Tz::UTC).unwrap();
            let at = |time: &str| format!("2026-11-21T{time}:00Z").parse::<DateTime<Utc>>().unwrap();
            let late = is_late(
                at(stored_until),
                rules,
                |after| schedule.next_slot(after),
                at(now) + TimeDelta::seconds(1),
            );
            assert_eq!(late, expected, "{pattern} {stored_until} {now}");
        }
        let unscheduled =
            is_late(DateTime::UNIX_EPOCH, rules, |_| None, DateTime::UNIX_EPOCH + TimeDelta::days(9));
        assert!(!unscheduled);
    }
}
