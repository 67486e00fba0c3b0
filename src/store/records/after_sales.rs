//! After-sales cases as rows, and what they mean for the money of their orders.

use std::collections::{BTreeSet, HashSet};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::pages::{Context, Pieces};
use super::rows::{Parts, Row};
use super::tables::Cell;
use super::{order_rows, rows};
use crate::domain::after_sale::{AfterSale, AfterSaleItem};
use crate::domain::entity::Kind;
use crate::domain::money::Currency;
use crate::store::StoreError;
use crate::store::db::bulk::KEYS_PER_STATEMENT;
use crate::store::db::dialect::{Dialect, text, text_or_null};
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
            .col_expr(order::Column::AmountsDueAt, order_rows::due_again(context))
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

    fn own(&self, dialect: Dialect) -> Vec<Cell> {
        vec![
            ("order_number", text_or_null(self.order_number.as_deref())),
            ("kind", text(self.kind.as_str())),
            ("status", text(self.status.as_str())),
            ("platform_status", text(&self.platform_status)),
            ("reason", text_or_null(self.reason.as_deref())),
            ("refund_minor", self.refund_minor.into()),
            ("currency", text_or_null(self.currency.as_ref().map(Currency::as_str))),
            ("created_at", dialect.instant_or_null(self.created_at)),
            ("updated_at", dialect.instant_or_null(self.updated_at)),
        ]
    }

    fn parts(&self) -> Option<Vec<Vec<Cell>>> {
        Some((0_i64..).zip(&self.items).map(|(line, item)| part(line, item)).collect())
    }
}

fn part(line: i64, item: &AfterSaleItem) -> Vec<Cell> {
    vec![
        ("line", line.into()),
        ("item_number", text_or_null(item.item_number.as_deref())),
        ("product_id", text_or_null(item.product_id.as_deref())),
        ("sku_id", text_or_null(item.sku_id.as_deref())),
        ("sku_code", text_or_null(item.sku_code.as_deref())),
        ("quantity", item.quantity.into()),
        ("status", text_or_null(item.status.as_deref())),
        ("refund_minor", item.refund_minor.into()),
        ("currency", text_or_null(item.currency.as_ref().map(Currency::as_str))),
    ]
}
