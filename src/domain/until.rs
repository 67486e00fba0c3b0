//! Moments to come that were written down: until when something rests, is claimed, or is held.
//!
//! A clock that was ahead for a while leaves moments behind that are far away once it is right again. So each of them is
//! believed only within the longest life that it can have been given.

use chrono::{DateTime, TimeDelta, Utc};

/// Clocks of two machines differ by less than this.
pub const CLOCK_GRACE: TimeDelta = TimeDelta::seconds(5);

/// `until`, while what it limits still lasts. `None`: it is over, or it lies further ahead than `life_max`: then it was
/// written by a clock that was ahead, and limits nothing.
pub fn lasting(until: DateTime<Utc>, life_max: TimeDelta, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (now < until && is_believable(until, life_max, now)).then_some(until)
}

/// Whether a clock that is right can have written `until`, over or not.
pub fn is_believable(until: DateTime<Utc>, life_max: TimeDelta, now: DateTime<Utc>) -> bool {
    until <= believable_max(life_max, now)
}

/// The last moment that is believed at `now`.
pub fn believable_max(life_max: TimeDelta, now: DateTime<Utc>) -> DateTime<Utc> {
    now + life_max + CLOCK_GRACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_limits_something_within_its_longest_life_and_no_further() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let life = TimeDelta::minutes(1);
        for (seconds, expected) in
            [(-1, false), (0, false), (1, true), (65, true), (66, false), (28_800, false)]
        {
            let until = now + TimeDelta::seconds(seconds);
            assert_eq!(lasting(until, life, now), expected.then_some(until), "{seconds}");
        }
    }
}
