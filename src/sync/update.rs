//! The update lane: from the cursor to the present.

use chrono::{DateTime, TimeDelta, Utc};

use super::engine::window::LaneWindows;
use super::{RecordSync, SyncError};
use crate::domain::record::Lane;
use crate::domain::window::{Closed, Window, plan};
use crate::platform::Reach;
use crate::platform::rate::Priority;
use crate::store::ledger::cursors::Cursor;
use crate::store::ledger::leases::Lease;
use crate::store::ledger::windows::SHORT_AGAIN_MAX;
use crate::sync::engine::windows;
use crate::sync::{backfill, quarantine, scan, stock};

/// If windows end further before the cursor than this, a clock was set back.
const CLOCK_BACK_MAX: TimeDelta = TimeDelta::minutes(10);

/// Brings the update lane up to date. A shop seen for the first time gets its cursor here, and its history into the
/// ledger as planned windows of the create lane. With `whole`, a scan runs now, and its result counts however few rows
/// it shows.
pub async fn catch_up(sync: &RecordSync, lease: &Lease, whole: bool) -> Result<(), SyncError> {
    let begun_at = sync.clock.now();
    let outcome = read_changes(sync, lease, whole).await;
    sync.remember_grant(sync.record.as_str(), &outcome).await?;
    // New changes come first. A window that can never be read must not keep this step from running.
    if outcome.as_ref().err().is_none_or(SyncError::is_of_window) {
        quarantine::retry_due(sync, lease, begun_at).await?;
    }
    outcome?;
    stock::read_stock(sync).await
}

async fn read_changes(sync: &RecordSync, lease: &Lease, whole: bool) -> Result<(), SyncError> {
    let end = windows::closed_end(sync, Priority::Update).await?;
    sync.store.windows().sweep(lease).await?;
    let cursor = sync.store.cursors().get(&sync.shop.name, sync.record).await?;
    match &sync.paging.reach {
        Reach::Lists(lists) => scan::scan_lists(sync, lease, lists, end, whole).await,
        Reach::Windows(windows) if windows.create_max.is_some() => {
            let cursor = match cursor {
                Some(cursor) if cursor.last_sync_at.is_some() => cursor,
                _ => begin(sync, lease, end).await?,
            };
            read_ahead(sync, lease, &cursor, end).await
        }
        // Without a create lane there is no history to plan: the whole is read by update time, at first and every
        // so often.
        Reach::Windows(_) => {
            let last_full_at = cursor.as_ref().and_then(|cursor| cursor.last_full_at);
            if let Some(cursor) = cursor.filter(|_| last_full_at.is_some()) {
                read_ahead(sync, lease, &cursor, end).await?;
            }
            let is_due = last_full_at.is_none_or(|at| end - at >= sync.full_every);
            if whole || is_due { scan::scan_windows(sync, lease, end, whole).await } else { Ok(()) }
        }
    }
}

/// The windows between the cursor and `end`.
async fn read_ahead(
    sync: &RecordSync,
    lease: &Lease,
    cursor: &Cursor,
    end: DateTime<Utc>,
) -> Result<(), SyncError> {
    let last_sync_at = cursor.last_sync_at.unwrap_or(end);
    if end + CLOCK_BACK_MAX < last_sync_at {
        return Err(SyncError::ClockBehind { end, cursor: last_sync_at });
    }
    let closed = settled_ahead(sync, lease, cursor, last_sync_at).await?;
    let mut windows = plan(last_sync_at, end, &closed, sync.pace());
    windows.extend(short_again(sync, cursor, &windows).await?);
    let of = LaneWindows { lane: Lane::Update, epoch: cursor.epoch, missed: None };
    windows::read_windows(sync, lease, of, windows).await
}

/// The windows ahead of the cursor that need not be read again. The others are forgotten, so that the cursor
/// does not pass them before they are.
async fn settled_ahead(
    sync: &RecordSync,
    lease: &Lease,
    cursor: &Cursor,
    last_sync_at: DateTime<Utc>,
) -> Result<Vec<Closed>, SyncError> {
    let skew = sync.application.platform().skew().offset();
    let ahead =
        sync.store.windows().closed_after(&sync.shop.name, sync.record, cursor.epoch, last_sync_at).await?;
    let mut settled = Vec::with_capacity(ahead.len());
    let mut unsettled = Vec::new();
    for row in ahead {
        let closed = row.opened_at.map(|at| Closed { window: row.window, at: at + skew });
        match closed.filter(|closed| closed.is_settled(sync.policy.overlap)) {
            Some(closed) => settled.push(closed),
            None => unsettled.push(row.id),
        }
    }
    if !unsettled.is_empty() {
        sync.store.windows().forget(lease, &unsettled).await?;
    }
    Ok(settled)
}

/// The cursor of a new shop stands at the first closed end before any page is requested; its history is
/// planned in the same transaction, so that neither exists without the other.
async fn begin(sync: &RecordSync, lease: &Lease, end: DateTime<Utc>) -> Result<Cursor, SyncError> {
    let planned = backfill::history(sync, end);
    Ok(sync.store.cursors().begin(lease, end, &planned).await?)
}

/// Short windows that are due to be read again, without those in `planned`.
async fn short_again(
    sync: &RecordSync,
    cursor: &Cursor,
    planned: &[Window],
) -> Result<Vec<Window>, SyncError> {
    let now = sync.clock.now();
    let short =
        sync.store.windows().all_short(&sync.shop.name, sync.record, Lane::Update, cursor.epoch).await?;
    Ok(short
        .into_iter()
        .filter(|row| !planned.contains(&row.window) && row.is_due_again(now))
        .take(SHORT_AGAIN_MAX)
        .map(|row| row.window)
        .collect())
}
