//! How long to wait before a call is tried again, and when it is not: decides, and waits for nothing.
//!
//! The only file that uses the `backoff` crate, and only for its delays.

use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

use super::RetryPolicy;
use crate::platform::PlatformError;
use crate::platform::error::Retry;

/// A refused timestamp is made again by the newest measurement of the platform's clock, then by our own clock.
const CLOCK_TRIES: u32 = 2;

/// The pauses between the attempts of one call.
pub struct Pauses {
    attempts_left: u32,
    clock_tries_left: u32,
    policy: RetryPolicy,
    backoff: ExponentialBackoff,
}

impl Pauses {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            // Drawn between once and twice a shortest pause, which doubles from pause to pause.
            .with_initial_interval(policy.backoff_min.saturating_mul(3) / 2)
            .with_max_interval(policy.backoff_max.saturating_mul(3) / 4)
            .with_randomization_factor(1.0 / 3.0)
            .with_multiplier(2.0)
            // The end is decided by attempts and deadline.
            .with_max_elapsed_time(None)
            .build();
        let attempts_left = policy.attempts_max.saturating_sub(1);
        Self { attempts_left, clock_tries_left: CLOCK_TRIES, policy, backoff }
    }

    /// Never shorter than the config allows, and never longer.
    fn pause(&mut self) -> Option<Duration> {
        let RetryPolicy { backoff_min, backoff_max, .. } = self.policy;
        Some(self.backoff.next_backoff()?.min(backoff_max).max(backoff_min))
    }

    /// How long to wait after this error. `None`: it stands.
    pub(super) fn after(&mut self, error: &PlatformError) -> Option<Duration> {
        let retry = error.retry();
        if retry == Retry::No || (retry == Retry::Once && self.clock_tries_left == 0) {
            return None;
        }
        self.attempts_left = self.attempts_left.checked_sub(1)?;
        match retry {
            Retry::No => None,
            Retry::Once => {
                self.clock_tries_left -= 1;
                Some(Duration::ZERO)
            }
            Retry::Backoff => self.pause(),
            // Not before it, and not all at the same moment after it.
            Retry::After(pause) => Some(pause.saturating_add(self.pause()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_and_are_never_shorter_or_longer_than_the_config_says() {
        let ms = Duration::from_millis;
        let error = PlatformError::Unavailable { status: 502 };
        for (min, max, expected) in [
            (500, 4_000, [(500, 1_000), (1_000, 2_000), (2_000, 4_000), (2_000, 4_000)]),
            (4_000, 60_000, [(4_000, 8_000), (8_000, 16_000), (16_000, 32_000), (30_000, 60_000)]),
            (3_000, 4_000, [(3_000, 4_000), (3_000, 4_000), (3_000, 4_000), (3_000, 4_000)]),
            (0, 0, [(0, 0); 4]),
        ] {
            let policy = RetryPolicy { attempts_max: 100, backoff_min: ms(min), backoff_max: ms(max) };
            let mut drawn = [const { Vec::new() }; 4];
            for _ in 0..300 {
                let mut pauses = Pauses::new(policy);
                for drawn in &mut drawn {
                    drawn.push(pauses.after(&error).expect("attempts are left"));
                }
            }
            for (drawn, (least, most)) in drawn.iter().zip(expected) {
                let (least, most, room) = (ms(least), ms(most), ms(most - least) / 4);
                let (shortest, longest) = (*drawn.iter().min().unwrap(), *drawn.iter().max().unwrap());
                let grain = Duration::from_nanos(10);
                // 300 draws that all miss the upper or lower quarter: 1 in 10^37.
                assert!(shortest + grain >= least && shortest <= least + room + grain, "{min}: {shortest:?}");
                assert!(longest <= most + grain && longest + room + grain >= most, "{min}: {longest:?}");
            }
        }
    }

    #[test]
    fn retry_after_is_waited_out_and_then_some() {
        let mut pauses = Pauses::new(RetryPolicy {
            attempts_max: 2,
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(4),
        });
        let retry_after = Some(Duration::from_secs(7));

        let pause = pauses.after(&PlatformError::Throttled { retry_after });

        assert!(pause.is_some_and(|pause| pause > Duration::from_secs(7) && pause <= Duration::from_secs(8)));
        assert_eq!(pauses.after(&PlatformError::Throttled { retry_after }), None);
    }
}
