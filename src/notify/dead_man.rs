//! Pings a dead man's switch: a service that expects a ping from a job, and raises an alarm if it does not come. The paths are
//! those of healthchecks.io, which other services support too.

use std::time::Duration;

use reqwest::Method;
use url::Url;

use super::sender::{Request, SendError, Sender};

/// Pauses between the tries of one ping.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// The longest text of a failure.
const TEXT_BYTES_MAX: usize = 2_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ping {
    Start,
    Success,
    /// With the reason, for people.
    Failure(String),
}

/// Why a ping failed.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    #[error(transparent)]
    Sender(#[from] SendError),
    #[error("the service answered HTTP {0}")]
    Status(u16),
}

/// Sends one ping, with three tries at most.
pub async fn ping(sender: &Sender, switch: &Url, ping: &Ping) -> Result<(), PingError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let error = match sender.send(request(switch, ping)).await {
            Ok(response) if (200..300).contains(&response.status) => return Ok(()),
            Ok(response) => PingError::Status(response.status),
            Err(error) => PingError::Sender(error),
        };
        let is_temporary =
            !matches!(error, PingError::Status(status) if (300..500).contains(&status) && status != 429);
        match pauses.next().filter(|_| is_temporary) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    }
}

fn request(switch: &Url, ping: &Ping) -> Request {
    let (method, suffix, body) = match ping {
        Ping::Start => (Method::GET, "/start", String::new()),
        Ping::Success => (Method::GET, "", String::new()),
        Ping::Failure(text) => (Method::POST, "/fail", super::message::cut(text, TEXT_BYTES_MAX)),
    };
    let mut address = switch.clone();
    if !suffix.is_empty() {
        address.set_path(&format!("{}{suffix}", switch.path().trim_end_matches('/')));
    }
    Request { method, address, content_type: "text/plain; charset=utf-8", body, headers: Vec::new() }
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
            assert_eq!(request(&switch.parse().unwrap(), &ping).address.as_str(), expected);
        }
    }
}
