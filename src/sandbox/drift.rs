//! Things that change while they are read, which is what loses them for a careless reader.

use super::accounts::Platform;
use super::order::ListedBy;
use super::world::World;
use super::{activities, after_sales, goods};

/// Before a page is answered: orders of the window change, and now and then a new one is placed.
pub fn before_page(world: &mut World, platform: Platform, shop: usize, by: ListedBy, window_ms: (i64, i64)) {
    for _ in 0..world.drift.per_list_request {
        let listed = world.shop(platform, shop).listed(by, window_ms.0, window_ms.1);
        let among = listed.len();
        if among == 0 || world.random.u32(..10) == 0 {
            world.create_order(platform, shop);
            continue;
        }
        let chosen = world.random.usize(..among);
        let (_, position) = world.shop(platform, shop).listed(by, window_ms.0, window_ms.1)[chosen];
        let number = world.shop(platform, shop).at(position).number.clone();
        change_somehow(world, platform, shop, &number);
    }
}

/// Between two requests: something happens in one of the shops anybody has requested.
pub fn in_background(world: &mut World) {
    let shops = world.known_shops();
    if shops.is_empty() {
        return;
    }
    let (platform, shop) = shops[world.random.usize(..shops.len())];
    // Mostly orders; of the rest, only what such shops have.
    match world.random.u32(..10) {
        0 | 1 => return goods::change::somehow(world, platform, shop),
        2 => return after_sales::change::somehow(world, platform, shop),
        3 if platform == Platform::Temu => return activities::change::somehow(world, shop),
        _ => {}
    }
    let orders = world.shop(platform, shop).len();
    if orders == 0 || world.random.u32(..3) == 0 {
        world.create_order(platform, shop);
        return;
    }
    let position = u32::try_from(world.random.usize(..orders)).unwrap_or(0);
    let number = world.shop(platform, shop).at(position).number.clone();
    change_somehow(world, platform, shop, &number);
}

fn change_somehow(world: &mut World, platform: Platform, shop: usize, number: &str) {
    match world.random.u32(..10) {
        0..5 => world.advance_status(platform, shop, number),
        5..7 => world.change_lines(platform, shop, number),
        7..9 => world.edit_note(platform, shop, number),
        _ => world.touch(platform, shop, number),
    };
}
