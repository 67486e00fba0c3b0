//! The state of all shops in a few queries, whatever the number of shops and orders. Monitoring reads it often.

use crate::store::reports::overview::ReportRepo;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::domain::record::Record;
use crate::store::StoreError;
use crate::store::entities::sync_window;
use crate::store::ledger::windows::{CREATE_EPOCH, WindowState};

/// How one (shop, record) is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordHealth {
    /// `None` before the first run.
    pub last_sync_at: Option<DateTime<Utc>>,
    pub quarantined: u64,
    /// Orders whose money and SKUs whose stock could not be read.
    pub extras_unreadable: u64,
    /// Windows that failed or came out short, without those that a cursor set by hand left behind.
    pub windows_incomplete: u64,
}

/// By shop and record; where nothing is known there is nothing.
pub type HealthByRecord = BTreeMap<(String, Record), RecordHealth>;

impl ReportRepo<'_> {
    pub async fn health_snapshot(self) -> Result<HealthByRecord, StoreError> {
        let mut health = HealthByRecord::new();
        let mut epochs = BTreeMap::new();
        for ((shop, record), cursor) in self.store.cursors().all().await? {
            // What is switched off may be less than a record, such as the money of orders.
            let Ok(record) = record.parse() else { continue };
            epochs.insert((shop.clone(), record), cursor.epoch);
            health.entry((shop, record)).or_default().last_sync_at = cursor.last_sync_at;
        }
        for total in self.store.alarms().quarantine_totals().await? {
            health.entry((total.shop, total.record)).or_default().quarantined = total.rows;
        }
        for (record, table, failed) in [
            (Record::Orders, "orders", "amounts_attempts > 0"),
            (Record::Products, "skus", "stock_attempts > 0 AND gone_at IS NULL"),
        ] {
            for (shop, things) in self.unreadable_counts(table, failed).await? {
                health.entry((shop, record)).or_default().extras_unreadable = things.unsigned_abs();
            }
        }
        for (shop, record, epoch, windows) in self.incomplete_counts().await? {
            let Ok(record) = record.parse() else { continue };
            let key = (shop, record);
            if epoch == CREATE_EPOCH || epochs.get(&key) == Some(&epoch) {
                health.entry(key).or_default().windows_incomplete += windows.unsigned_abs();
            }
        }
        Ok(health)
    }

    /// By shop. `failed` is written like the condition of the table's index.
    async fn unreadable_counts(
        self,
        table: &'static str,
        failed: &'static str,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let select = Query::select()
            .column("shop")
            .expr(Expr::col("shop").count())
            .from(table)
            .and_where(Expr::cust(failed))
            .group_by_col("shop")
            .to_owned();
        let rows = self.store.connection.query_all(&select).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }

    async fn incomplete_counts(self) -> Result<Vec<(String, String, i64, i64)>, StoreError> {
        use sync_window::Column;
        let counts = sync_window::Entity::find()
            .select_only()
            .columns([Column::Shop, Column::Record, Column::Epoch])
            .column_as(Column::Id.count(), "windows")
            .filter(Column::State.is_in([WindowState::Failed, WindowState::Short].map(WindowState::as_str)))
            .group_by(Column::Shop)
            .group_by(Column::Record)
            .group_by(Column::Epoch);
        Ok(counts.into_tuple().all(&self.store.connection).await?)
    }
}
