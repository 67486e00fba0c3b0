//! How the simulated platforms treat a caller beyond faults and grants: who may not order here, who calls from
//! where, what takes too long.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;

use super::world::World;

#[derive(Default)]
pub(super) struct Manners {
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

impl World {
    /// Whether a Temu shop is a full-managed mall, which is refused every order call.
    pub fn set_full_managed(&mut self, shop: usize, is_full_managed: bool) {
        if is_full_managed {
            self.manners.full_managed.insert(shop);
        } else {
            self.manners.full_managed.remove(&shop);
        }
    }

    /// Whether Temu's list of addresses holds the caller's. It does until told otherwise.
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
}
