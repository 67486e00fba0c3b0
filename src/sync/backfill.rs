//! The create lane: history that was planned, newest first. Never moves the cursor.

use super::{RecordSync, SyncError};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::store::leases::Lease;
use crate::store::windows::CREATE_EPOCH;

impl RecordSync {
    /// Reads every window of the create lane that is planned, was interrupted, failed, or came out short.
    pub async fn backfill(&self, lease: &Lease) -> Result<(), SyncError> {
        let windows = self.store.history_left(&self.shop.name, self.record, self.clock.now()).await?;
        self.read_windows(lease, Lane::Create, CREATE_EPOCH, windows).await
    }

    /// Puts the whole history back to planned, whatever was read of it before.
    pub async fn plan_history(&self, lease: &Lease) -> Result<(), SyncError> {
        let end = self.closed_end(Priority::Create).await?;
        let windows: Vec<Window> = self.history(end);
        Ok(self.store.plan_windows(lease, &windows).await?)
    }
}
