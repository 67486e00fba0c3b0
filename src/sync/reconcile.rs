//! Reconcile: the last days read once more by creation time, to find out what the update lane missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::backfill::CREATED;
use super::engine::window::Stretch;
use super::{RecordSync, SyncError};
use crate::domain::entity::Kind;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{ListRow, Page, Row};
use crate::store::ledger::leases::Lease;
use crate::sync::engine::parallel;
use crate::sync::{backfill, update};

/// Numbers named where many were missed; the others are counted.
const NUMBERS_NAMED_MAX: usize = 20;

/// Looks at every page before it is stored, for what should have been here.
pub struct Watch {
    /// What the platform showed as updated before this moment should be here as it is.
    before: DateTime<Utc>,
    missed: Mutex<BTreeSet<String>>,
}

/// Reads what was created within `length` and is not waiting to be read anyway, and stores what is absent or
/// older here. Of that, only what the update lane should long have brought was missed; the rest is newer than its
/// last run.
pub async fn run(sync: &RecordSync, lease: &Lease, length: TimeDelta) -> Result<(), SyncError> {
    let cursor = sync.store.cursors().get(&sync.shop.name, sync.record).await?;
    let Some(last_sync_at) = cursor.and_then(|cursor| cursor.last_sync_at) else {
        return Ok(());
    };
    let end = update::closed_end(sync, Priority::Create).await?;
    let planned = sync.store.windows().history_left(&sync.shop.name, sync.record, sync.clock.now()).await?;
    let last_days = Window::new(end - length.min(sync.policy.history), end);
    let mut windows: Vec<Window> = last_days
        .into_iter()
        .flat_map(|days| days.without(&planned))
        .flat_map(|stretch| backfill::created_windows(sync, Some(stretch)))
        .collect();
    windows.reverse();
    let watch = Watch { before: last_sync_at - sync.policy.overlap, missed: Mutex::default() };
    let read = parallel::read_windows(sync, lease, Stretch { watch: Some(&watch), ..CREATED }, windows).await;
    let missed = watch.missed.into_inner().unwrap_or_else(PoisonError::into_inner);
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

impl Watch {
    pub(super) async fn look(&self, sync: &RecordSync, page: &Page) -> Result<(), SyncError> {
        let mut by_kind: BTreeMap<Kind, Vec<&ListRow>> = BTreeMap::new();
        for row in &page.rows {
            if let Row::Readable(row) = row
                && row.updated_at.is_some_and(|at| at < self.before)
            {
                by_kind.entry(row.kind).or_default().push(row);
            }
        }
        for (kind, rows) in by_kind {
            let numbers: Vec<String> = rows.iter().map(|row| row.number.clone()).collect();
            let stored = sync.store.scans().versions(&sync.shop.name, kind, &numbers).await?;
            let is_late = |row: &ListRow| stored.get(&row.number).is_none_or(|at| *at < row.updated_at);
            let late: Vec<String> =
                rows.into_iter().filter(|row| is_late(row)).map(|row| row.number.clone()).collect();
            let aside = sync.store.scans().set_aside(&sync.shop.name, sync.record, &late).await?;
            let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
            missed.extend(late.into_iter().filter(|number| !aside.contains(number)));
        }
        Ok(())
    }
}
