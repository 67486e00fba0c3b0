//! `/api/v1`: what the daemon knows and does, as JSON for programs. A name in an answer, once there, stays.

use axum::Router;
use axum::routing::{get, post};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use super::Web;

pub mod runs;
pub mod status;
pub mod token;

mod progress;
mod sync;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/status", get(status::status))
        .route("/runs", get(runs::runs))
        .route("/progress", get(progress::progress))
        .route("/sync", post(sync::sync))
        .route("/shops/{shop}/token", get(token::token))
}

/// An instant as programs read it: RFC 3339 in UTC, or null.
pub fn instant(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

/// A length of time in its two largest units: `3d 4h`, `5m 2s`.
pub fn length(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_reported_in_its_two_largest_units() {
        for (seconds, expected) in
            [(0, "0s"), (59, "59s"), (62, "1m 2s"), (7_260, "2h 1m"), (90_000, "1d 1h")]
        {
            assert_eq!(length(TimeDelta::seconds(seconds)), expected);
        }
    }
}
