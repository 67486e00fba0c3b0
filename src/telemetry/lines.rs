//! One event, one line: whatever a platform's message holds, it cannot forge a second line in a log that people
//! and alarms read.

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Writes each event as one line to what it wraps.
pub(super) struct Lines<W> {
    inner: W,
    /// Whether a line begins with `<N>`, its syslog priority.
    numbered: bool,
}

impl<W> Lines<W> {
    pub(super) fn plain(inner: W) -> Self {
        Self { inner, numbered: false }
    }

    pub(super) fn numbered(inner: W) -> Self {
        Self { inner, numbered: true }
    }
}

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Line { inner: self.inner.make_writer(), priority: self.numbered.then(|| priority(Level::INFO)) }
    }

    fn make_writer_for(&'writer self, event: &Metadata<'_>) -> Self::Writer {
        Line {
            inner: self.inner.make_writer_for(event),
            priority: self.numbered.then(|| priority(*event.level())),
        }
    }
}

/// The writer of one event.
pub(super) struct Line<W> {
    inner: W,
    priority: Option<u8>,
}

impl<W: Write> Write for Line<W> {
    /// Takes the whole event: the formatter hands it over in one piece, with a line's end at its end.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        // One call, so that lines of several threads and processes do not run into each other.
        self.inner.write_all(&line(self.priority, event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn line(priority: Option<u8>, event: &[u8]) -> Vec<u8> {
    let text = event.strip_suffix(b"\n").unwrap_or(event);
    let mut line = Vec::with_capacity(text.len() + 4);
    if let Some(priority) = priority {
        line.extend_from_slice(format!("<{priority}>").as_bytes());
    }
    for byte in text {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            other => line.push(*other),
        }
    }
    line.push(b'\n');
    line
}

/// The syslog priority the journal reads from `<N>`; see `sd-daemon(3)`.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}
