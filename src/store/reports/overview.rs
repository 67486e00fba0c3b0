//! What is stored, for people: orders, their lines, and how each (shop, record) is doing.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::explain::Gap;
use super::runs::{Outcome, RunRow};
use crate::domain::entity::Kind;
use crate::domain::record::Record;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::entities::{order, order_item, quarantine};
use crate::store::ledger::cursors::Cursor;
use crate::store::ledger::windows::WindowState;
use crate::store::{Store, StoreError};

/// Which orders to return.
#[derive(Clone, Debug, Default)]
pub struct OrdersFilter {
    /// `None`: of all shops.
    pub shop: Option<String>,
    /// Changed on the platform since then. `None`: whenever.
    pub since: Option<DateTime<Utc>>,
    /// `None`: all.
    pub limit: Option<u64>,
}

/// The typed columns of an order; `docs/reference/tables.md` explains them.
#[derive(Clone, Debug, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "order::Entity")]
pub struct OrderView {
    pub shop: String,
    pub number: String,
    pub platform: String,
    pub status: String,
    pub platform_status: String,
    pub after_sales_status: Option<String>,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub paid_at: Option<DateTime<Utc>>,
    pub shipped_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub canceled_at: Option<DateTime<Utc>>,
    pub ship_by: Option<DateTime<Utc>>,
    pub total_minor: Option<i64>,
    pub shipping_minor: Option<i64>,
    pub seller_discount_minor: Option<i64>,
    pub platform_discount_minor: Option<i64>,
    pub tax_minor: Option<i64>,
    pub income_minor: Option<i64>,
    pub currency: Option<String>,
    pub country: Option<String>,
    pub province: Option<String>,
    pub city: Option<String>,
    pub district: Option<String>,
    pub buyer_note: Option<String>,
    pub seller_note: Option<String>,
    pub tracking_number: Option<String>,
    pub carrier: Option<String>,
    pub amounts_at: Option<DateTime<Utc>>,
    pub amounts_due_at: Option<DateTime<Utc>>,
    pub first_seen_at: DateTime<Utc>,
    pub synced_at: DateTime<Utc>,
    pub run_id: i64,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "order_item::Entity")]
pub struct OrderItemView {
    pub order_number: String,
    /// From 0, in the platform's order.
    pub line: i64,
    pub item_number: Option<String>,
    pub product_id: Option<String>,
    pub sku_id: Option<String>,
    pub sku_code: Option<String>,
    pub name: Option<String>,
    pub spec: Option<String>,
    pub quantity: Option<i64>,
    pub canceled_quantity: Option<i64>,
    pub status: Option<String>,
    pub unit_minor: Option<i64>,
    pub total_minor: Option<i64>,
    pub currency: Option<String>,
    pub gift: Option<bool>,
}

/// How one (shop, record) is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// `None` before the first run.
    pub cursor: Option<Cursor>,
    /// Records stored and not gone; of products, without their SKUs.
    pub rows: u64,
    /// Windows of history still to be read.
    pub windows_planned: u64,
    pub windows_failed: u64,
    pub windows_short: u64,
    /// Windows so long ago that the platform no longer shows them.
    pub windows_unreachable: u64,
    /// The same in detail: what is not, or not surely, here, without the windows that a cursor set by hand left behind.
    pub gaps: Vec<Gap>,
    pub quarantined: u64,
    /// Orders whose money is due now.
    pub amounts_due: u64,
    /// What is stored without a part that a separate call gives and that could not be read: the money of orders,
    /// the stock of SKUs. It is requested again.
    pub extras_unreadable: u64,
    /// `None`: it never ran.
    pub last_run: Option<RunRow>,
    /// `None`: it never ended well.
    pub last_ok: Option<RunRow>,
}

/// Questions of people: status, orders, numbers of days.
#[derive(Clone, Copy)]
pub struct ReportRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl ReportRepo<'_> {
    /// Orders, last changed first; those without an update time come last.
    pub async fn orders(self, filter: &OrdersFilter) -> Result<Vec<OrderView>, StoreError> {
        use order::Column;
        let mut find = order::Entity::find();
        if let Some(shop) = &filter.shop {
            find = find.filter(Column::Shop.eq(shop.as_str()));
        }
        if let Some(since) = filter.since {
            find = find.filter(Column::UpdatedAt.gte(self.store.dialect.instant(since)));
        }
        Ok(find
            .order_by_with_nulls(
                Column::UpdatedAt,
                sea_orm::Order::Desc,
                sea_orm::sea_query::NullOrdering::Last,
            )
            .order_by_asc(Column::Shop)
            .order_by_asc(Column::Number)
            .limit(filter.limit)
            .into_partial_model::<OrderView>()
            .all(&self.store.connection)
            .await?)
    }

    /// The next orders of a shop by number, so that a caller who walks through all of them while they change neither
    /// misses one nor sees one twice. `after`: the last number of the batch before.
    pub async fn orders_after(
        self,
        shop: &str,
        since: Option<DateTime<Utc>>,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<OrderView>, StoreError> {
        use order::Column;
        let mut find = order::Entity::find().filter(Column::Shop.eq(shop));
        if let Some(since) = since {
            find = find.filter(Column::UpdatedAt.gte(self.store.dialect.instant(since)));
        }
        if let Some(after) = after {
            find = find.filter(Column::Number.gt(after));
        }
        Ok(find
            .order_by_asc(Column::Number)
            .limit(limit)
            .into_partial_model::<OrderView>()
            .all(&self.store.connection)
            .await?)
    }

    /// One order.
    pub async fn order(self, shop: &str, number: &str) -> Result<Option<OrderView>, StoreError> {
        let find = order::Entity::find_by_id((shop.to_owned(), number.to_owned()));
        Ok(find.into_partial_model::<OrderView>().one(&self.store.connection).await?)
    }

    /// The lines of these orders, by number and line.
    pub async fn order_items(self, shop: &str, numbers: &[String]) -> Result<Vec<OrderItemView>, StoreError> {
        use order_item::Column;
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        let mut items = Vec::new();
        for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
            let found = order_item::Entity::find()
                .filter(Column::Shop.eq(shop))
                .filter(Column::OrderNumber.is_in(numbers))
                .order_by_asc(Column::OrderNumber)
                .order_by_asc(Column::Line)
                .into_partial_model::<OrderItemView>()
                .all(&self.store.connection)
                .await?;
            items.extend(found);
        }
        Ok(items)
    }

    /// See [`Overview::extras_unreadable`].
    pub async fn extras_unreadable(self, shop: &str, record: Record) -> Result<u64, StoreError> {
        match record {
            Record::Orders => self.store.amounts().count_unreadable(shop).await,
            Record::Products => self.store.stock().count_unreadable(shop).await,
            Record::AfterSales | Record::Activities => Ok(0),
        }
    }

    pub async fn overview(self, shop: &str, record: Record) -> Result<Overview, StoreError> {
        let now = self.store.clock.now();
        let amounts_due = match record {
            Record::Orders => self.store.amounts().count_due(shop, now).await?,
            Record::Products | Record::AfterSales | Record::Activities => 0,
        };
        let quarantined = quarantine::Entity::find()
            .filter(quarantine::Column::Shop.eq(shop))
            .filter(quarantine::Column::Record.eq(record.as_str()))
            .count(&self.store.connection)
            .await?;
        let cursor = self.store.cursors().get(shop, record).await?;
        let epoch = cursor.as_ref().map_or(0, |cursor| cursor.epoch);
        let gaps = self.store.explain().gaps(shop, record, epoch).await?;
        let windows = |state| gaps.iter().filter(|gap| gap.state == state).map(|gap| gap.windows).sum();
        Ok(Overview {
            rows: self.store.scans().rows_present(shop, Kind::main(record)).await?,
            windows_planned: windows(WindowState::Planned),
            windows_failed: windows(WindowState::Failed),
            windows_short: windows(WindowState::Short),
            windows_unreachable: windows(WindowState::Unreachable),
            quarantined,
            amounts_due,
            extras_unreadable: self.extras_unreadable(shop, record).await?,
            last_run: self.store.runs().newest(shop, record, None).await?,
            last_ok: self.store.runs().newest(shop, record, Some(Outcome::Ok)).await?,
            cursor,
            gaps,
        })
    }
}
