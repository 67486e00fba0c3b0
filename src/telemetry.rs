//! Logs: where they go, how they look, how much of them.
//!
//! All of it goes to stderr, or to the journal's socket; stdout belongs to the answers of the verbs. Which events there are, and what they
//! say, is up to the code that tells them.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

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
mod screen;

pub use screen::log_above;

use lines::Lines;
use screen::Screen;

/// Begins to log. Once per process.
///
/// `level` is `error`, `warn`, `info`, `debug` or `trace`, or a list such as `info,shopsync::sync=debug`.
pub fn init(format: LogFormat, level: &str) -> Result<Telemetry, TelemetryError> {
    let (level, handle) = reload::Layer::new(level::parse(level)?);
    let (layer, deaf) = match (format == LogFormat::Journald).then(native::layer) {
        Some(Ok(journal)) => (journal, None),
        Some(Err(error)) => (layer(Look::of(LogFormat::Auto), || Screen), Some(error)),
        None => (layer(Look::of(format), || Screen), None),
    };
    Registry::default()
        .with(level)
        .with(layer)
        .try_init()
        .map_err(|source| TelemetryError::Init { source })?;
    if let Some(error) = deaf {
        tracing::warn!(
            event = "config.warning",
            "log format `journald`: the journal does not listen at {} ({error}); writing text to stderr",
            native::SOCKET,
        );
    }
    Ok(Telemetry { level: handle })
}

/// Whether [`init`] would take this level.
pub fn check_level(level: &str) -> Result<(), TelemetryError> {
    level::parse(level).map(drop)
}

/// Logging that has begun. It goes on when this is dropped.
pub struct Telemetry {
    level: reload::Handle<Targets, Registry>,
}

impl Telemetry {
    /// Changes how much is logged from now on. The words are those of [`init`].
    pub fn set_level(&self, level: &str) -> Result<(), TelemetryError> {
        let level = level::parse(level)?;
        self.level.reload(level).map_err(|source| TelemetryError::Reload { source })
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// What suits the place: text, with priorities where the journal reads along.
    #[default]
    Auto,
    /// For people: one line an event.
    Text,
    /// For machines: one JSON object a line, the event's fields at its top.
    Json,
    /// For systemd's journal: its own protocol, each field of an event a field there. Text where there is no journal.
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

/// Why logs cannot be as asked.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("`{found}` is no log format: auto, text, json or journald")]
    Format { found: String },
    #[error(
        "`{found}` is no log level: error, warn, info, debug or trace, or a list such as `info,sqlx=debug`"
    )]
    Level { found: String },
    #[error("logging could not be set up")]
    Init {
        #[source]
        source: TryInitError,
    },
    #[error("the log level could not be changed")]
    Reload {
        #[source]
        source: reload::Error,
    },
}

/// What a format comes to on this stderr. The journal's protocol goes elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Text {
        colours: bool,
    },
    /// Each line begins with `<N>`, the syslog priority, and has no time, because the journal has both.
    Numbered,
    Json,
}

impl Look {
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

fn layer<S, W>(look: Look, sink: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // A closed stderr must not end the daemon: the crate's own complaint would panic on it.
    let layer = tracing_subscriber::fmt::layer().log_internal_errors(false);
    match look {
        Look::Text { colours } => {
            layer.with_target(false).with_ansi(colours).with_writer(Lines::of(sink, look)).boxed()
        }
        Look::Numbered => layer
            .with_target(false)
            .with_ansi(false)
            .without_time()
            .with_level(false)
            .with_writer(Lines::of(sink, look))
            .boxed(),
        Look::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(Lines::of(sink, look))
            .boxed(),
    }
}

#[cfg(test)]
mod tests;
