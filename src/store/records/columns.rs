//! How a thing becomes a row: for each column its name, its type, what goes into it, and when a stored value gives way.

use chrono::{DateTime, Utc};
use sea_orm::Value;

use crate::store::db::dialect::{Dialect, text_or_null};

/// A column and what goes into it.
pub type Cell = (&'static str, Value);

/// A column of a row that is made of a `T`.
pub struct Column<T> {
    pub name: &'static str,
    replaced: Replaced,
    /// Whether only a copy that brings its money may touch it.
    is_money: bool,
    source: Source<T>,
}

/// What replaces the value that is stored, from the least to the most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replaced {
    /// Never: it identifies the row, or says when it was first seen.
    Never,
    /// By a newer copy of the thing.
    ByNewer,
    /// By a newer copy, and when the answers that are stored are converted again.
    ByAny,
}

/// What goes into a column. `None` is NULL.
enum Source<T> {
    Text(for<'a> fn(&'a T) -> Option<&'a str>),
    Integer(fn(&T) -> Option<i64>),
    Boolean(fn(&T) -> Option<bool>),
    Instant(fn(&T) -> Option<DateTime<Utc>>),
}

pub fn text<T>(name: &'static str, value: for<'a> fn(&'a T) -> Option<&'a str>) -> Column<T> {
    Column::new(name, Source::Text(value))
}

pub fn integer<T>(name: &'static str, value: fn(&T) -> Option<i64>) -> Column<T> {
    Column::new(name, Source::Integer(value))
}

pub fn boolean<T>(name: &'static str, value: fn(&T) -> Option<bool>) -> Column<T> {
    Column::new(name, Source::Boolean(value))
}

pub fn instant<T>(name: &'static str, value: fn(&T) -> Option<DateTime<Utc>>) -> Column<T> {
    Column::new(name, Source::Instant(value))
}

impl<T> Column<T> {
    fn new(name: &'static str, source: Source<T>) -> Self {
        Self { name, replaced: Replaced::ByAny, is_money: false, source }
    }

    pub fn replaced(self, replaced: Replaced) -> Self {
        Self { replaced, ..self }
    }

    pub fn of_money(self) -> Self {
        Self { is_money: true, ..self }
    }

    /// Whether `by` replaces the stored value, with a row that brings its money or does not.
    pub fn is_replaced(&self, by: Replaced, brings_money: bool) -> bool {
        self.replaced >= by && (brings_money || !self.is_money)
    }

    pub fn value(&self, row: &T, dialect: Dialect) -> Value {
        match self.source {
            Source::Text(value) => text_or_null(value(row)),
            Source::Integer(value) => value(row).into(),
            Source::Boolean(value) => value(row).into(),
            Source::Instant(value) => dialect.instant_or_null(value(row)),
        }
    }
}

/// A row as statements take it.
pub fn cells<T>(columns: &[Column<T>], row: &T, dialect: Dialect) -> Vec<Cell> {
    columns.iter().map(|column| (column.name, column.value(row, dialect))).collect()
}
