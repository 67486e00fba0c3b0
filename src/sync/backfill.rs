//! The create lane: history that was planned, newest first. Never moves the cursor.

use chrono::{DateTime, Utc};

use super::engine::window::LaneWindows;
use super::{RecordSync, SyncError};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::store::ledger::leases::Lease;
use crate::store::ledger::windows::CREATE_EPOCH;
use crate::sync::engine::windows;

/// The create lane. Nothing compares it with what the update lane missed.
pub(super) const CREATE_LANE: LaneWindows<'_> =
    LaneWindows { lane: Lane::Create, epoch: CREATE_EPOCH, missed: None };

/// Reads every window of the create lane that is planned, was interrupted, failed, or came out short.
pub async fn run(sync: &RecordSync, lease: &Lease) -> Result<(), SyncError> {
    let windows = sync.store.windows().history_left(&sync.shop.name, sync.record, sync.clock.now()).await?;
    read_created(sync, lease, windows).await
}

/// Puts the whole history back to planned, whatever was read of it before.
pub async fn plan_history(sync: &RecordSync, lease: &Lease) -> Result<(), SyncError> {
    let end = windows::closed_end(sync, Priority::Create).await?;
    let windows = history(sync, end);
    Ok(sync.store.windows().plan(lease, &windows).await?)
}

/// Puts a stretch of creation time back to planned, as far as it is closed. All its windows or none are in the
/// ledger then, so that the next run continues it.
pub async fn plan_stretch(sync: &RecordSync, lease: &Lease, stretch: Window) -> Result<(), SyncError> {
    let end = windows::closed_end(sync, Priority::Create).await?;
    let windows = created_windows(sync, Window::new(stretch.from(), stretch.until().min(end)));
    Ok(sync.store.windows().plan(lease, &windows).await?)
}

/// Reads these windows of creation time, newest first.
pub async fn read_created(
    sync: &RecordSync,
    lease: &Lease,
    mut windows: Vec<Window>,
) -> Result<(), SyncError> {
    windows.sort_unstable_by(|one, other| other.cmp(one));
    windows::read_windows(sync, lease, CREATE_LANE, windows).await
}

/// A stretch in windows of the create lane, oldest first. Empty without such a lane.
pub(super) fn created_windows(sync: &RecordSync, stretch: Option<Window>) -> Vec<Window> {
    let longest = sync.paging.create_max();
    stretch.zip(longest).map(|(stretch, longest)| stretch.pieces(longest)).unwrap_or_default()
}

/// The history of the shop before `end` in windows of the create lane, oldest first.
pub(super) fn history(sync: &RecordSync, end: DateTime<Utc>) -> Vec<Window> {
    let from = (end - sync.policy.history).max(DateTime::UNIX_EPOCH);
    created_windows(sync, Window::new(from, end))
}
