//! What may happen after a sale: the mutations that tests script and drift draws from.

use super::Case;
use super::generate::{any_status, enter_status, new_case, paid_back, tell_order};
use crate::sandbox::accounts::Platform;
use crate::sandbox::generate::whole_second;
use crate::sandbox::order::ListedBy;
use crate::sandbox::world::World;

impl World {
    /// A buyer complains now. The number of the new case; `None`: there is no such order. Xiaohongshu's order
    /// changes with it; whether Temu's does is not documented, and here it does not.
    pub fn open_case(&mut self, platform: Platform, shop: usize, order_number: &str) -> Option<String> {
        let now_ms = self.now_ms();
        let mut random = self.random.fork();
        let own = self.shop(platform, shop);
        let case = new_case(own, own.find(order_number)?, now_ms, &mut random);
        let (number, status) = (case.number.clone(), case.status);
        own.cases.put(case);
        self.tell_order_of(platform, shop, order_number, status, 0);
        Some(number)
    }

    /// Any change, stamped with the present moment, its order told. `false`: there is no such case.
    pub fn change_case(
        &mut self,
        platform: Platform,
        shop: usize,
        number: &str,
        change: impl FnOnce(&mut Case),
    ) -> bool {
        let now_ms = self.now_ms();
        let cases = &mut self.shop(platform, shop).cases;
        let Some(mut case) = cases.find(number).cloned() else {
            return false;
        };
        let refunded_before = case.refunded_minor.unwrap_or(0);
        case.updated_ms = if platform == Platform::Temu { whole_second(now_ms) } else { now_ms };
        change(&mut case);
        let (order, status) = (case.order_number.clone(), case.status);
        let refunded = case.refunded_minor.unwrap_or(0) - refunded_before;
        cases.put(case);
        self.tell_order_of(platform, shop, &order, status, refunded);
        true
    }

    /// The case gets a status it did not have; money that its status calls paid back is.
    pub fn advance_case(&mut self, platform: Platform, shop: usize, number: &str) -> bool {
        let status = any_status(platform, &mut self.random);
        self.change_case(platform, shop, number, |case| {
            let status = if status == case.status { status % 3 + 1 } else { status };
            enter_status(case, status, platform);
        })
    }

    /// So much money goes back to the buyer, and the case is done.
    pub fn refund_case(&mut self, platform: Platform, shop: usize, number: &str, minor: i64) -> bool {
        self.change_case(platform, shop, number, |case| {
            case.refunded_minor = Some(minor);
            case.refunded_ms = Some(case.updated_ms);
            case.status = paid_back(platform);
        })
    }

    /// Every version of one case, oldest first.
    pub fn case_versions(&mut self, platform: Platform, shop: usize, number: &str) -> Vec<Case> {
        self.shop(platform, shop).cases.versions(number).cloned().collect()
    }

    /// The numbers of a shop's cases, in the order they were opened.
    pub fn case_numbers(&mut self, platform: Platform, shop: usize) -> Vec<String> {
        self.shop(platform, shop).cases.all().map(|case| case.number.clone()).collect()
    }

    fn tell_order_of(&mut self, platform: Platform, shop: usize, order: &str, status: i64, refunded: i64) {
        match platform {
            Platform::Temu => self.rewrite(platform, shop, order, |order| {
                tell_order(order, platform, status, refunded);
            }),
            Platform::Xiaohongshu => self.change_order(platform, shop, order, |order| {
                tell_order(order, platform, status, refunded);
            }),
        };
    }
}

/// Before a page of a list of cases is answered: cases of the window change, and now and then one is opened.
pub fn before_page(world: &mut World, platform: Platform, shop: usize, by: ListedBy, window_ms: (i64, i64)) {
    for _ in 0..world.drift.per_list_request {
        let listed = world.shop(platform, shop).cases.listed(by, window_ms);
        let numbers: Vec<String> = listed.iter().map(|case| case.number.clone()).collect();
        if numbers.is_empty() || world.random.u32(..10) == 0 {
            open_somewhere(world, platform, shop);
            continue;
        }
        let chosen = world.random.usize(..numbers.len());
        world.advance_case(platform, shop, &numbers[chosen]);
    }
}

/// Something happens to one of a shop's cases, or a new one is opened.
pub fn somehow(world: &mut World, platform: Platform, shop: usize) {
    let cases = world.shop(platform, shop).cases.len();
    if cases == 0 || world.random.u32(..4) == 0 {
        open_somewhere(world, platform, shop);
        return;
    }
    let chosen = world.random.usize(..cases);
    let number = world.shop(platform, shop).cases.cases[chosen].current.number.clone();
    world.advance_case(platform, shop, &number);
}

/// A case on an order taken by chance.
pub fn open_somewhere(world: &mut World, platform: Platform, shop: usize) {
    let orders = world.shop(platform, shop).len();
    if orders > 0 {
        let position = u32::try_from(world.random.usize(..orders)).unwrap_or(0);
        let order = world.shop(platform, shop).at(position).number.clone();
        world.open_case(platform, shop, &order);
    }
}
