//! Logs refused requests, and limits the lines so that no one can fill the log.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines in one [`SPAN`]; the others are only counted, and the next line holds their number.
const LINES_MAX: u32 = 20;
const SPAN: Duration = Duration::from_mins(1);
/// Of an address that someone requested. Ours are shorter.
const PATH_CHARS_MAX: usize = 100;

#[derive(Default)]
pub(super) struct Refusals {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None`: nothing was refused yet.
    began_at: Option<Instant>,
    lines: u32,
    untold: u64,
}

impl Refusals {
    /// One line: who, which address (never its query, which may hold a code), why.
    pub(super) fn log(&self, from: IpAddr, path: &str, reason: &str) {
        let Some(untold) = self.count(Instant::now()) else { return };
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        tracing::warn!(event = "http.refused", %from, path, untold, "a request from {from} was refused: {reason}");
    }

    /// How many were not logged since the last line. `None`: this one is not logged either.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.began_at.is_none_or(|began_at| now.saturating_duration_since(began_at) >= SPAN) {
            state.began_at = Some(now);
            state.lines = 0;
        }
        if state.lines == LINES_MAX {
            state.untold += 1;
            return None;
        }
        state.lines += 1;
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_written() {
        let refusals = Refusals::default();
        let now = Instant::now();
        let counts = |at| (0..50).filter_map(|_| refusals.count(at)).collect::<Vec<u64>>();
        assert_eq!(counts(now), vec![0; 20]);
        let later = counts(now + SPAN);
        assert_eq!((later.len(), later[0], later[1]), (20, 30, 0));
    }
}
