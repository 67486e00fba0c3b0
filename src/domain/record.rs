//! The kinds of things that are copied, and the lanes they are copied in.

use std::fmt;
use std::str::FromStr;

/// A kind of thing a platform keeps for a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Record {
    Orders,
    Products,
    AfterSales,
    Activities,
}

impl Record {
    /// All of them, in the order people read them.
    pub const ALL: [Self; 4] = [Self::Orders, Self::Products, Self::AfterSales, Self::Activities];

    /// The name used in the config, in tables and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Products => "products",
            Self::AfterSales => "after_sales",
            Self::Activities => "activities",
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Record {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|record| record.as_str() == name).ok_or_else(|| UnknownName {
            found: name.to_owned(),
            known: "orders, products, after_sales, activities",
        })
    }
}

/// A stream of work for one (shop, record) that runs at most once at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Windows of update time; moves the cursor.
    Update,
    /// Windows of creation time: backfill and reconcile; never moves the cursor.
    Create,
    /// Money that a platform gives in separate calls.
    Amounts,
}

impl Lane {
    /// The name used in tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Create => "create",
            Self::Amounts => "amounts",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Lane {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        [Self::Update, Self::Create, Self::Amounts]
            .into_iter()
            .find(|lane| lane.as_str() == name)
            .ok_or_else(|| UnknownName { found: name.to_owned(), known: "update, create, amounts" })
    }
}

/// A word that is none of a closed list.
#[derive(Debug, thiserror::Error)]
#[error("`{found}` is none of {known}")]
pub struct UnknownName {
    pub found: String,
    pub known: &'static str,
}
