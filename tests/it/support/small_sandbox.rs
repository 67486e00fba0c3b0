//! A sandbox just big enough for the verbs.

use chrono::TimeDelta;
use shopsync::clock::Clock;
use shopsync::sandbox::{Sandbox, SandboxSettings};

/// Thirty orders of thirty hours in each shop.
pub(crate) async fn small_sandbox() -> Sandbox {
    Sandbox::start(SandboxSettings {
        clock: Clock::system(),
        orders: 30,
        history: TimeDelta::hours(30),
        ..SandboxSettings::default()
    })
    .await
    .unwrap()
}
