//! What the tables of all kinds of things have in common, for statements that are the same for each of them.
//!
//! Those that only have to be read or marked alike need no model of their own.

use sea_orm::sea_query::{Expr, ExprTrait};

use crate::domain::entity::Kind;

/// The table of one kind.
#[derive(Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    /// With `shop`, its primary key.
    pub key: &'static str,
    /// Whether it has `gone_at`: its things can vanish from the platform.
    pub vanishes: bool,
}

pub fn table_of(kind: Kind) -> Table {
    let (name, key, vanishes) = match kind {
        Kind::Order => ("orders", "number", false),
        Kind::Product => ("products", "product_id", true),
        Kind::Sku => ("skus", "sku_id", true),
        Kind::AfterSale => ("after_sales", "number", false),
        Kind::Activity => ("activities", "activity_id", true),
    };
    Table { name, key, vanishes }
}

impl Table {
    pub fn of_shop(self, shop: &str) -> Expr {
        Expr::col((self.name, "shop")).eq(shop)
    }

    pub fn key_is_in<'a>(self, keys: impl IntoIterator<Item = &'a str>) -> Expr {
        Expr::col((self.name, self.key)).is_in(keys)
    }

    /// What the platform still shows, as far as is known.
    pub fn is_there(self) -> Option<Expr> {
        self.vanishes.then(|| Expr::col((self.name, "gone_at")).is_null())
    }
}
