//! One shop of the simulated platform: what it offers, every version of its orders, the two lists of them it is
//! requested, and what came after.

use std::collections::HashMap;

use super::accounts::Platform;
use super::activities::Activities;
use super::after_sales::Cases;
use super::goods::Goods;
use super::order::{ListedBy, Order};

/// An order's place in [`Shop::orders`].
pub type Position = u32;

pub struct Shop {
    pub platform: Platform,
    pub index: usize,
    pub goods: Goods,
    pub cases: Cases,
    pub activities: Activities,
    orders: Vec<Versions>,
    by_number: HashMap<String, Position>,
    by_created: TimeIndex,
    by_updated: TimeIndex,
    /// Versions the lists do not know yet.
    late: Vec<Late>,
    /// Makes the next order's number.
    serial: u64,
}

struct Versions {
    /// Oldest first.
    earlier: Vec<Order>,
    current: Order,
}

struct Late {
    visible_from_ms: i64,
    order: Order,
}

impl Shop {
    pub(super) fn new(platform: Platform, index: usize) -> Self {
        Self {
            platform,
            index,
            goods: Goods::default(),
            cases: Cases::default(),
            activities: Activities::default(),
            orders: Vec::new(),
            by_number: HashMap::new(),
            by_created: TimeIndex::default(),
            by_updated: TimeIndex::default(),
            late: Vec::new(),
            serial: 0,
        }
    }

    /// A number no order of this shop has had.
    pub(super) fn next_number(&mut self) -> String {
        self.serial += 1;
        let serial = self.serial;
        match self.platform {
            Platform::Temu => {
                let region = super::accounts::temu_site(self.index).region;
                format!("PO-{region}-{:02}{serial:013}00", 10 + self.index)
            }
            Platform::Xiaohongshu => format!("P{:03}{serial:015}", 763 + self.index),
        }
    }

    /// Fills an empty shop at once: sorting beats inserting one by one.
    pub(super) fn fill(&mut self, orders: Vec<Order>) {
        for order in orders {
            let position = position(self.orders.len());
            self.by_created.moments.push((order.created_ms, position));
            self.by_updated.moments.push((order.updated_ms, position));
            self.by_number.insert(order.number.clone(), position);
            self.orders.push(Versions { earlier: Vec::new(), current: order });
        }
        self.by_created.moments.sort_unstable();
        self.by_updated.moments.sort_unstable();
    }

    /// A new order, or a new version of one, seen by the lists at once.
    pub(super) fn put(&mut self, order: Order) {
        if let Some(&position) = self.by_number.get(&order.number) {
            let versions = &mut self.orders[position as usize];
            self.by_created.remove(versions.current.created_ms, position);
            self.by_updated.remove(versions.current.updated_ms, position);
            self.by_created.insert(order.created_ms, position);
            self.by_updated.insert(order.updated_ms, position);
            versions.earlier.push(std::mem::replace(&mut versions.current, order));
        } else {
            let position = position(self.orders.len());
            self.by_created.insert(order.created_ms, position);
            self.by_updated.insert(order.updated_ms, position);
            self.by_number.insert(order.number.clone(), position);
            self.orders.push(Versions { earlier: Vec::new(), current: order });
        }
    }

    /// Changes an order in place, as if it had always been so; its times stay.
    pub(super) fn amend(&mut self, position: Position, change: impl FnOnce(&mut Order, Platform)) {
        let platform = self.platform;
        change(&mut self.orders[position as usize].current, platform);
    }

    /// A version that lists and details show only from `visible_from_ms` on.
    pub(super) fn put_late(&mut self, order: Order, visible_from_ms: i64) {
        self.late.push(Late { visible_from_ms, order });
    }

    /// Shows what has become visible by now.
    pub(super) fn settle(&mut self, now_ms: i64) {
        if self.late.is_empty() {
            return;
        }
        let (due, waiting) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|late: &Late| late.visible_from_ms <= now_ms);
        self.late = waiting;
        for late in due {
            self.put(late.order);
        }
    }

    pub(super) fn find(&self, number: &str) -> Option<&Order> {
        self.by_number.get(number).map(|&position| self.at(position))
    }

    pub(super) fn at(&self, position: Position) -> &Order {
        &self.orders[position as usize].current
    }

    /// Every version an order has had, oldest first. Empty: there is no such order.
    pub(super) fn versions(&self, number: &str) -> impl Iterator<Item = &Order> {
        let versions = self.by_number.get(number).map(|&position| &self.orders[position as usize]);
        versions.into_iter().flat_map(|versions| versions.earlier.iter().chain([&versions.current]))
    }

    pub(super) fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().map(|versions| &versions.current)
    }

    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    /// The orders whose time lies in `[from_ms, until_ms]`, both included, oldest first.
    pub(super) fn listed(&self, by: ListedBy, from_ms: i64, until_ms: i64) -> &[(i64, Position)] {
        let index = match by {
            ListedBy::Created => &self.by_created,
            ListedBy::Updated => &self.by_updated,
        };
        index.between(from_ms, until_ms)
    }
}

/// Orders by one of their times. A sorted vector: a window is a slice, so the total and any page of it cost the
/// same whether it holds ten orders or a million; moving one order is a memory move of a few megabytes at worst.
#[derive(Default)]
struct TimeIndex {
    moments: Vec<(i64, Position)>,
}

impl TimeIndex {
    fn insert(&mut self, time_ms: i64, position: Position) {
        let at = self.moments.partition_point(|moment| *moment < (time_ms, position));
        self.moments.insert(at, (time_ms, position));
    }

    fn remove(&mut self, time_ms: i64, position: Position) {
        if let Ok(at) = self.moments.binary_search(&(time_ms, position)) {
            self.moments.remove(at);
        }
    }

    fn between(&self, from_ms: i64, until_ms: i64) -> &[(i64, Position)] {
        let start = self.moments.partition_point(|(time_ms, _)| *time_ms < from_ms);
        let end = self.moments.partition_point(|(time_ms, _)| *time_ms <= until_ms);
        &self.moments[start..end.max(start)]
    }
}

fn position(index: usize) -> Position {
    Position::try_from(index).expect("a simulated shop holds fewer than four billion orders")
}
