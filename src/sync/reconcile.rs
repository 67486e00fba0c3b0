//! Reconcile: the last days read once more by creation time, to find out what the update lane missed.

use chrono::TimeDelta;

use super::backfill::CREATE_LANE;
use super::engine::seen::MissedRows;
use super::engine::window::LaneWindows;
use super::{RecordSync, SyncError};
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::store::ledger::leases::Lease;
use crate::sync::backfill;
use crate::sync::engine::windows;

/// Numbers named where many were missed; the others are counted.
const NUMBERS_NAMED_MAX: usize = 20;

/// Reads what was created within `length`, except the windows that are planned anyway, and stores what is absent or
/// older in the database. A row counts as missed if the update lane should already have stored it; a row that is newer
/// than its last run does not.
pub async fn run(sync: &RecordSync, lease: &Lease, length: TimeDelta) -> Result<(), SyncError> {
    let cursor = sync.store.cursors().get(&sync.shop.name, sync.record).await?;
    let Some(last_sync_at) = cursor.and_then(|cursor| cursor.last_sync_at) else {
        return Ok(());
    };
    let end = windows::closed_end(sync, Priority::Create).await?;
    let planned = sync.store.windows().history_left(&sync.shop.name, sync.record, sync.clock.now()).await?;
    let last_days = Window::new(end - length.min(sync.policy.history), end);
    let mut windows: Vec<Window> = last_days
        .into_iter()
        .flat_map(|days| days.without(&planned))
        .flat_map(|stretch| backfill::created_windows(sync, Some(stretch)))
        .collect();
    windows.reverse();
    let missed = MissedRows::before(last_sync_at - sync.policy.overlap);
    let read =
        windows::read_windows(sync, lease, LaneWindows { missed: Some(&missed), ..CREATE_LANE }, windows)
            .await;
    let missed = missed.into_numbers();
    if missed.is_empty() {
        return read;
    }
    // What was missed matters more than a window that failed, which the create lane reads again.
    if let Err(error) = read {
        tracing::debug!(shop = %sync.shop.name, record = %sync.record, "not all was compared: {error}");
    }
    Err(SyncError::Missed {
        record: sync.record,
        missed: missed.len(),
        numbers: missed.into_iter().take(NUMBERS_NAMED_MAX).collect(),
    })
}
