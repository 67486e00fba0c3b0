//! How fast an app may call: the configured rate, less after throttle answers, growing back with successes.
//!
//! Pure: every instant is an argument, and no one waits here.

use std::time::Duration;

use tokio::time::Instant;

/// Bounds of what a config may request: a call in ten minutes, and practically no limit.
const RATE_MIN: f64 = 1.0 / 600.0;
const RATE_MAX: f64 = 100_000.0;

/// A call that could have gone earlier may be made up for by this much, so that timers which wake late cost
/// no calls; at least one call, whatever the rate.
const BURST: Duration = Duration::from_millis(20);

/// What is left of the rate after a throttle answer.
const SHRINK: f64 = 0.7;

/// Calls in flight together are throttled together: that is one reason to slow down, not many.
const SHRINK_SPACING: Duration = Duration::from_secs(1);

/// However often a platform throttles, this share of the configured rate stays.
const RATE_SHARE_MIN: f64 = 0.05;

/// What each success gives back, as a share of the configured rate: at full speed of 20 calls a second, a
/// throttle answer is made up for in about two seconds.
const GROWTH_SHARE: f64 = 0.01;

/// The longest pause for all calls of an app that one throttle answer can request.
const HOLD_MAX: Duration = Duration::from_secs(30);

/// The speed of one app.
#[derive(Debug)]
pub struct Pace {
    /// Calls a second, as configured.
    rate_full: f64,
    /// Calls a second, at present.
    rate: f64,
    /// When the next call would go if every call went as late as it should.
    due_at: Instant,
    shrunk_at: Option<Instant>,
    /// No call goes before this.
    held_until: Instant,
}

impl Pace {
    pub(super) fn new(requests_per_second: f64, now: Instant) -> Self {
        // `max` takes a NaN for the other one, `clamp` would let it through.
        let rate = requests_per_second.max(RATE_MIN).clamp(RATE_MIN, RATE_MAX);
        Self { rate_full: rate, rate, due_at: now, shrunk_at: None, held_until: now }
    }

    /// Goes by another configured rate from now on. What throttle answers taught stays, as far as the new rate allows.
    pub(super) fn set_rate(&mut self, requests_per_second: f64, now: Instant) {
        let fresh = Self::new(requests_per_second, now);
        let is_slowed = self.rate < self.rate_full;
        self.rate_full = fresh.rate_full;
        self.rate = if is_slowed {
            self.rate.clamp(self.rate_full * RATE_SHARE_MIN, self.rate_full)
        } else {
            self.rate_full
        };
        // What was reckoned at the old rate may lie minutes ahead.
        self.due_at = self.due_at.min(now + self.interval());
    }

    /// From when on the next call may go.
    pub(super) fn ready_at(&self) -> Instant {
        let burst = BURST.max(self.interval());
        let early = self.due_at.checked_sub(burst).unwrap_or(self.due_at);
        early.max(self.held_until)
    }

    /// Counts a call that goes now.
    pub(super) fn spend(&mut self, now: Instant) {
        self.due_at = self.due_at.max(now) + self.interval();
    }

    /// Slows down after a throttle answer, and holds all calls back for as long as it asks. Calls a second
    /// from now on, `None` when the rate stays.
    pub(super) fn throttled(&mut self, now: Instant, retry_after: Option<Duration>) -> Option<f64> {
        let hold = retry_after.unwrap_or_default().min(HOLD_MAX);
        self.held_until = self.held_until.max(now + hold);
        if self.shrunk_at.is_some_and(|shrunk_at| now.duration_since(shrunk_at) < SHRINK_SPACING) {
            return None;
        }
        self.shrunk_at = Some(now);
        let rate_before = self.rate;
        self.rate = (self.rate * SHRINK).max(self.rate_full * RATE_SHARE_MIN);
        (self.rate < rate_before).then_some(self.rate)
    }

    /// Speeds up a little after an answer that was no throttle.
    pub(super) fn succeeded(&mut self) {
        self.rate = (self.rate + self.rate_full * GROWTH_SHARE).min(self.rate_full);
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls go within `period` when there is always one waiting and timers wake `late`.
    fn calls_within(pace: &mut Pace, start: Instant, period: Duration, late: Duration) -> u32 {
        let mut now = start;
        let mut calls = 0;
        loop {
            if pace.ready_at() > now {
                now = pace.ready_at() + late;
            }
            if now >= start + period {
                return calls;
            }
            pace.spend(now);
            calls += 1;
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn another_rate_holds_from_the_next_call_on_and_forgets_no_throttle_answer() {
        let start = Instant::now();
        let mut slow = Pace::new(RATE_MIN, start);
        slow.spend(start);
        slow.spend(start);
        slow.set_rate(20.0, start);
        assert!(slow.ready_at() <= start + SECOND, "calls that wait do not wait out the old rate");
        let calls = calls_within(&mut slow, start + SECOND, SECOND, Duration::ZERO);
        assert!((19..=21).contains(&calls), "{calls}");

        for (rate, expected) in [(40.0, 14.0), (20.0, 14.0), (10.0, 10.0), (1_000.0, 50.0)] {
            let mut throttled = Pace::new(20.0, start);
            throttled.throttled(start, None);
            throttled.set_rate(rate, start);
            assert!((throttled.rate - expected).abs() < 1e-9, "{rate}: {}", throttled.rate);
        }
    }

    #[test]
    fn a_second_holds_the_rate_and_a_small_burst() {
        for (rate, calls_max) in [(20.0, 21), (100.0, 102), (0.5, 2), (1_000.0, 1_020)] {
            let start = Instant::now();
            let mut pace = Pace::new(rate, start);

            let after_idling = calls_within(&mut pace, start + SECOND * 60, SECOND, Duration::ZERO);

            assert!(after_idling <= calls_max, "{rate}: {after_idling}");
        }
    }

    #[test]
    fn late_timers_cost_no_calls() {
        let start = Instant::now();
        let mut pace = Pace::new(20.0, start);

        let calls = calls_within(&mut pace, start, SECOND * 60, Duration::from_millis(10));

        assert!((1_198..=1_201).contains(&calls), "{calls}");
    }

    #[test]
    fn throttle_answers_slow_down_once_a_second_and_to_a_floor() {
        let start = Instant::now();
        let mut pace = Pace::new(100.0, start);

        assert_eq!(pace.throttled(start, None), Some(70.0));
        assert_eq!(pace.throttled(start + SECOND / 2, None), None);
        assert!(pace.throttled(start + SECOND, None).is_some_and(|rate| rate < 50.0));
        for seconds in 2..60 {
            pace.throttled(start + SECOND * seconds, None);
        }
        assert_eq!(pace.throttled(start + SECOND * 60, None), None, "at the floor");
        assert_eq!(pace.interval(), SECOND / 5);
    }

    #[test]
    fn successes_grow_the_rate_back_but_never_above_what_is_configured() {
        let start = Instant::now();
        let mut pace = Pace::new(100.0, start);
        pace.throttled(start, None);

        for _ in 0..29 {
            pace.succeeded();
        }
        assert!(pace.interval() > SECOND / 100);
        for _ in 0..100 {
            pace.succeeded();
        }

        assert_eq!(pace.interval(), SECOND / 100);
    }

    #[test]
    fn retry_after_holds_every_call_of_the_app_but_not_for_ever() {
        let start = Instant::now();
        for (retry_after, held_for) in [(SECOND * 3, SECOND * 3), (SECOND * 86_400, HOLD_MAX)] {
            let mut pace = Pace::new(20.0, start);

            pace.throttled(start, Some(retry_after));

            assert_eq!(pace.ready_at(), start + held_for);
        }
    }

    #[test]
    fn a_senseless_rate_is_taken_for_the_nearest_sensible_one() {
        for (rate, interval) in [
            (0.0, SECOND * 600),
            (-1.0, SECOND * 600),
            (f64::NAN, SECOND * 600),
            (f64::INFINITY, SECOND / 100_000),
        ] {
            let found = Pace::new(rate, Instant::now()).interval();
            assert!(found.abs_diff(interval) < Duration::from_micros(1), "{rate}: {found:?}");
        }
    }
}
