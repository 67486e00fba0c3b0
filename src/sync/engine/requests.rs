//! Single things, each requested by a call of its own: which failures concern one thing, and which the platform.

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::drift_check::is_most;
use crate::platform::error::Retry;
use crate::platform::{PlatformError, Rejection};
use crate::sync::{RecordSync, SyncError};

/// Calls under way at once; the rate limit decides how fast they go.
const CALLS_IN_PARALLEL: usize = 16;

/// After this many calls that were not answered in the full time, the others get less time. Otherwise a page with many
/// of them would take longer than a run may be idle.
const PATIENT_FAILURES_MAX: usize = 3;

/// How long the others may take.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// If at least this many calls were all refused, the grant covers none of them any more.
pub const REFUSED_MIN: usize = 5;

/// Things requested together: the first goes alone, because where the grant does not cover it one is enough to know;
/// while none was answered yet, few; then as many as are committed together.
const THINGS_FIRST: u64 = 1;
const THINGS_UNANSWERED: u64 = 16;
const THINGS_AT_ONCE: u64 = 100;

/// What a drain has found out so far. A drain requests an extra of one thing after the other.
#[derive(Default)]
pub struct Drain {
    pub has_answered: bool,
    /// Things whose extra could not be read now, and could before or was never requested.
    pub newly_failed: u64,
    /// The first of those, and why.
    pub example: Option<(String, String)>,
    pub recovered: u64,
}

impl Drain {
    /// How many are requested next.
    pub fn limit(&self, has_begun: bool) -> u64 {
        match (has_begun, self.has_answered) {
            (false, _) => THINGS_FIRST,
            (true, false) => THINGS_UNANSWERED,
            (true, true) => THINGS_AT_ONCE,
        }
    }

    /// The extra of a thing was read, after it had failed this often.
    pub fn read(&mut self, failed_before: i64) {
        self.has_answered = true;
        self.recovered += u64::from(failed_before > 0);
    }

    /// The extra of a thing could not be read. How often that is so now.
    pub fn failed(&mut self, number: &str, failed_before: i64, reason: String) -> i64 {
        if failed_before == 0 {
            self.newly_failed += 1;
            self.example.get_or_insert_with(|| (number.to_owned(), reason));
        }
        failed_before.saturating_add(1)
    }
}

/// What came of requesting several things.
pub struct Responses<A> {
    /// For each of them, in their order. `None`: it was not requested, because earlier calls showed that it would fail
    /// too.
    pub answers: Vec<Option<Result<A, SyncError>>>,
    /// Why no further thing was requested, where the cause is not a single thing.
    pub fatal: Option<SyncError>,
    /// How many things the share of failed ones is compared with.
    pub of: usize,
}

/// How calls fail. If most of them fail in one way, the platform is the cause.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FailureKind {
    /// A later call may succeed.
    Passing,
    /// The grant or the app may not read this.
    Refused,
    /// The thing itself cannot be read.
    OfThing,
}

/// Requests all `things`, several at once. Ends early when most of `of` things fail in ways that may pass, or
/// when a call fails for a reason that is no thing's own. `of` is [`usize::MAX`] where it is no matter how many fail.
///
/// `patience` is for all of them; without, the first ones that fail may take as long as any call.
pub async fn request_each<T: Copy, A, F, Fut>(
    sync: &RecordSync,
    things: &[T],
    of: usize,
    patience: Option<Duration>,
    request: F,
) -> Responses<A>
where
    F: Fn(T, Option<Duration>) -> Fut,
    Fut: Future<Output = Result<A, SyncError>>,
{
    let mut responses = Responses { answers: things.iter().map(|_| None).collect(), fatal: None, of };
    let mut waiting = things.iter().enumerate();
    let mut running = FuturesUnordered::new();
    let mut passing = 0;
    loop {
        while responses.fatal.is_none() && running.len() < CALLS_IN_PARALLEL {
            let Some((index, &thing)) = waiting.next() else { break };
            let patience = patience.or_else(|| (passing >= PATIENT_FAILURES_MAX).then_some(PATIENCE));
            let call = request(thing, patience);
            running.push(async move { (index, call.await) });
        }
        let Some((index, answer)) = running.next().await else { return responses };
        match answer {
            Err(error) if !is_of_thing(sync, &error) => {
                responses.fatal.get_or_insert(error);
            }
            answer => {
                passing += usize::from(answer.as_ref().is_err_and(is_passing));
                responses.answers[index] = Some(answer);
            }
        }
        if is_most(passing, of) {
            return responses;
        }
    }
}

/// Whether a failed call may concern only what it requested, so that others are worth requesting. A call that could not
/// be sent, a refused token, and a call given up because the program stops concern all of them.
fn is_of_thing(sync: &RecordSync, error: &SyncError) -> bool {
    let SyncError::Platform { source, .. } = error else { return false };
    !sync.cancel.is_cancelled()
        && !matches!(source, PlatformError::NotSent { .. } | PlatformError::TokenRefused { .. })
}

impl<A> Responses<A> {
    /// Why the run cannot go on, if most of the things failed for a reason that is not their own, or one failed for a
    /// reason that concerns all of them.
    pub fn common_failure(&mut self, subject: &str) -> Option<SyncError> {
        if let Some(fatal) = self.fatal.take() {
            return Some(fatal);
        }
        [FailureKind::Passing, FailureKind::Refused].into_iter().find_map(|kind| self.most(kind, subject))
    }

    /// Why each of them failed; `None` for one that did not, or was not requested.
    pub fn reasons(&self) -> Vec<Option<String>> {
        let reason = |answer: &Option<Result<A, SyncError>>| Some(answer.as_ref()?.as_ref().err()?.reason());
        self.answers.iter().map(reason).collect()
    }

    /// How many were refused because the grant does not cover them. `None`: not all of them were.
    pub fn refused_all(&self) -> Option<usize> {
        let is_refused = |answer: &Option<Result<A, SyncError>>| matches!(answer, Some(Err(error)) if error.is_not_granted());
        (!self.answers.is_empty() && self.answers.iter().all(is_refused)).then_some(self.answers.len())
    }

    /// The error for calls that are all refused.
    pub fn not_covered(&mut self, subject: &str) -> Option<SyncError> {
        match self.answers.pop()?? {
            Err(SyncError::Platform { source, .. }) => {
                Some(SyncError::NotCovered { subject: subject.to_owned(), source })
            }
            _ => None,
        }
    }

    fn most(&mut self, kind: FailureKind, subject: &str) -> Option<SyncError> {
        let is_alike = |answer: &Option<Result<A, SyncError>>| matches!(answer, Some(Err(error)) if failure_kind(error) == kind);
        let failed = self.answers.iter().filter(|answer| is_alike(answer)).count();
        let things = self.of;
        if !is_most(failed, things) {
            return None;
        }
        match self.answers.iter_mut().find(|answer| is_alike(answer))?.take()?.err()? {
            SyncError::Platform { source, .. } => {
                Some(SyncError::MostFailed { subject: subject.to_owned(), failed, things, source })
            }
            other => Some(other),
        }
    }
}

/// Whether a later call may succeed.
fn is_passing(error: &SyncError) -> bool {
    failure_kind(error) == FailureKind::Passing
}

fn failure_kind(error: &SyncError) -> FailureKind {
    let SyncError::Platform { source, .. } = error else { return FailureKind::OfThing };
    match source {
        PlatformError::NotGranted { .. } => FailureKind::Refused,
        PlatformError::Rejected { why: Rejection::NotYet, .. } => FailureKind::Passing,
        PlatformError::Rejected { why, .. } if why.remedy().is_some() => FailureKind::Refused,
        _ if matches!(source.retry(), Retry::Backoff | Retry::After(_)) => FailureKind::Passing,
        _ => FailureKind::OfThing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(source: PlatformError) -> SyncError {
        SyncError::platform("asking", source)
    }

    fn unavailable() -> SyncError {
        failed(PlatformError::Unavailable { status: 500 })
    }

    fn rejected(why: Rejection) -> SyncError {
        failed(PlatformError::Rejected { code: "1".to_owned(), message: String::new(), why })
    }

    fn not_granted() -> SyncError {
        failed(PlatformError::NotGranted { code: "1".to_owned(), message: String::new() })
    }

    #[test]
    fn most_things_that_fail_alike_are_the_trouble_of_all() {
        let none: fn() -> SyncError = || rejected(Rejection::Unknown);
        let busy: fn() -> SyncError = || rejected(Rejection::Passing);
        let address: fn() -> SyncError = || rejected(Rejection::Address);
        for (failures, answered, is_trouble) in [
            (vec![unavailable as fn() -> SyncError, busy, unavailable], 2, true),
            (vec![unavailable, busy, unavailable], 3, false),
            // Too few to decide.
            (vec![unavailable; 4], 0, false),
            (vec![not_granted, address, not_granted], 2, true),
            (vec![not_granted, not_granted, unavailable, unavailable], 1, false),
            // The judgement of the page is for these.
            (vec![none; 6], 0, false),
        ] {
            let things = failures.len() + answered;
            let failures = failures.iter().map(|failure| Some(Err(failure())));
            let answers = failures.chain((0..answered).map(|_| Some(Ok(())))).collect();
            let mut responses = Responses { answers, fatal: None, of: things };
            assert_eq!(responses.common_failure("details").is_some(), is_trouble, "{things}");
        }
    }

    #[test]
    fn all_are_refused_only_when_every_one_is() {
        let responses = |answers| Responses::<()> { answers, fatal: None, of: 2 };
        assert_eq!(responses(vec![]).refused_all(), None);
        assert_eq!(
            responses(vec![Some(Err(not_granted())), Some(Err(not_granted()))]).refused_all(),
            Some(2)
        );
        assert_eq!(responses(vec![Some(Err(not_granted())), Some(Ok(()))]).refused_all(), None);
        assert_eq!(responses(vec![Some(Err(not_granted())), Some(Err(unavailable()))]).refused_all(), None);
    }
}
