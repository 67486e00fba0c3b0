//! What the daemon is doing at this moment: which lanes run, since when, and how far they are. Keeps a lane from running
//! beside itself in this process; between processes the leases do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::record::{Lane, Record};
use crate::sync::Progress;

/// What runs at most once at a time.
pub type Place = (String, Record, Lane);

/// The lanes under way. Clones show the same.
#[derive(Clone, Default)]
pub struct UnderWay {
    runs: Arc<Mutex<HashMap<Place, Running>>>,
}

/// One lane that runs, or is about to: it may still wait for its turn among the shops.
#[derive(Clone)]
pub struct Running {
    pub job: String,
    pub trigger: &'static str,
    pub since: DateTime<Utc>,
    pub progress: Arc<Progress>,
}

impl UnderWay {
    /// Marks a lane as under way for as long as the claim lives. `None`: it is already.
    pub fn claim(&self, place: &Place, running: &Running) -> Option<Claim> {
        let mut runs = self.lock();
        if runs.contains_key(place) {
            return None;
        }
        runs.insert(place.clone(), running.clone());
        Some(Claim { under_way: self.clone(), place: place.clone(), progress: running.progress.clone() })
    }

    /// The run of a lane. `None`: it does not run in this process.
    pub fn of(&self, place: &Place) -> Option<Running> {
        self.lock().get(place).cloned()
    }

    /// All of them, by shop, record and lane.
    pub fn all(&self) -> Vec<(Place, Running)> {
        let mut all: Vec<(Place, Running)> =
            self.lock().iter().map(|(place, running)| (place.clone(), running.clone())).collect();
        all.sort_unstable_by_key(|((shop, record, lane), _)| (shop.clone(), record.as_str(), lane.as_str()));
        all
    }

    /// Whole whatever panics: each change is one step.
    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Running>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks a lane as under way in this process, for as long as it lives.
pub struct Claim {
    under_way: UnderWay,
    place: Place,
    pub progress: Arc<Progress>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.place);
    }
}
