//! Logs: where they go, how they style, how much of them.
//!
//! A thread writes the log to stderr, or to the socket of the journal, so that code which logs never waits for a slow reader.
//! stdout is for the output of verbs.

use std::io::{IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::str::FromStr;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;
use std::{fmt, io, panic, thread};

use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

mod journal;
mod level;
mod lines;
mod native;
mod queue;
mod screen;

pub use screen::log_above;

use lines::Lines;
use queue::{Queue, Sink};
use screen::Screen;

/// At the end of the program, how long to wait for the last lines to be written.
const END_WAIT: Duration = Duration::from_secs(1);
/// The same after a panic, which the program may survive.
const PANIC_WAIT: Duration = Duration::from_millis(200);

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Starts logging. Call it once per process.
///
/// `level` is `error`, `warn`, `info`, `debug` or `trace`, or a list such as `info,shopsync::sync=debug`.
pub fn init(format: LogFormat, level: &str) -> Result<Telemetry, TelemetryError> {
    let (level, handle) = reload::Layer::new(level::parse(level)?);
    let Output { style, sink, journal_error } = Output::of(format);
    let queue = Queue::start(sink).map_err(|source| TelemetryError::Thread { source })?;
    let writing = queue.clone();
    Registry::default()
        .with(level)
        .with(layer(style, move || writing.clone()))
        .try_init()
        .map_err(|source| TelemetryError::Init { source })?;
    if QUEUE.set(queue).is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
    if let Some(error) = journal_error {
        tracing::warn!(
            event = "config.warning",
            "log format `journald`: the journal does not listen at {} ({error}); writing text to stderr",
            native::SOCKET,
        );
    }
    Ok(Telemetry { level: handle })
}

/// Waits a moment for lines that are not written yet. The last thing a process does.
pub fn end() {
    if let Some(queue) = QUEUE.get() {
        queue.drain(END_WAIT);
    }
}

/// Prints the final message of the program to stderr, after all log lines. Gives up if stderr accepts nothing.
pub fn last_words(text: &str) {
    end();
    let (written, done) = mpsc::channel();
    let line = format!("{text}\n");
    let writing = thread::Builder::new().spawn(move || {
        // If stderr is closed, no one can read the message.
        let _ = io::stderr().write_all(line.as_bytes());
        let _ = written.send(());
    });
    if writing.is_ok() {
        let _ = done.recv_timeout(END_WAIT);
    }
}

/// Replaces the standard library's panic message, which would wait for stderr.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic.payload_as_str().unwrap_or("no message");
    let backtrace = std::backtrace::Backtrace::capture();
    let backtrace = match backtrace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    tracing::error!(
        event = "program.panicked",
        error = text,
        "a fault of this program, please report it: panicked at {place}: {text}{backtrace}",
    );
    if let Some(queue) = QUEUE.get() {
        queue.drain(PANIC_WAIT);
    }
}

/// Checks a level as [`init`] does.
pub fn check_level(level: &str) -> Result<(), TelemetryError> {
    level::parse(level).map(drop)
}

/// A handle to the running log. Logging continues when it is dropped.
pub struct Telemetry {
    level: reload::Handle<Targets, Registry>,
}

impl Telemetry {
    /// Changes the level from now on. Takes the same values as [`init`].
    pub fn set_level(&self, level: &str) -> Result<(), TelemetryError> {
        let level = level::parse(level)?;
        self.level.reload(level).map_err(|source| TelemetryError::Reload { source })
    }
}

/// How log lines style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// The journal's own protocol if the journal reads stderr, otherwise text.
    #[default]
    Auto,
    /// For people: one line an event.
    Text,
    /// For machines: one JSON object a line, the event's fields at its top.
    Json,
    /// The protocol of systemd's journal: each field of an event is a field there. Text if there is no journal.
    Journald,
}

impl LogFormat {
    const ALL: [Self; 4] = [Self::Auto, Self::Text, Self::Json, Self::Journald];

    /// The word in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
            Self::Journald => "journald",
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(word: &str) -> Result<Self, TelemetryError> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == word)
            .ok_or_else(|| TelemetryError::Format { found: word.to_owned() })
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("`{found}` is no log format: auto, text, json or journald")]
    Format { found: String },
    #[error(
        "`{found}` is no log level: error, warn, info, debug or trace, or a list such as `info,sqlx=debug`"
    )]
    Level { found: String },
    #[error("could not start the thread that writes the log")]
    Thread {
        #[source]
        source: io::Error,
    },
    #[error("could not set up logging")]
    Init {
        #[source]
        source: TryInitError,
    },
    #[error("could not change the log level")]
    Reload {
        #[source]
        source: reload::Error,
    },
}

/// How and where lines are written.
struct Output {
    style: LineStyle,
    sink: Sink,
    /// Why the journal gets nothing, although the format `journald` was requested.
    journal_error: Option<io::Error>,
}

impl Output {
    fn of(format: LogFormat) -> Self {
        let is_for_journal = match format {
            LogFormat::Journald => true,
            LogFormat::Auto => journal::reads_stderr(),
            LogFormat::Text | LogFormat::Json => false,
        };
        let journal_error = match is_for_journal.then(native::sink) {
            Some(Ok(sink)) => return Self { style: LineStyle::Journal, sink, journal_error: None },
            Some(Err(error)) if format == LogFormat::Journald => Some(error),
            _ => None,
        };
        Self { style: LineStyle::of(format), sink: Box::new(|line| Screen.write_all(line)), journal_error }
    }
}

/// What lines style like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineStyle {
    Text {
        colours: bool,
    },
    /// Each line begins with `<N>`, the syslog priority, and has no time, because the journal has both.
    Numbered,
    Json,
    /// JSON with the place in the code, from which [`native`] makes the journal's fields.
    Journal,
}

impl LineStyle {
    fn of(format: LogFormat) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            _ if journal::reads_stderr() => Self::Numbered,
            // https://no-color.org: any value but the empty one means no.
            _ => Self::Text {
                colours: std::io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            },
        }
    }
}

fn layer<S, W>(style: LineStyle, sink: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // If stderr is closed, the crate's own error message would panic and end the daemon.
    let layer = tracing_subscriber::fmt::layer().log_internal_errors(false);
    match style {
        LineStyle::Text { colours } => {
            layer.with_target(false).with_ansi(colours).with_writer(Lines::of(sink, style)).boxed()
        }
        LineStyle::Numbered => layer
            .with_target(false)
            .with_ansi(false)
            .without_time()
            .with_level(false)
            .with_writer(Lines::of(sink, style))
            .boxed(),
        LineStyle::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(Lines::of(sink, style))
            .boxed(),
        LineStyle::Journal => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_file(true)
            .with_line_number(true)
            .with_writer(Lines::of(sink, style))
            .boxed(),
    }
}

#[cfg(test)]
mod tests;
