//! How the simulated platforms are to be, as the verbs and tests say it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

use super::faults::Faults;
use super::open115::state::DriveSettings;
use crate::clock::Clock;

/// How the simulated platforms are to be.
#[derive(Clone)]
pub struct SandboxSettings {
    /// Port 0: a free one.
    pub listen: SocketAddr,
    pub clock: Clock,
    /// The same seed makes the same shops.
    pub seed: u64,
    /// How many orders each shop begins with.
    pub orders: usize,
    /// How many products each shop begins with. Those that orders refer to are always there.
    pub products: usize,
    /// How many after-sales cases each shop begins with.
    pub after_sales: usize,
    /// How many activities each Temu shop begins with.
    pub activities: usize,
    /// How far back they reach.
    pub history: TimeDelta,
    /// A tenth of them updated within one second.
    pub burst: bool,
    pub drift: Drift,
    pub faults: Faults,
    /// Of each app. `None`: no limit.
    pub requests_per_second: Option<f64>,
    /// Temu takes HMAC-SHA256 signatures and nothing else.
    pub temu_hmac: bool,
    /// A self-developed app's token lives 365 days, a third party's 90.
    pub temu_token_life: TimeDelta,
    /// Of 115, which is a drive and no shop.
    pub drive: DriveSettings,
    /// Which lists of cases take Temu too long. `None`: none.
    pub temu_heavy_window: Option<HeavyWindow>,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: Clock::system(),
            seed: 1,
            orders: 0,
            products: 0,
            after_sales: 0,
            activities: 0,
            history: TimeDelta::days(30),
            burst: false,
            drift: Drift::default(),
            faults: Faults::default(),
            requests_per_second: None,
            temu_hmac: false,
            temu_token_life: TimeDelta::days(365),
            drive: DriveSettings::default(),
            temu_heavy_window: Some(HeavyWindow::default()),
        }
    }
}

/// How much changes by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Drift {
    /// Changes made before each page of a list is answered, to rows of the very window requested.
    pub per_list_request: u32,
    /// Changes made in the background, over all shops that have been requested. 0: none.
    pub per_second: f64,
}

/// A creation window of Temu's after-sales list that its servers do not manage. The documents know no such limit;
/// programs in use found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeavyWindow {
    /// A window up to this length is always answered.
    pub longer_than: TimeDelta,
    /// As is one that holds no more cases than these.
    pub more_than: usize,
    /// How long the caller is kept waiting before it is refused with a system exception.
    pub stall: Option<Duration>,
}

impl Default for HeavyWindow {
    fn default() -> Self {
        Self { longer_than: TimeDelta::days(15), more_than: 1000, stall: None }
    }
}
