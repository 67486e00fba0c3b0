//! Orders in the commit of a page: the row, its money, its lines, the states it was in.

use std::collections::HashSet;

use super::order_rows::StoredMoney;
use super::pages::{Context, Piece, Pieces};
use super::{order_events, order_items, order_rows, parts};
use crate::domain::order::Order;
use crate::store::StoreError;
use crate::store::db::transaction::Tx;

/// Writes what is new or changed and returns its numbers.
pub async fn write(
    tx: &Tx,
    context: &Context<'_>,
    orders: &Pieces<'_, Order>,
) -> Result<HashSet<String>, StoreError> {
    let money = money_to_keep(tx, context.shop, orders).await?;
    let written = order_rows::upsert(tx, context, orders, &money).await?;
    // Only now: the rows that were written are locked, so no other writer changes their lines any more.
    parts::refuse_if_any(parts::in_store(tx, context.shop, orders, &written).await?)?;
    let changed: Vec<&Piece<'_, Order>> =
        orders.values().filter(|piece| written.contains(&piece.thing.number)).collect();
    let orders: Vec<&Order> = changed.iter().map(|piece| piece.thing).collect();
    order_items::rewrite(tx, context.shop, &orders, &money).await?;
    order_events::note(tx, context, &changed).await?;
    Ok(written)
}

/// Writes the typed columns and the lines of orders that are stored, and nothing else of them. Money stays where none
/// is given.
pub async fn rewrite(tx: &Tx, context: &Context<'_>, orders: &Pieces<'_, Order>) -> Result<(), StoreError> {
    let money = money_to_keep(tx, context.shop, orders).await?;
    order_rows::rewrite(tx, context, orders).await?;
    let orders: Vec<&Order> = orders.values().map(|piece| piece.thing).collect();
    order_items::rewrite(tx, context.shop, &orders, &money).await
}

/// What is stored of the money of those that bring none.
async fn money_to_keep(tx: &Tx, shop: &str, orders: &Pieces<'_, Order>) -> Result<StoredMoney, StoreError> {
    let without_money: Vec<&str> = orders
        .values()
        .filter(|piece| piece.thing.amounts.is_none())
        .map(|piece| piece.thing.number.as_str())
        .collect();
    order_rows::stored_money(tx, shop, &without_money).await
}
