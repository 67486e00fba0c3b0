//! How long to wait before a call is tried again, and when it is not: decides, and waits for nothing.
//!
//! The only file that uses the `backoff` crate, and only for its delays.

use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

use super::RetryPolicy;
use crate::platform::PlatformError;
use crate::platform::error::Retry;

/// The pauses between the attempts of one call.
pub(super) struct Pauses {
    attempts_left: u32,
    may_mend_once: bool,
    backoff: ExponentialBackoff,
}

impl Pauses {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        // Full jitter: anything between nothing and twice the interval.
        let interval_max = policy.backoff_max / 2;
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(policy.backoff_min.min(interval_max))
            .with_max_interval(interval_max)
            .with_randomization_factor(1.0)
            .with_multiplier(2.0)
            // The end is decided by attempts and deadline.
            .with_max_elapsed_time(None)
            .build();
        Self { attempts_left: policy.attempts_max.saturating_sub(1), may_mend_once: true, backoff }
    }

    /// How long to wait after this error. `None`: it stands.
    pub(super) fn after(&mut self, error: &PlatformError) -> Option<Duration> {
        let retry = error.retry();
        if retry == Retry::No || (retry == Retry::Once && !self.may_mend_once) {
            return None;
        }
        self.attempts_left = self.attempts_left.checked_sub(1)?;
        match retry {
            Retry::No => None,
            Retry::Once => {
                self.may_mend_once = false;
                Some(Duration::ZERO)
            }
            Retry::Backoff => self.backoff.next_backoff(),
            // Not before it, and not all at the same moment after it.
            Retry::After(pause) => Some(pause.saturating_add(self.backoff.next_backoff()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_full_jitter_up_to_the_longest() {
        let policy = RetryPolicy {
            attempts_max: 100,
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(4),
        };
        let error = PlatformError::Unavailable { status: 502 };
        let mut longest = [Duration::ZERO; 6];
        let mut shortest = [Duration::MAX; 6];
        for _ in 0..300 {
            let mut pauses = Pauses::new(policy);
            for at in 0..longest.len() {
                let pause = pauses.after(&error).expect("attempts are left");
                longest[at] = longest[at].max(pause);
                shortest[at] = shortest[at].min(pause);
            }
        }

        for (at, ceiling_ms) in [1_000, 2_000, 4_000, 4_000, 4_000, 4_000].into_iter().enumerate() {
            let ceiling = Duration::from_millis(ceiling_ms);
            // 300 draws that all miss the upper or lower quarter: 1 in 10^37.
            assert!(longest[at] <= ceiling + Duration::from_nanos(1), "{at}: {longest:?}");
            assert!(longest[at] > ceiling * 3 / 4, "{at}: {longest:?}");
            assert!(shortest[at] < ceiling / 4, "{at}: {shortest:?}");
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
