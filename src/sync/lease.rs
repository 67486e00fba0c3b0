//! Work under a lane's lease: taken before, renewed meanwhile, given back after.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Progress, SyncError};
use crate::store::ledger::leases::{LEASE_RENEW, Lease};
use crate::store::{Store, StoreError};

/// A run that reads and stores nothing for this long is stuck and ended.
pub const STUCK_AFTER: Duration = Duration::from_mins(10);

/// How long giving the lease back may take; it runs out by itself otherwise.
const RELEASE_WAIT: Duration = Duration::from_secs(1);

/// Does `work` while keeping `lease` alive, and gives it back whatever the end. Work is dropped when the lease is lost,
/// when it makes no progress for [`STUCK_AFTER`], and when `cancel` fires.
pub async fn hold<T>(
    store: &Store,
    lease: &Lease,
    progress: &Progress,
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, SyncError>>,
) -> Result<T, SyncError> {
    // Time before this, such as the wait for the lease, does not count as idle.
    progress.note_progress();
    let outcome = tokio::select! {
        outcome = work => outcome,
        lost = keep(store, lease, progress) => Err(lost),
        () = cancel.cancelled() => Err(SyncError::Stopped),
    };
    if !matches!(&outcome, Err(error) if error.is_lease_lost()) {
        give_back(store, lease).await;
    }
    outcome
}

/// Gives a lease back. Where that fails, it runs out by itself.
pub async fn give_back(store: &Store, lease: &Lease) {
    match tokio::time::timeout(RELEASE_WAIT, store.leases().release(lease)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(shop = %lease.key.shop, "lease not given back: {error}"),
        Err(_) => tracing::debug!(shop = %lease.key.shop, "lease not given back in time"),
    }
}

/// Renews until the lease is lost or the work makes no progress; returns why the work must end.
async fn keep(store: &Store, lease: &Lease, progress: &Progress) -> SyncError {
    loop {
        tokio::time::sleep(LEASE_RENEW).await;
        if progress.idle() > STUCK_AFTER {
            return SyncError::Stuck {
                minutes: i64::try_from(STUCK_AFTER.as_secs() / 60).unwrap_or(i64::MAX),
            };
        }
        match store.leases().renew(lease).await {
            Ok(()) => {}
            Err(lost @ StoreError::LeaseLost { .. }) => return lost.into(),
            // The database may be away for a moment. If the lease runs out meanwhile and another process takes it, the
            // fence stops us at the next commit.
            Err(error) => tracing::debug!(shop = %lease.key.shop, "lease not renewed: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use secrecy::SecretString;

    use super::*;
    use crate::clock::Clock;
    use crate::domain::record::{Lane, Record};
    use crate::store::StoreSettings;
    use crate::store::db::owner::Owner;
    use crate::store::ledger::leases::LaneKey;

    #[tokio::test]
    async fn time_before_the_work_does_not_count_as_idle() {
        let progress = Progress::default();
        let made_at = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let url = SecretString::from(format!("sqlite://{}", folder.path().join("a.db").display()));
        let settings = StoreSettings { url, schema: String::new() };
        let store = Store::connect(&settings, Clock::system()).await.unwrap();
        let key = LaneKey { shop: "acme".to_owned(), record: Record::Orders, lane: Lane::Update };
        let lease = Lease { key, owner: Owner::this_process(), fence: 1 };

        let work = async { Ok(progress.idle() < made_at.elapsed()) };
        let began_anew = hold(&store, &lease, &progress, &CancellationToken::new(), work).await.unwrap();

        assert!(began_anew);
    }
}
