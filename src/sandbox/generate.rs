//! Makes orders out of a random number generator: the same seed, the same shop. What real shops hold is here in
//! exaggerated doses: unknown statuses, empty orders, half emoji, amounts no float can carry.

use chrono::TimeDelta;

use super::accounts::Platform;
use super::catalogue;
use super::note::Note;
use super::order::{Line, Money, Order};
use super::shape::{EmptyMembers, Shape};
use super::shop::Shop;

/// The largest whole number every JSON library keeps exactly, as far as doubles go.
const AMOUNT_MAX: i64 = 1 << 53;
const LINES_MAX: u32 = 5;
/// Nothing is generated younger than this, so that a fresh world is quiet behind any settle time.
const QUIET: TimeDelta = TimeDelta::minutes(2);
/// An order changes for the last time this long after it was made, at most.
const CHANGES_FOR: TimeDelta = TimeDelta::days(3);
/// One in this many was touched in the burst.
const BURST_SHARE: usize = 10;
const SECOND_MS: i64 = 1000;

/// What a fresh shop holds.
#[derive(Clone, Copy)]
pub struct Past {
    pub orders: usize,
    pub history: TimeDelta,
    /// A tenth of the orders was updated within one second.
    pub burst: bool,
    pub now_ms: i64,
    /// The catalogue's are always there.
    pub products: usize,
    pub cases: usize,
    /// Of Temu's shops.
    pub activities: usize,
}

impl Past {
    /// The first and the last moment of it.
    pub(super) fn span_ms(&self) -> (i64, i64) {
        let last_ms = self.now_ms - QUIET.num_milliseconds();
        (last_ms - self.history.num_milliseconds().max(1), last_ms)
    }
}

/// Fills an empty shop with its past.
pub fn fill(shop: &mut Shop, past: Past, random: &mut fastrand::Rng) {
    let (first_ms, last_ms) = past.span_ms();
    let burst_ms = whole_second(i64::midpoint(first_ms, last_ms));
    let orders = (0..past.orders)
        .map(|count| {
            let in_burst = past.burst && count % BURST_SHARE == 0;
            let created_until = if in_burst { burst_ms } else { last_ms };
            let created_ms = random.i64(first_ms..=created_until);
            let updated_ms = if in_burst {
                burst_ms + random.i64(0..SECOND_MS)
            } else {
                let latest = last_ms.min(created_ms + CHANGES_FOR.num_milliseconds());
                random.i64(created_ms..=latest)
            };
            new_order(shop, created_ms, updated_ms, random)
        })
        .collect();
    shop.fill(orders);
}

/// An order with these times, everything else by chance.
pub fn new_order(shop: &mut Shop, created_ms: i64, updated_ms: i64, random: &mut fastrand::Rng) -> Order {
    let platform = shop.platform;
    let (created_ms, updated_ms) = match platform {
        Platform::Temu => (whole_second(created_ms), whole_second(updated_ms)),
        Platform::Xiaohongshu => (created_ms, updated_ms),
    };
    let lines = lines(platform, random);
    let (buyer_note, seller_note) = match platform {
        Platform::Temu => (Note::default(), Note::default()),
        Platform::Xiaohongshu => (note(random), note(random)),
    };
    let mut order = Order {
        number: shop.next_number(),
        created_ms,
        updated_ms,
        status: 0,
        after_sales: random.i64(1..=7),
        paid_ms: None,
        shipped_ms: None,
        finished_ms: None,
        canceled_ms: None,
        ship_by_ms: created_ms + TimeDelta::days(2).num_milliseconds(),
        place: random.usize(..catalogue::places(platform).len()),
        buyer_note,
        seller_note,
        money: money(&lines, random),
        lines,
        shape: shape(random),
    };
    enter_status(&mut order, any_status(platform, random), platform);
    order
}

/// Gives an order a status and the times that go with it.
pub fn enter_status(order: &mut Order, status: i64, platform: Platform) {
    order.status = status;
    let now = Some(order.updated_ms);
    let [paid, shipped, finished, canceled]: [&[i64]; 4] = match platform {
        Platform::Temu => [&[2, 4, 5, 41, 51], &[4, 5, 41, 51], &[5], &[3]],
        Platform::Xiaohongshu => [&[2, 3, 4, 5, 6, 7], &[5, 6, 7], &[7], &[8, 9]],
    };
    if paid.contains(&status) {
        order.paid_ms = order.paid_ms.or(Some(order.created_ms));
    }
    if shipped.contains(&status) {
        order.shipped_ms = order.shipped_ms.or(now);
    }
    if finished.contains(&status) {
        order.finished_ms = order.finished_ms.or(now);
    }
    if canceled.contains(&status) {
        order.canceled_ms = order.canceled_ms.or(now);
    }
}

/// A status of the platform's table, now and then one that no table has.
pub fn any_status(platform: Platform, random: &mut fastrand::Rng) -> i64 {
    if random.u32(..100) == 0 {
        return 77;
    }
    let known: &[i64] = match platform {
        Platform::Temu => &[1, 2, 2, 3, 4, 4, 5, 5, 5, 41, 51],
        Platform::Xiaohongshu => &[1, 2, 3, 4, 4, 5, 6, 6, 7, 7, 7, 8, 9, 10],
    };
    known[random.usize(..known.len())]
}

/// None to five lines; now and then the same SKU twice.
pub fn lines(platform: Platform, random: &mut fastrand::Rng) -> Vec<Line> {
    let count = if random.u32(..20) == 0 { 0 } else { random.u32(1..=LINES_MAX) };
    let mut lines: Vec<Line> = (1..=count).map(|serial| line(platform, serial, random)).collect();
    if lines.len() > 1 && random.u32(..10) == 0 {
        lines[1].product = lines[0].product;
    }
    lines
}

pub fn line(platform: Platform, serial: u32, random: &mut fastrand::Rng) -> Line {
    let products = catalogue::products(platform);
    let product = random.usize(..products.len());
    let gift = random.u32(..25) == 0;
    Line {
        serial,
        product,
        quantity: random.i64(1..=4),
        canceled: i64::from(random.u32(..15) == 0),
        unit_minor: if gift { 0 } else { products[product].price_minor },
        gift,
    }
}

/// Money that fits the lines, now and then an amount at the edge of what doubles hold.
pub fn money(lines: &[Line], random: &mut fastrand::Rng) -> Money {
    let goods: i64 = lines.iter().map(Line::total_minor).sum();
    let shipping = [0, 0, 299, 500][random.usize(..4)];
    let seller_discount = goods / [8, 10, 1000][random.usize(..3)];
    let platform_discount = goods / [20, 50, 1000][random.usize(..3)];
    let tax = goods / 12;
    let total = if random.u32(..200) == 0 {
        AMOUNT_MAX
    } else {
        goods - seller_discount - platform_discount + shipping + tax
    };
    Money {
        goods,
        total,
        shipping,
        seller_discount,
        platform_discount,
        tax,
        income: goods - seller_discount + shipping,
        refunded: 0,
    }
}

pub fn note(random: &mut fastrand::Rng) -> Note {
    match random.u32(..100) {
        0..60 => Note::default(),
        60..80 => Note::from("请尽快发货，谢谢"),
        80..85 => Note::from("送朋友的，麻烦包装一下 🎁🎉"),
        85..90 => Note::from("门牌号\0复制来的"),
        90..93 => Note::from("备注被截断了").with_unit(0xd83d),
        93..95 => Note::default().with_unit(0xde00).with_unit(0xd83d),
        95..98 => Note::from("\"加急\"\\不要放驿站\n放门口"),
        _ => Note::from("VIP"),
    }
}

pub fn shape(random: &mut fastrand::Rng) -> Shape {
    Shape {
        numbers_as_text: random.u32(..20) == 0,
        empty_members: match random.u32(..10) {
            0 => EmptyMembers::Absent,
            1 | 2 => EmptyMembers::Null,
            _ => EmptyMembers::Written,
        },
        spoiled: None,
    }
}

/// Temu keeps whole seconds.
pub fn whole_second(time_ms: i64) -> i64 {
    time_ms - time_ms.rem_euclid(SECOND_MS)
}
