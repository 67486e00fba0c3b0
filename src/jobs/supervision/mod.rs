//! How the daemon proves that it works: health, the watchdog and the status line of systemd.

pub mod health;
pub mod notify_socket;
pub mod status_line;
pub mod watchdog;
