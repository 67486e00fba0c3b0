//! The lines of orders, replaced as a whole when their order changes, and the money that is kept meanwhile.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use super::columns::{boolean, cells, integer, text};
use super::tables::table_of;
use super::things;
use crate::domain::entity::Kind;
use crate::domain::order::{ItemAmounts, Order, OrderItem};
use crate::store::StoreError;
use crate::store::db::bulk::{self, KEYS_PER_STATEMENT};
use crate::store::db::transaction::Tx;

const TABLE: &str = "order_items";

/// The stored answers about money of orders that have some, by number.
pub type StoredMoney = HashMap<String, Option<String>>;

/// What identifies a line of an order: its number; without one, what is sold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LineKey([Option<String>; 3]);

/// How often each line is there.
pub type Lines = HashMap<LineKey, u64>;

/// The money of one line as the columns have it.
#[derive(Clone, Debug, Default)]
struct LineMoney {
    unit_minor: Option<i64>,
    total_minor: Option<i64>,
    currency: Option<String>,
}

/// The stored money of lines, by order number and item number.
type LinesMoney = HashMap<(String, String), LineMoney>;

/// What a row is made of.
struct Line<'a> {
    shop: &'a str,
    order: &'a Order,
    position: i64,
    item: &'a OrderItem,
    money: LineMoney,
}

impl LineKey {
    fn new(number: Option<&str>, product_id: Option<&str>, sku_id: Option<&str>) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self(if number.is_some() { [own(number), None, None] } else { [None, own(product_id), own(sku_id)] })
    }

    pub fn of(item: &OrderItem) -> Self {
        Self::new(item.item_number.as_deref(), item.product_id.as_deref(), item.sku_id.as_deref())
    }
}

/// Finds which of `numbers` have money, and locks them until the end of the transaction: the amounts lane writes
/// to the same rows.
pub async fn stored_money(tx: &Tx, shop: &str, numbers: &[&str]) -> Result<StoredMoney, StoreError> {
    let orders = table_of(Kind::Order);
    let mut money = StoredMoney::new();
    for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
        let select = Query::select()
            .columns([orders.key, "raw"])
            .from(orders.name)
            .and_where(orders.of_shop(shop))
            .and_where(orders.key_is_in(numbers.iter().copied()))
            .and_where(Expr::col("amounts_at").is_not_null())
            .order_by(orders.key, sea_orm::Order::Asc)
            .lock_exclusive()
            .to_owned();
        for row in tx.db().query_all(&select).await? {
            let (number, raw): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            money.insert(number, things::answers(&raw).amounts);
        }
    }
    Ok(money)
}

/// Replaces the lines of the orders. Lines of an order that brings no money, but has some stored, keep what they
/// had.
pub async fn replace(tx: &Tx, shop: &str, orders: &[&Order], money: &StoredMoney) -> Result<(), StoreError> {
    let keeps_money: Vec<&str> = orders
        .iter()
        .map(|order| order.number.as_str())
        .filter(|number| money.contains_key(*number))
        .collect();
    let kept = stored_lines(tx, shop, &keeps_money).await?;
    for orders in orders.chunks(KEYS_PER_STATEMENT) {
        let numbers = orders.iter().map(|order| order.number.as_str());
        let delete = Query::delete()
            .from_table(TABLE)
            .and_where(Expr::col("shop").eq(shop))
            .and_where(Expr::col("order_number").is_in(numbers))
            .to_owned();
        tx.db().execute(&delete).await?;
    }
    let columns = [
        text("shop", |row: &Line<'_>| Some(row.shop)),
        text("order_number", |row: &Line<'_>| Some(&row.order.number)),
        integer("line", |row: &Line<'_>| Some(row.position)),
        text("item_number", |row: &Line<'_>| row.item.item_number.as_deref()),
        text("product_id", |row: &Line<'_>| row.item.product_id.as_deref()),
        text("sku_id", |row: &Line<'_>| row.item.sku_id.as_deref()),
        text("sku_code", |row: &Line<'_>| row.item.sku_code.as_deref()),
        text("name", |row: &Line<'_>| row.item.name.as_deref()),
        text("spec", |row: &Line<'_>| row.item.spec.as_deref()),
        integer("quantity", |row: &Line<'_>| row.item.quantity),
        integer("canceled_quantity", |row: &Line<'_>| row.item.canceled_quantity),
        text("status", |row: &Line<'_>| row.item.status.as_deref()),
        integer("unit_minor", |row: &Line<'_>| row.money.unit_minor),
        integer("total_minor", |row: &Line<'_>| row.money.total_minor),
        text("currency", |row: &Line<'_>| row.money.currency.as_deref()),
        boolean("gift", |row: &Line<'_>| row.item.gift),
    ];
    let rows = orders.iter().flat_map(|order| {
        let (kept, columns) = (&kept, &columns);
        (0_i64..).zip(&order.items).map(move |(position, item)| {
            let row = Line { shop, order, position, item, money: line_money(order, item, kept) };
            cells(columns, &row, tx.dialect)
        })
    });
    for insert in bulk::inserts(TABLE, rows) {
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
    let mut stored: HashMap<String, Lines> = HashMap::new();
    for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
        let select = Query::select()
            .columns(["order_number", "item_number", "product_id", "sku_id"])
            .from(TABLE)
            .and_where(Expr::col("shop").eq(shop))
            .and_where(Expr::col("order_number").is_in(numbers.iter().copied()))
            .to_owned();
        for row in tx.db().query_all(&select).await? {
            let column = |index| row.try_get_by_index::<Option<String>>(index);
            let (number, product_id, sku_id) = (column(1)?, column(2)?, column(3)?);
            let key = LineKey::new(number.as_deref(), product_id.as_deref(), sku_id.as_deref());
            *stored.entry(row.try_get_by_index(0)?).or_default().entry(key).or_default() += 1;
        }
    }
    Ok(stored)
}

/// Writes the money of lines that came by a call of its own.
pub async fn set_money(tx: &Tx, shop: &str, number: &str, items: &[ItemAmounts]) -> Result<(), StoreError> {
    for item in items {
        let money = LineMoney::from(item);
        let update = Query::update()
            .table(TABLE)
            .value("unit_minor", money.unit_minor)
            .value("total_minor", money.total_minor)
            .value("currency", money.currency)
            .and_where(Expr::col("shop").eq(shop))
            .and_where(Expr::col("order_number").eq(number))
            .and_where(Expr::col("item_number").eq(item.item_number.as_str()))
            .to_owned();
        tx.db().execute(&update).await?;
    }
    Ok(())
}

async fn stored_lines(tx: &Tx, shop: &str, numbers: &[&str]) -> Result<LinesMoney, StoreError> {
    let mut lines = LinesMoney::new();
    for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
        let select = Query::select()
            .columns(["order_number", "item_number", "unit_minor", "total_minor", "currency"])
            .from(TABLE)
            .and_where(Expr::col("shop").eq(shop))
            .and_where(Expr::col("order_number").is_in(numbers.iter().copied()))
            .and_where(Expr::col("item_number").is_not_null())
            .to_owned();
        for row in tx.db().query_all(&select).await? {
            let money = LineMoney {
                unit_minor: row.try_get_by_index(2)?,
                total_minor: row.try_get_by_index(3)?,
                currency: row.try_get_by_index(4)?,
            };
            lines.insert((row.try_get_by_index(0)?, row.try_get_by_index(1)?), money);
        }
    }
    Ok(lines)
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
        let of_item = amounts.items.iter().find(|money| money.item_number == *item_number);
        return of_item.map(LineMoney::from).unwrap_or_default();
    }
    let key = (order.number.clone(), item_number.clone());
    kept.get(&key).cloned().unwrap_or_default()
}

impl From<&ItemAmounts> for LineMoney {
    fn from(money: &ItemAmounts) -> Self {
        Self {
            unit_minor: money.unit_minor,
            total_minor: money.total_minor,
            currency: money.currency.map(|currency| currency.as_str().to_owned()),
        }
    }
}
