//! How many orders each day brought, for charts.

use crate::store::reports::overview::ReportRepo;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use crate::store::StoreError;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::dialect::Dialect;

impl ReportRepo<'_> {
    /// Orders of `shops` created since a moment, counted by their day in UTC. Days without any are not in it.
    pub async fn orders_per_day(
        self,
        shops: &[String],
        since: DateTime<Utc>,
    ) -> Result<BTreeMap<NaiveDate, u64>, StoreError> {
        let day = match self.store.dialect {
            Dialect::Sqlite => "substr(created_at, 1, 10)",
            Dialect::Postgres => "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
        };
        let mut days = BTreeMap::new();
        for shops in shops.chunks(KEYS_PER_STATEMENT) {
            // Answered by the index over shop and creation alone.
            let select = Query::select()
                .expr(Expr::cust(day))
                .expr(Expr::cust("count(*)"))
                .from("orders")
                .and_where(Expr::col("shop").is_in(shops.iter().map(String::as_str)))
                .and_where(Expr::col("created_at").gte(Expr::value(self.store.dialect.instant(since))))
                .add_group_by([Expr::cust(day)])
                .to_owned();
            for row in self.store.connection.query_all(&select).await? {
                let (day, orders): (String, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
                // A year of five digits is no day of a chart.
                if let Ok(day) = day.parse() {
                    *days.entry(day).or_insert(0) += orders.unsigned_abs();
                }
            }
        }
        Ok(days)
    }
}
