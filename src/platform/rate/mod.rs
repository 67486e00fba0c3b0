//! The rate limit of an app: one bucket, shared by its shops, serving urgent calls first.
//!
//! The rules are pure and stand in [`pace`] (how fast) and [`queue`] (who is next); here is only the waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use pace::Pace;
use queue::{Ticket, WaitingQueue};

mod pace;
mod queue;

/// Who is served first when calls are scarce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// The update lane and everything a person waits for.
    Update,
    /// Backfill and reconcile.
    Create,
    /// Enrichment with money.
    Amounts,
}

/// The calls an app may still make.
pub struct Bucket {
    state: Mutex<BucketState>,
}

struct BucketState {
    pace: Pace,
    queue: WaitingQueue<Arc<Notify>>,
}

/// What one who waits does next.
enum Step {
    Go,
    /// He is next, but not before this.
    Sleep(Instant),
    /// Others go first; the waiting task is woken when it is its turn.
    Wait,
}

impl Bucket {
    pub fn new(requests_per_second: f64) -> Self {
        Self {
            state: Mutex::new(BucketState {
                pace: Pace::new(requests_per_second, Instant::now()),
                queue: WaitingQueue::new(),
            }),
        }
    }

    /// Waits until a call may be made, and counts it. Dropped before that, it counts nothing and holds up
    /// no one.
    pub async fn take(&self, priority: Priority) {
        let queued = QueuedCall::new(self, priority);
        // Each turn of the loop follows a timer or a wake-up; it ends because the queue before us does.
        loop {
            let step = self.state().step(queued.ticket, Instant::now());
            match step {
                Step::Go => return,
                Step::Wait => queued.turn.notified().await,
                Step::Sleep(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = queued.turn.notified() => {}
                },
            }
        }
    }

    /// Slows down after a throttle answer. Calls a second from now on, `None` when the rate stays.
    pub fn throttled(&self, retry_after: Option<Duration>) -> Option<f64> {
        self.state().pace.throttled(Instant::now(), retry_after)
    }

    /// Speeds up a little after a success.
    pub fn succeeded(&self) {
        self.state().pace.succeeded();
    }

    /// Goes by another configured rate from now on, also for those who wait.
    pub fn set_rate(&self, requests_per_second: f64) {
        let mut state = self.state();
        state.pace.set_rate(requests_per_second, Instant::now());
        state.wake_head();
    }

    fn state(&self) -> MutexGuard<'_, BucketState> {
        // No call panics halfway through a change of the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BucketState {
    fn step(&mut self, ticket: Ticket, now: Instant) -> Step {
        if self.queue.head().is_none_or(|(head, _)| head != ticket) {
            return Step::Wait;
        }
        let ready_at = self.pace.ready_at();
        if ready_at > now {
            return Step::Sleep(ready_at);
        }
        self.queue.pop_head();
        self.pace.spend(now);
        Step::Go
    }

    /// Exactly the head must be awake: it alone watches the clock.
    fn wake_head(&self) {
        if let Some((_, turn)) = self.queue.head() {
            turn.notify_one();
        }
    }
}

/// A place in the queue. Dropped, whether its turn came or not, it hands the clock to the next in queue.
struct QueuedCall<'a> {
    bucket: &'a Bucket,
    ticket: Ticket,
    turn: Arc<Notify>,
}

impl<'a> QueuedCall<'a> {
    fn new(bucket: &'a Bucket, priority: Priority) -> Self {
        let turn = Arc::new(Notify::new());
        let ticket = bucket.state().queue.join(priority, Arc::clone(&turn));
        Self { bucket, ticket, turn }
    }
}

impl Drop for QueuedCall<'_> {
    fn drop(&mut self) {
        let mut state = self.bucket.state();
        state.queue.leave(self.ticket);
        state.wake_head();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use futures_util::poll;
    use tokio::time::timeout;

    use super::*;

    /// Two calls in advance, then the next after this.
    const PAUSE: Duration = Duration::from_millis(50);

    /// What must happen is waited for no longer than this.
    const PATIENCE: Duration = Duration::from_secs(20);

    async fn spent_bucket() -> Bucket {
        let bucket = Bucket::new(1.0 / PAUSE.as_secs_f64());
        bucket.take(Priority::Update).await;
        bucket.take(Priority::Update).await;
        bucket
    }

    #[tokio::test]
    async fn everyone_gets_a_turn() {
        let bucket = Bucket::new(10_000.0);
        let takes = (0..600).map(|at: usize| {
            let priorities = [Priority::Amounts, Priority::Update, Priority::Create];
            bucket.take(priorities[at % priorities.len()])
        });

        timeout(PATIENCE, join_all(takes)).await.expect("no one is left waiting");
    }

    #[tokio::test]
    async fn an_urgent_call_goes_before_those_who_wait_longer() {
        let bucket = spent_bucket().await;
        let gone = Mutex::new(Vec::new());
        let call = async |priority| {
            bucket.take(priority).await;
            gone.lock().unwrap().push(priority);
        };

        tokio::join!(call(Priority::Amounts), call(Priority::Create), call(Priority::Update));

        let gone = gone.into_inner().unwrap();
        assert_eq!(gone, [Priority::Update, Priority::Create, Priority::Amounts]);
    }

    #[tokio::test]
    async fn one_who_gives_up_holds_up_no_one() {
        let bucket = spent_bucket().await;
        let mut head = Box::pin(bucket.take(Priority::Update));
        let mut behind = Box::pin(bucket.take(Priority::Update));
        assert!(poll!(&mut head).is_pending());
        assert!(poll!(&mut behind).is_pending());

        drop(head);

        timeout(PATIENCE, behind).await.expect("the next one takes over");
        assert!(bucket.state().queue.head().is_none());
    }

    #[test]
    fn a_call_given_up_before_its_turn_is_not_counted() {
        let bucket = Bucket::new(20.0);
        let ready_at = bucket.state().pace.ready_at();

        drop(bucket.take(Priority::Update));
        drop(QueuedCall::new(&bucket, Priority::Update));

        assert_eq!(bucket.state().pace.ready_at(), ready_at);
    }

    #[test]
    fn only_the_head_watches_the_clock() {
        let bucket = Bucket::new(20.0);
        let start = Instant::now();
        bucket.throttled(Some(Duration::from_secs(5)));
        let first = QueuedCall::new(&bucket, Priority::Create);
        let urgent = QueuedCall::new(&bucket, Priority::Update);

        let step = |queued: &QueuedCall<'_>, seconds| {
            let now = start + Duration::from_secs(seconds);
            bucket.state().step(queued.ticket, now)
        };

        assert!(matches!(step(&first, 1), Step::Wait));
        assert!(matches!(step(&urgent, 1), Step::Sleep(until) if until >= start + Duration::from_secs(5)));
        assert!(matches!(step(&urgent, 6), Step::Go));
        assert!(matches!(step(&first, 6), Step::Go));
        assert!(matches!(step(&first, 6), Step::Wait), "gone");
    }
}
