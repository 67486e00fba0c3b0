//! Several windows at once, halves in place of what was too full; and the moment up to which windows may be read.

use std::collections::VecDeque;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::pager::Origin;
use super::window::{LaneWindows, WindowEnd};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::store::ledger::leases::Lease;
use crate::sync::engine::window;
use crate::sync::{RecordSync, SyncError};

/// A skew measured longer ago says nothing about now.
const SKEW_AGE_MAX: TimeDelta = TimeDelta::minutes(10);

/// After this many windows that failed because of their content, the cause is not the content.
const FAILED_WINDOWS_MAX: usize = 5;

/// Reads `windows` in this order, several at once. A window that fails because of its content does not
/// keep the others from being read. Any other error ends the queue once the running windows have ended. The
/// first error is returned.
pub async fn read_windows(
    sync: &RecordSync,
    lease: &Lease,
    of: LaneWindows<'_>,
    windows: Vec<Window>,
) -> Result<(), SyncError> {
    sync.progress.windows_planned(windows.len());
    let mut waiting: VecDeque<(Window, Origin)> =
        windows.into_iter().map(|window| (window, Origin::default())).collect();
    let mut running = FuturesUnordered::new();
    let mut first_error = None;
    let mut failed_windows = 0;
    let mut is_open = true;
    loop {
        while is_open && running.len() < sync.policy.windows_in_parallel.max(1) {
            let Some((window, origin)) = waiting.pop_front() else { break };
            running.push(Box::pin(window::read_window(sync, lease, of, window, origin)));
        }
        let Some(end) = running.next().await else { break };
        match end {
            Ok(WindowEnd::Closed) => {}
            Ok(WindowEnd::Split { halves: [earlier, later], origin }) => {
                sync.progress.windows_planned(1);
                let halves = if of.lane == Lane::Create { [earlier, later] } else { [later, earlier] };
                for half in halves {
                    waiting.push_front((half, origin));
                }
            }
            Err(error) => {
                failed_windows += 1;
                is_open &= error.is_of_window() && failed_windows < FAILED_WINDOWS_MAX;
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// The moment up to which windows may be read: the earlier of our clock and the platform's, and old enough
/// for the platform to have listed everything before it.
pub async fn closed_end(sync: &RecordSync, priority: Priority) -> Result<DateTime<Utc>, SyncError> {
    let platform = sync.application.platform();
    let now = sync.clock.now();
    let is_fresh = platform
        .skew()
        .measured_at()
        .is_some_and(|measured_at| measured_at <= now && now - measured_at <= SKEW_AGE_MAX);
    if !is_fresh {
        let probed = sync
            .call(None, priority, "requesting the platform's time", |access| async move {
                platform.probe(&access).await
            })
            .await;
        // Whether the shop may read this is decided by the list calls; this answer still gave the time.
        if let Err(error) = probed
            && !error.is_not_granted()
        {
            return Err(error);
        }
    }
    let now = sync.clock.now();
    Ok((now.min(now + platform.skew().offset()) - sync.policy.settle).trunc_subsecs(0))
}
