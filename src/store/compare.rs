//! What is here, for comparisons with what a platform shows: counts, versions, what was set aside.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::bulk::KEYS_PER_STATEMENT;
use super::entities::quarantine;
use super::tables::table_of;
use super::{Store, StoreError};
use crate::domain::entity::Kind;
use crate::domain::record::Record;

impl Store {
    /// How many things of a kind were created from one second to another, both included.
    pub async fn created_between(
        &self,
        shop: &str,
        kind: Kind,
        from: i64,
        until: i64,
    ) -> Result<u64, StoreError> {
        let table = table_of(kind);
        let instant = |seconds| {
            let at = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
            Expr::value(self.dialect.instant(at))
        };
        let select = Query::select()
            .expr(Func::count(Expr::col(table.key)))
            .from(table.name)
            .and_where(table.of_shop(shop))
            .and_where(Expr::col("created_at").gte(instant(from)))
            .and_where(Expr::col("created_at").lte(instant(until)))
            .to_owned();
        let row = self.connection.query_one(&select).await?;
        let rows: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(rows.unwrap_or(0).unsigned_abs())
    }

    /// Those of `numbers` that are stored, with the platform's time of their last change.
    pub async fn versions(
        &self,
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
            for row in self.connection.query_all(&select).await? {
                versions.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            }
        }
        Ok(versions)
    }

    /// Those of `numbers` that are in quarantine.
    pub async fn set_aside(
        &self,
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
                .all(&self.connection)
                .await?;
            aside.extend(found);
        }
        Ok(aside)
    }

    /// SKUs that were stored since their stock was read, or whose stock never was, after this one in the order of
    /// their ids.
    pub async fn skus_without_stock(
        &self,
        shop: &str,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let of_sku = |column: &'static str| Expr::col((Alias::new("skus"), Alias::new(column)));
        let of_stock = |column: &'static str| Expr::col((Alias::new("sku_stock"), Alias::new(column)));
        let read = Query::select()
            .expr(Expr::value(1))
            .from("sku_stock")
            .and_where(of_stock("shop").eq(of_sku("shop")))
            .and_where(of_stock("sku_id").eq(of_sku("sku_id")))
            .and_where(of_stock("read_at").gte(of_sku("synced_at")))
            .to_owned();
        let select = Query::select()
            .column("sku_id")
            .from("skus")
            .and_where(of_sku("shop").eq(shop))
            .and_where(of_sku("gone_at").is_null())
            .and_where_option(after.map(|after| of_sku("sku_id").gt(after)))
            .and_where(Expr::exists(read).not())
            .order_by("sku_id", sea_orm::Order::Asc)
            .limit(limit)
            .to_owned();
        let rows = self.connection.query_all(&select).await?;
        Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
    }
}
