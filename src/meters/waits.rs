//! How long calls waited for the rate limit, summed by app. Kept here because counters of the crate are whole numbers, and most
//! waits are parts of a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static WAITED: Mutex<BTreeMap<String, Duration>> = Mutex::new(BTreeMap::new());

pub fn add(app: &str, waited: Duration) {
    let mut all = lock();
    match all.get_mut(app) {
        Some(sum) => *sum += waited,
        None => {
            all.insert(app.to_owned(), waited);
        }
    }
}

pub fn seconds() -> Vec<(String, f64)> {
    lock().iter().map(|(app, waited)| (app.clone(), waited.as_secs_f64())).collect()
}

fn lock() -> MutexGuard<'static, BTreeMap<String, Duration>> {
    // A panic elsewhere cannot leave the sums half changed.
    WAITED.lock().unwrap_or_else(PoisonError::into_inner)
}
