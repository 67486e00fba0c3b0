//! The queries that evaluate alarms every minute, for all shops at once: a few small queries,
//! however many shops there are.

use crate::store::reports::alarms::AlarmRepo;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::domain::record::Record;
use crate::store::entities::{quarantine, run};
use crate::store::{StoreError, record_of};

/// What is in quarantine of one record of one shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineTotal {
    pub shop: String,
    pub record: Record,
    pub rows: u64,
    pub oldest: DateTime<Utc>,
    pub newest: DateTime<Utc>,
}

/// Shop, record, rows, oldest, newest.
type Counted = (String, String, i64, DateTime<Utc>, DateTime<Utc>);

impl AlarmRepo<'_> {
    /// Everything in quarantine, counted by shop and record.
    pub async fn quarantine_totals(self) -> Result<Vec<QuarantineTotal>, StoreError> {
        use quarantine::Column;
        let rows: Vec<Counted> = quarantine::Entity::find()
            .select_only()
            .columns([Column::Shop, Column::Record])
            .column_as(Column::Number.count(), "rows")
            .column_as(Column::FirstSeenAt.min(), "oldest")
            .column_as(Column::FirstSeenAt.max(), "newest")
            .group_by(Column::Shop)
            .group_by(Column::Record)
            .into_tuple()
            .all(&self.store.connection)
            .await?;
        let counted = rows.into_iter().map(|(shop, record, rows, oldest, newest)| {
            let record = record_of("quarantine.record", &record)?;
            Ok(QuarantineTotal { shop, record, rows: rows.unsigned_abs(), oldest, newest })
        });
        counted.collect()
    }

    /// When runs last ended, since `after`, that stored what had been missed; by shop and record.
    pub async fn differences(
        self,
        after: DateTime<Utc>,
    ) -> Result<BTreeMap<(String, Record), DateTime<Utc>>, StoreError> {
        use run::Column;
        let rows: Vec<(String, String, DateTime<Utc>)> = run::Entity::find()
            .select_only()
            .columns([Column::Shop, Column::Record])
            .column_as(Column::FinishedAt.max(), "last")
            // Written like the condition of the index: a bound value would not match it.
            .filter(Expr::cust("outcome = 'mended'"))
            .filter(Column::FinishedAt.gte(self.store.dialect.instant(after)))
            .group_by(Column::Shop)
            .group_by(Column::Record)
            .into_tuple()
            .all(&self.store.connection)
            .await?;
        rows.into_iter()
            .map(|(shop, record, last)| Ok(((shop, record_of("job_runs.record", &record)?), last)))
            .collect()
    }
}
