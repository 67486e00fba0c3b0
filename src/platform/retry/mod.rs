//! Calls with a rate limit, retries and a deadline.
//!
//! What an error means is said by [`PlatformError::retry`], how long to wait by [`pauses`]; here is only the
//! loop. Token calls never come here: each is sent once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use pauses::Pauses;

use super::error::no_answer;
use super::habits::Habits;
use super::rate::{Bucket, Priority};
use super::skew::Difference;
use super::{Platform, PlatformError, Rejection};
use crate::meters;

mod pauses;

/// From a call's first turn in the rate limit to its last answer: well under the ten minutes after which a run
/// without progress is stuck.
const CALL_DEADLINE: Duration = Duration::from_mins(4);

/// One configured app: its platform's client behind its rate limit and retry policy, shared by its shops.
pub struct Application {
    platform: Arc<dyn Platform>,
    attempts: Attempts,
    habits: Arc<Habits>,
}

/// How reads are tried again; the config's `[retry]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Of one call, the first included.
    pub attempts_max: u32,
    /// The shortest pause, and so the least of the first one; the least of each further one is twice as long.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
}

/// For whom a call is made.
#[derive(Clone)]
pub struct CallContext {
    pub priority: Priority,
    /// Counts every attempt that was sent, for `job_runs`.
    pub calls: Arc<AtomicU64>,
    /// Ends waiting, whether for the limiter, a pause or an answer.
    pub cancel: CancellationToken,
    /// How long the call may take from its first turn in the rate limit. `None`: as long as any call may.
    pub patience: Option<Duration>,
}

impl Application {
    pub fn new(
        name: String,
        platform: Arc<dyn Platform>,
        requests_per_second: f64,
        policy: RetryPolicy,
    ) -> Self {
        let bucket = Arc::new(Bucket::new(requests_per_second));
        Self { platform, attempts: Attempts { app: name, bucket, policy }, habits: Arc::default() }
    }

    /// The same app after a change of its config. Both are within one rate limit, because the platform counts the calls
    /// of both together.
    #[must_use]
    pub fn succeeded_by(&self, platform: Arc<dyn Platform>, policy: RetryPolicy) -> Self {
        let Attempts { app, bucket, .. } = &self.attempts;
        let attempts = Attempts { app: app.clone(), bucket: bucket.clone(), policy };
        Self { platform, attempts, habits: self.habits.clone() }
    }

    /// Goes by another rate from now on.
    pub fn set_rate(&self, requests_per_second: f64) {
        self.attempts.bucket.set_rate(requests_per_second);
    }

    /// Its client, for one that succeeds it.
    pub fn client(&self) -> Arc<dyn Platform> {
        self.platform.clone()
    }

    pub fn name(&self) -> &str {
        &self.attempts.app
    }

    pub fn platform(&self) -> &dyn Platform {
        &*self.platform
    }

    /// What was learnt about how its lists are answered.
    pub fn habits(&self) -> &Habits {
        &self.habits
    }

    /// Sends what `send` builds, as often as the policy allows. Each attempt waits its turn in the app's rate
    /// limit and is built and signed again.
    pub async fn call<T, F, Fut>(&self, context: &CallContext, send: F) -> Result<T, PlatformError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, PlatformError>> + Send,
        T: Send,
    {
        let send = async || {
            let skew = self.platform.skew();
            let used = skew.offset();
            let answer = send().await;
            if matches!(&answer, Err(PlatformError::Rejected { why: Rejection::Clock, .. })) {
                skew.refused(used);
            }
            self.report_skew();
            answer
        };
        self.attempts.run(context, send).await
    }

    fn report_skew(&self) {
        let app = self.name();
        match self.platform.skew().to_tell() {
            Some(Difference::OurClock(offset)) => {
                let seconds = -offset.num_seconds();
                tracing::warn!(
                    event = "clock.skewed",
                    app,
                    skew_seconds = seconds,
                    "this host's clock is {seconds} s off the clock of app `{app}`'s platform; nothing is lost, but set it (NTP)",
                );
            }
            Some(Difference::DateHeader(offset)) => {
                let seconds = offset.num_seconds();
                tracing::warn!(
                    event = "clock.skewed",
                    app,
                    skew_seconds = seconds,
                    "the `Date` header of app `{app}`'s platform is {seconds} s off the clock that the platform goes by; this host's clock is used instead",
                );
            }
            None => {}
        }
    }
}

/// How an app's calls are sent: what [`Application`] adds to its platform's client.
struct Attempts {
    app: String,
    bucket: Arc<Bucket>,
    policy: RetryPolicy,
}

impl Attempts {
    async fn run<T, F, Fut>(&self, context: &CallContext, send: F) -> Result<T, PlatformError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, PlatformError>> + Send,
        T: Send,
    {
        tokio::select! {
            biased;
            () = context.cancel.cancelled() => Err(no_answer("the program is stopping")),
            result = self.run_until_settled(context, send) => result,
        }
    }

    async fn run_until_settled<T, F, Fut>(&self, context: &CallContext, send: F) -> Result<T, PlatformError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, PlatformError>> + Send,
        T: Send,
    {
        // The first turn may be long in coming when others are more urgent: that is no trouble of the
        // platform's, so the deadline begins after it.
        self.take_turn(context.priority).await;
        let deadline = Instant::now() + context.patience.unwrap_or(CALL_DEADLINE).min(CALL_DEADLINE);
        let mut pauses = Pauses::new(self.policy);
        loop {
            context.calls.fetch_add(1, Ordering::Relaxed);
            let result = timeout_at(deadline, send())
                .await
                .unwrap_or_else(|_| Err(no_answer("the call's time is over")));
            self.adapt_rate(&result);
            let error = match result {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(pause) = pauses.after(&error) else {
                return Err(error);
            };
            // A caller that cannot be answered in time gets its error now, not at the deadline.
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(app = %self.app, pause_ms = pause.as_millis(), "trying again: {error}");
            sleep(pause).await;
            let turn = timeout_at(deadline, self.take_turn(context.priority));
            if turn.await.is_err() {
                return Err(error);
            }
        }
    }

    /// Waits for a turn in the rate limit; what was waited counts, whether the turn came or not.
    async fn take_turn(&self, priority: Priority) {
        let _waiting = Waiting { app: &self.app, since: Instant::now() };
        self.bucket.take(priority).await;
    }

    fn adapt_rate<T>(&self, result: &Result<T, PlatformError>) {
        match result {
            Ok(_) => self.bucket.succeeded(),
            Err(PlatformError::Throttled { retry_after }) => {
                if let Some(rate) = self.bucket.throttled(*retry_after) {
                    tracing::info!(
                        event = "throttle.slowed",
                        app = %self.app,
                        "app `{}` is throttled: {rate:.2} calls a second from now on",
                        self.app
                    );
                }
            }
            Err(_) => {}
        }
    }
}

/// One who waits for a turn.
struct Waiting<'a> {
    app: &'a str,
    since: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        meters::rate_limit_wait(self.app, self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::timeout;

    use super::*;

    /// What must happen is waited for no longer than this.
    const PATIENCE: Duration = Duration::from_secs(20);

    const POLICY: RetryPolicy =
        RetryPolicy { attempts_max: 4, backoff_min: Duration::ZERO, backoff_max: Duration::ZERO };

    fn attempts() -> Attempts {
        Attempts { app: "test".to_owned(), bucket: Arc::new(Bucket::new(f64::INFINITY)), policy: POLICY }
    }

    fn context() -> CallContext {
        CallContext {
            priority: Priority::Update,
            calls: Arc::default(),
            cancel: CancellationToken::new(),
            patience: None,
        }
    }

    fn rejected(why: Rejection) -> PlatformError {
        PlatformError::Rejected { code: "1".to_owned(), message: String::new(), why }
    }

    /// Sends a call that is answered by these errors and then by success; how many attempts were sent, and
    /// how it ended.
    async fn send(errors: Vec<PlatformError>) -> (u64, Result<(), PlatformError>) {
        let context = context();
        let errors = Mutex::new(errors.into_iter());
        let answer = || {
            let error = errors.lock().unwrap().next();
            async { error.map_or(Ok(()), Err) }
        };
        let attempts = attempts();
        let call = attempts.run(&context, answer);
        let result = timeout(PATIENCE, call).await.expect("it ends");
        (context.calls.load(Ordering::Relaxed), result)
    }

    #[tokio::test]
    async fn only_what_may_pass_is_tried_again() {
        let passing: [fn() -> PlatformError; 5] = [
            || no_answer("cut off"),
            || PlatformError::Unavailable { status: 502 },
            || PlatformError::Throttled { retry_after: None },
            || rejected(Rejection::Passing),
            || rejected(Rejection::Clock),
        ];
        for error in passing {
            let (calls, result) = send(vec![error()]).await;
            assert_eq!((calls, result.is_ok()), (2, true), "{}", error());
        }
        let standing: [fn() -> PlatformError; 4] = [
            || rejected(Rejection::Parameters),
            || rejected(Rejection::Unknown),
            || PlatformError::TooDense,
            || PlatformError::TokenRefused { code: "3000030".to_owned(), message: String::new() },
        ];
        for error in standing {
            let (calls, result) = send(vec![error()]).await;
            assert_eq!((calls, result.is_ok()), (1, false), "{}", error());
        }
    }

    #[tokio::test]
    async fn the_last_error_stands_when_the_attempts_are_used_up() {
        let errors = (500..510).map(|status| PlatformError::Unavailable { status });

        let (calls, result) = send(errors.collect()).await;

        assert_eq!(calls, 4);
        assert!(matches!(result, Err(PlatformError::Unavailable { status: 503 })));
    }

    #[tokio::test]
    async fn a_refused_timestamp_is_made_again_twice() {
        let refused = |times: usize| (0..times).map(|_| rejected(Rejection::Clock)).collect();
        for (times, expected) in [(1, (2, true)), (2, (3, true)), (3, (3, false))] {
            let (calls, result) = send(refused(times)).await;
            assert_eq!((calls, result.is_ok()), expected, "{times}");
        }
    }

    #[tokio::test]
    async fn a_pause_longer_than_the_deadline_is_not_begun() {
        let retry_after = Some(CALL_DEADLINE);

        let (calls, result) = send(vec![PlatformError::Throttled { retry_after }]).await;

        assert_eq!((calls, result.is_ok()), (1, false));
    }

    #[tokio::test]
    async fn the_cancel_token_ends_a_call_that_gets_no_answer() {
        let context = context();
        let cancel = context.cancel.clone();
        let attempts = attempts();
        let call = attempts.run(&context, || {
            cancel.cancel();
            std::future::pending::<Result<(), _>>()
        });

        let result = timeout(PATIENCE, call).await.expect("it ends");

        assert!(matches!(result, Err(PlatformError::NoAnswer { source: None, .. })));
        assert_eq!(context.calls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn nothing_is_sent_once_the_program_is_stopping() {
        let context = context();
        context.cancel.cancel();

        let result = attempts().run(&context, async || Ok(())).await;

        assert!(result.is_err());
        assert_eq!(context.calls.load(Ordering::Relaxed), 0);
    }
}
