//! Slots where clocks change: New York, Berlin and Lord Howe, forwards and back.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{America::New_York as NEW_YORK, Australia::Lord_Howe as LORD_HOWE, Europe::Berlin as BERLIN};
use shopsync::jobs::scheduler::cron::Schedule;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn slots(schedule: &Schedule, after: &str, count: usize) -> Vec<DateTime<Utc>> {
    std::iter::successors(schedule.next_slot(at(after)), |slot| schedule.next_slot(*slot))
        .take(count)
        .collect()
}

#[test]
fn a_daily_time_inside_the_gap_comes_at_the_end_of_the_gap() {
    for (zone, pattern, day_before, expected) in [
        // 02:00 becomes 03:00.
        (NEW_YORK, "0 30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z"),
        (BERLIN, "0 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        // 02:00 becomes 02:30, so that 02:30 exists and 02:15 does not.
        (LORD_HOWE, "0 30 2 * * *", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"),
        (LORD_HOWE, "0 15 2 * * *", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"),
    ] {
        let schedule = Schedule::cron(pattern, zone).unwrap();
        let found = slots(&schedule, day_before, 2);
        assert_eq!(found[0], at(expected), "{pattern} in {zone}");
        let day = found[1] - found[0];
        assert!(
            day > TimeDelta::hours(22) && day < TimeDelta::hours(25),
            "once that day: {day} to the next, {pattern} in {zone}"
        );
    }
}

#[test]
fn a_daily_time_that_comes_twice_fires_the_first_time_only() {
    for (zone, pattern, day_before, expected) in [
        (NEW_YORK, "0 30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00Z"),
        (BERLIN, "0 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
        // Half an hour comes twice: 01:30 to 02:00.
        (LORD_HOWE, "0 45 1 * * *", "2026-04-04T12:00:00Z", "2026-04-04T14:45:00Z"),
    ] {
        let schedule = Schedule::cron(pattern, zone).unwrap();
        let found = slots(&schedule, day_before, 2);
        assert_eq!(found[0], at(expected), "{pattern} in {zone}");
        assert!(found[1] - found[0] > TimeDelta::hours(24), "{pattern} in {zone} again at {}", found[1]);
    }
}

#[test]
fn a_daily_time_keeps_its_hour_on_the_wall_over_both_changes() {
    for (zone, pattern, after, expected) in [
        (NEW_YORK, "0 0 8 * * *", "2026-03-07T00:00:00Z", ["2026-03-07T13:00:00Z", "2026-03-08T12:00:00Z"]),
        (NEW_YORK, "0 0 8 * * *", "2026-10-31T00:00:00Z", ["2026-10-31T12:00:00Z", "2026-11-01T13:00:00Z"]),
        (BERLIN, "0 0 8 * * *", "2026-03-28T00:00:00Z", ["2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"]),
        (BERLIN, "0 0 8 * * *", "2026-10-24T00:00:00Z", ["2026-10-24T06:00:00Z", "2026-10-25T07:00:00Z"]),
        (LORD_HOWE, "0 0 8 * * *", "2026-04-03T00:00:00Z", ["2026-04-03T21:00:00Z", "2026-04-04T21:30:00Z"]),
        (LORD_HOWE, "0 0 8 * * *", "2026-10-02T00:00:00Z", ["2026-10-02T21:30:00Z", "2026-10-03T21:00:00Z"]),
        (BERLIN, "0 30 2 * * *", "2026-10-25T12:00:00Z", ["2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"]),
    ] {
        let schedule = Schedule::cron(pattern, zone).unwrap();
        assert_eq!(slots(&schedule, after, 2), expected.map(at), "{pattern} in {zone}");
    }
}

#[test]
fn every_five_minutes_stays_five_minutes_over_both_changes() {
    for (zone, change) in [
        (NEW_YORK, "2026-03-08T07:00:00Z"),
        (NEW_YORK, "2026-11-01T06:00:00Z"),
        (BERLIN, "2026-03-29T01:00:00Z"),
        (BERLIN, "2026-10-25T01:00:00Z"),
        (LORD_HOWE, "2026-04-04T15:00:00Z"),
        (LORD_HOWE, "2026-10-03T15:30:00Z"),
    ] {
        let by_cron = Schedule::cron("0 */5 * * * *", zone).unwrap();
        let by_interval = Schedule::every(Duration::from_mins(5)).unwrap();
        let three_hours_before = (at(change) - TimeDelta::hours(3)).to_rfc3339();
        let found = slots(&by_cron, &three_hours_before, 72);
        assert!(
            found.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::minutes(5)),
            "{zone} around {change}: {found:?}"
        );
        assert_eq!(found, slots(&by_interval, &three_hours_before, 72), "{zone} around {change}");
    }
}

#[test]
fn a_pattern_of_several_times_follows_the_clock_on_the_wall() {
    let schedule = Schedule::cron("0 0,30 2 * * *", BERLIN).unwrap();
    assert_eq!(
        slots(&schedule, "2026-10-24T12:00:00Z", 5),
        [
            "2026-10-25T00:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-26T01:00:00Z",
        ]
        .map(at),
        "twice in the repeated hour"
    );
    assert_eq!(
        slots(&schedule, "2026-03-28T12:00:00Z", 1),
        ["2026-03-30T00:00:00Z"].map(at),
        "nothing in the gap"
    );
}
