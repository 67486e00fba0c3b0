//! Who is at the keyboard, for what is done by hand and remembered.

use nix::unistd::{Uid, User};

/// The user of this process; behind `sudo` also who became it.
pub(super) fn name() -> String {
    let user = Uid::effective();
    let account = User::from_uid(user).ok().flatten().map(|account| account.name);
    let name = account.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| format!("user {user}"));
    match std::env::var("SUDO_USER") {
        Ok(person) if person != name => format!("{name} (sudo by {person})"),
        _ => name,
    }
}
