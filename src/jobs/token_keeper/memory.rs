//! What a keeper remembers between two checks. It may be lost: everything that matters is in the database.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::until::lasting;

/// How long no call is made for a shop after an error that is not noted in the grant's row.
const BACK_OFF: TimeDelta = TimeDelta::minutes(10);

#[derive(Default)]
pub struct KeeperMemory {
    /// Shops whose actions still run.
    pub busy: HashSet<String>,
    pub dead: HashSet<String>,
    pub paused: HashSet<String>,
    /// Until when no call is made for a shop.
    backing_off: HashMap<String, DateTime<Utc>>,
}

impl KeeperMemory {
    /// Remembers the state of this check. Returns whether the shop was paused at the last check.
    pub fn remember(&mut self, shop: &str, is_dead: bool, is_paused: bool) -> bool {
        set(&mut self.dead, shop, is_dead);
        set(&mut self.paused, shop, is_paused)
    }

    /// Forgets all other shops.
    pub fn keep_only(&mut self, shops: &HashSet<&str>) {
        self.dead.retain(|shop| shops.contains(shop.as_str()));
        self.paused.retain(|shop| shops.contains(shop.as_str()));
        self.backing_off.retain(|shop, _| shops.contains(shop.as_str()));
    }

    pub fn back_off(&mut self, shop: &str, now: DateTime<Utc>) {
        self.backing_off.insert(shop.to_owned(), now + BACK_OFF);
    }

    /// Never for longer than [`BACK_OFF`], also if the clock stepped back.
    pub fn is_backing_off(&self, shop: &str, now: DateTime<Utc>) -> bool {
        self.backing_off.get(shop).and_then(|until| lasting(*until, BACK_OFF, now)).is_some()
    }
}

/// Adds or removes a shop. Returns whether it was there before.
fn set(shops: &mut HashSet<String>, shop: &str, is_in: bool) -> bool {
    if is_in { !shops.insert(shop.to_owned()) } else { shops.remove(shop) }
}
