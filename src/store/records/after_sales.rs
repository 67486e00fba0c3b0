//! After-sales cases as rows, and what they mean for the money of their orders.

use std::collections::{BTreeSet, HashSet};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::columns::{Cell, Column, cells, instant, integer, text};
use super::orders;
use super::rows::{self, Parts, Row, Written};
use super::things::{Context, Pieces};
use crate::domain::after_sale::{AfterSale, AfterSaleItem};
use crate::domain::entity::Kind;
use crate::store::StoreError;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::dialect::Dialect;
use crate::store::db::transaction::Tx;
use crate::store::entities::order;

/// Writes what is new or changed, and returns its numbers. Where money comes by calls of its own, the orders of what
/// changed are due for one.
pub async fn write(
    tx: &Tx,
    context: &Context<'_>,
    cases: &Pieces<'_, AfterSale>,
) -> Result<HashSet<String>, StoreError> {
    let written = rows::write(tx, context, cases).await?;
    if context.amounts_due {
        let orders: BTreeSet<&str> = cases
            .values()
            .filter(|piece| written.contains(&piece.thing.number))
            .filter_map(|piece| piece.thing.order_number.as_deref())
            .collect();
        make_due(tx, context, orders.into_iter().collect()).await?;
    }
    Ok(written)
}

async fn make_due(tx: &Tx, context: &Context<'_>, orders: Vec<&str>) -> Result<(), StoreError> {
    for orders in orders.chunks(KEYS_PER_STATEMENT) {
        order::Entity::update_many()
            .col_expr(order::Column::AmountsDueAt, orders::due_again(context))
            .filter(order::Column::Shop.eq(context.shop))
            .filter(order::Column::Number.is_in(orders.iter().copied()))
            .exec(tx.db())
            .await?;
    }
    Ok(())
}

impl Row for AfterSale {
    const KIND: Kind = Kind::AfterSale;
    const PARTS: Option<Parts> = Some(Parts { table: "after_sale_items", owner: "number" });

    fn key(&self) -> &str {
        &self.number
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn columns<'a>() -> Vec<Column<Written<'a, Self>>> {
        type Row<'a> = Written<'a, AfterSale>;
        vec![
            text("order_number", |row: &Row<'a>| row.thing.order_number.as_deref()),
            text("kind", |row: &Row<'a>| Some(row.thing.kind.as_str())),
            text("status", |row: &Row<'a>| Some(row.thing.status.as_str())),
            text("platform_status", |row: &Row<'a>| Some(&row.thing.platform_status)),
            text("reason", |row: &Row<'a>| row.thing.reason.as_deref()),
            integer("refund_minor", |row: &Row<'a>| row.thing.refund_minor),
            text("currency", |row: &Row<'a>| Some(row.thing.currency.as_ref()?.as_str())),
            instant("created_at", |row: &Row<'a>| row.thing.created_at),
            instant("updated_at", |row: &Row<'a>| row.thing.updated_at),
        ]
    }

    fn has_parts(&self) -> bool {
        true
    }

    fn parts(&self, dialect: Dialect) -> Option<Vec<Vec<Cell>>> {
        type Part<'a> = (i64, &'a AfterSaleItem);
        let columns = [
            integer("line", |(line, _): &Part<'_>| Some(*line)),
            text("item_number", |(_, item): &Part<'_>| item.item_number.as_deref()),
            text("product_id", |(_, item): &Part<'_>| item.product_id.as_deref()),
            text("sku_id", |(_, item): &Part<'_>| item.sku_id.as_deref()),
            text("sku_code", |(_, item): &Part<'_>| item.sku_code.as_deref()),
            integer("quantity", |(_, item): &Part<'_>| item.quantity),
            text("status", |(_, item): &Part<'_>| item.status.as_deref()),
            integer("refund_minor", |(_, item): &Part<'_>| item.refund_minor),
            text("currency", |(_, item): &Part<'_>| Some(item.currency.as_ref()?.as_str())),
        ];
        Some((0_i64..).zip(&self.items).map(|part| cells(&columns, &part, dialect)).collect())
    }
}
