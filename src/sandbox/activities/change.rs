//! What may happen to a Temu shop's activities: the mutations that tests script and drift draws from.

use chrono::{DateTime, Utc};

use super::{Activity, generate};
use crate::sandbox::accounts::Platform;
use crate::sandbox::world::World;

impl World {
    /// The platform announces an activity. Its number.
    pub fn create_activity(&mut self, shop: usize, starts_at: DateTime<Utc>, is_joined: bool) -> i64 {
        let mut random = self.random.fork();
        let own = self.shop(Platform::Temu, shop);
        let activity = own.activities.next(starts_at.timestamp_millis(), is_joined, &own.goods, &mut random);
        let id = activity.id;
        own.activities.activities.push(activity);
        id
    }

    /// Any change; no time tells of it. `false`: there is no such activity.
    pub fn change_activity(&mut self, shop: usize, id: i64, change: impl FnOnce(&mut Activity)) -> bool {
        let activities = &mut self.shop(Platform::Temu, shop).activities.activities;
        activities.iter_mut().find(|activity| activity.id == id).map(change).is_some()
    }

    /// The seller joins with some of the products on offer.
    pub fn join_activity(&mut self, shop: usize, id: i64) -> bool {
        let mut random = self.random.fork();
        let goods = generate::joined(&self.shop(Platform::Temu, shop).goods, &mut random);
        self.change_activity(shop, id, |activity| {
            activity.is_joined = true;
            activity.goods = goods;
        })
    }

    /// The platform calls an activity off.
    pub fn cancel_activity(&mut self, shop: usize, id: i64) -> bool {
        self.change_activity(shop, id, |activity| activity.is_gone = true)
    }

    /// An activity called off comes back as it was.
    pub fn restore_activity(&mut self, shop: usize, id: i64) -> bool {
        self.change_activity(shop, id, |activity| activity.is_gone = false)
    }
}

/// Something happens: pieces are sold, the seller joins, an activity is announced, called off or comes back.
pub fn somehow(world: &mut World, shop: usize) {
    let activities = &world.shop(Platform::Temu, shop).activities.activities;
    let known: Vec<(i64, bool)> = activities.iter().map(|activity| (activity.id, activity.is_gone)).collect();
    if known.is_empty() || world.random.u32(..10) == 0 {
        let starts_at = world.now();
        world.create_activity(shop, starts_at, true);
        return;
    }
    let (id, is_gone) = known[world.random.usize(..known.len())];
    match world.random.u32(..10) {
        0 if is_gone => world.restore_activity(shop, id),
        0 => world.cancel_activity(shop, id),
        1 | 2 => world.join_activity(shop, id),
        _ => world.change_activity(shop, id, |activity| {
            for goods in &mut activity.goods {
                goods.remaining = (goods.remaining - 1).max(0);
            }
        }),
    };
}

/// Before a page of a list of activities or of their goods is answered.
pub fn before_page(world: &mut World, shop: usize) {
    for _ in 0..world.drift.per_list_request {
        somehow(world, shop);
    }
}
