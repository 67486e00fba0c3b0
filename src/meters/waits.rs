//! What calls waited for their turn, added up by app. Kept here because the counters of the crate are whole numbers, and
//! most waits are a part of a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static WAITED: Mutex<BTreeMap<String, Duration>> = Mutex::new(BTreeMap::new());

pub(super) fn add(app: &str, waited: Duration) {
    let mut all = lock();
    match all.get_mut(app) {
        Some(sum) => *sum += waited,
        None => {
            all.insert(app.to_owned(), waited);
        }
    }
}

pub(super) fn seconds() -> Vec<(String, f64)> {
    lock().iter().map(|(app, waited)| (app.clone(), waited.as_secs_f64())).collect()
}

fn lock() -> MutexGuard<'static, BTreeMap<String, Duration>> {
    // Sums are as good after a panic elsewhere as before.
    WAITED.lock().unwrap_or_else(PoisonError::into_inner)
}
