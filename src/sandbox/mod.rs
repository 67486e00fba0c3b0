//! Simulated platforms over real HTTP on loopback: for the `sandbox` and `demo` verbs, for tests, and for users
//! without credentials.
//!
//! As strict as the live platforms and owner of the truth: it refuses what they refuse, counts what a correct
//! client never does ([`Violations`]), keeps every version of every order and case ([`World`]), changes what is
//! being read ([`Drift`]) and fails on demand ([`Faults`]). Written from the platforms' documents alone: it shares
//! nothing with the clients it tests but the clock, and is never loosened for one of them.
//!
//! A platform is a folder here: its gateway's checks, its grants, how it writes things. Everything else is shared.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

mod accounts;
mod activities;
mod after_sales;
mod authorize;
mod busy;
mod bytes;
mod catalogue;
mod connection;
mod control;
mod counters;
mod distort;
mod drift;
mod faults;
mod flat;
mod front;
mod gateway;
mod generate;
mod goods;
mod grants;
mod json;
mod layout;
mod mutate;
mod note;
mod open115;
mod order;
mod server;
mod settings;
mod shape;
mod shop;
mod temu;
mod truth;
mod world;
mod xiaohongshu;

pub use accounts::{
    Platform, SHOPS_PER_PLATFORM, TEMU_APP_KEY, TEMU_APP_SECRET, TEMU_OTHER_APP_KEY, TEMU_OTHER_APP_SECRET,
    XIAOHONGSHU_APP_ID, XIAOHONGSHU_APP_SECRET,
};
pub use activities::{Activity, ActivityGoods, ActivitySku, TruthActivity, TruthActivitySku};
pub use after_sales::{Case, CaseItem, TruthCase, TruthCaseItem};
pub use counters::Violations;
pub use faults::{Fault, FaultKind, Faults, Fits, NAMED_FAULTS, NamedFault, fault_list};
pub use goods::{Product, Sku, Standing, Stock, TruthProduct, TruthSku, TruthStock};
pub use grants::IssuedToken;
pub use note::Note;
pub use open115::state::DriveSettings;
pub use open115::{OPEN115_APP_ID, OPEN115_PLATFORM};
pub use order::{Line, Money, Order};
pub use settings::{Drift, HeavyWindow, SandboxSettings};
pub use shape::{EmptyMembers, Shape, Spoiled};
pub use truth::{TruthLine, TruthOrder};
pub use world::{Hook, Request, World, WorldHandle};

/// How often the background looks whether something is to change.
const DRIFT_TICK: Duration = Duration::from_millis(50);
/// More changes a second are not made.
const DRIFT_PER_TICK_MAX: u32 = 1000;

/// Why the sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
}

/// Running simulated platforms. They stop when this is dropped.
pub struct Sandbox {
    address: SocketAddr,
    world: WorldHandle,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Sandbox {
    pub async fn start(settings: SandboxSettings) -> Result<Self, SandboxError> {
        let refused = |source| SandboxError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let world = WorldHandle::new(World::new(settings));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();

        let shared = server::Shared { world: world.clone(), stop: stop.clone() };
        let service = server::router(shared).into_make_service_with_connect_info::<connection::Scissors>();
        let stopped = stop.clone().cancelled_owned();
        tasks.spawn(async move {
            let serving =
                axum::serve(connection::Connections::new(listener), service).with_graceful_shutdown(stopped);
            serving.await.expect("axum tells no error once it listens");
        });
        tasks.spawn(drift_along(world.clone(), stop.clone()));
        tasks.close();
        Ok(Self { address, world, tasks, stop: stop.drop_guard() })
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The whole address Temu's calls are posted to.
    pub fn temu_gateway(&self) -> String {
        self.url() + server::TEMU_PATH
    }

    /// The same for Temu's partner zone, which has no orders.
    pub fn temu_partner_gateway(&self) -> String {
        self.url() + server::TEMU_PARTNER_PATH
    }

    /// The same for Temu's CN zone, which has no orders either and error codes of its own.
    pub fn temu_cn_gateway(&self) -> String {
        self.url() + server::TEMU_CN_PATH
    }

    /// The whole address Xiaohongshu's calls are posted to.
    pub fn xiaohongshu_gateway(&self) -> String {
        self.url() + server::XIAOHONGSHU_PATH
    }

    /// The address all calls of 115 lie below.
    pub fn open115_gateway(&self) -> String {
        self.url() + open115::ROOT
    }

    /// Where calls of a platform are posted to.
    pub fn gateway(&self, platform: Platform) -> String {
        match platform {
            Platform::Temu => self.temu_gateway(),
            Platform::Xiaohongshu => self.xiaohongshu_gateway(),
        }
    }

    pub fn world(&self) -> WorldHandle {
        self.world.clone()
    }

    /// Ends stalled answers with a reset, finishes the others, and closes.
    pub async fn stop(self) {
        drop(self.stop);
        self.tasks.wait().await;
    }
}

/// Changes things in the background, at the present rate of the drift.
async fn drift_along(world: WorldHandle, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(DRIFT_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut owed = 0.0;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        world.with(|world| {
            owed += world.drift.per_second.max(0.0) * DRIFT_TICK.as_secs_f64();
            let mut made = 0;
            while owed >= 1.0 && made < DRIFT_PER_TICK_MAX {
                drift::in_background(world);
                owed -= 1.0;
                made += 1;
            }
        });
    }
}
