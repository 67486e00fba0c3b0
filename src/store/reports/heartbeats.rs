//! When the daemon was last at work, so that one which comes back knows how long no one was.

use crate::store::reports::daemons::DaemonRepo;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::store::StoreError;
use crate::store::db::dialect::text;
use crate::store::entities::heartbeat::{Column, Entity, Model};

/// The one program that beats today.
const DAEMON: &str = "daemon";

/// How long there has been a daemon without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub since: DateTime<Utc>,
    /// The last sign of life before. `None`: it is the first daemon on this database.
    pub back_from: Option<DateTime<Utc>>,
}

impl DaemonRepo<'_> {
    /// A sign of life. After more than `gap_max` without one, a new life begins.
    pub async fn beat(self, gap_max: TimeDelta) -> Result<Life, StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                let row = Entity::find_by_id(DAEMON).lock_exclusive().one(tx.db()).await?;
                let instant = |at| tx.dialect.instant(at);
                let Some(row) = row else {
                    let insert = Query::insert()
                        .into_table(Entity)
                        .columns([Column::Program, Column::Since, Column::BeatAt])
                        .values_panic([text(DAEMON).into(), instant(now).into(), instant(now).into()])
                        .on_conflict(OnConflict::column(Column::Program).do_nothing().to_owned())
                        .to_owned();
                    tx.db().execute(&insert).await?;
                    return Ok(Life { since: now, back_from: None });
                };
                let life = life_of(&row, gap_max, now);
                Entity::update_many()
                    .col_expr(Column::Since, Expr::value(instant(life.since)))
                    .col_expr(Column::BeatAt, Expr::value(instant(now)))
                    .col_expr(Column::BackFrom, Expr::value(tx.dialect.instant_or_null(life.back_from)))
                    .filter(Column::Program.eq(DAEMON))
                    .exec(tx.db())
                    .await?;
                Ok(life)
            })
            .await
    }
}

/// A clock that stepped back ends no life.
fn life_of(row: &Model, gap_max: TimeDelta, now: DateTime<Utc>) -> Life {
    if now - row.beat_at > gap_max {
        return Life { since: now, back_from: Some(row.beat_at) };
    }
    Life { since: row.since.min(now), back_from: row.back_from }
}
