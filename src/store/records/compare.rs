//! What is here, for comparisons with what a platform shows: counts, versions, what was set aside.

use crate::store::records::scans::ScanRepo;
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::tables::table_of;
use crate::domain::entity::Kind;
use crate::domain::record::Record;
use crate::store::StoreError;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::entities::quarantine;

impl ScanRepo<'_> {
    /// How many things of a kind were created from one second to another, both included.
    pub async fn created_between(
        self,
        shop: &str,
        kind: Kind,
        from: i64,
        until: i64,
    ) -> Result<u64, StoreError> {
        let table = table_of(kind);
        let instant = |seconds| {
            let at = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
            Expr::value(self.store.dialect.instant(at))
        };
        let select = Query::select()
            .expr(Func::count(Expr::col(table.key)))
            .from(table.name)
            .and_where(table.of_shop(shop))
            .and_where(Expr::col("created_at").gte(instant(from)))
            .and_where(Expr::col("created_at").lte(instant(until)))
            .to_owned();
        let row = self.store.connection.query_one(&select).await?;
        let rows: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(rows.unwrap_or(0).unsigned_abs())
    }

    /// Those of `numbers` that are stored, with the platform's time of their last change.
    pub async fn versions(
        self,
        shop: &str,
        kind: Kind,
        numbers: &[String],
    ) -> Result<HashMap<String, Option<DateTime<Utc>>>, StoreError> {
        let table = table_of(kind);
        let mut versions = HashMap::with_capacity(numbers.len());
        for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
            let select = Query::select()
                .columns([table.key, "updated_at"])
                .from(table.name)
                .and_where(table.of_shop(shop))
                .and_where(table.key_is_in(numbers.iter().map(String::as_str)))
                .to_owned();
            for row in self.store.connection.query_all(&select).await? {
                versions.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            }
        }
        Ok(versions)
    }

    /// Those of `numbers` that are in quarantine.
    pub async fn set_aside(
        self,
        shop: &str,
        record: Record,
        numbers: &[String],
    ) -> Result<HashSet<String>, StoreError> {
        use quarantine::Column;
        let mut aside = HashSet::new();
        for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
            let found: Vec<String> = quarantine::Entity::find()
                .select_only()
                .column(Column::Number)
                .filter(Column::Shop.eq(shop))
                .filter(Column::Record.eq(record.as_str()))
                .filter(Column::Number.is_in(numbers))
                .into_tuple()
                .all(&self.store.connection)
                .await?;
            aside.extend(found);
        }
        Ok(aside)
    }
}
