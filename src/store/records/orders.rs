//! Orders in the commit of a page: the row, its money, its lines, the states it was in.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};

use super::columns::{Column, Replaced, cells, instant, integer, text};
use super::order_items::{self, StoredMoney};
use super::rows::{self, Row, Written};
use super::things::{Context, Piece, Pieces};
use super::{order_parts, tables};
use crate::domain::entity::{Answers, Kind};
use crate::domain::order::{Amounts, Order};
use crate::store::StoreError;
use crate::store::db::bulk;
use crate::store::db::transaction::Tx;

/// Writes what is new or changed and returns its numbers.
pub async fn write(
    tx: &Tx,
    context: &Context<'_>,
    orders: &Pieces<'_, Order>,
) -> Result<HashSet<String>, StoreError> {
    let money = money_to_keep(tx, context.shop, orders).await?;
    let with_money = |order: &Order, answers: &Answers| {
        let kept = money.get(&order.number).filter(|_| answers.amounts.is_none())?;
        Some(Answers { amounts: kept.clone(), ..answers.clone() })
    };
    let written = rows::upsert(tx, context, orders, with_money).await?;
    // Only now: the rows that were written are locked, so no other writer changes their lines any more.
    order_parts::refuse_if_any(order_parts::in_store(tx, context.shop, orders, &written).await?)?;
    let changed: Vec<&Piece<'_, Order>> =
        orders.values().filter(|piece| written.contains(&piece.thing.number)).collect();
    let orders: Vec<&Order> = changed.iter().map(|piece| piece.thing).collect();
    order_items::replace(tx, context.shop, &orders, &money).await?;
    note_states(tx, context, &changed).await?;
    Ok(written)
}

/// Writes the typed columns and the lines of orders that are stored, and nothing else of them. Money stays where none
/// is given.
pub async fn rewrite(tx: &Tx, context: &Context<'_>, orders: &Pieces<'_, Order>) -> Result<(), StoreError> {
    let money = money_to_keep(tx, context.shop, orders).await?;
    rows::rewrite_rows(tx, context, orders).await?;
    let orders: Vec<&Order> = orders.values().map(|piece| piece.thing).collect();
    order_items::replace(tx, context.shop, &orders, &money).await
}

impl Row for Order {
    const KIND: Kind = Kind::Order;

    fn key(&self) -> &str {
        &self.number
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn brings_money(&self) -> bool {
        self.amounts.is_some()
    }

    /// All but `amounts_attempts`, which the amounts lane alone counts.
    fn columns<'a>() -> Vec<Column<Written<'a, Self>>> {
        type Row<'a> = Written<'a, Order>;
        vec![
            text("platform", |row: &Row<'a>| Some(row.context.platform)),
            text("status", |row: &Row<'a>| Some(row.thing.status.as_str())),
            text("platform_status", |row: &Row<'a>| Some(&row.thing.platform_status)),
            text("after_sales_status", |row: &Row<'a>| row.thing.after_sales_status.as_deref()),
            instant("created_at", |row: &Row<'a>| row.thing.created_at),
            instant("updated_at", |row: &Row<'a>| row.thing.updated_at),
            instant("paid_at", |row: &Row<'a>| row.thing.paid_at),
            instant("shipped_at", |row: &Row<'a>| row.thing.shipped_at),
            instant("completed_at", |row: &Row<'a>| row.thing.completed_at),
            instant("canceled_at", |row: &Row<'a>| row.thing.canceled_at),
            instant("ship_by", |row: &Row<'a>| row.thing.ship_by),
            integer("total_minor", |row: &Row<'a>| amounts(row)?.total_minor).of_money(),
            integer("shipping_minor", |row: &Row<'a>| amounts(row)?.shipping_minor).of_money(),
            integer("seller_discount_minor", |row: &Row<'a>| amounts(row)?.seller_discount_minor).of_money(),
            integer("platform_discount_minor", |row: &Row<'a>| amounts(row)?.platform_discount_minor)
                .of_money(),
            integer("tax_minor", |row: &Row<'a>| amounts(row)?.tax_minor).of_money(),
            integer("income_minor", |row: &Row<'a>| amounts(row)?.income_minor).of_money(),
            text("currency", |row: &Row<'a>| Some(amounts(row)?.currency.as_ref()?.as_str())).of_money(),
            text("country", |row: &Row<'a>| row.thing.country.as_deref()),
            text("province", |row: &Row<'a>| row.thing.province.as_deref()),
            text("city", |row: &Row<'a>| row.thing.city.as_deref()),
            text("district", |row: &Row<'a>| row.thing.district.as_deref()),
            text("buyer_note", |row: &Row<'a>| row.thing.buyer_note.as_deref()),
            text("seller_note", |row: &Row<'a>| row.thing.seller_note.as_deref()),
            text("tracking_number", |row: &Row<'a>| row.thing.tracking_number.as_deref()),
            text("carrier", |row: &Row<'a>| row.thing.carrier.as_deref()),
            instant("amounts_at", |row: &Row<'a>| amounts(row).map(|_| row.context.synced_at))
                .replaced(Replaced::ByNewer)
                .of_money(),
            // A newer copy makes it due in its own way, see `when_replaced`.
            instant("amounts_due_at", |row: &Row<'a>| {
                row.context.amounts_due.then_some(row.context.synced_at)
            })
            .replaced(Replaced::Never),
        ]
    }

    fn when_replaced(context: &Context<'_>, conflict: &mut OnConflict) {
        if context.amounts_due {
            conflict.value(AMOUNTS_DUE_AT, due_again(context));
        }
    }
}

fn amounts<'a>(row: &'a Written<'_, Order>) -> Option<&'a Amounts> {
    row.thing.amounts.as_ref()
}

const AMOUNTS_DUE_AT: &str = "amounts_due_at";

/// Due now. Never the very moment it was due before: a drain that is requesting the money of the order as it was
/// sees by that moment whether its answer is out of date.
pub fn due_again(context: &Context<'_>) -> Expr {
    let now = context.dialect.instant(context.synced_at);
    let before = context.dialect.instant(context.synced_at - TimeDelta::milliseconds(1));
    let stored = Expr::col((tables::table_of(Kind::Order).name, AMOUNTS_DUE_AT));
    CaseStatement::new().case(stored.eq(now.clone()), before).finally(now).into()
}

/// What is stored of the money of those that bring none.
async fn money_to_keep(tx: &Tx, shop: &str, orders: &Pieces<'_, Order>) -> Result<StoredMoney, StoreError> {
    let without_money: Vec<&str> = orders
        .values()
        .filter(|piece| piece.thing.amounts.is_none())
        .map(|piece| piece.thing.number.as_str())
        .collect();
    order_items::stored_money(tx, shop, &without_money).await
}

/// Notes the states that these orders are in. One that was seen before stays as it was noted then.
async fn note_states(tx: &Tx, context: &Context<'_>, orders: &[&Piece<'_, Order>]) -> Result<(), StoreError> {
    struct State<'a> {
        context: &'a Context<'a>,
        order: &'a Order,
        read_at: DateTime<Utc>,
    }
    let columns = [
        text("shop", |state: &State<'_>| Some(state.context.shop)),
        text("number", |state: &State<'_>| Some(&state.order.number)),
        text("platform_status", |state: &State<'_>| Some(&state.order.platform_status)),
        instant("updated_at", |state: &State<'_>| Some(state.order.updated_at.unwrap_or(state.read_at))),
        text("status", |state: &State<'_>| Some(state.order.status.as_str())),
        instant("seen_at", |state: &State<'_>| Some(state.context.synced_at)),
        integer("run_id", |state: &State<'_>| Some(state.context.run_id)),
    ];
    let rows = orders.iter().map(|piece| {
        let state = State { context, order: piece.thing, read_at: piece.stored.read_at };
        cells(&columns, &state, tx.dialect)
    });
    let known =
        OnConflict::columns(["shop", "number", "platform_status", "updated_at"]).do_nothing().to_owned();
    for mut insert in bulk::inserts("order_events", rows) {
        insert.on_conflict(known.clone());
        tx.db().execute(&insert).await?;
    }
    Ok(())
}
