//! Log lines on their way out: a bounded queue and a thread that writes it, so that nobody who logs ever waits for
//! whoever reads.
//!
//! When the reader stops reading, lines are dropped and counted; once it reads on, their number is logged in the place
//! where they are missing.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

/// Lines that wait at most, and their bytes.
const LINES_MAX: usize = 8_192;
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Where lines go in the end. Each call is one whole line, or one message of the journal.
pub(super) type Sink = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// Takes lines without ever waiting. Clones share the queue.
#[derive(Clone)]
pub(super) struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled at each change of `state`.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Whether the thread has taken an entry and not written it yet.
    is_writing: bool,
}

enum Entry {
    Line(Vec<u8>),
    /// So many lines were dropped here.
    Gap(u64),
}

thread_local! {
    /// On the thread that writes, what it logs itself goes straight out.
    static DIRECT: Cell<Option<Vec<Vec<u8>>>> = const { Cell::new(None) };
}

impl Queue {
    /// Starts the thread, which goes on until the process ends.
    pub(super) fn start(sink: Sink) -> io::Result<Self> {
        let queue = Self { shared: Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() }) };
        let writing = queue.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || writing.write_all(sink))?;
        Ok(queue)
    }

    pub(super) fn push(&self, line: Vec<u8>) {
        let Some(line) = keep_direct(line) else { return };
        let mut state = self.shared.state();
        if state.entries.len() < LINES_MAX && state.bytes + line.len() <= BYTES_MAX {
            state.bytes += line.len();
            state.entries.push_back(Entry::Line(line));
        } else if let Some(Entry::Gap(lines)) = state.entries.back_mut() {
            *lines += 1;
        } else {
            state.entries.push_back(Entry::Gap(1));
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Waits until all lines are written, at most for `limit`.
    pub(super) fn drain(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut state = self.shared.state();
        while !state.entries.is_empty() || state.is_writing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn write_all(&self, mut sink: Sink) {
        // Lines that the sink itself refused since the last one that it took.
        let mut refused = 0;
        loop {
            let lines = match self.next() {
                Entry::Line(line) => vec![line],
                Entry::Gap(lines) => gap(lines),
            };
            for line in lines {
                match sink(&line) {
                    Ok(()) if refused > 0 => {
                        for line in gap(std::mem::take(&mut refused)) {
                            // Nothing is left to tell it to.
                            let _ = sink(&line);
                        }
                    }
                    Ok(()) => {}
                    Err(_) => refused += 1,
                }
            }
            self.shared.state().is_writing = false;
            self.shared.changed.notify_all();
        }
    }

    fn next(&self) -> Entry {
        let mut state = self.shared.state();
        loop {
            if let Some(entry) = state.entries.pop_front() {
                if let Entry::Line(line) = &entry {
                    state.bytes -= line.len();
                }
                state.is_writing = true;
                return entry;
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A whole line at a time: the formatter hands each over in one piece.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines that say how many are missing, in whatever format this process logs.
fn gap(lines: u64) -> Vec<Vec<u8>> {
    DIRECT.set(Some(Vec::new()));
    tracing::warn!(
        event = "log.dropped",
        lines,
        "{lines} log lines are missing here: nobody read them in time",
    );
    DIRECT.take().unwrap_or_default()
}

/// `None`: the line was kept for the thread that writes, which is the one that logged it.
fn keep_direct(line: Vec<u8>) -> Option<Vec<u8>> {
    match DIRECT.take() {
        Some(mut lines) => {
            lines.push(line);
            DIRECT.set(Some(lines));
            None
        }
        None => Some(line),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A reader that takes one line for each word it is given.
    fn slow() -> (Queue, mpsc::Sender<()>, mpsc::Receiver<String>) {
        let (go, going) = mpsc::channel::<()>();
        let (written, lines) = mpsc::channel();
        let sink = move |line: &[u8]| {
            going.recv().map_err(io::Error::other)?;
            written.send(String::from_utf8_lossy(line).into_owned()).map_err(io::Error::other)
        };
        (Queue::start(Box::new(sink)).unwrap(), go, lines)
    }

    #[test]
    fn who_logs_never_waits_and_what_was_dropped_is_counted_in_its_place() {
        let (queue, go, lines) = slow();
        let all = LINES_MAX + 500;
        for number in 0..all {
            queue.push(format!("{number}").into_bytes());
        }
        let begun_at = Instant::now();
        queue.drain(Duration::from_millis(50));
        assert!(begun_at.elapsed() < Duration::from_secs(5), "a flush has an end");

        for _ in 0..all {
            go.send(()).unwrap();
        }
        queue.drain(Duration::from_secs(10));
        queue.push(b"last".to_vec());
        queue.drain(Duration::from_secs(10));
        let written: Vec<String> = lines.try_iter().collect();
        // The first may be taken before the rest arrive.
        assert!([LINES_MAX + 1, LINES_MAX + 2].contains(&written.len()), "{}", written.len());
        let kept: Vec<String> = (0..written.len() - 1).map(|number| number.to_string()).collect();
        assert_eq!(written[..written.len() - 1], kept, "in order");
        assert_eq!(written.last().map(String::as_str), Some("last"));
    }

    #[test]
    fn a_gap_is_logged_by_the_thread_that_writes_and_goes_straight_out() {
        let (queue, _go, _lines) = slow();
        let subscriber = {
            use tracing_subscriber::layer::SubscriberExt;
            let queue = queue.clone();
            let sink = move || queue.clone();
            tracing_subscriber::registry().with(super::super::layer(super::super::Look::Json, sink))
        };
        let told = tracing::subscriber::with_default(subscriber, || gap(7));
        let [line] = &told[..] else { panic!("{told:?}") };
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!((line["event"].as_str(), line["lines"].as_u64()), (Some("log.dropped"), Some(7)));
    }
}
