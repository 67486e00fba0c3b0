//! Whether a record is further behind than it should be: one judgement for alarms and for the page.

use chrono::{DateTime, TimeDelta, Utc};

use super::scheduler::schedule;
use crate::app::App;
use crate::domain::record::Record;
use crate::domain::shop::Shop;

/// How far behind is too far, and what reading a moment takes.
#[derive(Clone, Copy, Debug)]
pub struct LagRules {
    pub lag_limit: TimeDelta,
    pub settle: TimeDelta,
}

/// Whether a shop's record, stored until a moment, is late by the jobs and limits of the config.
pub fn is_record_late(app: &App, shop: &Shop, record: Record, stored_until: DateTime<Utc>) -> bool {
    let rules = LagRules { lag_limit: lag_limit(app), settle: app.policy.settle };
    let next_slot = |after| schedule::next_run(app.config(), shop, record, after);
    is_late(stored_until, rules, next_slot, app.clock.now())
}

/// How far behind a record may be.
pub fn lag_limit(app: &App) -> TimeDelta {
    TimeDelta::from_std(app.config().notify.lag_limit).unwrap_or(TimeDelta::MAX)
}

/// Whether what is stored ends longer ago than `lag_limit`, and a slot that should have brought more has passed: a job that
/// comes once an hour, or not at night, is as far behind as it was asked to be. `next_slot`: the first one after a moment.
pub fn is_late(
    stored_until: DateTime<Utc>,
    rules: LagRules,
    next_slot: impl Fn(DateTime<Utc>) -> Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> bool {
    if now - stored_until <= rules.lag_limit {
        return false;
    }
    // The slot that brought what is stored began `settle` after its end, give or take jitter and clocks that differ.
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
