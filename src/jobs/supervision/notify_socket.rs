//! What systemd is told, over the socket it names in `$NOTIFY_SOCKET`. Where there is none, nobody is told.
//!
//! Not being heard is no reason to stop: without `READY=1` systemd says itself what it waits for.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::terminal;

/// One line of `systemctl status` holds no more.
const STATUS_LENGTH_MAX: usize = 240;

/// The daemon is at work: config, database and schema are in order, and slots are handed out.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// How it goes, as `systemctl status` shows it.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(&one_line(text))]);
}

/// The end has begun, and is orderly.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// It is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How long systemd waits for the next sign of life before it ends the daemon. `None`: it does not, or it means another
/// process than this one (`$WATCHDOG_PID`).
pub fn watchdog_limit() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero())
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd does not hear us");
    }
}

/// A line's end would begin a word of the protocol.
fn one_line(text: &str) -> String {
    terminal::one_line(text).chars().take(STATUS_LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_cannot_say_more_than_a_status() {
        assert_eq!(one_line("the file has no key\nWATCHDOG=1"), "the file has no key\\nWATCHDOG=1");
        assert_eq!(one_line(&"店".repeat(1_000)).chars().count(), STATUS_LENGTH_MAX);
    }
}
