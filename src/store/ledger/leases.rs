//! Leases: at most one run per (shop, record, lane) at a time, on however many machines.
//!
//! A lease that is not renewed runs out. Its fence grows with every owner, and each commit of a run checks it, so
//! that a run which was paused or cut off can never write over its successor.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::domain::record::{Lane, Record};
use crate::domain::until::lasting;
use crate::store::db::owner::Owner;
use crate::store::db::transaction::Tx;
use crate::store::entities::lease::{Column, Entity, Model};
use crate::store::{Store, StoreError};

/// How long a lease lives without being renewed.
pub const LEASE_TTL: TimeDelta = TimeDelta::seconds(30);
/// How often its holder renews it.
pub const LEASE_RENEW: Duration = Duration::from_secs(10);

/// What a lease is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey {
    pub shop: String,
    pub record: Record,
    pub lane: Lane,
}

impl LaneKey {
    fn primary_key(&self) -> (String, String, String) {
        (self.shop.clone(), self.record.as_str().to_owned(), self.lane.as_str().to_owned())
    }
}

impl fmt::Display for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}`, {} lane", self.record, self.shop, self.lane)
    }
}

/// The right to write in a lane, as long as no one else was granted it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub key: LaneKey,
    pub owner: Owner,
    pub fence: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    Granted(Lease),
    /// Someone has it, and it runs out at `until` unless it is renewed.
    Held {
        owner: Owner,
        until: DateTime<Utc>,
    },
}

/// Who may write a lane at present.
#[derive(Clone, Copy)]
pub struct LeaseRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl LeaseRepo<'_> {
    /// Takes the lane, if it is free, has run out, or its owner's process is known to be gone.
    pub async fn acquire(self, key: &LaneKey, owner: &Owner) -> Result<Acquired, StoreError> {
        self.store
            .write(|tx| async move {
                ensure_row(&tx, key).await?;
                let row = locked_row(&tx, key).await?;
                let now = tx.now().await?;
                if let Some((owner, until)) = row.as_ref().and_then(|row| holder(row, now)) {
                    return Ok(Acquired::Held { owner, until });
                }
                let fence = row.map_or(0, |row| row.fence) + 1;
                update(&tx, key, Some((owner, now + LEASE_TTL)), fence).await?;
                Ok(Acquired::Granted(Lease { key: key.clone(), owner: owner.clone(), fence }))
            })
            .await
    }

    /// Keeps the lease for another [`LEASE_TTL`].
    pub async fn renew(self, lease: &Lease) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                lock_lease(&tx, lease).await?;
                let until = tx.now().await? + LEASE_TTL;
                update(&tx, &lease.key, Some((&lease.owner, until)), lease.fence).await?;
                Ok(())
            })
            .await
    }

    /// Gives the lane back. Does nothing when the lease is lost already.
    pub async fn release(self, lease: &Lease) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                match lock_lease(&tx, lease).await {
                    Ok(()) => Ok(update(&tx, &lease.key, None, lease.fence).await?),
                    Err(StoreError::LeaseLost { .. }) => Ok(()),
                    Err(error) => Err(error),
                }
            })
            .await
    }
}

/// Locks the lane's row until the end of the transaction, and makes sure that the lease still stands. The first
/// thing every commit of a run does.
///
/// A lease that has run out but that no one took still stands: what it guards cannot have changed.
pub async fn lock_lease(tx: &Tx, lease: &Lease) -> Result<(), StoreError> {
    match locked_row(tx, &lease.key).await? {
        Some(row) if row.fence == lease.fence && row.owner.as_deref() == Some(lease.owner.as_str()) => Ok(()),
        _ => Err(StoreError::LeaseLost { key: lease.key.clone() }),
    }
}

/// Takes the lane away from its holder: its next commit or renewal fails.
pub async fn revoke(tx: &Tx, key: &LaneKey) -> Result<(), StoreError> {
    ensure_row(tx, key).await?;
    let fence = locked_row(tx, key).await?.map_or(0, |row| row.fence) + 1;
    update(tx, key, None, fence).await
}

/// Who holds the lane at `now`, and until when unless it is renewed. `None`: it is free, has run out, was written by a
/// clock that was far ahead, or its owner's process is known to be gone.
pub(in crate::store) fn holder(row: &Model, now: DateTime<Utc>) -> Option<(Owner, DateTime<Utc>)> {
    let (owner, until) = row.owner.clone().zip(row.until)?;
    let owner = Owner::from(owner);
    let until = lasting(until, LEASE_TTL, now)?;
    (!owner.is_gone()).then_some((owner, until))
}

async fn locked_row(tx: &Tx, key: &LaneKey) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(key.primary_key()).lock_exclusive().one(tx.db()).await?)
}

/// There must be a row before it can be locked.
async fn ensure_row(tx: &Tx, key: &LaneKey) -> Result<(), StoreError> {
    let (shop, record, lane) = key.primary_key();
    let insert = Query::insert()
        .into_table(Entity)
        .columns([Column::Shop, Column::Record, Column::Lane, Column::Fence])
        .values_panic([shop.into(), record.into(), lane.into(), 0_i64.into()])
        .on_conflict(
            OnConflict::columns([Column::Shop, Column::Record, Column::Lane]).do_nothing().to_owned(),
        )
        .to_owned();
    tx.db().execute(&insert).await?;
    Ok(())
}

async fn update(
    tx: &Tx,
    key: &LaneKey,
    holder: Option<(&Owner, DateTime<Utc>)>,
    fence: i64,
) -> Result<(), StoreError> {
    let (owner, until) = holder.unzip();
    Entity::update_many()
        .col_expr(Column::Owner, Expr::value(owner.map(|owner| owner.as_str().to_owned())))
        .col_expr(Column::Until, Expr::value(tx.dialect.instant_or_null(until)))
        .col_expr(Column::Fence, Expr::value(fence))
        .filter(Column::Shop.eq(key.shop.as_str()))
        .filter(Column::Record.eq(key.record.as_str()))
        .filter(Column::Lane.eq(key.lane.as_str()))
        .exec(tx.db())
        .await?;
    Ok(())
}
