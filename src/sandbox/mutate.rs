//! What may happen to an order: the mutations that tests script and drift draws from.

use chrono::{DateTime, TimeDelta, Utc};

use super::accounts::Platform;
use super::generate;
use super::order::Order;
use super::shape::Spoiled;
use super::world::World;

impl World {
    /// A buyer orders now. The number of the new order.
    pub fn create_order(&mut self, platform: Platform, shop: usize) -> String {
        let now = self.now();
        self.place_order(platform, shop, now, now)
    }

    /// An order with times of the caller's choice, visible at once.
    pub fn place_order(
        &mut self,
        platform: Platform,
        shop: usize,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    ) -> String {
        let order = self.draft(platform, shop, created_at, updated_at);
        let number = order.number.clone();
        self.shop(platform, shop).put(order);
        number
    }

    /// A buyer orders now, but lists and details show it only after `lag`.
    pub fn create_late_order(&mut self, platform: Platform, shop: usize, lag: TimeDelta) -> String {
        let now = self.now();
        let order = self.draft(platform, shop, now, now);
        let number = order.number.clone();
        let visible_from = (now + lag).timestamp_millis();
        self.shop(platform, shop).put_late(order, visible_from);
        number
    }

    /// Any change, stamped with the present moment. `false`: there is no such order.
    pub fn change_order(
        &mut self,
        platform: Platform,
        shop: usize,
        number: &str,
        change: impl FnOnce(&mut Order),
    ) -> bool {
        let now_ms = self.now_ms();
        self.rewrite(platform, shop, number, |order| {
            order.updated_ms = match platform {
                Platform::Temu => generate::whole_second(now_ms),
                Platform::Xiaohongshu => now_ms,
            };
            change(order);
        })
    }

    /// The order gets a status it did not have.
    pub fn advance_status(&mut self, platform: Platform, shop: usize, number: &str) -> bool {
        let status = generate::any_status(platform, &mut self.random);
        self.change_order(platform, shop, number, |order| {
            let status = if status == order.status { status % 5 + 1 } else { status };
            generate::enter_status(order, status, platform);
        })
    }

    /// The first line goes, a new one comes.
    pub fn change_lines(&mut self, platform: Platform, shop: usize, number: &str) -> bool {
        let random = &mut self.random;
        let mut line = generate::line(platform, 1, random);
        self.change_order(platform, shop, number, |order| {
            line.serial = order.lines.iter().map(|line| line.serial).max().unwrap_or(0) + 1;
            if !order.lines.is_empty() {
                order.lines.remove(0);
            }
            order.lines.push(line);
        })
    }

    /// The buyer's note changes. Temu tells no notes: only the update time moves there.
    pub fn edit_note(&mut self, platform: Platform, shop: usize, number: &str) -> bool {
        let note = generate::note(&mut self.random);
        self.change_order(platform, shop, number, |order| {
            if platform == Platform::Xiaohongshu {
                order.buyer_note = note;
            }
        })
    }

    /// Only the update time moves.
    pub fn touch(&mut self, platform: Platform, shop: usize, number: &str) -> bool {
        self.change_order(platform, shop, number, |_| {})
    }

    /// The money changes and the update time does not, as may happen with refunds.
    pub fn reprice(&mut self, platform: Platform, shop: usize, number: &str) -> bool {
        self.rewrite(platform, shop, number, |order| {
            order.money.platform_discount += 100;
            order.money.total -= 100;
        })
    }

    /// Makes a row unreadable, or readable again, without moving its update time.
    pub fn spoil(&mut self, platform: Platform, shop: usize, number: &str, spoiled: Option<Spoiled>) -> bool {
        self.rewrite(platform, shop, number, |order| order.shape.spoiled = spoiled)
    }

    /// The numbers of a shop's visible orders, in the order they were made.
    pub fn numbers(&mut self, platform: Platform, shop: usize) -> Vec<String> {
        self.shop(platform, shop).orders().map(|order| order.number.clone()).collect()
    }

    /// Every visible version of one order, oldest first.
    pub fn versions(&mut self, platform: Platform, shop: usize, number: &str) -> Vec<Order> {
        self.shop(platform, shop).versions(number).cloned().collect()
    }

    fn draft(
        &mut self,
        platform: Platform,
        shop: usize,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    ) -> Order {
        let mut random = self.random.fork();
        generate::new_order(
            self.shop(platform, shop),
            created_at.timestamp_millis(),
            updated_at.timestamp_millis(),
            &mut random,
        )
    }

    pub(super) fn rewrite(
        &mut self,
        platform: Platform,
        shop: usize,
        number: &str,
        change: impl FnOnce(&mut Order),
    ) -> bool {
        let shop = self.shop(platform, shop);
        let Some(mut order) = shop.find(number).cloned() else {
            return false;
        };
        change(&mut order);
        shop.put(order);
        true
    }
}
