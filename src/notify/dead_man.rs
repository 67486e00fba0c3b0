//! The dead man's switch: an address that expects to hear of a job, and alarms somebody when it does not. The paths are those of
//! healthchecks.io, which others understand too.

use std::time::Duration;

use reqwest::Method;
use url::Url;

use super::courier::{Courier, CourierError, Letter};

/// Tries of one ping, and the pauses between them.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// What a failure may tell.
const TEXT_BYTES_MAX: usize = 2_000;

/// What the switch is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ping {
    Start,
    Success,
    /// With what failed, for people.
    Failure(String),
}

/// Why a ping did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    #[error(transparent)]
    Courier(#[from] CourierError),
    #[error("it was answered with HTTP {0}")]
    Status(u16),
}

/// Tells the switch, three tries at most.
pub async fn ping(courier: &Courier, switch: &Url, ping: &Ping) -> Result<(), PingError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let failed = match courier.carry(letter(switch, ping)).await {
            Ok(answer) if (200..300).contains(&answer.status) => return Ok(()),
            Ok(answer) => PingError::Status(answer.status),
            Err(error) => PingError::Courier(error),
        };
        let may_pass =
            !matches!(failed, PingError::Status(status) if (300..500).contains(&status) && status != 429);
        match pauses.next().filter(|_| may_pass) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(failed),
        }
    }
}

fn letter(switch: &Url, ping: &Ping) -> Letter {
    let (method, suffix, body) = match ping {
        Ping::Start => (Method::GET, "/start", String::new()),
        Ping::Success => (Method::GET, "", String::new()),
        Ping::Failure(text) => (Method::POST, "/fail", super::message::cut(text, TEXT_BYTES_MAX)),
    };
    let mut address = switch.clone();
    if !suffix.is_empty() {
        address.set_path(&format!("{}{suffix}", switch.path().trim_end_matches('/')));
    }
    Letter { method, address, content_type: "text/plain; charset=utf-8", body, headers: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ping_has_its_address() {
        for (switch, ping, expected) in [
            ("https://hc.example/ping/uuid", Ping::Start, "https://hc.example/ping/uuid/start"),
            ("https://hc.example/ping/uuid/", Ping::Start, "https://hc.example/ping/uuid/start"),
            ("https://hc.example/ping/uuid", Ping::Success, "https://hc.example/ping/uuid"),
            ("https://hc.example/p?key=1", Ping::Failure(String::new()), "https://hc.example/p/fail?key=1"),
        ] {
            assert_eq!(letter(&switch.parse().unwrap(), &ping).address.as_str(), expected);
        }
    }
}
