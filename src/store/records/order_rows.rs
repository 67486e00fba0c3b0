//! How an order becomes a row of `orders`, and how a row gives way to a newer one.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pages::{Context, Piece, Pieces, Stored};
use super::rows;
use super::tables::table_of;
use crate::domain::entity::{Answers, Kind};
use crate::domain::money::Currency;
use crate::domain::order::{Amounts, Order};
use crate::store::StoreError;
use crate::store::db::bulk::{self, KEYS_PER_STATEMENT};
use crate::store::db::dialect::{text, text_or_null};
use crate::store::db::transaction::Tx;
use crate::store::entities::order::{Column, Entity};

/// The stored answers about money of orders that have some, by number.
pub type StoredMoney = HashMap<String, Option<String>>;

/// Finds which of `numbers` have money, and locks them until the end of the transaction: the amounts lane writes
/// to the same rows.
pub async fn stored_money(tx: &Tx, shop: &str, numbers: &[&str]) -> Result<StoredMoney, StoreError> {
    let mut money = StoredMoney::new();
    for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
        let rows: Vec<(String, String)> = Entity::find()
            .select_only()
            .columns([Column::Number, Column::Raw])
            .filter(Column::Shop.eq(shop))
            .filter(Column::Number.is_in(numbers.iter().copied()))
            .filter(Column::AmountsAt.is_not_null())
            .order_by_asc(Column::Number)
            .lock_exclusive()
            .into_tuple()
            .all(tx.db())
            .await?;
        money.extend(rows.into_iter().map(|(number, raw)| (number, answers(&raw).amounts)));
    }
    Ok(money)
}

/// Writes the orders that are new or changed, and returns their numbers.
pub async fn upsert(
    tx: &Tx,
    context: &Context<'_>,
    orders: &Pieces<'_, Order>,
    money: &StoredMoney,
) -> Result<HashSet<String>, StoreError> {
    let mut written = HashSet::with_capacity(orders.len());
    // Two groups, because only orders that bring their money may touch the columns of it.
    for brings_money in [false, true] {
        let rows = orders
            .values()
            .filter(|piece| piece.thing.amounts.is_some() == brings_money)
            .map(|piece| row(context, piece, money.get(&piece.thing.number)));
        for mut insert in bulk::inserts(Entity, rows) {
            insert.on_conflict(on_conflict(context, brings_money)).returning_col(Column::Number);
            for row in tx.db().query_all(&insert).await? {
                written.insert(row.try_get_by_index(0)?);
            }
        }
    }
    Ok(written)
}

/// Writes the typed columns of orders that are stored; those of money where the order brings some.
pub async fn rewrite(tx: &Tx, context: &Context<'_>, orders: &Pieces<'_, Order>) -> Result<(), StoreError> {
    for brings_money in [false, true] {
        let rows = orders
            .values()
            .filter(|piece| piece.thing.amounts.is_some() == brings_money)
            .map(|piece| row(context, piece, None));
        let mut conflict = OnConflict::columns([Column::Shop, Column::Number]);
        conflict.update_columns(TYPED);
        if brings_money {
            conflict.update_columns(MONEY);
        }
        for mut insert in bulk::inserts(Entity, rows) {
            insert.on_conflict(conflict.clone());
            tx.db().execute(&insert).await?;
        }
    }
    Ok(())
}

const MONEY: [Column; 7] = [
    Column::TotalMinor,
    Column::ShippingMinor,
    Column::SellerDiscountMinor,
    Column::PlatformDiscountMinor,
    Column::TaxMinor,
    Column::IncomeMinor,
    Column::Currency,
];

/// The columns of an order, without its money.
const TYPED: [Column; 19] = [
    Column::Platform,
    Column::Status,
    Column::PlatformStatus,
    Column::AfterSalesStatus,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::PaidAt,
    Column::ShippedAt,
    Column::CompletedAt,
    Column::CanceledAt,
    Column::ShipBy,
    Column::Country,
    Column::Province,
    Column::City,
    Column::District,
    Column::BuyerNote,
    Column::SellerNote,
    Column::TrackingNumber,
    Column::Carrier,
];

/// The answers themselves, and when they came. With these a newer copy replaces an older one; `first_seen_at` never
/// moves.
const STAMPS: [Column; 5] =
    [Column::Raw, Column::ListHash, Column::ContentHash, Column::SyncedAt, Column::RunId];

fn on_conflict(context: &Context<'_>, brings_money: bool) -> OnConflict {
    let mut conflict = OnConflict::columns([Column::Shop, Column::Number]);
    conflict.update_columns(TYPED).update_columns(STAMPS);
    if brings_money {
        conflict.update_columns(MONEY).update_column(Column::AmountsAt);
    }
    if context.amounts_due {
        conflict.value(Column::AmountsDueAt, due_again(context));
    }
    conflict.action_and_where(rows::is_newer(context, table_of(Kind::Order).name)).to_owned()
}

/// Due now. Never the very moment it was due before: a drain that is requesting the money of the order as it was
/// sees by that moment whether its answer is out of date.
pub fn due_again(context: &Context<'_>) -> Expr {
    let now = context.dialect.instant(context.synced_at);
    let before = context.dialect.instant(context.synced_at - TimeDelta::milliseconds(1));
    CaseStatement::new().case(old(Column::AmountsDueAt).eq(now.clone()), before).finally(now).into()
}

fn old(column: Column) -> Expr {
    Expr::col((Entity, column))
}

fn row(
    context: &Context<'_>,
    piece: &Piece<'_, Order>,
    stored_amounts: Option<&Option<String>>,
) -> [(Column, Value); 36] {
    let Piece { thing: order, stored: Stored { answers, list_hash, .. } } = piece;
    let instant = |at| context.dialect.instant_or_null(at);
    let nothing = Amounts::default();
    let amounts = order.amounts.as_ref().unwrap_or(&nothing);
    let raw = match stored_amounts {
        Some(kept) if answers.amounts.is_none() => {
            Answers { amounts: kept.clone(), ..answers.clone() }.to_json()
        }
        _ => answers.to_json(),
    };
    [
        (Column::Shop, text(context.shop)),
        (Column::Number, text(&order.number)),
        (Column::Platform, text(context.platform)),
        (Column::Status, text(order.status.as_str())),
        (Column::PlatformStatus, text(&order.platform_status)),
        (Column::AfterSalesStatus, text_or_null(order.after_sales_status.as_deref())),
        (Column::CreatedAt, instant(order.created_at)),
        (Column::UpdatedAt, instant(order.updated_at)),
        (Column::PaidAt, instant(order.paid_at)),
        (Column::ShippedAt, instant(order.shipped_at)),
        (Column::CompletedAt, instant(order.completed_at)),
        (Column::CanceledAt, instant(order.canceled_at)),
        (Column::ShipBy, instant(order.ship_by)),
        (Column::TotalMinor, amounts.total_minor.into()),
        (Column::ShippingMinor, amounts.shipping_minor.into()),
        (Column::SellerDiscountMinor, amounts.seller_discount_minor.into()),
        (Column::PlatformDiscountMinor, amounts.platform_discount_minor.into()),
        (Column::TaxMinor, amounts.tax_minor.into()),
        (Column::IncomeMinor, amounts.income_minor.into()),
        (Column::Currency, text_or_null(amounts.currency.as_ref().map(Currency::as_str))),
        (Column::Country, text_or_null(order.country.as_deref())),
        (Column::Province, text_or_null(order.province.as_deref())),
        (Column::City, text_or_null(order.city.as_deref())),
        (Column::District, text_or_null(order.district.as_deref())),
        (Column::BuyerNote, text_or_null(order.buyer_note.as_deref())),
        (Column::SellerNote, text_or_null(order.seller_note.as_deref())),
        (Column::TrackingNumber, text_or_null(order.tracking_number.as_deref())),
        (Column::Carrier, text_or_null(order.carrier.as_deref())),
        (Column::AmountsAt, instant(order.amounts.is_some().then_some(context.synced_at))),
        (Column::AmountsDueAt, instant(context.amounts_due.then_some(context.synced_at))),
        (Column::Raw, text(&raw)),
        (Column::ListHash, text(list_hash)),
        (Column::ContentHash, text(&order.content_hash)),
        (Column::FirstSeenAt, context.dialect.instant(context.synced_at)),
        (Column::SyncedAt, context.dialect.instant(context.synced_at)),
        (Column::RunId, context.run_id.into()),
    ]
}

/// The answers behind a `raw` column. A text that is not one of ours counts as none.
pub fn answers(raw: &str) -> Answers {
    #[derive(Default, Deserialize)]
    struct Parts<'a> {
        #[serde(borrow)]
        list: Option<&'a RawValue>,
        #[serde(borrow)]
        detail: Option<&'a RawValue>,
        #[serde(borrow)]
        amounts: Option<&'a RawValue>,
        #[serde(borrow)]
        items: Option<&'a RawValue>,
    }
    let parts: Parts<'_> = serde_json::from_str(raw).unwrap_or_default();
    let own = |part: Option<&RawValue>| part.map(|part| part.get().to_owned());
    Answers {
        list: own(parts.list),
        detail: own(parts.detail),
        amounts: own(parts.amounts),
        items: own(parts.items),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_from_raw_text_for_text() {
        let stored = Answers {
            list: Some(r#"{"n":1.10,"t":"a\u0000\"b"}"#.to_owned()),
            detail: None,
            amounts: Some("[1e2]".to_owned()),
            items: None,
        };
        assert_eq!(answers(&stored.to_json()), stored);
    }

    #[test]
    fn a_raw_text_that_was_damaged_by_hand_stops_nothing() {
        assert_eq!(answers("not json"), Answers::default());
    }
}
