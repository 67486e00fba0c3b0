//! The journal's own protocol: `journalctl EVENT=run.failed SHOP=acme-us`.

use std::io;

use tracing::Subscriber;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// Sends each event with its fields, and those of the spans around it, in capitals: `EVENT`, `SHOP`, `JOB`, `RUN_ID`.
/// Fails where no journal listens.
pub(super) fn layer<S>() -> io::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = tracing_journald::layer()?
        .with_syslog_identifier("shopsync".to_owned())
        .with_field_prefix(None)
        .with_priority_mappings(priorities());
    Ok(layer.boxed())
}

/// The same as in front of lines of text.
fn priorities() -> PriorityMappings {
    PriorityMappings {
        error: Priority::Error,
        warn: Priority::Warning,
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
    }
}
