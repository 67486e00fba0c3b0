//! The journal's own protocol: `journalctl EVENT=run.failed SHOP=acme-us`.
//!
//! Gets each event as a line of JSON. Its fields, and those of the spans around it, become fields of the journal in
//! capitals: `EVENT`, `SHOP`, `JOB`, `RUN_ID`. See <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.

use std::io;
use std::os::unix::net::UnixDatagram;

use serde_json::{Map, Value};

use super::queue::Sink;

/// Where the journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// The longest value, if the whole entry is too long for one message.
const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Sends each line as one entry. Fails if no journal listens.
pub fn sink() -> io::Result<Sink> {
    let socket = UnixDatagram::unbound()?;
    // The journal ignores an empty message.
    socket.send_to(&[], SOCKET)?;
    Ok(Box::new(move |line| {
        let Ok(Value::Object(event)) = serde_json::from_slice(line) else {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        };
        // By path each time: a restarted journal has another socket at the same path.
        match socket.send_to(&entry(&event, usize::MAX), SOCKET) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) => {
                socket.send_to(&entry(&event, VALUE_BYTES_MAX), SOCKET).map(drop)
            }
            sent => sent.map(drop),
        }
    }))
}

/// The message of one event.
fn entry(event: &Map<String, Value>, value_bytes_max: usize) -> Vec<u8> {
    let mut entry = Vec::with_capacity(512);
    let mut put = |name: &str, value: &str| field(&mut entry, name, cut(value, value_bytes_max));
    put("SYSLOG_IDENTIFIER", "shopsync");
    for (name, value) in event {
        match (name.as_str(), value) {
            // The journal adds the time itself.
            ("timestamp", _) => {}
            ("level", Value::String(level)) => put("PRIORITY", priority(level)),
            ("filename", value) => put("CODE_FILE", &text(value)),
            ("line_number", value) => put("CODE_LINE", &text(value)),
            ("spans", Value::Array(spans)) => {
                for (name, value) in spans.iter().filter_map(Value::as_object).flatten() {
                    let name = if name == "name" { "SPAN_NAME" } else { name };
                    put(name, &text(value));
                }
            }
            (name, value) => put(name, &text(value)),
        }
    }
    entry
}

fn field(entry: &mut Vec<u8>, name: &str, value: &str) {
    let name =
        name.chars().map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' });
    // Only the journal itself may set names that begin with `_`.
    entry.extend(name.skip_while(|char| *char == '_').map(|char| char as u8));
    entry.push(b'\n');
    entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

/// The same as in front of lines of text, see `sd-daemon(3)`.
fn priority(level: &str) -> &'static str {
    match level {
        "ERROR" => "3",
        "WARN" => "4",
        "INFO" => "6",
        _ => "7",
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cut(value: &str, bytes_max: usize) -> &str {
    if value.len() <= bytes_max {
        return value;
    }
    let end = (0..=bytes_max).rev().find(|end| value.is_char_boundary(*end)).unwrap_or_default();
    &value[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_an_event_and_its_spans_becomes_one_of_the_journal() {
        let event = serde_json::json!({
            "timestamp": "2026-12-01T00:00:00Z", "level": "WARN", "message": "one\ntwo", "event": "run.failed",
            "rows_seen": 3, "odd.name": "x", "spans": [{"name": "job", "job": "orders", "run_id": 7}],
        });
        let entry = entry(event.as_object().unwrap(), usize::MAX);
        let text = String::from_utf8_lossy(&entry);
        for part in [
            "SYSLOG_IDENTIFIER\n\u{8}\0\0\0\0\0\0\0shopsync\n",
            "PRIORITY\n\u{1}\0\0\0\0\0\0\u{0}4\n",
            "MESSAGE\n\u{7}\0\0\0\0\0\0\0one\ntwo\n",
            "ODD_NAME\n",
            "ROWS_SEEN\n\u{1}\0\0\0\0\0\0\u{0}3\n",
            "SPAN_NAME\n",
            "RUN_ID\n",
        ] {
            assert!(text.contains(part), "{part:?} in {text:?}");
        }
        assert!(!text.contains("TIMESTAMP"), "{text:?}");
        assert_eq!(cut("aä", 2), "a");
    }
}
