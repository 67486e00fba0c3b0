//! Notifies systemd over the socket in `$NOTIFY_SOCKET`. Without that variable, nothing is sent.
//!
//! A failed notification does not stop the daemon: if `READY=1` is missing, systemd itself reports that it waits for it.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::terminal;

/// What one line of `systemctl status` shows.
const STATUS_LENGTH_MAX: usize = 240;

/// The daemon works: config, database and schema are in order, and jobs are scheduled.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Sets the status text of `systemctl status`.
pub fn status(text: &str) {
    notify(&[NotifyState::Status(&one_line(text))]);
}

/// The daemon stops in order.
pub fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// A sign of life for the watchdog.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How long systemd waits for the next sign of life before it kills the daemon. `None`: there is no watchdog, or it is for
/// another process (`$WATCHDOG_PID`).
pub fn watchdog_limit() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero())
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "could not notify systemd");
    }
}

/// On one line, because a line break would start another assignment of the protocol.
fn one_line(text: &str) -> String {
    terminal::one_line(text).chars().take(STATUS_LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_text_cannot_set_another_variable() {
        assert_eq!(one_line("the file has no key\nWATCHDOG=1"), "the file has no key\\nWATCHDOG=1");
        assert_eq!(one_line(&"店".repeat(1_000)).chars().count(), STATUS_LENGTH_MAX);
    }
}
