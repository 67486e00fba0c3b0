//! What others do while the program reads: buyers, sellers, a page that breaks, an operator.

use chrono::TimeDelta;
use shopsync::domain::record::Record;
use shopsync::sandbox::{Fault, FaultKind, Platform, World};

use crate::support::context::TestContext;

/// Before each answer orders change and time passes.
pub(super) fn disturb(
    test: &TestContext,
    platform: Platform,
    index: usize,
    changes: u8,
    seconds: u8,
    mut random: fastrand::Rng,
) {
    let clock = test.clock.clone();
    test.sandbox.world().with(|world| {
        world.on_request(Box::new(move |world, _| {
            clock.advance(TimeDelta::milliseconds(random.i64(0..=i64::from(seconds) * 1_000)));
            for _ in 0..changes {
                // Two changes in one moment of the platform's clock, with a read between them, look like one.
                clock.advance(TimeDelta::milliseconds(1));
                trade(world, platform, index, u8::from(random.u8(..8) == 0), 1, &mut random);
            }
        }));
    });
}

pub(super) fn trade(
    world: &mut World,
    platform: Platform,
    index: usize,
    placed: u8,
    changed: u8,
    random: &mut fastrand::Rng,
) {
    if placed > 0 {
        world.create_order(platform, index);
    }
    let numbers = world.numbers(platform, index);
    if changed > 0 && !numbers.is_empty() {
        let number = &numbers[random.usize(..numbers.len())];
        match random.u8(..4) {
            0 => world.change_lines(platform, index, number),
            1 => world.edit_note(platform, index, number),
            _ => world.advance_status(platform, index, number),
        };
    }
}

/// After `calls_before` more calls, every list call fails.
pub(super) fn break_later(test: &TestContext, platform: Platform, calls_before: u8) {
    let mut left = calls_before;
    test.sandbox.world().with(|world| {
        world.on_request(Box::new(move |world, _| {
            if left == 0 {
                let list =
                    if platform == Platform::Temu { "bg.order.list.v2.get" } else { "order.getOrderList" };
                world.add_fault(Fault::new(FaultKind::InternalError).on(platform).at(list));
            }
            left = left.saturating_sub(1);
        }));
    });
}

pub(super) async fn delete_and_rewind(test: &TestContext, name: &str, every: u8) {
    let Some(cursor) = test.app.store.cursors().get(name, Record::Orders).await.unwrap() else {
        return;
    };
    let Some(last_sync_at) = cursor.last_sync_at else {
        return;
    };
    let back_to = last_sync_at - TimeDelta::hours(2);
    let from = back_to.format("%Y-%m-%d %H:%M:%S.000");
    for table in ["order_items", "orders"] {
        let number = if table == "orders" { "number" } else { "order_number" };
        test.database
            .execute(&format!(
                "DELETE FROM {table} WHERE shop = '{name}' AND {number} IN \
                 (SELECT number FROM orders WHERE shop = '{name}' AND updated_at >= '{from}' AND length(raw) % {every} = 0)",
            ))
            .await;
    }
    test.app.store.cursors().set(name, Record::Orders, back_to).await.unwrap();
}
