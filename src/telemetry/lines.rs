//! Writes each event as one line. Whatever the message of a platform contains, it cannot forge a second line in a log that
//! people and alerts read.

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::LineStyle;
use crate::terminal;

/// The start of a colour code.
const COLOUR: &str = "\u{1b}[";

/// Writes each event as one line to what it wraps.
pub struct Lines<W> {
    inner: W,
    style: LineStyle,
}

impl<W> Lines<W> {
    pub(super) fn of(inner: W, style: LineStyle) -> Self {
        Self { inner, style }
    }
}

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Line { inner: self.inner.make_writer(), style: self.style, level: Level::INFO }
    }

    fn make_writer_for(&'writer self, event: &Metadata<'_>) -> Self::Writer {
        Line { inner: self.inner.make_writer_for(event), style: self.style, level: *event.level() }
    }
}

/// The writer of one event.
pub struct Line<W> {
    inner: W,
    style: LineStyle,
    level: Level,
}

impl<W: Write> Write for Line<W> {
    /// The formatter passes each event in one call, with a line break at the end.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        // One call, so that lines of several threads and processes do not mix.
        self.inner.write_all(line(self.style, self.level, event).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn line(style: LineStyle, level: Level, event: &[u8]) -> String {
    let event = String::from_utf8_lossy(event.strip_suffix(b"\n").unwrap_or(event));
    match style {
        // JSON escapes line breaks itself.
        LineStyle::Json | LineStyle::Journal => format!("{event}\n"),
        LineStyle::Numbered => format!("<{}>{}\n", priority(level), terminal::one_line(&event)),
        LineStyle::Text { colours: false } => format!("{}\n", terminal::one_line(&event)),
        LineStyle::Text { colours: true } => format!("{}\n", with_colours(&event)),
    }
}

/// Keeps the formatter's own colours. The formatter escapes escape characters in messages and fields.
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
