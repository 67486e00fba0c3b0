//! Makes cases out of a random number generator: on young orders and on old ones.

use super::{Case, CaseItem, Cases, REASONS};
use crate::sandbox::accounts::Platform;
use crate::sandbox::generate::{self, Past, whole_second};
use crate::sandbox::order::Order;
use crate::sandbox::shop::Shop;

/// Beyond these a refund would not be a number of the platforms.
const REFUND_MAX: i64 = 10_000_000;

impl Cases {
    /// Opens the cases of a fresh shop's past, on orders taken by chance.
    pub fn fill(shop: &mut Shop, past: &Past, random: &mut fastrand::Rng) {
        if shop.len() == 0 {
            return;
        }
        let (_, last_ms) = past.span_ms();
        for _ in 0..past.cases {
            let position = u32::try_from(random.usize(..shop.len())).unwrap_or(0);
            let order = shop.at(position);
            // Xiaohongshu's order moves with its case, Temu's does not.
            let latest_ms = match shop.platform {
                Platform::Temu => last_ms,
                Platform::Xiaohongshu => order.updated_ms,
            };
            let created_ms = random.i64(order.created_ms..=latest_ms.max(order.created_ms));
            let updated_ms = random.i64(created_ms..=latest_ms.max(created_ms));
            let mut case = new_case(shop, order, created_ms, random);
            case.updated_ms =
                if shop.platform == Platform::Temu { whole_second(updated_ms) } else { updated_ms };
            enter_status(&mut case, any_status(shop.platform, random), shop.platform);
            let (status, refunded) = (case.status, case.refunded_minor.unwrap_or(0));
            shop.cases.put(case);
            shop.amend(position, |order, platform| tell_order(order, platform, status, refunded));
        }
    }
}

/// A case just opened.
pub fn new_case(shop: &Shop, order: &Order, created_ms: i64, random: &mut fastrand::Rng) -> Case {
    let platform = shop.platform;
    let created_ms = if platform == Platform::Temu { whole_second(created_ms) } else { created_ms };
    let serial = shop.cases.len() + 1;
    let kinds: &[i64] = match platform {
        Platform::Temu => &[1, 2],
        Platform::Xiaohongshu => &[1, 2, 4, 5, 6],
    };
    let about = if order.lines.len() > 1 { random.usize(1..=order.lines.len()) } else { order.lines.len() };
    let items: Vec<CaseItem> = order.lines[..about]
        .iter()
        .enumerate()
        .map(|(place, line)| CaseItem {
            number: format!("AS-{:02}{serial:012}{place:02}", shop.index),
            product: line.product,
            quantity: random.i64(1..=line.quantity.max(1)),
            amount_minor: line.total_minor().min(REFUND_MAX),
        })
        .collect();
    Case {
        number: match platform {
            Platform::Temu => format!("PAS-{:02}{serial:014}", shop.index),
            Platform::Xiaohongshu => format!("R{:03}{serial:013}", 748 + shop.index),
        },
        order_number: order.number.clone(),
        kind: kinds[random.usize(..kinds.len())],
        status: 1,
        reason: random.usize(..REASONS.len()),
        note: if platform == Platform::Temu { super::Note::default() } else { generate::note(random) },
        expected_minor: items.iter().map(|item| item.amount_minor).sum(),
        refunded_minor: None,
        refunded_ms: None,
        created_ms,
        updated_ms: created_ms,
        items,
        shape: generate::shape(random),
        is_noisy: random.u32(..10) == 0,
    }
}

/// Gives a case a status, and the refund where it says that one was paid.
pub fn enter_status(case: &mut Case, status: i64, platform: Platform) {
    case.status = status;
    if status == paid_back(platform) && case.refunded_minor.is_none() {
        case.refunded_minor = Some(case.expected_minor);
        case.refunded_ms = Some(case.updated_ms);
    }
}

/// The status of a case whose money went back.
pub fn paid_back(platform: Platform) -> i64 {
    match platform {
        Platform::Temu => 5,
        Platform::Xiaohongshu => 4,
    }
}

/// A status of the platform's table, now and then one that no table has.
pub fn any_status(platform: Platform, random: &mut fastrand::Rng) -> i64 {
    if random.u32(..100) == 0 {
        return 77;
    }
    let known: &[i64] = match platform {
        Platform::Temu => &[1, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, 11],
        Platform::Xiaohongshu => &[1, 1, 2, 3, 4, 4, 4, 5, 6, 9, 9001, 12, 13, 14],
    };
    known[random.usize(..known.len())]
}

/// What a case does to its order: Xiaohongshu's tells the after-sales status, Temu's money loses the refund. A
/// status the table does not have is a case in work.
pub fn tell_order(order: &mut Order, platform: Platform, status: i64, refunded: i64) {
    match platform {
        Platform::Temu => {
            order.money.refunded += refunded;
            order.money.income -= refunded;
        }
        Platform::Xiaohongshu => {
            order.after_sales = match status {
                4 => 3,
                9 | 9001 => 4,
                6 => 5,
                14 => 6,
                5 => 7,
                _ => 2,
            };
        }
    }
}
