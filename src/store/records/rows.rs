//! How a thing of any kind becomes a row of its table, and how a row gives way to a newer one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Query};

use super::columns::{Cell, Column, Replaced, cells, instant, integer, text};
use super::tables::{Table, table_of};
use super::things::{self, Context, Piece, Pieces, Stored};
use crate::domain::entity::{Answers, Kind};
use crate::store::StoreError;
use crate::store::db::bulk::{self, KEYS_PER_STATEMENT};
use crate::store::db::dialect::{self, Dialect};
use crate::store::db::transaction::Tx;

/// A thing as its table sees it.
pub trait Row: Sized {
    const KIND: Kind;
    /// Where the parts of it are rows of their own.
    const PARTS: Option<Parts> = None;

    fn key(&self) -> &str;
    /// Of the answers it was made from.
    fn content_hash(&self) -> &str;
    /// The columns that only its kind has; `updated_at` is among them.
    fn columns<'a>() -> Vec<Column<Written<'a, Self>>>;
    /// Whether a copy may touch the columns of money. Money that comes by calls of its own is not among the answers of a
    /// page.
    fn brings_money(&self) -> bool {
        true
    }
    /// What else a newer copy changes.
    fn when_replaced(_context: &Context<'_>, _conflict: &mut OnConflict) {}
    /// The columns of each part, without those that name shop and owner. `None`: the answers do not hold them, and the
    /// stored ones stay.
    fn parts(&self, _dialect: Dialect) -> Option<Vec<Vec<Cell>>> {
        None
    }
    /// Whether the answers hold the parts.
    fn has_parts(&self) -> bool {
        false
    }
}

/// What a row is made of.
pub struct Written<'a, T> {
    pub context: &'a Context<'a>,
    pub thing: &'a T,
    pub stored: &'a Stored,
    /// The answers it was made from, as JSON text.
    pub raw: Cow<'a, str>,
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
    let kept = answers_of_parts(tx, context.shop, table, pieces).await?;
    let with_kept = |thing: &T, answers: &Answers| {
        kept.get(thing.key()).map(|items| Answers { items: Some(items.clone()), ..answers.clone() })
    };
    let mut written = upsert(tx, context, pieces, with_kept).await?;
    let changed: Vec<&T> =
        pieces.values().map(|piece| piece.thing).filter(|thing| written.contains(thing.key())).collect();
    replace_parts(tx, context.shop, &changed).await?;
    if table.vanishes {
        written.extend(bring_back(tx, context, table, pieces).await?);
    }
    Ok(written)
}

/// Writes the rows of what is new or changed, and returns its keys. `with_kept` adds answers that are stored and that a
/// copy does not bring. `None`: there are none to add.
pub async fn upsert<T: Row>(
    tx: &Tx,
    context: &Context<'_>,
    pieces: &Pieces<'_, T>,
    with_kept: impl Fn(&T, &Answers) -> Option<Answers>,
) -> Result<HashSet<String>, StoreError> {
    let table = table_of(T::KIND);
    let columns = all_columns::<T>();
    let mut written = HashSet::with_capacity(pieces.len());
    // Two groups, because only a copy that brings its money may touch the columns of it.
    for brings_money in [false, true] {
        let conflict = when_newer::<T>(context, table, &columns, brings_money);
        let rows = of_group(pieces, brings_money).map(|piece| {
            let answers = &piece.stored.answers;
            let raw = Cow::Owned(with_kept(piece.thing, answers).as_ref().unwrap_or(answers).to_json());
            cells(&columns, &Written { context, thing: piece.thing, stored: piece.stored, raw }, tx.dialect)
        });
        for mut insert in bulk::inserts(table.name, rows) {
            insert.on_conflict(conflict.clone()).returning_col(table.key);
            for row in tx.db().query_all(&insert).await? {
                written.insert(row.try_get_by_index(0)?);
            }
        }
    }
    Ok(written)
}

/// Writes the typed columns and the parts of things that are stored, and nothing else of them.
pub async fn rewrite<T: Row>(
    tx: &Tx,
    context: &Context<'_>,
    pieces: &Pieces<'_, T>,
) -> Result<(), StoreError> {
    rewrite_rows(tx, context, pieces).await?;
    let things: Vec<&T> = pieces.values().map(|piece| piece.thing).collect();
    replace_parts(tx, context.shop, &things).await
}

/// Writes the typed columns of things that are stored; those of money where a thing brings some.
pub async fn rewrite_rows<T: Row>(
    tx: &Tx,
    context: &Context<'_>,
    pieces: &Pieces<'_, T>,
) -> Result<(), StoreError> {
    let table = table_of(T::KIND);
    let columns = all_columns::<T>();
    for brings_money in [false, true] {
        let replaced = columns.iter().filter(|column| column.is_replaced(Replaced::ByAny, brings_money));
        let conflict = OnConflict::columns(["shop", table.key])
            .update_columns(replaced.map(|column| column.name))
            .to_owned();
        let rows = of_group(pieces, brings_money).map(|piece| {
            let raw = Cow::Borrowed("{}");
            cells(&columns, &Written { context, thing: piece.thing, stored: piece.stored, raw }, tx.dialect)
        });
        for mut insert in bulk::inserts(table.name, rows) {
            insert.on_conflict(conflict.clone());
            tx.db().execute(&insert).await?;
        }
    }
    Ok(())
}

fn of_group<'a, T: Row>(
    pieces: &'a Pieces<'a, T>,
    brings_money: bool,
) -> impl Iterator<Item = &'a Piece<'a, T>> {
    pieces.values().filter(move |piece| piece.thing.brings_money() == brings_money)
}

/// The columns of a kind's table, in one list: statements and values follow its order.
fn all_columns<'a, T: Row>() -> Vec<Column<Written<'a, T>>> {
    let mut columns = vec![
        text("shop", |row: &Written<'a, T>| Some(row.context.shop)).replaced(Replaced::Never),
        text(table_of(T::KIND).key, |row: &Written<'a, T>| Some(row.thing.key())).replaced(Replaced::Never),
    ];
    columns.extend(T::columns());
    columns.extend([
        text("raw", |row: &Written<'a, T>| Some(&row.raw)).replaced(Replaced::ByNewer),
        text("list_hash", |row: &Written<'a, T>| Some(&row.stored.list_hash)).replaced(Replaced::ByNewer),
        text("content_hash", |row: &Written<'a, T>| Some(row.thing.content_hash()))
            .replaced(Replaced::ByNewer),
        instant("first_seen_at", |row: &Written<'a, T>| Some(row.context.synced_at))
            .replaced(Replaced::Never),
        instant("synced_at", |row: &Written<'a, T>| Some(row.context.synced_at)).replaced(Replaced::ByNewer),
        integer("run_id", |row: &Written<'a, T>| Some(row.context.run_id)).replaced(Replaced::ByNewer),
    ]);
    columns
}

/// An older copy never replaces a newer one, and an equal one writes nothing.
fn when_newer<T: Row>(
    context: &Context<'_>,
    table: Table,
    columns: &[Column<Written<'_, T>>],
    brings_money: bool,
) -> OnConflict {
    let replaced = columns.iter().filter(|column| column.is_replaced(Replaced::ByNewer, brings_money));
    let mut conflict = OnConflict::columns(["shop", table.key]);
    conflict.update_columns(replaced.map(|column| column.name));
    T::when_replaced(context, &mut conflict);
    conflict.action_and_where(is_newer(context, table.name)).to_owned()
}

/// Whether a row of an insert replaces the one that is stored: it is not older, and it is not the same.
fn is_newer(context: &Context<'_>, table: &'static str) -> Expr {
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
    let without_parts: Vec<&str> =
        pieces.values().map(|piece| piece.thing).filter(|thing| !thing.has_parts()).map(Row::key).collect();
    for keys in without_parts.chunks(KEYS_PER_STATEMENT) {
        let select = Query::select()
            .columns([table.key, "raw"])
            .from(table.name)
            .and_where(table.of_shop(shop))
            .and_where(table.key_is_in(keys.iter().copied()))
            .to_owned();
        for row in tx.db().query_all(&select).await? {
            let (key, raw): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            kept.extend(things::answers(&raw).items.map(|items| (key, items)));
        }
    }
    Ok(kept)
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
async fn replace_parts<T: Row>(tx: &Tx, shop: &str, things: &[&T]) -> Result<(), StoreError> {
    let Some(Parts { table, owner }) = T::PARTS else {
        return Ok(());
    };
    let with_parts: Vec<_> =
        things.iter().filter_map(|thing| Some((thing.key(), thing.parts(tx.dialect)?))).collect();
    for things in with_parts.chunks(KEYS_PER_STATEMENT) {
        let delete = Query::delete()
            .from_table(table)
            .and_where(Expr::col("shop").eq(shop))
            .and_where(Expr::col(owner).is_in(things.iter().map(|(key, _)| *key)))
            .to_owned();
        tx.db().execute(&delete).await?;
    }
    let rows = with_parts.into_iter().flat_map(|(key, parts)| {
        let names = move || [("shop", dialect::text(shop)), (owner, dialect::text(key))];
        parts.into_iter().map(move |part| names().into_iter().chain(part))
    });
    for insert in bulk::inserts(table, rows) {
        tx.db().execute(&insert).await?;
    }
    Ok(())
}
