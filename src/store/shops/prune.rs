//! What keeps the tables of the copying small: old runs go, old windows become one.
//!
//! Each step is one small transaction that needs no lease: it touches only what is over. Steps may be left off
//! anywhere and begun again later.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::entity::Kind;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::transaction::Tx;
use crate::store::entities::run::{Column, Entity};
use crate::store::reports::runs::Outcome;
use crate::store::{Store, StoreError};

/// What one step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned<P> {
    /// Rows that were deleted or emptied.
    pub rows: u64,
    /// Where the next step goes on. `None`: all was looked at.
    pub next: Option<P>,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// Runs of the log. `None`: for ever.
    pub runs: Option<TimeDelta>,
    /// Windows of the ledger as they were read, before they are merged.
    pub windows: TimeDelta,
    /// The answers behind the rows. `None`: for ever.
    pub raw: Option<TimeDelta>,
}

impl Default for Ages {
    fn default() -> Self {
        Self { runs: Some(TimeDelta::days(90)), windows: TimeDelta::days(30), raw: None }
    }
}

/// What pruning came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneSummary {
    pub runs: u64,
    pub windows: u64,
    pub raw: u64,
}

/// Deletes what is old.
#[derive(Clone, Copy)]
pub struct PruneRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl PruneRepo<'_> {
    /// Prunes everything that is due, step by step. May be dropped at any point: the next call goes on.
    pub async fn prune(self, ages: Ages) -> Result<PruneSummary, StoreError> {
        let now = self.store.clock.now();
        // An age beyond what the calendar can express means for ever.
        let before = |age: Option<TimeDelta>| age.and_then(|age| now.checked_sub_signed(age));
        let mut summary = PruneSummary::default();
        if let Some(older_than) = before(ages.runs) {
            summary.runs = self.prune_all_runs(older_than).await?;
        }
        if let Some(older_than) = before(Some(ages.windows)) {
            summary.windows = self.store.windows().prune(older_than).await?;
        }
        if let Some(older_than) = before(ages.raw) {
            for shop in self.store.shops().all().await? {
                for kind in Kind::ALL {
                    summary.raw += self.prune_raw_of(&shop.name, kind, older_than).await?;
                }
            }
        }
        Ok(summary)
    }

    async fn prune_all_runs(self, older_than: DateTime<Utc>) -> Result<u64, StoreError> {
        let (mut rows, mut next) = (0, None);
        loop {
            let step = self.prune_runs(older_than, next).await?;
            rows += step.rows;
            next = step.next;
            if next.is_none() {
                return Ok(rows);
            }
        }
    }

    async fn prune_raw_of(
        self,
        shop: &str,
        kind: Kind,
        older_than: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let (mut rows, mut next) = (0, None);
        loop {
            let step = self.store.replay().prune_raw(shop, kind, older_than, next.as_deref()).await?;
            rows += step.rows;
            next = step.next;
            if next.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Deletes runs that began before `older_than` and are over. Kept all the same: of each (shop, record) the newest
    /// and the newest that ended well, of each job the newest. Looks at the next few hundred and returns where to
    /// continue.
    pub async fn prune_runs(
        self,
        older_than: DateTime<Utc>,
        after: Option<i64>,
    ) -> Result<Pruned<i64>, StoreError> {
        self.store
            .write(|tx| async move {
                let looked_at: Vec<OldRun> = Entity::find()
                    .select_only()
                    .columns([
                        Column::Id,
                        Column::Shop,
                        Column::Record,
                        Column::Job,
                        Column::StartedAt,
                        Column::Outcome,
                    ])
                    .filter(Column::Id.gt(after.unwrap_or(0)))
                    .order_by_asc(Column::Id)
                    .limit(KEYS_PER_STATEMENT as u64)
                    .into_tuple()
                    .all(tx.db())
                    .await?;
                let old: Vec<&OldRun> = looked_at.iter().filter(|run| run.4 < older_than).collect();
                // Ids grow with time: behind hundreds that are young there are no old ones.
                let more = looked_at.len() == KEYS_PER_STATEMENT && !old.is_empty();
                let next = looked_at.last().map(|run| run.0).filter(|_| more);
                let kept = runs_to_keep(&tx, &old).await?;
                let over =
                    old.iter().filter(|run| run.5.is_some() && !kept.contains(&run.0)).map(|run| run.0);
                let over: Vec<i64> = over.collect();
                let deleted = Entity::delete_many().filter(Column::Id.is_in(over)).exec(tx.db()).await?;
                Ok(Pruned { rows: deleted.rows_affected, next })
            })
            .await
    }
}

/// Id, shop, record, job, start, outcome.
type OldRun = (i64, String, String, String, DateTime<Utc>, Option<String>);

/// The ids among what these runs are about that `status` and the schedule still request.
async fn runs_to_keep(tx: &Tx, old: &[&OldRun]) -> Result<BTreeSet<i64>, StoreError> {
    let about: BTreeSet<(&str, &str)> = old.iter().map(|run| (run.1.as_str(), run.2.as_str())).collect();
    let jobs: BTreeSet<&str> = old.iter().map(|run| run.3.as_str()).collect();
    let newest = || Entity::find().select_only().column(Column::Id);
    let mut kept = BTreeSet::new();
    for (shop, record) in about {
        let of_record = || {
            newest()
                .filter(Column::Shop.eq(shop))
                .filter(Column::Record.eq(record))
                .order_by_desc(Column::StartedAt)
                .order_by_desc(Column::Id)
        };
        kept.extend(of_record().into_tuple::<i64>().one(tx.db()).await?);
        let ok = of_record().filter(Column::Outcome.eq(Outcome::Ok.as_str()));
        kept.extend(ok.into_tuple::<i64>().one(tx.db()).await?);
    }
    for job in jobs {
        let of_job = newest().filter(Column::Job.eq(job)).order_by_desc(Column::Id);
        kept.extend(of_job.into_tuple::<i64>().one(tx.db()).await?);
    }
    Ok(kept)
}
