//! Every state an order was ever seen in, in the order the platform put it into them.

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::OnConflict;

use super::pages::{Context, Piece};
use super::tables::Cell;
use crate::domain::order::Order;
use crate::store::StoreError;
use crate::store::db::bulk;
use crate::store::db::dialect::text;
use crate::store::db::transaction::Tx;

/// Notes the states that these orders are in. One that was seen before stays as it was noted then.
pub async fn note(tx: &Tx, context: &Context<'_>, orders: &[&Piece<'_, Order>]) -> Result<(), StoreError> {
    let rows = orders.iter().map(|piece| row(tx, context, piece));
    let known =
        OnConflict::columns(["shop", "number", "platform_status", "updated_at"]).do_nothing().to_owned();
    for mut insert in bulk::inserts("order_events", rows) {
        insert.on_conflict(known.clone());
        tx.db().execute(&insert).await?;
    }
    Ok(())
}

fn row(tx: &Tx, context: &Context<'_>, piece: &Piece<'_, Order>) -> [Cell; 7] {
    let Piece { thing: order, stored } = piece;
    [
        ("shop", text(context.shop)),
        ("number", text(&order.number)),
        ("platform_status", text(&order.platform_status)),
        ("updated_at", tx.dialect.instant(order.updated_at.unwrap_or(stored.read_at))),
        ("status", text(order.status.as_str())),
        ("seen_at", tx.dialect.instant(context.synced_at)),
        ("run_id", context.run_id.into()),
    ]
}
