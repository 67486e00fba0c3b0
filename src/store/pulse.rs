//! How all shops are doing, in three questions whatever the number of shops and orders: for monitoring, which asks often.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::entities::sync_window;
use super::windows::{CREATE_EPOCH, WindowState};
use super::{Store, StoreError};
use crate::domain::record::Record;

/// How one (shop, record) is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// `None` before the first run.
    pub last_sync_at: Option<DateTime<Utc>>,
    pub quarantined: u64,
    /// Windows that failed or came out short, without those that a cursor set by hand left behind.
    pub windows_incomplete: u64,
}

/// By shop and record; where nothing is known there is nothing.
pub type Pulse = BTreeMap<(String, Record), Vitals>;

impl Store {
    pub async fn pulse(&self) -> Result<Pulse, StoreError> {
        let mut pulse = Pulse::new();
        let mut epochs = BTreeMap::new();
        for ((shop, record), cursor) in self.cursors().await? {
            // What is switched off may be less than a record, such as the money of orders.
            let Ok(record) = record.parse() else { continue };
            epochs.insert((shop.clone(), record), cursor.epoch);
            pulse.entry((shop, record)).or_default().last_sync_at = cursor.last_sync_at;
        }
        for total in self.quarantine_totals().await? {
            pulse.entry((total.shop, total.record)).or_default().quarantined = total.rows;
        }
        for (shop, record, epoch, windows) in self.incomplete_counts().await? {
            let Ok(record) = record.parse() else { continue };
            let key = (shop, record);
            if epoch == CREATE_EPOCH || epochs.get(&key) == Some(&epoch) {
                pulse.entry(key).or_default().windows_incomplete += windows.unsigned_abs();
            }
        }
        Ok(pulse)
    }

    async fn incomplete_counts(&self) -> Result<Vec<(String, String, i64, i64)>, StoreError> {
        use sync_window::Column;
        let counts = sync_window::Entity::find()
            .select_only()
            .columns([Column::Shop, Column::Record, Column::Epoch])
            .column_as(Column::Id.count(), "windows")
            .filter(Column::State.is_in([WindowState::Failed, WindowState::Short].map(WindowState::as_str)))
            .group_by(Column::Shop)
            .group_by(Column::Record)
            .group_by(Column::Epoch);
        Ok(counts.into_tuple().all(&self.connection).await?)
    }
}
