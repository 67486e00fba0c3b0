//! What is in quarantine, tried again: after an upgrade by itself, and whenever somebody asks.

use super::digest::Outcome;
use super::{RecordSync, SyncError};
use crate::domain::entity::{FUTURE_MAX, Kind};
use crate::platform::rate::Priority;
use crate::platform::{ConvertError, ListRow};
use crate::store::leases::Lease;
use crate::store::pages::{PageCommit, Stored};
use crate::store::quarantine::{QuarantineRow, Unreadable, Untried};

/// Rows in one transaction.
const BATCH: u64 = 100;

impl RecordSync {
    /// Tries what is in quarantine again: the row of this number, or all of them.
    pub async fn retry_set_aside(&self, lease: &Lease, number: Option<&str>) -> Result<(), SyncError> {
        self.retry(lease, self.untried(number, false)).await
    }

    /// Tries what this version of the program has not tried yet, once. What the platform does not answer meanwhile is
    /// left for the next run: news matter more.
    pub(super) async fn retry_after_upgrade(&self, lease: &Lease) -> Result<(), SyncError> {
        match self.retry(lease, self.untried(None, true)).await {
            Err(SyncError::Platform { doing, source }) => {
                tracing::debug!(shop = %self.shop.name, "quarantine not tried to its end: {doing} failed: {source}");
                Ok(())
            }
            other => other,
        }
    }

    fn untried<'a>(&'a self, number: Option<&'a str>, by_other_versions: bool) -> Untried<'a> {
        Untried { shop: &self.shop.name, record: self.record, number, by_other_versions }
    }

    async fn retry(&self, lease: &Lease, untried: Untried<'_>) -> Result<(), SyncError> {
        let mut after: Option<String> = None;
        loop {
            let rows = self.store.untried(untried, after.as_deref(), BATCH).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            let next = last.number.clone();
            self.retry_batch(lease, &rows).await?;
            after = Some(next);
        }
    }

    async fn retry_batch(&self, lease: &Lease, rows: &[QuarantineRow]) -> Result<(), SyncError> {
        let (mut things, mut readable, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            match self.read_again(row).await? {
                Ok(thing) => {
                    things.push(*thing);
                    readable.push(row);
                }
                Err(reason) => unreadable.push(Unreadable { row, reason }),
            }
        }
        let made = things.len() as u64;
        let commit = PageCommit {
            run_id: self.run_id,
            synced_at: self.clock.now(),
            believed_until: self.platform_now() + FUTURE_MAX,
            things,
            amounts_due: self.wants_amounts(),
            quarantined: Vec::new(),
            close: None,
        };
        let committed = self.store.commit_retried(lease, commit, &readable, &unreadable).await?;
        self.rows_read(rows.len(), 0);
        let unchanged = made - committed.written.min(made);
        self.rows_stored(committed.written, unchanged, unreadable.len() as u64);
        Ok(())
    }

    /// What this version makes of a row, or why it cannot. A detail that is lacking, or was older than the list's row,
    /// is fetched.
    async fn read_again(&self, row: &QuarantineRow) -> Result<Result<Box<Stored>, String>, SyncError> {
        let answers = row.answers();
        let listed = answers.list.as_deref().and_then(|raw| self.listed_again(row, raw));
        let Some(listed) = listed else {
            return Ok(Err(self.why_unlisted(row)));
        };
        let has_rest = answers.detail.is_some() || answers.items.is_some();
        let is_stale =
            || matches!(self.source().convert(listed.kind, &answers), Err(ConvertError::StaleDetail));
        if self.paging.details_for(self.shop.options).is_some() && (!has_rest || is_stale()) {
            let made = self.complete_all(vec![listed], row.last_seen_at, Priority::Update).await?;
            let made = made.into_iter().next();
            return Ok(match made {
                Some(Outcome::Thing(thing)) => Ok(thing),
                Some(Outcome::Odd(odd)) => Err(odd.reason),
                None => Err(row.reason.clone()),
            });
        }
        Ok(match self.outcome(listed.with(answers), row.last_seen_at) {
            Outcome::Thing(thing) => Ok(thing),
            Outcome::Odd(odd) => Err(odd.reason),
        })
    }

    /// The row of the list, of whichever kind of the record it is.
    fn listed_again(&self, row: &QuarantineRow, raw: &str) -> Option<ListRow> {
        let of_record = Kind::ALL.into_iter().filter(|kind| kind.record() == self.record);
        let mut listed = of_record.filter_map(|kind| self.source().reread(kind, raw));
        listed.find(|listed| !row.has_number() || listed.number == row.number)
    }

    /// Why a row of the list still cannot be read.
    fn why_unlisted(&self, row: &QuarantineRow) -> String {
        match self.source().convert(self.paging.counted, &row.answers()) {
            Err(error) => error.reason(),
            Ok(_) => row.reason.clone(),
        }
    }
}
