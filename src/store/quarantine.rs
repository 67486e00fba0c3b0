//! Quarantine: records that could not be read, kept with the reason until a later copy is stored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use sha2::{Digest, Sha256};

use super::bulk::{self, KEYS_PER_STATEMENT};
use super::dialect::text;
use super::entities::quarantine::{Column, Entity, Model};
use super::leases::LaneKey;
use super::transaction::Tx;
use super::{Store, StoreError};
use crate::domain::record::Record;

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// `None` when not even the number could be read.
    pub number: Option<String>,
    pub reason: String,
    /// The platform's own text.
    pub raw: String,
}

/// A record in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    pub shop: String,
    pub record: Record,
    /// `#` and a hash of `raw` where the number could not be read.
    pub number: String,
    pub reason: String,
    pub raw: String,
    /// How often it was tried.
    pub attempts: i64,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

impl Store {
    /// What is in quarantine, newest first. `None`: of all shops.
    pub async fn quarantine(&self, shop: Option<&str>) -> Result<Vec<QuarantineRow>, StoreError> {
        let mut find = Entity::find();
        if let Some(shop) = shop {
            find = find.filter(Column::Shop.eq(shop));
        }
        let rows = find
            .order_by_desc(Column::LastSeenAt)
            .order_by_asc(Column::Shop)
            .order_by_asc(Column::Record)
            .order_by_asc(Column::Number)
            .all(&self.connection)
            .await?;
        rows.into_iter().map(QuarantineRow::try_from).collect()
    }
}

/// Puts records into quarantine; those already there are counted once more.
pub(super) async fn keep(
    tx: &Tx,
    key: &LaneKey,
    records: &[Quarantined],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let by_number: BTreeMap<String, &Quarantined> =
        records.iter().map(|record| (number_of(record), record)).collect();
    let at = tx.dialect.instant(at);
    let rows = by_number.into_iter().map(|(number, record)| {
        [
            (Column::Shop, text(&key.shop)),
            (Column::Record, text(key.record.as_str())),
            (Column::Number, text(&number)),
            (Column::Reason, text(&record.reason)),
            (Column::Raw, text(&record.raw)),
            (Column::Attempts, 1_i64.into()),
            (Column::FirstSeenAt, at.clone()),
            (Column::LastSeenAt, at.clone()),
        ]
    });
    let mut conflict = OnConflict::columns([Column::Shop, Column::Record, Column::Number]);
    conflict
        .update_columns([Column::Reason, Column::Raw, Column::LastSeenAt])
        .value(Column::Attempts, Expr::col((Entity, Column::Attempts)).add(1_i64));
    for mut insert in bulk::inserts(Entity, rows) {
        insert.on_conflict(conflict.clone());
        tx.db().execute(&insert).await?;
    }
    Ok(())
}

/// Takes records out of quarantine, within the transaction that stores them: those that went there before they were
/// read now, by number and moment of reading.
pub(super) async fn release(
    tx: &Tx,
    key: &LaneKey,
    read: impl Iterator<Item = (&str, DateTime<Utc>)>,
) -> Result<(), StoreError> {
    // One statement for each moment: the rows of a page share it.
    let mut by_moment: BTreeMap<DateTime<Utc>, Vec<&str>> = BTreeMap::new();
    for (number, read_at) in read {
        by_moment.entry(read_at).or_default().push(number);
    }
    for (read_at, numbers) in by_moment {
        for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
            Entity::delete_many()
                .filter(Column::Shop.eq(key.shop.as_str()))
                .filter(Column::Record.eq(key.record.as_str()))
                .filter(Column::Number.is_in(numbers.iter().copied()))
                .filter(Column::LastSeenAt.lte(tx.dialect.instant(read_at)))
                .exec(tx.db())
                .await?;
        }
    }
    Ok(())
}

fn number_of(record: &Quarantined) -> String {
    number_in_quarantine(record.number.as_deref(), &record.raw)
}

/// The number a record has in quarantine: its own, or one made of its text where that cannot be read.
pub fn number_in_quarantine(number: Option<&str>, raw: &str) -> String {
    number.map_or_else(|| format!("#{}", hex::encode(Sha256::digest(raw))), str::to_owned)
}

impl TryFrom<Model> for QuarantineRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            shop: row.shop,
            record: super::record_of("quarantine.record", &row.record)?,
            number: row.number,
            reason: row.reason,
            raw: row.raw,
            attempts: row.attempts,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
        })
    }
}
