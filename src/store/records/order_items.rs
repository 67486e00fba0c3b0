//! The lines of orders, replaced as a whole when their order changes.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Value};

use super::order_rows::StoredMoney;
use super::parts::{LineKey, Lines};
use crate::domain::order::{ItemAmounts, Order, OrderItem};
use crate::store::StoreError;
use crate::store::db::bulk::{self, KEYS_PER_STATEMENT};
use crate::store::db::dialect::{text, text_or_null};
use crate::store::db::transaction::Tx;
use crate::store::entities::order_item::{Column, Entity};

/// The money of one line as the columns have it.
#[derive(Clone, Debug, Default)]
struct LineMoney {
    unit_minor: Option<i64>,
    total_minor: Option<i64>,
    currency: Option<String>,
}

/// The stored money of lines, by order number and item number.
type LinesMoney = HashMap<(String, String), LineMoney>;

/// Replaces the lines of the orders. Lines of an order that brings no money, but has some stored, keep what they
/// had.
pub async fn rewrite(tx: &Tx, shop: &str, orders: &[&Order], money: &StoredMoney) -> Result<(), StoreError> {
    let keeps_money: Vec<&str> = orders
        .iter()
        .map(|order| order.number.as_str())
        .filter(|number| money.contains_key(*number))
        .collect();
    let kept = stored_lines(tx, shop, &keeps_money).await?;
    for orders in orders.chunks(KEYS_PER_STATEMENT) {
        let numbers = orders.iter().map(|order| order.number.as_str());
        Entity::delete_many()
            .filter(Column::Shop.eq(shop))
            .filter(Column::OrderNumber.is_in(numbers))
            .exec(tx.db())
            .await?;
    }
    let rows = orders.iter().flat_map(|order| {
        let kept = &kept;
        (0_i64..).zip(&order.items).map(move |(line, item)| row(shop, order, line, item, kept))
    });
    for insert in bulk::inserts(Entity, rows) {
        tx.db().execute(&insert).await?;
    }
    Ok(())
}

/// The stored lines of orders, by number.
pub async fn stored_keys(
    tx: &Tx,
    shop: &str,
    numbers: &[&str],
) -> Result<HashMap<String, Lines>, StoreError> {
    type Line = (String, Option<String>, Option<String>, Option<String>);
    let mut stored: HashMap<String, Lines> = HashMap::new();
    for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
        let rows: Vec<Line> = Entity::find()
            .select_only()
            .columns([Column::OrderNumber, Column::ItemNumber, Column::ProductId, Column::SkuId])
            .filter(Column::Shop.eq(shop))
            .filter(Column::OrderNumber.is_in(numbers.iter().copied()))
            .into_tuple()
            .all(tx.db())
            .await?;
        for (order, number, product_id, sku_id) in rows {
            let key = LineKey::new(number.as_deref(), product_id.as_deref(), sku_id.as_deref());
            *stored.entry(order).or_default().entry(key).or_default() += 1;
        }
    }
    Ok(stored)
}

/// Writes the money of lines that came by a call of its own.
pub async fn set_money(tx: &Tx, shop: &str, number: &str, items: &[ItemAmounts]) -> Result<(), StoreError> {
    for item in items {
        let money = LineMoney::from(item);
        Entity::update_many()
            .col_expr(Column::UnitMinor, Expr::value(money.unit_minor))
            .col_expr(Column::TotalMinor, Expr::value(money.total_minor))
            .col_expr(Column::Currency, Expr::value(money.currency))
            .filter(Column::Shop.eq(shop))
            .filter(Column::OrderNumber.eq(number))
            .filter(Column::ItemNumber.eq(item.item_number.as_str()))
            .exec(tx.db())
            .await?;
    }
    Ok(())
}

async fn stored_lines(tx: &Tx, shop: &str, numbers: &[&str]) -> Result<LinesMoney, StoreError> {
    type Line = (String, Option<String>, Option<i64>, Option<i64>, Option<String>);
    let mut lines = LinesMoney::new();
    for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
        let rows: Vec<Line> = Entity::find()
            .select_only()
            .columns([
                Column::OrderNumber,
                Column::ItemNumber,
                Column::UnitMinor,
                Column::TotalMinor,
                Column::Currency,
            ])
            .filter(Column::Shop.eq(shop))
            .filter(Column::OrderNumber.is_in(numbers.iter().copied()))
            .filter(Column::ItemNumber.is_not_null())
            .into_tuple()
            .all(tx.db())
            .await?;
        lines.extend(rows.into_iter().map(|(number, item, unit_minor, total_minor, currency)| {
            let money = LineMoney { unit_minor, total_minor, currency };
            ((number, item.unwrap_or_default()), money)
        }));
    }
    Ok(lines)
}

fn row(shop: &str, order: &Order, line: i64, item: &OrderItem, kept: &LinesMoney) -> [(Column, Value); 16] {
    let money = line_money(order, item, kept);
    [
        (Column::Shop, text(shop)),
        (Column::OrderNumber, text(&order.number)),
        (Column::Line, line.into()),
        (Column::ItemNumber, text_or_null(item.item_number.as_deref())),
        (Column::ProductId, text_or_null(item.product_id.as_deref())),
        (Column::SkuId, text_or_null(item.sku_id.as_deref())),
        (Column::SkuCode, text_or_null(item.sku_code.as_deref())),
        (Column::Name, text_or_null(item.name.as_deref())),
        (Column::Spec, text_or_null(item.spec.as_deref())),
        (Column::Quantity, item.quantity.into()),
        (Column::CanceledQuantity, item.canceled_quantity.into()),
        (Column::Status, text_or_null(item.status.as_deref())),
        (Column::UnitMinor, money.unit_minor.into()),
        (Column::TotalMinor, money.total_minor.into()),
        (Column::Currency, text_or_null(money.currency.as_deref())),
        (Column::Gift, item.gift.into()),
    ]
}

/// What the line itself holds, else what came with the order's money, else what is stored.
fn line_money(order: &Order, item: &OrderItem, kept: &LinesMoney) -> LineMoney {
    if item.unit_minor.is_some() || item.total_minor.is_some() {
        return LineMoney {
            unit_minor: item.unit_minor,
            total_minor: item.total_minor,
            currency: item.currency.map(|currency| currency.as_str().to_owned()),
        };
    }
    let Some(item_number) = &item.item_number else {
        return LineMoney::default();
    };
    if let Some(amounts) = &order.amounts {
        let told = amounts.items.iter().find(|told| told.item_number == *item_number);
        return told.map(LineMoney::from).unwrap_or_default();
    }
    let key = (order.number.clone(), item_number.clone());
    kept.get(&key).cloned().unwrap_or_default()
}

impl From<&ItemAmounts> for LineMoney {
    fn from(told: &ItemAmounts) -> Self {
        Self {
            unit_minor: told.unit_minor,
            total_minor: told.total_minor,
            currency: told.currency.map(|currency| currency.as_str().to_owned()),
        }
    }
}
