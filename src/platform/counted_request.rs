//! One request as it is counted: its API, its duration, its outcome. Counted also when the caller goes
//! away before the answer.

use std::time::{Duration, Instant};

use super::PlatformError;
use crate::meters::{self, RequestOutcome};

/// A request under way.
pub struct CountedRequest {
    platform: &'static str,
    api: &'static str,
    begun_at: Instant,
    is_counted: bool,
}

impl CountedRequest {
    pub(super) fn begin(platform: &'static str, api: &'static str) -> Self {
        Self { platform, api, begun_at: Instant::now(), is_counted: false }
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun_at.elapsed()
    }

    /// Counts it.
    pub(super) fn end<T>(mut self, took: Duration, result: &Result<T, PlatformError>) {
        self.is_counted = true;
        meters::request(self.platform, self.api, outcome(result), took);
    }
}

impl Drop for CountedRequest {
    fn drop(&mut self) {
        if !self.is_counted {
            meters::request(self.platform, self.api, RequestOutcome::GivenUp, self.elapsed());
        }
    }
}

fn outcome<T>(result: &Result<T, PlatformError>) -> RequestOutcome {
    let Err(error) = result else { return RequestOutcome::Ok };
    match error {
        PlatformError::NotSent { .. } => RequestOutcome::NotSent,
        PlatformError::NoAnswer { .. } => RequestOutcome::NoAnswer,
        PlatformError::Unavailable { .. } | PlatformError::NotFromPlatform { .. } => {
            RequestOutcome::Unavailable
        }
        PlatformError::Throttled { .. } => RequestOutcome::Throttled,
        PlatformError::TokenRefused { .. } => RequestOutcome::RefusedToken,
        PlatformError::NotGranted { .. } => RequestOutcome::NotGranted,
        PlatformError::TooDense => RequestOutcome::TooDense,
        PlatformError::Rejected { .. } => RequestOutcome::Rejected,
        PlatformError::Malformed { .. } => RequestOutcome::Malformed,
    }
}
