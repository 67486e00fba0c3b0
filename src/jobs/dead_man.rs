//! One slot of a job with a dead man's switch: told when it begins, and how it ended once every shop's run has. No run waits
//! for any of it.
//!
//! The runs of a slot are those of the lane the job is about. History and money go on beside and may take hours; they are not
//! waited for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::daemon::run::chain;
use crate::notify::Courier;
use crate::notify::dead_man::{Ping, ping};

/// The most lines a failure tells; the rest is counted.
const LINES_MAX: usize = 10;

/// How one shop's run in a slot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Everything it read is committed.
    Well,
    Failed {
        /// For people.
        why: String,
        /// Whether it is what some windows hold, so that the shop's other lanes are worth running.
        is_of_window: bool,
    },
    /// An earlier run is still at it, here or elsewhere, and will tell how it ended.
    Busy,
    /// Nothing is asked for the shop: it was never authorised, or the record is off.
    LeftOut,
    /// The program ends.
    Stopped,
}

/// Tells the switches of all jobs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Switches {
    courier: Arc<Courier>,
    /// Jobs whose switch could not be told of, which was said.
    failing: Arc<Mutex<HashSet<String>>>,
}

impl Switches {
    pub(super) fn new(courier: Arc<Courier>) -> Self {
        Self { courier, failing: Arc::default() }
    }

    /// Tells one slot from its beginning to its end. A program that ends in between tells nothing: the slot neither went well
    /// nor failed.
    pub(super) async fn watch(
        self,
        job: String,
        switch: Url,
        runs: Vec<JoinHandle<Ended>>,
        cancel: CancellationToken,
    ) {
        let watching = async {
            self.tell(&job, &switch, &Ping::Start).await;
            let mut ends = Vec::new();
            for run in runs {
                let fault = |_| Ended::Failed {
                    why: "a run ended in a fault of this program".to_owned(),
                    is_of_window: false,
                };
                ends.push(run.await.unwrap_or_else(fault));
            }
            if let Some(ping) = verdict(&job, &ends) {
                self.tell(&job, &switch, &ping).await;
            }
        };
        cancel.run_until_cancelled(watching).await;
    }

    /// A switch that cannot be told is told of once, until it can be again.
    async fn tell(&self, job: &str, switch: &Url, what: &Ping) {
        let outcome = ping(&self.courier, switch, what).await;
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                failing.remove(job);
            }
            Err(error) if failing.insert(job.to_owned()) => {
                let error = chain(&error);
                tracing::warn!(
                    event = "dead_man.failed",
                    job,
                    error,
                    "the dead man's switch of `{job}` could not be told: {error}; the job goes on",
                );
            }
            Err(_) => {}
        }
    }
}

/// What a slot comes to. Success needs evidence: a slot in which nothing was read because nothing could be is a failure.
/// `None`: nothing is known yet, because an earlier run is still at it, or the program ends.
fn verdict(job: &str, ends: &[Ended]) -> Option<Ping> {
    if ends.contains(&Ended::Stopped) {
        return None;
    }
    let failures: Vec<&str> = ends
        .iter()
        .filter_map(|end| match end {
            Ended::Failed { why, .. } => Some(why.as_str()),
            _ => None,
        })
        .collect();
    if !failures.is_empty() {
        let mut lines: Vec<String> =
            failures.iter().take(LINES_MAX).map(|why| format!("{job}: {why}")).collect();
        if failures.len() > LINES_MAX {
            lines.push(format!("and {} more", failures.len() - LINES_MAX));
        }
        return Some(Ping::Failure(lines.join("\n")));
    }
    if ends.contains(&Ended::Busy) {
        return None;
    }
    if ends.contains(&Ended::Well) {
        return Some(Ping::Success);
    }
    Some(Ping::Failure(format!(
        "{job}: nothing was read, because no shop of it can be read: shopsync status"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_needs_evidence() {
        use Ended::{Busy, LeftOut, Stopped, Well};
        let failed = |why: &str| Ended::Failed { why: why.to_owned(), is_of_window: false };
        let failure = |text: &str| Some(Ping::Failure(text.to_owned()));
        let nothing = "orders: nothing was read, because no shop of it can be read: shopsync status";
        for (ends, expected) in [
            (vec![Well, Well], Some(Ping::Success)),
            (vec![Well, LeftOut], Some(Ping::Success)),
            (vec![LeftOut, LeftOut], failure(nothing)),
            (vec![], failure(nothing)),
            (vec![Well, Busy], None),
            (vec![Busy, LeftOut], None),
            (vec![Busy, failed("a")], failure("orders: a")),
            (vec![failed("a"), Well, failed("b")], failure("orders: a\norders: b")),
            (vec![failed("a"), Stopped], None),
            (vec![Well, Stopped], None),
        ] {
            assert_eq!(verdict("orders", &ends), expected, "{ends:?}");
        }
        let Some(Ping::Failure(text)) = verdict("orders", &vec![failed("a"); 12]) else { panic!() };
        assert!(text.ends_with("\nand 2 more") && text.lines().count() == 11, "{text}");
    }
}
