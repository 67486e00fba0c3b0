//! What the sandbox noticed about its caller: how often each API was called, how fast, and what a correct client
//! never does.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How often the caller did something a correct client never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Violations {
    pub wrong_signature: u64,
    pub stale_timestamp: u64,
    pub unknown_app: u64,
    pub unknown_api: u64,
    /// A parameter the API does not have; Temu ignores it without a word.
    pub unknown_parameter: u64,
    pub bad_parameter: u64,
    /// A list with no time and no numbers where the platform wants some: the whole shop.
    pub unfiltered_list: u64,
    pub window_too_long: u64,
    /// Milliseconds where the platform takes seconds.
    pub window_in_milliseconds: u64,
    /// Seconds where the platform takes milliseconds.
    pub window_in_seconds: u64,
    pub page_too_far: u64,
    pub page_too_large: u64,
    pub rate_exceeded: u64,
    pub spent_refresh_token: u64,
    pub spent_code: u64,
}

impl Violations {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Default)]
pub struct Counters {
    pub violations: Violations,
    pub calls: BTreeMap<String, u64>,
    meters: HashMap<String, Meter>,
}

impl Counters {
    /// Forgets everything but how full the rate limit is.
    pub(super) fn reset(&mut self) {
        self.violations = Violations::default();
        self.calls.clear();
        for meter in self.meters.values_mut() {
            meter.recent.clear();
            meter.recent_max = 0;
        }
    }

    /// Counts a call of an app; `false`: it comes too soon for a limit of `per_second`.
    pub(super) fn admit(&mut self, app_key: &str, per_second: Option<f64>) -> bool {
        let now = Instant::now();
        let meter = self.meters.entry(app_key.to_owned()).or_insert_with(|| Meter::new(now));
        meter.count(now);
        per_second.is_none_or(|per_second| meter.take(now, per_second))
    }

    /// The most calls of an app within any one second.
    pub(super) fn rate_max(&self, app_key: &str) -> usize {
        self.meters.get(app_key).map_or(0, |meter| meter.recent_max)
    }
}

/// The speed of one app. Measured by the machine's own monotonic clock, because a manual clock stands still while
/// calls arrive.
struct Meter {
    recent: VecDeque<Instant>,
    recent_max: usize,
    /// Calls still allowed at `filled_at`. `None`: no limit has been requested yet, the bucket is full.
    left: Option<f64>,
    filled_at: Instant,
}

impl Meter {
    fn new(now: Instant) -> Self {
        Self { recent: VecDeque::new(), recent_max: 0, left: None, filled_at: now }
    }

    fn count(&mut self, now: Instant) {
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
            self.recent.pop_front();
        }
        self.recent_max = self.recent_max.max(self.recent.len());
    }

    /// A bucket that holds one second's worth: the documents say calls per second and no more.
    fn take(&mut self, now: Instant, per_second: f64) -> bool {
        let room = per_second.max(1.0);
        let refilled = now.duration_since(self.filled_at).as_secs_f64() * per_second;
        let left = (self.left.unwrap_or(room) + refilled).min(room);
        let is_admitted = left >= 1.0;
        self.left = Some(if is_admitted { left - 1.0 } else { left });
        self.filled_at = now;
        is_admitted
    }
}
