//! Pings a job's dead man's switch: when a slot starts, and when the runs of all shops have ended. No run waits for this.
//!
//! The runs of a slot are those of the job's own lane. History and money run beside it, may take hours, and do not count.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::error_text::chain;
use crate::notify::Sender;
use crate::notify::dead_man::{Ping, ping};

/// The most lines in a failure. Further ones are counted.
const LINES_MAX: usize = 10;

/// How one shop's run in a slot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RunResult {
    /// Everything it read is committed.
    Succeeded,
    Failed {
        /// For people.
        reason: String,
        /// Whether only some windows failed, so that the shop's other lanes should run.
        is_of_window: bool,
    },
    /// An earlier run has not ended, here or in another process. It will report its own end.
    Busy,
    /// The platform is not called: the shop was never authorised, or the record is off.
    Skipped,
    /// The program ends.
    Stopped,
}

/// The switches of all jobs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Switches {
    sender: Arc<Sender>,
    /// Jobs whose last ping failed, which was logged.
    failing: Arc<Mutex<HashSet<String>>>,
}

impl Switches {
    pub(super) fn new(sender: Arc<Sender>) -> Self {
        Self { sender, failing: Arc::default() }
    }

    /// Pings for one slot, at its start and its end. If the program ends in between, there is no second ping: the slot has
    /// neither succeeded nor failed.
    pub(super) async fn watch(
        self,
        job: String,
        switch: Url,
        runs: Vec<JoinHandle<RunResult>>,
        cancel: CancellationToken,
    ) {
        let watching = async {
            self.ping(&job, &switch, &Ping::Start).await;
            let mut ends = Vec::new();
            for run in runs {
                let fault = |_| RunResult::Failed {
                    reason: "a run failed because of a fault of this program".to_owned(),
                    is_of_window: false,
                };
                ends.push(run.await.unwrap_or_else(fault));
            }
            if let Some(ping) = slot_result(&job, &ends) {
                self.ping(&job, &switch, &ping).await;
            }
        };
        cancel.run_until_cancelled(watching).await;
    }

    /// A failure is logged once, until a ping succeeds again.
    async fn ping(&self, job: &str, switch: &Url, what: &Ping) {
        let outcome = ping(&self.sender, switch, what).await;
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
                    "could not ping the dead man's switch of `{job}`: {error}; the job continues",
                );
            }
            Err(_) => {}
        }
    }
}

/// The ping for the end of a slot. A slot in which no shop could be read is a failure. `None`: the result is not known yet,
/// because an earlier run has not ended or the program stops.
fn slot_result(job: &str, ends: &[RunResult]) -> Option<Ping> {
    if ends.contains(&RunResult::Stopped) {
        return None;
    }
    let failures: Vec<&str> = ends
        .iter()
        .filter_map(|end| match end {
            RunResult::Failed { reason, .. } => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    if !failures.is_empty() {
        let mut lines: Vec<String> =
            failures.iter().take(LINES_MAX).map(|reason| format!("{job}: {reason}")).collect();
        if failures.len() > LINES_MAX {
            lines.push(format!("and {} more", failures.len() - LINES_MAX));
        }
        return Some(Ping::Failure(lines.join("\n")));
    }
    if ends.contains(&RunResult::Busy) {
        return None;
    }
    if ends.contains(&RunResult::Succeeded) {
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
        use RunResult::{Busy, Skipped, Stopped, Succeeded};
        let failed = |reason: &str| RunResult::Failed { reason: reason.to_owned(), is_of_window: false };
        let failure = |text: &str| Some(Ping::Failure(text.to_owned()));
        let nothing = "orders: nothing was read, because no shop of it can be read: shopsync status";
        for (ends, expected) in [
            (vec![Succeeded, Succeeded], Some(Ping::Success)),
            (vec![Succeeded, Skipped], Some(Ping::Success)),
            (vec![Skipped, Skipped], failure(nothing)),
            (vec![], failure(nothing)),
            (vec![Succeeded, Busy], None),
            (vec![Busy, Skipped], None),
            (vec![Busy, failed("a")], failure("orders: a")),
            (vec![failed("a"), Succeeded, failed("b")], failure("orders: a\norders: b")),
            (vec![failed("a"), Stopped], None),
            (vec![Succeeded, Stopped], None),
        ] {
            assert_eq!(slot_result("orders", &ends), expected, "{ends:?}");
        }
        let Some(Ping::Failure(text)) = slot_result("orders", &vec![failed("a"); 12]) else { panic!() };
        assert!(text.ends_with("\nand 2 more") && text.lines().count() == 11, "{text}");
    }
}
