//! How far a platform's clock is from ours, learned from the `Date` header of its answers.
//!
//! It only measures. Who requests a fresh measurement, and what an old one forbids, is decided by the callers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// The median of this many answers counts, so that one wrong answer moves nothing.
const SAMPLES_MAX: usize = 5;

/// A smaller difference is taken for none: `Date` has whole seconds and a call takes its time.
const OFFSET_MIN: TimeDelta = TimeDelta::seconds(2);

/// A difference of more than this is worth a person's attention: the host's clock is not kept.
pub const SKEW_WORTH_TELLING: TimeDelta = TimeDelta::seconds(30);

/// A `Date` header gives whole seconds.
const DATE_RESOLUTION: TimeDelta = TimeDelta::seconds(1);

/// Two measurements that are no further apart than this are the same.
const MEASUREMENT_NOISE: TimeDelta = TimeDelta::seconds(5);

/// A difference of clocks that a person should know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The host's clock is off the platform's: platform time minus our time.
    OurClock(TimeDelta),
    /// The `Date` header is off, and the platform itself follows a clock like ours: header minus our time.
    DateHeader(TimeDelta),
}

/// The skew of one app's gateway.
#[derive(Debug, Default)]
pub struct Skew {
    learned: Mutex<Learned>,
}

#[derive(Debug, Default)]
struct Learned {
    /// Platform time minus our time, the newest last.
    offsets: VecDeque<TimeDelta>,
    measured_at: Option<DateTime<Utc>>,
    /// Timestamps made with the measured difference were refused: the header comes from another clock than the one that
    /// judges them.
    trusts_own_clock: bool,
    is_told: bool,
}

impl Skew {
    /// Platform time minus our time: the median of the last five answers. Zero while under two seconds, and while our
    /// own clock has proved to be the better one.
    pub fn offset(&self) -> TimeDelta {
        self.learned().offset()
    }

    /// When the last answer taught us something, on our clock. `None`: never yet.
    pub fn measured_at(&self) -> Option<DateTime<Utc>> {
        self.learned().measured_at
    }

    /// Learns from one answer: when we sent the call and had the answer's head, on our clock, and the `Date`
    /// of that head.
    pub fn observe(&self, sent_at: DateTime<Utc>, answered_at: DateTime<Utc>, date: DateTime<Utc>) {
        // Our own clock was set back meanwhile: this answer says nothing.
        if answered_at < sent_at {
            return;
        }
        let mut learned = self.learned();
        if learned.offsets.len() == SAMPLES_MAX {
            learned.offsets.pop_front();
        }
        learned.offsets.push_back(offset_of(sent_at, answered_at, date));
        learned.measured_at = Some(answered_at);
        if learned.measured().is_zero() {
            // Both agree again, and the next one that goes wrong is found again.
            learned.trusts_own_clock = false;
        }
    }

    /// Learns that the platform refused a timestamp made with the offset `used`. The newest answer is tried then, in
    /// case a clock was set; if that is no other, our own clock, in case the header is wrong; and after that the header
    /// again. What is not refused stays.
    pub fn refused(&self, used: TimeDelta) {
        let mut learned = self.learned();
        let is_as_used = |learned: &Learned| (learned.offset() - used).abs() <= MEASUREMENT_NOISE;
        if !is_as_used(&learned) {
            // Another call that was refused has changed it meanwhile.
            return;
        }
        if learned.trusts_own_clock {
            learned.trusts_own_clock = false;
            learned.keep_newest();
            return;
        }
        learned.keep_newest();
        learned.trusts_own_clock = is_as_used(&learned) && !used.is_zero();
    }

    /// What the header says while our own clock is used instead. `None`: the header is believed.
    pub fn distrusted(&self) -> Option<TimeDelta> {
        let learned = self.learned();
        learned.trusts_own_clock.then(|| learned.measured())
    }

    /// The difference, when it is worth a log line and was not logged since the clocks last agreed.
    pub fn to_tell(&self) -> Option<Difference> {
        let mut learned = self.learned();
        let measured = learned.measured();
        let is_off = measured.abs() > SKEW_WORTH_TELLING;
        let was_told = std::mem::replace(&mut learned.is_told, is_off);
        let difference = if learned.trusts_own_clock {
            Difference::DateHeader(measured)
        } else {
            Difference::OurClock(measured)
        };
        (is_off && !was_told).then_some(difference)
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        // A list of numbers is as good after a panic elsewhere as before.
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Learned {
    fn offset(&self) -> TimeDelta {
        if self.trusts_own_clock { TimeDelta::zero() } else { self.measured() }
    }

    /// The median, zero while under two seconds.
    fn measured(&self) -> TimeDelta {
        let mut offsets: Vec<TimeDelta> = self.offsets.iter().copied().collect();
        offsets.sort_unstable();
        match offsets.get(offsets.len() / 2) {
            Some(&median) if median.abs() >= OFFSET_MIN => median,
            _ => TimeDelta::zero(),
        }
    }

    fn keep_newest(&mut self) {
        let newest = self.offsets.pop_back();
        self.offsets.clear();
        self.offsets.extend(newest);
    }
}

/// The platform stamped somewhere between sending and answer, so the offset lies between two bounds. Where
/// equal clocks explain the answer, as they do a slow one, it is zero; else the middle.
fn offset_of(sent_at: DateTime<Utc>, answered_at: DateTime<Utc>, date: DateTime<Utc>) -> TimeDelta {
    let least = date - answered_at;
    let most = date + DATE_RESOLUTION - sent_at;
    if least <= TimeDelta::zero() && TimeDelta::zero() <= most {
        return TimeDelta::zero();
    }
    least + (most - least) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000 + ms).expect("in range")
    }

    #[test]
    fn a_clock_that_is_off_is_reported_once_until_it_is_back() {
        let skew = Skew::default();
        let mut reported = Vec::new();
        for date_ms in [29_000, 40_000, 40_000, 0, 0, 0, -90_000, -90_000, -90_000] {
            skew.observe(at(0), at(0), at(date_ms));
            reported.extend(skew.to_tell());
        }
        let reported: Vec<i64> = reported
            .into_iter()
            .map(|difference| match difference {
                Difference::OurClock(offset) => offset.num_seconds().signum(),
                Difference::DateHeader(_) => 0,
            })
            .collect();
        assert_eq!(reported, [1, -1]);
    }

    #[test]
    fn after_a_refused_timestamp_the_newest_answer_counts_and_then_our_own_clock() {
        let skew = Skew::default();
        for date_ms in [240_000, 240_000, 240_000, -240_000] {
            skew.observe(at(0), at(0), at(date_ms));
        }
        let stale = skew.offset();
        assert!(stale > TimeDelta::zero());

        skew.refused(stale);
        let newest = skew.offset();
        assert!(newest < -TimeDelta::seconds(200));
        // Another call that was sent with the stale one.
        skew.refused(stale);
        assert_eq!(skew.offset(), newest);
        assert_eq!(skew.distrusted(), None);

        skew.refused(newest);
        assert_eq!(skew.offset(), TimeDelta::zero());
        assert_eq!(skew.distrusted(), Some(newest));
        skew.observe(at(0), at(0), at(-240_000));
        assert_eq!(skew.offset(), TimeDelta::zero(), "what works is kept");

        skew.refused(TimeDelta::zero());
        assert!(skew.offset() < -TimeDelta::seconds(200), "the header has a way back");
        assert_eq!(skew.distrusted(), None);
    }

    #[test]
    fn a_header_that_is_right_again_is_believed_again() {
        let skew = Skew::default();
        skew.observe(at(0), at(0), at(3_600_000));
        skew.refused(skew.offset());
        assert!(matches!(skew.to_tell(), Some(Difference::DateHeader(_))));
        for _ in 0..SAMPLES_MAX {
            skew.observe(at(0), at(0), at(0));
        }
        assert_eq!(skew.distrusted(), None);
        for _ in 0..SAMPLES_MAX {
            skew.observe(at(0), at(0), at(240_000));
        }
        assert_eq!(skew.offset(), TimeDelta::milliseconds(240_500));
    }

    #[test]
    fn without_any_measurement_there_is_nothing_else_to_try() {
        let skew = Skew::default();
        skew.refused(TimeDelta::zero());
        assert_eq!((skew.offset(), skew.distrusted()), (TimeDelta::zero(), None));
    }

    /// Offsets in milliseconds of answers that took no time.
    fn skew_of(dates_ms: &[i64]) -> i64 {
        let skew = Skew::default();
        for date_ms in dates_ms {
            skew.observe(at(0), at(0), at(*date_ms));
        }
        skew.offset().num_milliseconds()
    }

    #[test]
    fn the_offset_is_the_median_of_the_last_five_answers() {
        for (dates_ms, expected_ms) in [
            (&[][..], 0),
            (&[240_000], 240_500),
            (&[240_000, 240_000, 9_000_000], 240_500),
            (&[-240_000, -240_000, -240_000], -239_500),
            (&[0, 0, 0, 60_000, 60_000, 60_000], 60_500),
            (&[60_000, 0, 0, 0, 60_000, 60_000], 0),
        ] {
            assert_eq!(skew_of(dates_ms), expected_ms, "{dates_ms:?}");
        }
    }

    #[test]
    fn under_two_seconds_is_no_difference() {
        for (date_ms, expected_ms) in
            [(0, 0), (1_000, 0), (1_499, 0), (1_500, 2_000), (-2_499, 0), (-2_500, -2_000)]
        {
            assert_eq!(skew_of(&[date_ms]), expected_ms, "{date_ms}");
        }
    }

    #[test]
    fn a_slow_answer_is_no_skew() {
        let skew = Skew::default();

        skew.observe(at(0), at(28_000), at(28_000));
        assert_eq!(skew.offset(), TimeDelta::zero());

        for _ in 0..SAMPLES_MAX {
            skew.observe(at(0), at(4_000), at(100_000));
        }
        assert_eq!(skew.offset(), TimeDelta::milliseconds(98_500));
    }

    #[test]
    fn an_answer_before_its_call_teaches_nothing() {
        let skew = Skew::default();

        skew.observe(at(5_000), at(0), at(240_000));

        assert_eq!(skew.measured_at(), None);
        assert_eq!(skew.offset(), TimeDelta::zero());
    }

    #[test]
    fn the_measurement_is_dated_by_the_answer() {
        let skew = Skew::default();

        skew.observe(at(0), at(300), at(0));

        assert_eq!(skew.measured_at(), Some(at(300)));
    }
}
