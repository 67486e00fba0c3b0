//! The log of runs: what was started, by whom, and what came of it.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::record::{Lane, Record};
use crate::store::db::bulk;
use crate::store::db::dialect::{count, text, text_or_null};
use crate::store::entities::lease;
use crate::store::entities::run::{Column, Entity, Model};
use crate::store::ledger::leases;
use crate::store::{Store, StoreError, record_of};

/// A run that begins.
#[derive(Clone, Debug)]
pub struct NewRun {
    pub job: String,
    pub shop: String,
    pub record: Record,
    pub lane: Lane,
    /// What set it off: a slot of the clock, a verb, a catch-up.
    pub trigger: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Failed,
    /// Ended before its time: at shutdown, by a lost lease, or with its process.
    Interrupted,
    /// Found what the update lane had missed, and stored it.
    Mended,
}

impl Outcome {
    /// The word of the `outcome` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Mended => "mended",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Ok, Self::Failed, Self::Interrupted, Self::Mended]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    pub outcome: Outcome,
    /// Calls to the platform.
    pub calls: u64,
    pub rows_seen: u64,
    pub rows_written: u64,
    pub rows_unchanged: u64,
    pub rows_quarantined: u64,
    /// Why it did not end well. `None`: it did.
    pub error: Option<String>,
}

/// A run of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    pub id: i64,
    pub job: String,
    pub shop: String,
    pub record: Record,
    /// `None`: it is from a version that did not note it, or no lane was run.
    pub lane: Option<Lane>,
    pub trigger: String,
    pub started_at: DateTime<Utc>,
    /// `None`: it goes on.
    pub finished_at: Option<DateTime<Utc>>,
    /// `None`: it goes on.
    pub outcome: Option<Outcome>,
    pub calls: u64,
    pub rows_seen: u64,
    pub rows_written: u64,
    pub rows_unchanged: u64,
    pub rows_quarantined: u64,
    pub error: Option<String>,
    /// What a person said who did it by hand.
    pub note: Option<String>,
}

/// Which runs to return.
#[derive(Clone, Debug, Default)]
pub struct RunsFilter {
    /// `None`: of all shops.
    pub shop: Option<String>,
    /// Only those that ended otherwise than well.
    pub failed_only: bool,
    /// `None`: all.
    pub limit: Option<u64>,
}

/// Runs of jobs.
#[derive(Clone, Copy)]
pub struct RunRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl RunRepo<'_> {
    /// Notes the beginning of a run and returns its id. Its lane's lease comes first: a run without one looks like
    /// one whose process died.
    pub async fn start(self, run: NewRun) -> Result<i64, StoreError> {
        let (now, run) = (self.store.clock.now(), &run);
        self.store
            .write(|tx| async move {
                let row = [
                    (Column::Job, text(&run.job)),
                    (Column::Shop, text(&run.shop)),
                    (Column::Record, text(run.record.as_str())),
                    (Column::Lane, text(run.lane.as_str())),
                    (Column::Trigger, text(&run.trigger)),
                    (Column::StartedAt, tx.dialect.instant(now)),
                    (Column::Calls, 0_i64.into()),
                    (Column::RowsSeen, 0_i64.into()),
                    (Column::RowsWritten, 0_i64.into()),
                    (Column::RowsUnchanged, 0_i64.into()),
                    (Column::RowsQuarantined, 0_i64.into()),
                ];
                bulk::insert_for_id(tx.db(), Entity, row, None, Column::Id).await
            })
            .await
    }

    /// Notes the end of a run.
    pub async fn finish(self, id: i64, end: RunEnd) -> Result<(), StoreError> {
        let (now, end) = (self.store.clock.now(), &end);
        self.store
            .write(|tx| async move {
                Entity::update_many()
                    .col_expr(Column::FinishedAt, Expr::value(tx.dialect.instant(now)))
                    .col_expr(Column::Outcome, Expr::value(end.outcome.as_str()))
                    .col_expr(Column::Calls, Expr::value(count(end.calls)))
                    .col_expr(Column::RowsSeen, Expr::value(count(end.rows_seen)))
                    .col_expr(Column::RowsWritten, Expr::value(count(end.rows_written)))
                    .col_expr(Column::RowsUnchanged, Expr::value(count(end.rows_unchanged)))
                    .col_expr(Column::RowsQuarantined, Expr::value(count(end.rows_quarantined)))
                    .col_expr(Column::Error, Expr::value(text_or_null(end.error.as_deref())))
                    .filter(Column::Id.eq(id))
                    .exec(tx.db())
                    .await?;
                Ok(())
            })
            .await
    }

    /// The runs, newest first.
    pub async fn list(self, filter: &RunsFilter) -> Result<Vec<RunRow>, StoreError> {
        let mut find = Entity::find();
        if let Some(shop) = &filter.shop {
            find = find.filter(Column::Shop.eq(shop.as_str()));
        }
        if filter.failed_only {
            find = find.filter(Column::Outcome.ne(Outcome::Ok.as_str()));
        }
        let rows = find.order_by_desc(Column::Id).limit(filter.limit).all(&self.store.connection).await?;
        rows.into_iter().map(RunRow::try_from).collect()
    }

    /// One run. `None`: there is none of that id, or it was pruned.
    pub async fn get(self, id: i64) -> Result<Option<RunRow>, StoreError> {
        Entity::find_by_id(id).one(&self.store.connection).await?.map(RunRow::try_from).transpose()
    }

    /// Ends the runs whose process died: unfinished ones of a (shop, record) in which no one holds a lane. Tells
    /// how many there were.
    pub async fn end_orphaned(self) -> Result<u64, StoreError> {
        let finished_at = self.store.clock.now();
        self.store
            .write(|tx| async move {
                let now = tx.now().await?;
                let held: Vec<(String, String)> = lease::Entity::find()
                    .all(tx.db())
                    .await?
                    .into_iter()
                    .filter(|row| leases::holder(row, now).is_some())
                    .map(|row| (row.shop, row.record))
                    .collect();
                let unfinished = Entity::find().filter(Column::Outcome.is_null()).all(tx.db()).await?;
                let orphans: Vec<i64> = unfinished
                    .into_iter()
                    .filter(|run| {
                        !held.iter().any(|(shop, record)| *shop == run.shop && *record == run.record)
                    })
                    .map(|run| run.id)
                    .collect();
                for orphans in orphans.chunks(bulk::KEYS_PER_STATEMENT) {
                    Entity::update_many()
                        .col_expr(Column::Outcome, Expr::value(Outcome::Interrupted.as_str()))
                        .col_expr(Column::FinishedAt, Expr::value(tx.dialect.instant(finished_at)))
                        .filter(Column::Id.is_in(orphans.iter().copied()))
                        .exec(tx.db())
                        .await?;
                }
                Ok(orphans.len() as u64)
            })
            .await
    }

    /// When the newest run of a job began. `None`: it never ran.
    pub async fn last_of(self, job: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let newest = Entity::find()
            .filter(Column::Job.eq(job))
            .order_by_desc(Column::Id)
            .one(&self.store.connection)
            .await?;
        Ok(newest.map(|run| run.started_at))
    }

    /// The newest run of a (shop, record), be it going on; with an outcome, the newest that ended so.
    pub async fn newest(
        self,
        shop: &str,
        record: Record,
        outcome: Option<Outcome>,
    ) -> Result<Option<RunRow>, StoreError> {
        let mut find =
            Entity::find().filter(Column::Shop.eq(shop)).filter(Column::Record.eq(record.as_str()));
        if let Some(outcome) = outcome {
            find = find.filter(Column::Outcome.eq(outcome.as_str()));
        }
        let row = find
            .order_by_desc(Column::StartedAt)
            .order_by_desc(Column::Id)
            .one(&self.store.connection)
            .await?;
        row.map(RunRow::try_from).transpose()
    }
}

impl TryFrom<Model> for RunRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let outcome = row
            .outcome
            .map(|word| {
                Outcome::parse(&word)
                    .ok_or(StoreError::UnknownWord { column: "job_runs.outcome", found: word })
            })
            .transpose()?;
        Ok(Self {
            id: row.id,
            record: record_of("job_runs.record", &row.record)?,
            // A lane of a later version is no reason to hide the run.
            lane: row.lane.as_deref().and_then(|lane| lane.parse().ok()),
            job: row.job,
            shop: row.shop,
            trigger: row.trigger,
            started_at: row.started_at,
            finished_at: row.finished_at,
            outcome,
            calls: row.calls.unsigned_abs(),
            rows_seen: row.rows_seen.unsigned_abs(),
            rows_written: row.rows_written.unsigned_abs(),
            rows_unchanged: row.rows_unchanged.unsigned_abs(),
            rows_quarantined: row.rows_quarantined.unsigned_abs(),
            error: row.error,
            note: row.note,
        })
    }
}
