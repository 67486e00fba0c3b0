//! What a keeper remembers between two looks. All of it may be lost: the database knows what must not be.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::until::lasting;

/// How long a shop is left alone after trouble that the grant's own row does not know of.
const TROUBLE_PAUSE: TimeDelta = TimeDelta::minutes(10);

#[derive(Default)]
pub struct Seen {
    /// Shops whose duties are not all done.
    pub under_way: HashSet<String>,
    pub dead: HashSet<String>,
    pub paused: HashSet<String>,
    /// Shops with trouble, and until when they are left alone.
    resting: HashMap<String, DateTime<Utc>>,
}

impl Seen {
    /// Keeps how the shop was found this time. Whether it was paused the last time.
    pub fn keep(&mut self, shop: &str, is_dead: bool, is_paused: bool) -> bool {
        remember(&mut self.dead, shop, is_dead);
        remember(&mut self.paused, shop, is_paused)
    }

    /// Forgets how other shops were found.
    pub fn keep_only(&mut self, shops: &HashSet<&str>) {
        self.dead.retain(|shop| shops.contains(shop.as_str()));
        self.paused.retain(|shop| shops.contains(shop.as_str()));
        self.resting.retain(|shop, _| shops.contains(shop.as_str()));
    }

    pub fn let_rest(&mut self, shop: &str, now: DateTime<Utc>) {
        self.resting.insert(shop.to_owned(), now + TROUBLE_PAUSE);
    }

    /// A clock that stepped back lets nobody rest for longer.
    pub fn rests(&self, shop: &str, now: DateTime<Utc>) -> bool {
        self.resting.get(shop).and_then(|until| lasting(*until, TROUBLE_PAUSE, now)).is_some()
    }
}

/// Puts a shop into the set or takes it out; whether it was in.
fn remember(set: &mut HashSet<String>, shop: &str, is_in: bool) -> bool {
    if is_in { !set.insert(shop.to_owned()) } else { set.remove(shop) }
}
