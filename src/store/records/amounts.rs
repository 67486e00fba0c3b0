//! Money that a platform gives in separate calls: which orders are due, and how an answer is stored.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{order_items, things};
use crate::domain::entity::Answers;
use crate::domain::money::Currency;
use crate::domain::order::{Amounts, OrderStatus};
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::dialect::{text, text_or_null};
use crate::store::db::transaction::Tx;
use crate::store::entities::order::{Column, Entity};
use crate::store::ledger::leases::{self, Lease};
use crate::store::{Store, StoreError};

/// An order whose money is to be requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueOrder {
    pub number: String,
    pub status: OrderStatus,
    pub updated_at: Option<DateTime<Utc>>,
    /// To be handed back with the answer: an order that changed meanwhile is due again.
    pub due_at: DateTime<Utc>,
    /// How often in a row its money could not be read.
    pub attempts: i64,
}

/// What requesting the money of an order came to.
#[derive(Clone, Debug)]
pub struct AmountsRow {
    pub number: String,
    /// The `due_at` it was taken with.
    pub taken_due_at: DateTime<Utc>,
    pub result: AmountsResult,
}

#[derive(Clone, Debug)]
pub enum AmountsResult {
    Read {
        amounts: Amounts,
        /// The platform's own text.
        raw: String,
        /// When to request again. `None`: not until the order changes.
        next_due: Option<DateTime<Utc>>,
    },
    /// No answer to be had yet.
    Later { due: DateTime<Utc> },
    /// It could not be read, so many times in a row by now.
    Failed { attempts: i64, due: DateTime<Utc> },
}

/// The money of orders: what is due, and what came.
#[derive(Clone, Copy)]
pub struct AmountRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl AmountRepo<'_> {
    /// The next orders that are due at `now`, longest due first. `after`: the last one of the batch before.
    /// Of the orders that failed before, only those that were due at `begun_at` already.
    pub async fn due(
        self,
        shop: &str,
        now: DateTime<Utc>,
        begun_at: DateTime<Utc>,
        after: Option<&DueOrder>,
        limit: u64,
    ) -> Result<Vec<DueOrder>, StoreError> {
        type Due = (String, String, Option<DateTime<Utc>>, DateTime<Utc>, i64);
        let after = after.map(|last| {
            let due_at = self.store.dialect.instant(last.due_at);
            let same = Condition::all()
                .add(Column::AmountsDueAt.eq(due_at.clone()))
                .add(Column::Number.gt(last.number.as_str()));
            Condition::any().add(Column::AmountsDueAt.gt(due_at)).add(same)
        });
        let rows: Vec<Due> = Entity::find()
            .select_only()
            .columns([
                Column::Number,
                Column::Status,
                Column::UpdatedAt,
                Column::AmountsDueAt,
                Column::AmountsAttempts,
            ])
            .filter(Column::Shop.eq(shop))
            .filter(Column::AmountsDueAt.lte(self.store.dialect.instant(now)))
            .filter(
                Condition::any()
                    .add(Column::AmountsAttempts.eq(0))
                    .add(Column::AmountsDueAt.lte(self.store.dialect.instant(begun_at))),
            )
            .filter(Condition::all().add_option(after))
            .order_by_asc(Column::AmountsDueAt)
            .order_by_asc(Column::Number)
            .limit(limit)
            .into_tuple()
            .all(&self.store.connection)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(number, status, updated_at, due_at, attempts)| DueOrder {
                number,
                status: OrderStatus::from_word(&status),
                updated_at,
                due_at,
                attempts,
            })
            .collect())
    }

    /// How many orders are due at `now`.
    pub async fn count_due(self, shop: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(Entity::find()
            .filter(Column::Shop.eq(shop))
            .filter(Column::AmountsDueAt.lte(self.store.dialect.instant(now)))
            .count(&self.store.connection)
            .await?)
    }

    /// How many orders there are whose money could not be read when it was last requested.
    pub async fn count_unreadable(self, shop: &str) -> Result<u64, StoreError> {
        Ok(Entity::find()
            .filter(Column::Shop.eq(shop))
            // Written like the condition of the index, so that the index is used.
            .filter(Expr::cust("amounts_attempts > 0"))
            .count(&self.store.connection)
            .await?)
    }

    /// Whether the money of any order was ever read.
    pub async fn has_any(self, shop: &str) -> Result<bool, StoreError> {
        let any = Entity::find()
            .select_only()
            .column(Column::Number)
            .filter(Column::Shop.eq(shop))
            .filter(Column::AmountsAt.is_not_null())
            .into_tuple::<String>()
            .one(&self.store.connection)
            .await?;
        Ok(any.is_some())
    }

    /// Stores what was requested, touching nothing but money. An order that a page changed since it was taken
    /// keeps the money that came, and stays due.
    pub async fn commit(self, lease: &Lease, run_id: i64, rows: Vec<AmountsRow>) -> Result<(), StoreError> {
        let now = self.store.clock.now();
        let rows: BTreeMap<&str, &AmountsRow> = rows.iter().map(|row| (row.number.as_str(), row)).collect();
        let rows = &rows;
        self.store
            .write(|tx| async move {
                leases::lock_lease(&tx, lease).await?;
                let shop = lease.key.shop.as_str();
                let numbers: Vec<&str> = rows.keys().copied().collect();
                let stored = locked(&tx, shop, &numbers).await?;
                for (number, row) in rows {
                    // An order that was deleted meanwhile needs no money.
                    if let Some(stored) = stored.get(*number) {
                        apply(&tx, shop, run_id, now, row, stored).await?;
                    }
                }
                Ok(())
            })
            .await
    }
}

/// What must be known of an order before its money is written.
struct Stored {
    raw: String,
    due_at: Option<DateTime<Utc>>,
}

async fn locked(tx: &Tx, shop: &str, numbers: &[&str]) -> Result<HashMap<String, Stored>, StoreError> {
    let mut stored = HashMap::with_capacity(numbers.len());
    for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
        let rows: Vec<(String, String, Option<DateTime<Utc>>)> = Entity::find()
            .select_only()
            .columns([Column::Number, Column::Raw, Column::AmountsDueAt])
            .filter(Column::Shop.eq(shop))
            .filter(Column::Number.is_in(numbers.iter().copied()))
            .order_by_asc(Column::Number)
            .lock_exclusive()
            .into_tuple()
            .all(tx.db())
            .await?;
        stored.extend(rows.into_iter().map(|(number, raw, due_at)| (number, Stored { raw, due_at })));
    }
    Ok(stored)
}

/// A statement per order is enough here: each of them cost a call to the platform.
async fn apply(
    tx: &Tx,
    shop: &str,
    run_id: i64,
    now: DateTime<Utc>,
    row: &AmountsRow,
    stored: &Stored,
) -> Result<(), StoreError> {
    let mut update =
        Entity::update_many().filter(Column::Shop.eq(shop)).filter(Column::Number.eq(row.number.as_str()));
    let next_due = match &row.result {
        AmountsResult::Read { amounts, raw, next_due } => {
            order_items::set_money(tx, shop, &row.number, &amounts.items).await?;
            let answers = Answers { amounts: Some(raw.clone()), ..things::answers(&stored.raw) };
            let currency = amounts.currency.as_ref().map(Currency::as_str);
            update = update
                .col_expr(Column::TotalMinor, Expr::value(amounts.total_minor))
                .col_expr(Column::ShippingMinor, Expr::value(amounts.shipping_minor))
                .col_expr(Column::SellerDiscountMinor, Expr::value(amounts.seller_discount_minor))
                .col_expr(Column::PlatformDiscountMinor, Expr::value(amounts.platform_discount_minor))
                .col_expr(Column::TaxMinor, Expr::value(amounts.tax_minor))
                .col_expr(Column::IncomeMinor, Expr::value(amounts.income_minor))
                .col_expr(Column::Currency, Expr::value(text_or_null(currency)))
                .col_expr(Column::AmountsAt, Expr::value(tx.dialect.instant(now)))
                .col_expr(Column::Raw, Expr::value(text(&answers.to_json())))
                .col_expr(Column::AmountsAttempts, Expr::value(0_i64))
                .col_expr(Column::RunId, Expr::value(run_id));
            *next_due
        }
        AmountsResult::Later { due } => Some(*due),
        AmountsResult::Failed { attempts, due } => {
            update = update.col_expr(Column::AmountsAttempts, Expr::value(*attempts));
            Some(*due)
        }
    };
    let due = if stored.due_at == Some(row.taken_due_at) { next_due } else { stored.due_at };
    update.col_expr(Column::AmountsDueAt, Expr::value(tx.dialect.instant_or_null(due))).exec(tx.db()).await?;
    Ok(())
}
