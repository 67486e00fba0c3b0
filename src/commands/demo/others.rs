//! Products, SKUs, after-sales cases and activities, field by field as far as the platforms give them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::super::sandbox::shop_name;
use super::comparison::{Comparison, Known, Sides};
use crate::app::App;
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::sandbox::{Platform, Sandbox, TruthActivity, TruthCase, TruthProduct, TruthSku};
use crate::store::reports::rows::{
    ActivitySkuView, ActivityView, CaseItemView, CaseView, ProductView, SkuView,
};

/// Whether a shop's platform gives the time of the last change: it does for what it lists by that time.
pub(super) fn tells_update_times(app: &App, shop: &Shop, record: Record) -> bool {
    let source =
        app.applications.get(&shop.app).and_then(|application| application.platform().source(record));
    source.is_some_and(|source| source.paging().windows().is_some())
}

pub(super) async fn products(
    app: &App,
    sandbox: &Sandbox,
    platform: Platform,
    tells_update_times: bool,
) -> anyhow::Result<Comparison> {
    let shop = shop_name(platform);
    let truth = sandbox.world().with(|world| world.truth_products(platform, 0));
    let known = |product: TruthProduct| Known {
        key: product.product_id.clone(),
        is_gone: product.is_gone,
        thing: product,
    };
    let stored = |product: ProductView| Known {
        key: product.product_id.clone(),
        is_gone: product.gone_at.is_some(),
        thing: product,
    };
    let sides = Sides {
        platform: truth.into_iter().map(known).collect(),
        stored: app.store.rows().products(&shop).await?.into_iter().map(stored).collect(),
    };
    Ok(sides.compare(&shop, "products", |truth, stored| {
        stored.name.as_deref() == Some(&truth.name)
            && stored.status == truth.platform_status
            && stored.created_at == Some(truth.created_at)
            && (!tells_update_times || stored.updated_at == Some(truth.updated_at))
    }))
}

pub(super) async fn skus(
    app: &App,
    sandbox: &Sandbox,
    platform: Platform,
    tells_update_times: bool,
) -> anyhow::Result<Comparison> {
    let shop = shop_name(platform);
    let truth = sandbox.world().with(|world| world.truth_skus(platform, 0));
    let known = |sku: TruthSku| Known { key: sku.sku_id.clone(), is_gone: sku.is_gone, thing: sku };
    let stored = |sku: SkuView| Known { key: sku.sku_id.clone(), is_gone: sku.gone_at.is_some(), thing: sku };
    let sides = Sides {
        platform: truth.into_iter().map(known).collect(),
        stored: app.store.rows().skus(&shop).await?.into_iter().map(stored).collect(),
    };
    Ok(sides.compare(&shop, "skus", |truth, stored| {
        stored.product_id.as_deref() == Some(&truth.product_id)
            && stored.sku_code == truth.sku_code
            && stored.barcode == truth.barcode
            && stored.name.as_deref() == Some(&truth.name)
            && stored.price_minor == Some(truth.price_minor)
            && stored.list_price_minor == truth.list_price_minor
            && stored.currency.as_deref() == Some(&truth.currency)
            && stored.stock == Some(truth.stock)
            && stored.on_sale == Some(truth.is_on_sale)
            && stored.created_at == Some(truth.created_at)
            && (!tells_update_times || stored.updated_at == Some(truth.updated_at))
    }))
}

pub(super) async fn cases(app: &App, sandbox: &Sandbox, platform: Platform) -> anyhow::Result<Comparison> {
    let shop = shop_name(platform);
    let truth = sandbox.world().with(|world| world.truth_cases(platform, 0));
    let mut items_of: BTreeMap<String, Vec<CaseItemView>> = BTreeMap::new();
    for item in app.store.rows().case_items(&shop).await? {
        items_of.entry(item.number.clone()).or_default().push(item);
    }
    let known = |case: TruthCase| Known { key: case.number.clone(), is_gone: false, thing: case };
    let stored = |case: CaseView| {
        let items = items_of.remove(&case.number).unwrap_or_default();
        Known { key: case.number.clone(), is_gone: false, thing: (case, items) }
    };
    let sides = Sides {
        platform: truth.into_iter().map(known).collect(),
        stored: app.store.rows().cases(&shop).await?.into_iter().map(stored).collect(),
    };
    Ok(sides.compare(&shop, "after_sales", |truth, (case, items)| {
        is_equal_case(truth, case) && has_items(truth, items)
    }))
}

fn is_equal_case(truth: &TruthCase, stored: &CaseView) -> bool {
    // A platform that gives no money gives no currency either.
    let currency = truth.refund_minor.map(|_| truth.currency.as_str());
    stored.order_number.as_deref() == Some(&truth.order_number)
        && stored.platform_status == truth.platform_status
        && stored.reason == truth.reason
        && stored.refund_minor == truth.refund_minor
        && stored.currency.as_deref() == currency
        && stored.created_at == Some(truth.created_at)
        && stored.updated_at == Some(truth.updated_at)
}

/// In any order: a platform promises none.
fn has_items(truth: &TruthCase, stored: &[CaseItemView]) -> bool {
    let mut truth: Vec<_> = truth
        .items
        .iter()
        .map(|item| {
            let (item_number, product_id) = (item.item_number.as_deref(), item.product_id.as_deref());
            let (sku_id, sku_code) = (Some(item.sku_id.as_str()), item.sku_code.as_deref());
            (item_number, product_id, sku_id, sku_code, Some(item.quantity), item.refund_minor)
        })
        .collect();
    let mut stored: Vec<_> = stored
        .iter()
        .map(|item| {
            let (item_number, product_id) = (item.item_number.as_deref(), item.product_id.as_deref());
            let (sku_id, sku_code) = (item.sku_id.as_deref(), item.sku_code.as_deref());
            (item_number, product_id, sku_id, sku_code, item.quantity, item.refund_minor)
        })
        .collect();
    truth.sort_unstable();
    stored.sort_unstable();
    truth == stored
}

pub(super) async fn activities(
    app: &App,
    sandbox: &Sandbox,
    platform: Platform,
) -> anyhow::Result<Comparison> {
    let shop = shop_name(platform);
    let truth = sandbox.world().with(|world| world.truth_activities(0));
    let mut skus_of: BTreeMap<String, Vec<ActivitySkuView>> = BTreeMap::new();
    for sku in app.store.rows().activity_skus(&shop).await? {
        skus_of.entry(sku.activity_id.clone()).or_default().push(sku);
    }
    let known = |activity: TruthActivity| Known {
        key: activity.activity_id.clone(),
        is_gone: activity.is_gone,
        thing: activity,
    };
    let stored = |activity: ActivityView| Known {
        key: activity.activity_id.clone(),
        is_gone: activity.gone_at.is_some(),
        thing: (skus_of.remove(&activity.activity_id).unwrap_or_default(), activity),
    };
    let sides = Sides {
        platform: truth.into_iter().map(known).collect(),
        stored: app.store.rows().activities(&shop).await?.into_iter().map(stored).collect(),
    };
    let now = app.clock.now();
    Ok(sides.compare(&shop, "activities", |truth, (skus, activity)| {
        // The goods of an activity that is over are those last given.
        is_equal_activity(truth, activity, now) && (truth.ends_at <= now || has_skus(truth, skus))
    }))
}

fn is_equal_activity(truth: &TruthActivity, stored: &ActivityView, now: DateTime<Utc>) -> bool {
    let status = match now {
        now if now < truth.starts_at => "not_started",
        now if now < truth.ends_at => "ongoing",
        _ => "ended",
    };
    stored.name.as_deref() == Some(&truth.name)
        && stored.status == status
        && stored.starts_at == Some(truth.starts_at)
        && stored.ends_at == Some(truth.ends_at)
        && stored.joined == Some(truth.joined)
}

fn has_skus(truth: &TruthActivity, stored: &[ActivitySkuView]) -> bool {
    let mut truth: Vec<_> = truth.skus.iter().collect();
    truth.sort_unstable_by(|a, b| a.sku_id.cmp(&b.sku_id));
    truth.len() == stored.len()
        && truth.iter().zip(stored).all(|(truth, stored)| {
            stored.sku_id == truth.sku_id
                && stored.product_id.as_deref() == Some(&truth.product_id)
                && stored.price_minor == Some(truth.price_minor)
                && stored.quantity == Some(truth.quantity)
                && stored.remaining == Some(truth.remaining)
        })
}
