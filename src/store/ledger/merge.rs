//! The ledger of times long past: windows that were read whole become one for each contiguous stretch.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::leases::LaneKey;
use super::rules::of_lane;
use super::window_repo::WindowRepo;
use super::windows::{CREATE_EPOCH, WindowState};
use crate::domain::record::Lane;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::transaction::Tx;
use crate::store::entities::sync_cursor;
use crate::store::entities::sync_window::{Column, Entity, Model};
use crate::store::shops::prune::Pruned;
use crate::store::{StoreError, record_of};

impl WindowRepo<'_> {
    /// Prunes the ledger of all shops: merges what was read whole before `older_than`, deletes what was split and what
    /// belongs to an epoch that no longer counts. Short, failed and planned windows stay as they are. Returns
    /// how many rows are gone.
    pub async fn prune(self, older_than: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut rows = 0;
        for (key, epoch) in self.lanes_of_ledger().await? {
            let key = &key;
            loop {
                let deleted =
                    self.store.write(|tx| async move { delete_passed(&tx, key, older_than).await }).await?;
                rows += deleted;
                if deleted < KEYS_PER_STATEMENT as u64 {
                    break;
                }
            }
            let mut next = None;
            loop {
                let step = self.merge(key, epoch, older_than, next).await?;
                rows += step.rows;
                next = step.next;
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(rows)
    }

    /// Merges windows of one lane and epoch that were read whole before `older_than`, or found unreachable, and that
    /// touch or overlap, each with its like. Looks at the next few hundred by time and returns where to continue.
    ///
    /// Their counts are added up; a stretch counts as opened when the first of them was and as closed when the last
    /// was. In the update lane only what the cursor has passed is merged.
    pub async fn merge(
        self,
        key: &LaneKey,
        epoch: i64,
        older_than: DateTime<Utc>,
        from: Option<DateTime<Utc>>,
    ) -> Result<Pruned<DateTime<Utc>>, StoreError> {
        self.store
            .write(|tx| async move {
                let Some(passed) = passed(&tx, key).await? else {
                    return Ok(Pruned { rows: 0, next: None });
                };
                let mut find = Entity::find()
                    .filter(of_lane(key))
                    .filter(Column::Epoch.eq(epoch))
                    .filter(Column::State.is_in(WindowState::MERGED.map(WindowState::as_str)))
                    .filter(Column::CompletedAt.lt(tx.dialect.instant(older_than)))
                    .filter(Column::UntilAt.lte(tx.dialect.instant(passed)));
                if let Some(from) = from {
                    find = find.filter(Column::FromAt.gte(tx.dialect.instant(from)));
                }
                let windows = find
                    .order_by_asc(Column::FromAt)
                    .order_by_asc(Column::UntilAt)
                    .limit(KEYS_PER_STATEMENT as u64)
                    .lock_exclusive()
                    .all(tx.db())
                    .await?;
                let more = windows.len() == KEYS_PER_STATEMENT;
                let stretches = stretches(windows);
                let next = stretches.last().map(|stretch| stretch.whole.from_at).filter(|_| more);
                let mut rows = 0;
                for stretch in stretches {
                    rows += merge(&tx, stretch).await?;
                }
                Ok(Pruned { rows, next })
            })
            .await
    }

    /// Every lane the ledger knows, with the epochs that count.
    async fn lanes_of_ledger(self) -> Result<Vec<(LaneKey, i64)>, StoreError> {
        let lanes: Vec<(String, String, String)> = Entity::find()
            .select_only()
            .columns([Column::Shop, Column::Record, Column::Lane])
            .distinct()
            .into_tuple()
            .all(&self.store.connection)
            .await?;
        let mut keys = Vec::with_capacity(lanes.len());
        for (shop, record, lane) in lanes {
            let record = record_of("sync_windows.record", &record)?;
            let lane: Lane = lane
                .parse()
                .map_err(|_| StoreError::UnknownWord { column: "sync_windows.lane", found: lane.clone() })?;
            let epoch = match lane {
                Lane::Update => {
                    self.store.cursors().get(&shop, record).await?.map_or(0, |cursor| cursor.epoch)
                }
                Lane::Create | Lane::Amounts => CREATE_EPOCH,
            };
            keys.push((LaneKey { shop, record, lane }, epoch));
        }
        Ok(keys)
    }
}

/// Windows that touch or overlap.
struct Stretch {
    /// What they come to; the row that stays.
    whole: Model,
    others: Vec<i64>,
}

/// `windows` by time.
fn stretches(windows: Vec<Model>) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for window in windows {
        let is_next = |stretch: &&mut Stretch| {
            window.from_at <= stretch.whole.until_at && window.state == stretch.whole.state
        };
        match stretches.last_mut().filter(is_next) {
            Some(stretch) => stretch.add(&window),
            None => stretches.push(Stretch { whole: window, others: Vec::new() }),
        }
    }
    stretches
}

impl Stretch {
    fn add(&mut self, window: &Model) {
        let whole = &mut self.whole;
        whole.until_at = whole.until_at.max(window.until_at);
        whole.platform_total = sum(whole.platform_total, window.platform_total);
        whole.rows_seen = sum(whole.rows_seen, window.rows_seen);
        whole.opened_at = whole.opened_at.zip(window.opened_at).map(|(first, second)| first.min(second));
        if window.completed_at >= whole.completed_at {
            whole.completed_at = window.completed_at;
            whole.run_id = window.run_id;
        }
        self.others.push(window.id);
    }
}

fn sum(first: Option<i64>, second: Option<i64>) -> Option<i64> {
    first.zip(second).map(|(first, second)| first.saturating_add(second))
}

async fn merge(tx: &Tx, stretch: Stretch) -> Result<u64, StoreError> {
    let Stretch { whole, others } = stretch;
    if others.is_empty() {
        return Ok(0);
    }
    // First, because one of them may be what the whole becomes.
    let deleted = Entity::delete_many().filter(Column::Id.is_in(others)).exec(tx.db()).await?;
    Entity::update_many()
        .col_expr(Column::UntilAt, Expr::value(tx.dialect.instant(whole.until_at)))
        .col_expr(Column::PlatformTotal, Expr::value(whole.platform_total))
        .col_expr(Column::RowsSeen, Expr::value(whole.rows_seen))
        .col_expr(Column::RunId, Expr::value(whole.run_id))
        .col_expr(Column::OpenedAt, Expr::value(tx.dialect.instant_or_null(whole.opened_at)))
        .col_expr(Column::CompletedAt, Expr::value(tx.dialect.instant_or_null(whole.completed_at)))
        .filter(Column::Id.eq(whole.id))
        .exec(tx.db())
        .await?;
    Ok(deleted.rows_affected)
}

/// Up to where windows are history. `None`: nothing is, because no one knows where the cursor is.
async fn passed(tx: &Tx, key: &LaneKey) -> Result<Option<DateTime<Utc>>, StoreError> {
    if key.lane != Lane::Update {
        return Ok(Some(DateTime::<Utc>::MAX_UTC));
    }
    Ok(cursor(tx, key).await?.and_then(|cursor| cursor.last_sync_at))
}

async fn cursor(tx: &Tx, key: &LaneKey) -> Result<Option<sync_cursor::Model>, StoreError> {
    let id = (key.shop.clone(), key.record.as_str().to_owned());
    Ok(sync_cursor::Entity::find_by_id(id).one(tx.db()).await?)
}

/// Deletes some of the windows that were split, and in the update lane of those whose epoch is over.
async fn delete_passed(tx: &Tx, key: &LaneKey, older_than: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut passed = Condition::any().add(Column::State.eq(WindowState::Split.as_str()));
    if key.lane == Lane::Update
        && let Some(cursor) = cursor(tx, key).await?
    {
        passed = passed.add(Column::Epoch.lt(cursor.epoch));
    }
    let ids: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(of_lane(key))
        .filter(passed)
        .filter(Column::OpenedAt.lt(tx.dialect.instant(older_than)))
        .limit(KEYS_PER_STATEMENT as u64)
        .into_tuple()
        .all(tx.db())
        .await?;
    let deleted = Entity::delete_many().filter(Column::Id.is_in(ids)).exec(tx.db()).await?;
    Ok(deleted.rows_affected)
}
