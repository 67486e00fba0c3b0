//! Progress on a terminal: one line per record of a shop, with counts and rate.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::domain::record::{Lane, Record};
use crate::jobs::daemon::run::counted;
use crate::sync::Progress;
use crate::sync::progress::Counts;
use crate::telemetry::log_above;

/// Cut to the terminal's width: a line that is folded cannot be drawn over.
const LOOK: &str = "{prefix:28!} {bar:12} {pos}/{len} windows {wide_msg} {elapsed}";

/// How often the lines are drawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Whose progress a line shows.
type Line = (String, Record);

/// One bar per record of a shop; draws nothing when stderr is no terminal.
pub(super) struct Bars {
    all: MultiProgress,
    shown: Mutex<BTreeMap<Line, (ProgressBar, tokio::task::AbortHandle)>>,
    is_shown: bool,
}

impl Bars {
    pub(super) fn new(is_wanted: bool) -> Self {
        let is_shown = is_wanted && std::io::stderr().is_terminal();
        let all = MultiProgress::new();
        if is_shown {
            let bars = all.clone();
            log_above(Some(Box::new(move |write| bars.suspend(write))));
        }
        Self { all, shown: Mutex::default(), is_shown }
    }

    /// Adds a line that follows `progress`.
    pub(super) fn add(&self, shop: &str, record: Record, progress: Arc<Progress>) {
        if !self.is_shown {
            return;
        }
        let style = ProgressStyle::with_template(LOOK).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.all.add(ProgressBar::new(1).with_style(style));
        bar.set_prefix(format!("{shop} {record}"));
        let follower = tokio::spawn(follow(bar.clone(), record, progress)).abort_handle();
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((shop.to_owned(), record), (bar, follower));
    }

    pub(super) fn finish(&self, shop: &str, record: Record) {
        if let Some((bar, follower)) =
            self.shown.lock().unwrap_or_else(PoisonError::into_inner).remove(&(shop.to_owned(), record))
        {
            follower.abort();
            bar.finish_and_clear();
        }
    }

    pub(super) fn clear(&self) {
        if self.is_shown {
            log_above(None);
            // Lines that cannot be cleared stay on the screen; nothing depends on it.
            self.all.clear().ok();
        }
    }
}

fn message(record: Record, counts: Counts, amounts: Counts, per_second: u64) -> String {
    let Counts { rows_seen, rows_written, .. } = counts;
    let counted = counted(record, Lane::Update);
    let money = match amounts.rows_seen {
        0 => String::new(),
        orders => format!(", money of {orders}"),
    };
    let calls = counts.calls + amounts.calls;
    format!("{rows_seen} {counted} {per_second}/s, {rows_written} written{money}, {calls} calls")
}

async fn follow(bar: ProgressBar, record: Record, progress: Arc<Progress>) {
    let started_at = std::time::Instant::now();
    loop {
        let counts = progress.counts();
        // A bar of nothing would be drawn as a full one.
        bar.set_length(counts.windows_known.max(1));
        bar.set_position(counts.windows_done);
        let per_second =
            counts.rows_seen * 1_000 / u64::try_from(started_at.elapsed().as_millis()).unwrap_or(1).max(1);
        bar.set_message(message(record, counts, progress.amounts().counts(), per_second));
        tokio::time::sleep(REDRAW).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_says_what_it_counts_and_does_not_add_money_to_orders() {
        let counts = Counts { rows_seen: 100, rows_written: 99, calls: 7, ..Counts::default() };
        let amounts = Counts { rows_seen: 40, calls: 40, ..Counts::default() };
        for (record, amounts, expected) in [
            (Record::Orders, amounts, "100 orders 9/s, 99 written, money of 40, 47 calls"),
            (Record::Products, Counts::default(), "100 SKUs 9/s, 99 written, 7 calls"),
        ] {
            assert_eq!(message(record, counts, amounts, 9), expected);
        }
    }
}
