//! How a thing that is no order becomes a row of its kind's table, and how a row gives way to a newer one.
//!
//! Orders have statements of their own, because their money comes by another call and must outlive a page.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ConnectionTrait, Value};

use super::order_rows;
use super::pages::{Context, Piece, Pieces};
use super::tables::{Cell, Table, table_of};
use crate::domain::entity::{Answers, Kind};
use crate::store::StoreError;
use crate::store::db::bulk::{self, KEYS_PER_STATEMENT};
use crate::store::db::dialect::{Dialect, text};
use crate::store::db::transaction::Tx;

/// A thing as its table sees it.
pub trait Row {
    const KIND: Kind;
    /// Where the parts of it are rows of their own.
    const PARTS: Option<Parts> = None;

    fn key(&self) -> &str;
    /// Of the answers it was made from.
    fn content_hash(&self) -> &str;
    /// The columns that are its own; `updated_at` is among them.
    fn own(&self, dialect: Dialect) -> Vec<Cell>;
    /// The columns of each part, without those that name shop and owner. `None`: the answers do not hold them, and the
    /// stored ones stay.
    fn parts(&self) -> Option<Vec<Vec<Cell>>> {
        None
    }
}

/// The table of the parts of things of one kind.
#[derive(Clone, Copy)]
pub struct Parts {
    pub table: &'static str,
    /// The column that names the thing it is a part of.
    pub owner: &'static str,
}

/// Writes what is new or changed, and returns its keys.
pub async fn write<T: Row>(
    tx: &Tx,
    context: &Context<'_>,
    pieces: &Pieces<'_, T>,
) -> Result<HashSet<String>, StoreError> {
    let table = table_of(T::KIND);
    let newer = upsert(tx, context, table, pieces).await?;
    let changed: Vec<&T> =
        pieces.values().map(|piece| piece.thing).filter(|thing| newer.contains(thing.key())).collect();
    rewrite_parts(tx, context.shop, &changed).await?;
    let mut written = newer;
    if table.vanishes {
        written.extend(bring_back(tx, context, table, pieces).await?);
    }
    Ok(written)
}

/// Writes the typed columns and the parts of things that are stored, and nothing else of them.
pub async fn rewrite<T: Row>(
    tx: &Tx,
    context: &Context<'_>,
    pieces: &Pieces<'_, T>,
) -> Result<(), StoreError> {
    let table = table_of(T::KIND);
    let own = pieces.values().next().map(|piece| piece.thing.own(tx.dialect)).unwrap_or_default();
    let mut conflict = OnConflict::columns(["shop", table.key]);
    conflict.update_columns(own.into_iter().map(|(column, _)| column));
    for mut insert in bulk::inserts(table.name, pieces.values().map(|piece| row(tx.dialect, context, piece)))
    {
        insert.on_conflict(conflict.clone());
        tx.db().execute(&insert).await?;
    }
    let things: Vec<&T> = pieces.values().map(|piece| piece.thing).collect();
    rewrite_parts(tx, context.shop, &things).await
}

async fn upsert<T: Row>(
    tx: &Tx,
    context: &Context<'_>,
    table: Table,
    pieces: &Pieces<'_, T>,
) -> Result<HashSet<String>, StoreError> {
    let mut written = HashSet::with_capacity(pieces.len());
    let kept = answers_of_parts(tx, context.shop, table, pieces).await?;
    let raw = |piece: &Piece<'_, T>| match kept.get(piece.thing.key()) {
        Some(items) => Answers { items: Some(items.clone()), ..piece.stored.answers.clone() }.to_json(),
        None => piece.stored.answers.to_json(),
    };
    let rows: Vec<Vec<Cell>> =
        pieces.values().map(|piece| row_with(tx.dialect, context, piece, &raw(piece))).collect();
    let columns: Vec<&'static str> = rows
        .first()
        .into_iter()
        .flatten()
        .map(|(column, _)| *column)
        .filter(|column| is_replaced(table, column))
        .collect();
    let conflict = on_conflict(context, table, &columns);
    for mut insert in bulk::inserts(table.name, rows) {
        insert.on_conflict(conflict.clone()).returning_col(table.key);
        for row in tx.db().query_all(&insert).await? {
            written.insert(row.try_get_by_index(0)?);
        }
    }
    Ok(written)
}

/// Whether a newer copy replaces a column. `first_seen_at` never moves.
fn is_replaced(table: Table, column: &str) -> bool {
    column != "shop" && column != table.key && column != "first_seen_at"
}

/// An older copy never replaces a newer one, and an equal one writes nothing.
fn on_conflict(context: &Context<'_>, table: Table, columns: &[&'static str]) -> OnConflict {
    OnConflict::columns(["shop", table.key])
        .update_columns(columns.iter().copied())
        .action_and_where(is_newer(context, table.name))
        .to_owned()
}

/// Whether a row of an insert replaces the one that is stored: it is not older, and it is not the same.
pub fn is_newer(context: &Context<'_>, table: &'static str) -> Expr {
    let new = |column: &'static str| Expr::col((Alias::new("excluded"), column));
    let old = |column: &'static str| Expr::col((table, column));
    let instant = |at| Expr::value(context.dialect.instant(at));
    let is_assumed = old("list_hash").eq("").and(old("updated_at").lte(instant(context.read_since)));
    let is_not_older = new("updated_at")
        .gte(old("updated_at"))
        .or(new("updated_at").is_null())
        .or(old("updated_at").is_null())
        .or(old("updated_at").gt(instant(context.believed_until)))
        .or(is_assumed);
    is_not_older.and(new("content_hash").ne(old("content_hash")))
}

/// For things whose answers hold no parts: the older answers that did. Parts that stay keep the answers they were made
/// from.
async fn answers_of_parts<T: Row>(
    tx: &Tx,
    shop: &str,
    table: Table,
    pieces: &Pieces<'_, T>,
) -> Result<HashMap<String, String>, StoreError> {
    let mut kept = HashMap::new();
    if T::PARTS.is_none() {
        return Ok(kept);
    }
    let untold: Vec<&str> = pieces
        .values()
        .map(|piece| piece.thing)
        .filter(|thing| thing.parts().is_none())
        .map(Row::key)
        .collect();
    for keys in untold.chunks(KEYS_PER_STATEMENT) {
        let select = Query::select()
            .columns([table.key, "raw"])
            .from(table.name)
            .and_where(table.of_shop(shop))
            .and_where(table.key_is_in(keys.iter().copied()))
            .to_owned();
        for row in tx.db().query_all(&select).await? {
            let (key, raw): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            kept.extend(order_rows::answers(&raw).items.map(|items| (key, items)));
        }
    }
    Ok(kept)
}

fn row<T: Row>(dialect: Dialect, context: &Context<'_>, piece: &Piece<'_, T>) -> Vec<Cell> {
    row_with(dialect, context, piece, &piece.stored.answers.to_json())
}

fn row_with<T: Row>(dialect: Dialect, context: &Context<'_>, piece: &Piece<'_, T>, raw: &str) -> Vec<Cell> {
    let Piece { thing, stored } = piece;
    let now = dialect.instant(context.synced_at);
    let mut row = vec![("shop", text(context.shop)), (table_of(T::KIND).key, text(thing.key()))];
    row.extend(thing.own(dialect));
    row.extend([
        ("raw", text(raw)),
        ("list_hash", text(&stored.list_hash)),
        ("content_hash", text(thing.content_hash())),
        ("first_seen_at", now.clone()),
        ("synced_at", now),
        ("run_id", context.run_id.into()),
    ]);
    row
}

/// What is listed is there again, also when nothing else of it changed or the copy is an older one.
async fn bring_back<T: Row>(
    tx: &Tx,
    context: &Context<'_>,
    table: Table,
    pieces: &Pieces<'_, T>,
) -> Result<Vec<String>, StoreError> {
    let keys: Vec<&str> = pieces.keys().copied().collect();
    let mut back = Vec::new();
    for keys in keys.chunks(KEYS_PER_STATEMENT) {
        let update = Query::update()
            .table(table.name)
            .value("gone_at", Expr::value(tx.dialect.instant_or_null(None)))
            .value("synced_at", Expr::value(tx.dialect.instant(context.synced_at)))
            .value("run_id", context.run_id)
            .and_where(table.of_shop(context.shop))
            .and_where(table.key_is_in(keys.iter().copied()))
            .and_where(Expr::col("gone_at").is_not_null())
            .returning_col(table.key)
            .to_owned();
        for row in tx.db().query_all(&update).await? {
            back.push(row.try_get_by_index(0)?);
        }
    }
    Ok(back)
}

/// Replaces all parts of each thing whose answers hold parts.
async fn rewrite_parts<T: Row>(tx: &Tx, shop: &str, things: &[&T]) -> Result<(), StoreError> {
    let Some(Parts { table, owner }) = T::PARTS else {
        return Ok(());
    };
    let told: Vec<(&str, Vec<Vec<Cell>>)> =
        things.iter().filter_map(|thing| Some((thing.key(), thing.parts()?))).collect();
    for told in told.chunks(KEYS_PER_STATEMENT) {
        let delete = Query::delete()
            .from_table(table)
            .and_where(Expr::col("shop").eq(shop))
            .and_where(Expr::col(owner).is_in(told.iter().map(|(key, _)| *key)))
            .to_owned();
        tx.db().execute(&delete).await?;
    }
    let rows = told.into_iter().flat_map(|(key, parts)| {
        let named = move |part: Vec<Cell>| -> Vec<Cell> {
            let names: [(&'static str, Value); 2] = [("shop", text(shop)), (owner, text(key))];
            names.into_iter().chain(part).collect()
        };
        parts.into_iter().map(named)
    });
    for insert in bulk::inserts(table, rows) {
        tx.db().execute(&insert).await?;
    }
    Ok(())
}
