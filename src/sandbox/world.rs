//! The truth behind the simulated platforms, in one place and behind one lock: time, shops, grants, what is to go
//! wrong, what the caller did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::accounts::{Platform, SHOPS_PER_PLATFORM};
use super::activities::Activities;
use super::after_sales::Cases;
use super::counters::{Counters, Violations};
use super::faults::{Fault, Faults};
use super::generate;
use super::generate::Past;
use super::goods::Goods;
use super::grants::{Code, Grants, hex_word};
use super::open115::state::Drive;
use super::settings::{Drift, HeavyWindow, SandboxSettings};
use super::shop::Shop;

/// The world for everybody who holds it; clones share it.
#[derive(Clone)]
pub struct WorldHandle(Arc<Mutex<World>>);

impl WorldHandle {
    pub(super) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Looks at the world, or changes it, while no call is being answered.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        // A hook of a test may panic while it holds the lock; the world is whole between any two mutations.
        let mut world = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut world)
    }
}

/// A call that is about to be answered, for [`World::on_request`].
#[derive(Clone, Debug)]
pub struct Request {
    pub platform: Platform,
    /// Temu's `type`, Xiaohongshu's `method`.
    pub api: String,
    /// `None` for calls without an access token.
    pub shop: Option<usize>,
    /// Every parameter as the JSON text it came as.
    pub parameters: BTreeMap<String, String>,
}

/// What a platform has made of a call.
pub struct Answer {
    pub text: String,
    /// It did what was requested.
    pub is_accepted: bool,
    /// Rows of the page. Counted only where a fault needs it.
    pub rows: usize,
}

/// Scripts what happens between any two calls.
pub type Hook = Box<dyn FnMut(&mut World, &Request) + Send>;

/// How the platforms treat a caller beyond faults and grants.
#[derive(Default)]
pub struct Manners {
    /// Temu's full-managed malls, which have no consumer orders.
    pub full_managed: BTreeSet<usize>,
    /// Temu's list of addresses does not hold the caller's.
    pub is_address_unlisted: bool,
    /// Xiaohongshu's newer calls answer within the answer of the older gateway.
    pub is_double_envelope: bool,
    pub heavy_window: Option<HeavyWindow>,
    /// How long the answer just made is held back.
    pub held_back: Option<Duration>,
}

/// Everything there is on the simulated platforms.
pub struct World {
    settings: SandboxSettings,
    started_ms: i64,
    shops: BTreeMap<(Platform, usize), Shop>,
    hook: Option<Hook>,
    /// Counts the hooks set and removed, so that a running one can be distinguished from its successor.
    hook_changes: u64,
    pub(super) random: fastrand::Rng,
    pub(super) grants: Grants,
    pub(super) counters: Counters,
    pub(super) faults: Faults,
    pub(super) drift: Drift,
    pub(super) open115: Drive,
    pub(super) manners: Manners,
    answers: u64,
}

impl World {
    pub(super) fn new(settings: SandboxSettings) -> Self {
        let mut world = Self {
            started_ms: 0,
            shops: BTreeMap::new(),
            hook: None,
            hook_changes: 0,
            random: fastrand::Rng::with_seed(settings.seed),
            grants: Grants::default(),
            counters: Counters::default(),
            faults: settings.faults.clone(),
            drift: settings.drift,
            open115: Drive::new(settings.drive),
            manners: Manners { heavy_window: settings.temu_heavy_window, ..Manners::default() },
            answers: 0,
            settings,
        };
        world.started_ms = world.now_ms();
        world
    }

    /// The platforms' time: the sandbox's clock and the skew.
    pub fn now(&self) -> DateTime<Utc> {
        self.settings.clock.now() + self.faults.skew
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now().timestamp_millis()
    }

    pub(super) fn settings(&self) -> &SandboxSettings {
        &self.settings
    }

    /// Called before each business call is answered, once the gateway has let it through. Replaces the last one.
    pub fn on_request(&mut self, hook: Hook) {
        self.hook = Some(hook);
        self.hook_changes += 1;
    }

    pub fn remove_hook(&mut self) {
        self.hook = None;
        self.hook_changes += 1;
    }

    pub(super) fn run_hook(&mut self, request: &Request) {
        if let Some(mut hook) = self.hook.take() {
            let changes = self.hook_changes;
            hook(self, request);
            // A hook may have removed itself or put another one in its place.
            if self.hook_changes == changes {
                self.hook = Some(hook);
            }
        }
    }

    /// Adds a fault behind those already there.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.list.push(fault);
    }

    /// Whether a fault that is set strikes the thing of this number.
    pub fn is_struck(&self, platform: Platform, number: &str) -> bool {
        self.faults.is_struck(platform, number, self.settings.seed)
    }

    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Moves the platforms' clock against the sandbox's.
    pub fn set_skew(&mut self, skew: TimeDelta) {
        self.faults.skew = skew;
    }

    pub fn set_drift(&mut self, drift: Drift) {
        self.drift = drift;
    }

    /// Whether a Temu shop is a full-managed mall, which is refused every order call.
    pub fn set_full_managed(&mut self, shop: usize, is_full_managed: bool) {
        if is_full_managed {
            self.manners.full_managed.insert(shop);
        } else {
            self.manners.full_managed.remove(&shop);
        }
    }

    /// Whether Temu's list of addresses holds the caller's. It does unless a test changes that.
    pub fn set_address_listed(&mut self, is_listed: bool) {
        self.manners.is_address_unlisted = !is_listed;
    }

    /// Whether Xiaohongshu's newer calls answer within the answer of the older gateway.
    pub fn set_double_envelope(&mut self, is_double: bool) {
        self.manners.is_double_envelope = is_double;
    }

    /// Which lists of cases take Temu too long. `None`: none.
    pub fn set_heavy_window(&mut self, heavy_window: Option<HeavyWindow>) {
        self.manners.heavy_window = heavy_window;
    }

    /// `None`: no limit.
    pub fn set_requests_per_second(&mut self, limit: Option<f64>) {
        self.settings.requests_per_second = limit;
    }

    pub fn violations(&self) -> Violations {
        self.counters.violations
    }

    /// How often an API was called, refused and failed calls included.
    pub fn calls(&self, api: &str) -> u64 {
        self.counters.calls.get(api).copied().unwrap_or(0)
    }

    pub fn calls_total(&self) -> u64 {
        self.counters.calls.values().sum()
    }

    /// The most calls of a platform's default app within any one second.
    pub fn rate_max(&self, platform: Platform) -> usize {
        self.counters.rate_max(platform.app().0)
    }

    pub fn reset_counters(&mut self) {
        self.counters.reset();
    }

    /// What an owner's consent gives: a code that lives ten minutes.
    pub fn issue_code(&mut self, platform: Platform, shop: usize) -> String {
        let code = format!("code-{}-{}", hex_word(32, &mut self.random), hex_word(32, &mut self.random));
        let issued_ms = self.now_ms();
        self.grants.codes.insert(code.clone(), Code { platform, shop, issued_ms, used: None });
        code
    }

    /// Every code and token that was handed out and not taken back, so that a test can look where they turn up.
    pub fn handed_out(&self) -> Vec<String> {
        self.grants.handed_out()
    }

    /// The owner takes the grant back.
    pub fn revoke(&mut self, platform: Platform, shop: usize) {
        self.grants.revoke(platform, shop);
    }

    /// Ends the access token now; a refresh token lives on.
    pub fn expire_access(&mut self, platform: Platform, shop: usize) {
        let now_ms = self.now_ms();
        self.grants.expire(platform, shop, now_ms);
    }

    /// Whether a shop's grant covers an API. All are covered unless a test changes that.
    pub fn set_granted(&mut self, platform: Platform, shop: usize, api: &str, is_granted: bool) {
        self.grants.set_granted(platform, shop, api, is_granted);
    }

    /// Ever higher, for the answers' request ids.
    pub(super) fn next_answer(&mut self) -> u64 {
        self.answers += 1;
        self.answers
    }

    /// A shop with everything visible by now, its past made when it is first requested. Each shop has a
    /// generator of its own, so that the order of asking changes nothing.
    pub(super) fn shop(&mut self, platform: Platform, index: usize) -> &mut Shop {
        let now_ms = self.now_ms();
        let shop = self.shops.entry((platform, index)).or_insert_with(|| {
            let mut shop = Shop::new(platform, index);
            let past = Past {
                orders: self.settings.orders,
                history: self.settings.history,
                burst: self.settings.burst,
                now_ms: self.started_ms,
                products: self.settings.products,
                cases: self.settings.after_sales,
                activities: self.settings.activities,
            };
            let own_seed = (index * Platform::ALL.len() + platform as usize) as u64;
            let mut random = fastrand::Rng::with_seed(self.settings.seed.wrapping_add(own_seed << 32));
            generate::fill(&mut shop, past, &mut random);
            shop.goods = Goods::past(platform, &past, &mut random);
            Cases::fill(&mut shop, &past, &mut random);
            if platform == Platform::Temu {
                shop.activities = Activities::past(&past, &shop.goods, &mut random);
            }
            shop
        });
        shop.settle(now_ms);
        shop
    }

    /// The shops that anybody has requested.
    pub(super) fn known_shops(&self) -> Vec<(Platform, usize)> {
        self.shops.keys().copied().collect()
    }

    /// Whether a shop of that index exists.
    pub(super) fn has_shop(index: usize) -> bool {
        index < SHOPS_PER_PLATFORM
    }
}
