//! Alarms and whether they were sent: one row for each cause, kept for a while after its end, so that neither a
//! restart nor a second daemon sends one again.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::domain::until::lasting;
use crate::store::db::dialect::text;
use crate::store::db::transaction::Tx;
use crate::store::entities::alarm::{Column, Entity, Model};
use crate::store::{Store, StoreError};

/// How long a process may take to send an alarm before another one does it.
const CLAIM: TimeDelta = TimeDelta::minutes(5);

/// How long a row is kept after the end of what it is about.
const KEPT: TimeDelta = TimeDelta::days(30);

/// What an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlarmKey {
    /// A stable word, such as `lag`.
    pub cause: String,
    /// Empty: about no shop.
    pub shop: String,
    /// Empty: about no record.
    pub record: String,
}

/// Whether an alarm was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub since: DateTime<Utc>,
    /// When it was last sent; may be before `since`. `None`: never.
    pub told_at: Option<DateTime<Utc>>,
    /// `None`: it goes on.
    pub ended_at: Option<DateTime<Utc>>,
    /// When its end was last sent. `None`: never.
    pub end_told_at: Option<DateTime<Utc>>,
    /// Until when a process may be sending it. `None`: no process is.
    pub claimed_until: Option<DateTime<Utc>>,
}

/// Alarms that were raised, and when they were sent.
#[derive(Clone, Copy)]
pub struct AlarmRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl AlarmRepo<'_> {
    /// All alarms, those that are over included as long as they are kept.
    pub async fn all(self) -> Result<BTreeMap<AlarmKey, Alarm>, StoreError> {
        let rows = Entity::find().all(&self.store.connection).await?;
        Ok(rows.into_iter().map(|row| (key_of(&row), Alarm::from(row))).collect())
    }

    /// Notes what begins and what ends, in one transaction. What is there already, or over already, stays as it is: so
    /// of several programs one notes it. Tells which were noted.
    pub async fn note(self, raised: &[AlarmKey], ended: &[AlarmKey]) -> Result<Vec<AlarmKey>, StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                let mut noted = Vec::new();
                for key in raised {
                    if raise(&tx, key, now).await? {
                        noted.push(key.clone());
                    }
                }
                for key in ended {
                    let update = Entity::update_many()
                        .col_expr(Column::EndedAt, Expr::value(tx.dialect.instant(now)))
                        .filter(of(key).add(Column::EndedAt.is_null()));
                    if update.exec(tx.db()).await?.rows_affected > 0 {
                        noted.push(key.clone());
                    }
                }
                Entity::delete_many()
                    .filter(Column::EndedAt.lt(tx.dialect.instant(now - KEPT)))
                    .exec(tx.db())
                    .await?;
                Ok(noted)
            })
            .await
    }

    /// Claims these for sending, for [`CLAIM`]. Those that changed since they were read, or that another process
    /// is sending, are left out.
    pub async fn claim(self, seen: &[(AlarmKey, Alarm)]) -> Result<Vec<AlarmKey>, StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                let mut claimed = Vec::new();
                for (key, alarm) in seen {
                    let row = Entity::find().filter(of(key)).lock_exclusive().one(tx.db()).await?;
                    let as_seen = row.map(Alarm::from).is_some_and(|row| {
                        row == *alarm
                            && row.claimed_until.and_then(|until| lasting(until, CLAIM, now)).is_none()
                    });
                    if as_seen {
                        set(&tx, key, [(Column::ClaimedUntil, Some(now + CLAIM))]).await?;
                        claimed.push(key.clone());
                    }
                }
                Ok(claimed)
            })
            .await
    }

    /// Gives claims back: of what was sent, with the moment. `is_over` says for each whether its end was sent.
    pub async fn settle(self, claimed: &[(AlarmKey, bool)], told: bool) -> Result<(), StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                for (key, is_over) in claimed {
                    let column = if *is_over { Column::EndToldAt } else { Column::ToldAt };
                    if told {
                        set(&tx, key, [(Column::ClaimedUntil, None), (column, Some(now))]).await?;
                    } else {
                        set(&tx, key, [(Column::ClaimedUntil, None)]).await?;
                    }
                }
                Ok(())
            })
            .await
    }
}

/// Inserts an alarm, or starts one again that is over. `false`: it is active already.
async fn raise(tx: &Tx, key: &AlarmKey, since: DateTime<Utc>) -> Result<bool, StoreError> {
    let again = Entity::update_many()
        .col_expr(Column::Since, Expr::value(tx.dialect.instant(since)))
        .col_expr(Column::EndedAt, Expr::value(tx.dialect.instant_or_null(None)))
        .col_expr(Column::ClaimedUntil, Expr::value(tx.dialect.instant_or_null(None)))
        .filter(of(key).add(Column::EndedAt.is_not_null()));
    if again.exec(tx.db()).await?.rows_affected > 0 {
        return Ok(true);
    }
    let insert = Query::insert()
        .into_table(Entity)
        .columns([Column::Cause, Column::Shop, Column::Record, Column::Since])
        .values_panic([
            text(&key.cause).into(),
            text(&key.shop).into(),
            text(&key.record).into(),
            tx.dialect.instant(since).into(),
        ])
        .on_conflict(
            OnConflict::columns([Column::Cause, Column::Shop, Column::Record]).do_nothing().to_owned(),
        )
        .to_owned();
    Ok(tx.db().execute(&insert).await?.rows_affected() > 0)
}

async fn set<const N: usize>(
    tx: &Tx,
    key: &AlarmKey,
    moments: [(Column, Option<DateTime<Utc>>); N],
) -> Result<(), StoreError> {
    let mut update = Entity::update_many().filter(of(key));
    for (column, at) in moments {
        update = update.col_expr(column, Expr::value(tx.dialect.instant_or_null(at)));
    }
    update.exec(tx.db()).await?;
    Ok(())
}

fn of(key: &AlarmKey) -> Condition {
    Condition::all()
        .add(Column::Cause.eq(key.cause.as_str()))
        .add(Column::Shop.eq(key.shop.as_str()))
        .add(Column::Record.eq(key.record.as_str()))
}

fn key_of(row: &Model) -> AlarmKey {
    AlarmKey { cause: row.cause.clone(), shop: row.shop.clone(), record: row.record.clone() }
}

impl From<Model> for Alarm {
    fn from(row: Model) -> Self {
        Self {
            since: row.since,
            told_at: row.told_at,
            ended_at: row.ended_at,
            end_told_at: row.end_told_at,
            claimed_until: row.claimed_until,
        }
    }
}
