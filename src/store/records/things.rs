//! What a commit writes: things of every kind with the answers they were made from, and what all rows of it share.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, QuerySelect};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::activity::Activity;
use crate::domain::after_sale::AfterSale;
use crate::domain::entity::{Answers, Entity};
use crate::domain::order::Order;
use crate::domain::product::{Product, Sku};
use crate::store::StoreError;
use crate::store::db::dialect::Dialect;
use crate::store::db::transaction::Tx;
use crate::store::entities::shop;

/// A thing with what it was made from.
#[derive(Clone, Debug)]
pub struct Stored {
    pub entity: Entity,
    pub answers: Answers,
    /// When it was read. What is in quarantine since a later moment is a newer version of it and stays there.
    pub read_at: DateTime<Utc>,
    /// Of the list row alone: an equal one needs no detail call and no write. Empty: any later reading replaces this
    /// one, whatever its update time.
    pub list_hash: String,
    /// Whether the platform may show other rows of the same order, with lines of their own. Such a row is never stored
    /// in place of lines that it does not have; see [`StoreError::InParts`].
    pub may_be_part: bool,
}

/// One kind of thing with what it was made from.
pub struct Piece<'a, T> {
    pub thing: &'a T,
    pub stored: &'a Stored,
}

/// Those of one kind by number, which is also the order they are written in, so that two writers meet rows in the same
/// order and neither waits for the other in a circle.
pub type Pieces<'a, T> = BTreeMap<&'a str, Piece<'a, T>>;

/// What all rows of a commit share.
pub struct Context<'a> {
    pub dialect: Dialect,
    pub shop: &'a str,
    pub platform: &'a str,
    pub run_id: i64,
    pub synced_at: DateTime<Utc>,
    /// No stored update time can lie after this moment: one that does is a mistake, and gives way.
    pub believed_until: DateTime<Utc>,
    /// When the first of the rows was read, on the platform's clock.
    pub read_since: DateTime<Utc>,
    pub amounts_due: bool,
}

/// Things by kind and number.
pub struct Sorted<'a> {
    pub orders: Pieces<'a, Order>,
    pub products: Pieces<'a, Product>,
    pub skus: Pieces<'a, Sku>,
    pub after_sales: Pieces<'a, AfterSale>,
    pub activities: Pieces<'a, Activity>,
}

impl<'a> Sorted<'a> {
    pub fn new(things: &'a [Stored]) -> Self {
        macro_rules! of_kind {
            ($kind:ident) => {
                newest_of_each(things, |entity| match entity {
                    Entity::$kind(thing) => Some(thing),
                    _ => None,
                })
            };
        }
        Self {
            orders: of_kind!(Order),
            products: of_kind!(Product),
            skus: of_kind!(Sku),
            after_sales: of_kind!(AfterSale),
            activities: of_kind!(Activity),
        }
    }

    pub fn count(&self) -> u64 {
        self.read().count() as u64
    }

    pub fn may_be_part(&self, number: &str) -> bool {
        self.orders.get(number).is_some_and(|piece| piece.stored.may_be_part)
    }

    /// What was read and when, by number.
    pub fn read(&self) -> impl Iterator<Item = (&'a str, DateTime<Utc>)> {
        fn each<'a, T>(pieces: &Pieces<'a, T>) -> impl Iterator<Item = (&'a str, DateTime<Utc>)> {
            pieces.iter().map(|(number, piece)| (*number, piece.stored.read_at))
        }
        each(&self.orders)
            .chain(each(&self.products))
            .chain(each(&self.skus))
            .chain(each(&self.after_sales))
            .chain(each(&self.activities))
    }
}

/// Those of one kind. Of what came twice, the newest copy.
fn newest_of_each<T>(things: &[Stored], of_kind: impl Fn(&Entity) -> Option<&T>) -> Pieces<'_, T> {
    let mut newest: Pieces<'_, T> = BTreeMap::new();
    for stored in things {
        let Some(thing) = of_kind(&stored.entity) else { continue };
        let known = newest.entry(stored.entity.number()).or_insert(Piece { thing, stored });
        if stored.entity.updated_at() >= known.stored.entity.updated_at() {
            *known = Piece { thing, stored };
        }
    }
    newest
}

/// The platform of a shop, which its rows name.
pub async fn platform(tx: &Tx, shop: &str) -> Result<String, StoreError> {
    let platform = shop::Entity::find_by_id(shop)
        .select_only()
        .column(shop::Column::Platform)
        .into_tuple()
        .one(tx.db())
        .await?;
    platform.ok_or_else(|| StoreError::UnknownShop { shop: shop.to_owned() })
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
