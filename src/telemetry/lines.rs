//! One event, one line: whatever a platform's message holds, it cannot forge a second line in a log that people
//! and alarms read.

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::Look;
use crate::terminal;

/// What a colour begins with.
const COLOUR: &str = "\u{1b}[";

/// Writes each event as one line to what it wraps.
pub(super) struct Lines<W> {
    inner: W,
    look: Look,
}

impl<W> Lines<W> {
    pub(super) fn of(inner: W, look: Look) -> Self {
        Self { inner, look }
    }
}

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Line { inner: self.inner.make_writer(), look: self.look, level: Level::INFO }
    }

    fn make_writer_for(&'writer self, event: &Metadata<'_>) -> Self::Writer {
        Line { inner: self.inner.make_writer_for(event), look: self.look, level: *event.level() }
    }
}

/// The writer of one event.
pub(super) struct Line<W> {
    inner: W,
    look: Look,
    level: Level,
}

impl<W: Write> Write for Line<W> {
    /// Takes the whole event: the formatter hands it over in one piece, with a line's end at its end.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        // One call, so that lines of several threads and processes do not run into each other.
        self.inner.write_all(line(self.look, self.level, event).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn line(look: Look, level: Level, event: &[u8]) -> String {
    let event = String::from_utf8_lossy(event.strip_suffix(b"\n").unwrap_or(event));
    match look {
        // Escapes all that matters by itself, and stays exact.
        Look::Json | Look::Journal => format!("{event}\n"),
        Look::Numbered => format!("<{}>{}\n", priority(level), terminal::one_line(&event)),
        Look::Text { colours: false } => format!("{}\n", terminal::one_line(&event)),
        Look::Text { colours: true } => format!("{}\n", with_colours(&event)),
    }
}

/// The formatter's own colours stay. It escapes an escape character that stands in a message or a field.
fn with_colours(event: &str) -> String {
    let mut parts = event.split(COLOUR);
    let mut line = terminal::one_line(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let codes = part.find(|character: char| !character.is_ascii_digit() && character != ';');
        match codes.map(|end| part.split_at(end)) {
            Some((codes, rest)) if rest.starts_with('m') => {
                line.push_str(COLOUR);
                line.push_str(codes);
                line.push_str(&terminal::one_line(rest));
            }
            _ => line.push_str(&terminal::one_line(&format!("{COLOUR}{part}"))),
        }
    }
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
