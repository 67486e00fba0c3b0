//! Which lanes run in this process, since when, and how far they are. A lane runs at most once at a time: here within the
//! process, and by its lease between processes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::record::{Lane, Record};
use crate::sync::Progress;

/// Names a lane. It runs at most once at a time.
pub type LaneOfShop = (String, Record, Lane);

/// All lanes that run. Clones share the same state.
#[derive(Clone, Default)]
pub struct RunningLanes {
    lanes: Arc<Mutex<HashMap<LaneOfShop, RunningLane>>>,
}

/// One lane that runs, or waits for a permit to run.
#[derive(Clone)]
pub struct RunningLane {
    pub job: String,
    pub trigger: &'static str,
    pub since: DateTime<Utc>,
    pub progress: Arc<Progress>,
}

impl RunningLanes {
    /// Marks a lane as running for as long as the claim lives. `None`: it runs already.
    pub fn claim(&self, key: &LaneOfShop, running: &RunningLane) -> Option<LaneClaim> {
        let mut lanes = self.lock();
        if lanes.contains_key(key) {
            return None;
        }
        lanes.insert(key.clone(), running.clone());
        Some(LaneClaim { running: self.clone(), key: key.clone(), progress: running.progress.clone() })
    }

    /// `None`: the lane does not run in this process.
    pub fn get(&self, key: &LaneOfShop) -> Option<RunningLane> {
        self.lock().get(key).cloned()
    }

    /// All of them, sorted by shop, record and lane.
    pub fn all(&self) -> Vec<(LaneOfShop, RunningLane)> {
        let mut all: Vec<(LaneOfShop, RunningLane)> =
            self.lock().iter().map(|(key, running)| (key.clone(), running.clone())).collect();
        all.sort_unstable_by_key(|((shop, record, lane), _)| (shop.clone(), record.as_str(), lane.as_str()));
        all
    }

    /// A panic elsewhere cannot leave the map half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<LaneOfShop, RunningLane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks a lane as running in this process, for as long as it lives.
pub struct LaneClaim {
    running: RunningLanes,
    key: LaneOfShop,
    pub progress: Arc<Progress>,
}

impl Drop for LaneClaim {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}
