//! Shows that the daemon works: its health, and the watchdog and status line of systemd.

pub mod health;
pub mod notify_socket;
pub mod status_line;
pub mod watchdog;
