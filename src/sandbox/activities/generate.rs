//! Makes activities: some over, some running, some announced; about half of them joined.

use chrono::TimeDelta;

use super::{Activities, Activity, ActivityGoods, ActivitySku, KINDS};
use crate::sandbox::generate::{Past, whole_second};
use crate::sandbox::goods::{Goods, Product};

const FIRST_ID: i64 = 900_000_001;
/// An activity takes this long at most, and is announced this long before.
const LENGTH_MAX: TimeDelta = TimeDelta::days(7);
const GOODS_MAX: usize = 250;

impl Activities {
    /// The activities of a fresh shop.
    pub fn past(past: &Past, goods: &Goods, random: &mut fastrand::Rng) -> Self {
        let (first_ms, last_ms) = past.span_ms();
        let mut activities = Self::default();
        for _ in 0..past.activities {
            let starts_ms = random.i64(first_ms..=last_ms + LENGTH_MAX.num_milliseconds());
            let is_joined = random.bool();
            let activity = activities.next(starts_ms, is_joined, goods, random);
            activities.activities.push(activity);
        }
        activities
    }

    /// An activity no one has seen yet.
    pub fn next(
        &self,
        starts_ms: i64,
        is_joined: bool,
        goods: &Goods,
        random: &mut fastrand::Rng,
    ) -> Activity {
        let serial = self.activities.len();
        let length_ms = random.i64(3_600_000..=LENGTH_MAX.num_milliseconds());
        Activity {
            id: FIRST_ID + i64::try_from(serial).unwrap_or(i64::MAX - FIRST_ID),
            name: format!("Deals of the Week {}", serial + 1),
            kind: KINDS[random.usize(..KINDS.len())],
            starts_ms: whole_second(starts_ms),
            ends_ms: whole_second(starts_ms + length_ms),
            is_joined,
            is_gone: false,
            goods: if is_joined { joined(goods, random) } else { Vec::new() },
        }
    }
}

/// What a seller who joins puts in: some of the products on offer.
pub fn joined(goods: &Goods, random: &mut fastrand::Rng) -> Vec<ActivityGoods> {
    let mut chosen: Vec<&Product> = goods.products().filter(|_| random.bool()).take(GOODS_MAX).collect();
    if chosen.is_empty() {
        chosen.extend(goods.products().next());
    }
    let in_activity = |product: &Product| {
        let quantity = random.i64(1..=100);
        ActivityGoods {
            product_id: product.id.clone(),
            quantity,
            remaining: random.i64(0..=quantity),
            skus: product
                .skus()
                .map(|sku| ActivitySku { sku_id: sku.id.clone(), price_minor: sku.price_minor * 65 / 100 })
                .collect(),
        }
    };
    chosen.into_iter().map(in_activity).collect()
}
