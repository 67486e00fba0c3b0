//! The queue of log lines: bounded, and written by a thread, so that code which logs never waits for a slow reader.
//!
//! While the reader does not read, lines are dropped and counted. When it reads again, their number is logged in their place.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

/// The most lines that wait, and their bytes.
const LINES_MAX: usize = 8_192;
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Writes lines. Each call gets one whole line, or one message for the journal.
pub type Sink = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// Accepts lines without waiting. Clones share the queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<QueueState>,
    /// Signalled at each change of `state`.
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Whether the thread has taken an entry and not written it yet.
    is_writing: bool,
}

enum Entry {
    Line(Vec<u8>),
    /// The number of lines that were dropped here.
    Gap(u64),
}

thread_local! {
    /// Collects what the writing thread itself logs. It must not go through the queue.
    static DIRECT: Cell<Option<Vec<Vec<u8>>>> = const { Cell::new(None) };
}

impl Queue {
    /// Starts the thread, which runs until the process ends.
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
        // Lines that the sink refused since the last one that it accepted.
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
                            // If this fails too, there is no place to report it.
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

/// Each call is one whole line.
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
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines that report how many are missing, in the format of this process.
fn gap(lines: u64) -> Vec<Vec<u8>> {
    DIRECT.set(Some(Vec::new()));
    tracing::warn!(
        event = "log.dropped",
        lines,
        "{lines} log lines are missing here: they were not read in time",
    );
    DIRECT.take().unwrap_or_default()
}

/// `None`: the writing thread logged this line, and has collected it.
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

    /// A reader that reads one line for each message it gets.
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
    fn logging_never_waits_and_dropped_lines_are_counted_in_their_place() {
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
    fn the_writing_thread_logs_a_gap_itself() {
        let (queue, _go, _lines) = slow();
        let subscriber = {
            use tracing_subscriber::layer::SubscriberExt;
            let queue = queue.clone();
            let sink = move || queue.clone();
            tracing_subscriber::registry().with(super::super::layer(super::super::LineStyle::Json, sink))
        };
        let logged = tracing::subscriber::with_default(subscriber, || gap(7));
        let [line] = &logged[..] else { panic!("{logged:?}") };
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!((line["event"].as_str(), line["lines"].as_u64()), (Some("log.dropped"), Some(7)));
    }
}
