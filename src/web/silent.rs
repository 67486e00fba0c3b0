//! Connections that are between two requests, or have not said anything yet: when there is no place left, the one that
//! is silent longest gives way. So no one can keep the others out by saying nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The connections that are silent now, the longest first.
#[derive(Clone, Default)]
pub(super) struct Silent(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Counts up, so that the lowest number is silent longest.
    last: u64,
    waiting: BTreeMap<u64, CancellationToken>,
}

/// One connection's entry. Leaves the list when it is dropped.
pub(super) struct Listening {
    silent: Silent,
    ended: CancellationToken,
    number: Mutex<Option<u64>>,
}

impl Silent {
    /// A new connection, which has said nothing yet.
    pub(super) fn begin(&self) -> Listening {
        let listening =
            Listening { silent: self.clone(), ended: CancellationToken::new(), number: Mutex::new(None) };
        listening.falls_silent();
        listening
    }

    /// Ends the connection that is silent longest. `false`: every one of them is at work.
    pub(super) fn end_longest(&self) -> bool {
        match self.state().waiting.pop_first() {
            Some((_, ended)) => {
                ended.cancel();
                true
            }
            None => false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening {
    /// Ended to make room for another one.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// The head of a request is there: it is answered first.
    pub(super) fn speaks(&self) {
        if let Some(number) = self.number().take() {
            self.silent.state().waiting.remove(&number);
        }
    }

    pub(super) fn falls_silent(&self) {
        let mut state = self.silent.state();
        state.last += 1;
        let number = state.last;
        state.waiting.insert(number, self.ended.clone());
        drop(state);
        *self.number() = Some(number);
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.speaks();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silent_gives_way_and_no_one_who_is_answered() {
        let silent = Silent::default();
        let (first, second, third) = (silent.begin(), silent.begin(), silent.begin());
        first.speaks();
        drop(third);
        assert!(silent.end_longest());
        assert!(second.ended.is_cancelled() && !first.ended.is_cancelled());
        assert!(!silent.end_longest(), "the only one left is answered");
        first.falls_silent();
        assert!(silent.end_longest() && first.ended.is_cancelled());
    }
}
