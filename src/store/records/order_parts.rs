//! Rows that may be only a part of their order: a platform may show an order in several rows, each with lines of its
//! own, on any pages of any windows.
//!
//! A row alone does not say whether it is all of its order. It is taken for the whole until something speaks against
//! it: another row of the order with other lines, here or in the store, or a row of the order that could not be read.
//! Then nothing is written, and the caller reads all rows of the order at once, which only the platform can give.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::order_items::{self, LineKey, Lines};
use super::quarantine::Quarantined;
use super::things::{Pieces, Stored};
use crate::domain::entity::Entity;
use crate::domain::order::Order;
use crate::store::StoreError;
use crate::store::db::transaction::Tx;

pub fn refuse_if_any(numbers: BTreeSet<String>) -> Result<(), StoreError> {
    if numbers.is_empty() {
        Ok(())
    } else {
        Err(StoreError::InParts { numbers: numbers.into_iter().collect() })
    }
}

/// The orders of which the page itself shows that a row is not all of them.
pub fn in_page(things: &[Stored], quarantined: &[Quarantined]) -> BTreeSet<String> {
    let unreadable = quarantined.iter().filter(|odd| !odd.has_own_call);
    let unreadable: HashSet<&str> = unreadable.filter_map(|odd| odd.number.as_deref()).collect();
    let mut copies: BTreeMap<&str, Vec<&Order>> = BTreeMap::new();
    for stored in things {
        if let Entity::Order(order) = &stored.entity
            && stored.may_be_part
        {
            copies.entry(&order.number).or_default().push(order);
        }
    }
    let is_in_parts = |number: &str, copies: &[&Order]| {
        let lines: Vec<_> = copies.iter().map(|order| lines_of(order)).collect();
        unreadable.contains(number) || lines.iter().any(|lines_of_copy| *lines_of_copy != lines[0])
    };
    let in_parts = copies.into_iter().filter(|(number, copies)| is_in_parts(number, copies));
    in_parts.map(|(number, _)| number.to_owned()).collect()
}

/// The orders that are stored with lines their rows do not have; or, where the stored order is newer than the row,
/// without lines that the row has.
pub async fn in_store(
    tx: &Tx,
    shop: &str,
    orders: &Pieces<'_, Order>,
    written: &HashSet<String>,
) -> Result<BTreeSet<String>, StoreError> {
    let doubtful = orders.values().filter(|piece| piece.stored.may_be_part).map(|piece| piece.thing);
    let doubtful: Vec<&Order> = doubtful.collect();
    let numbers: Vec<&str> = doubtful.iter().map(|order| order.number.as_str()).collect();
    let stored = order_items::stored_keys(tx, shop, &numbers).await?;
    let none = HashMap::new();
    let is_in_parts = |order: &&&Order| {
        let (ours, theirs) = (lines_of(order), stored.get(&order.number).unwrap_or(&none));
        if written.contains(&order.number) { !covers(&ours, theirs) } else { !covers(theirs, &ours) }
    };
    Ok(doubtful.iter().filter(is_in_parts).map(|order| order.number.clone()).collect())
}

fn lines_of(order: &Order) -> Lines {
    let mut lines = Lines::new();
    for item in &order.items {
        *lines.entry(LineKey::of(item)).or_default() += 1;
    }
    lines
}

fn covers(lines: &Lines, others: &Lines) -> bool {
    others.iter().all(|(line, times)| lines.get(line).is_some_and(|ours| ours >= times))
}
