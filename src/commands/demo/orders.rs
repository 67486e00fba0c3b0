//! Orders and their lines, field by field.

use std::collections::BTreeMap;

use super::super::sandbox::shop_name;
use super::comparison::{Comparison, Known, Sides};
use crate::app::App;
use crate::sandbox::{Platform, Sandbox, TruthLine, TruthOrder};
use crate::store::reports::overview::{OrderItemView, OrderView, OrdersFilter};

pub(super) async fn compare(app: &App, sandbox: &Sandbox, platform: Platform) -> anyhow::Result<Comparison> {
    let shop = shop_name(platform);
    let truth = sandbox.world().with(|world| world.truth(platform, 0));
    let filter = OrdersFilter { shop: Some(shop.clone()), since: None, limit: None };
    let orders = app.store.reports().orders(&filter).await?;
    let numbers: Vec<String> = orders.iter().map(|order| order.number.clone()).collect();
    let mut lines_of: BTreeMap<String, Vec<OrderItemView>> = BTreeMap::new();
    for line in app.store.reports().order_items(&shop, &numbers).await? {
        lines_of.entry(line.order_number.clone()).or_default().push(line);
    }
    let known = |order: TruthOrder| Known { key: order.number.clone(), is_gone: false, thing: order };
    let stored = |order: OrderView| {
        let lines = lines_of.remove(&order.number).unwrap_or_default();
        Known { key: order.number.clone(), is_gone: false, thing: (order, lines) }
    };
    let sides = Sides {
        platform: truth.into_iter().map(known).collect(),
        stored: orders.into_iter().map(stored).collect(),
    };
    Ok(sides.compare(&shop, "orders", |truth, (order, lines)| {
        is_equal(truth, order)
            && truth.lines.len() == lines.len()
            && truth.lines.iter().zip(lines).all(|(truth, line)| is_equal_line(truth, line))
    }))
}

fn is_equal(truth: &TruthOrder, stored: &OrderView) -> bool {
    stored.platform_status == truth.platform_status
        && stored.after_sales_status == truth.after_sales_status
        && stored.created_at == Some(truth.created_at)
        && stored.updated_at == Some(truth.updated_at)
        && stored.total_minor == Some(truth.total_minor)
        && stored.shipping_minor == Some(truth.shipping_minor)
        && stored.seller_discount_minor == Some(truth.seller_discount_minor)
        && stored.platform_discount_minor == Some(truth.platform_discount_minor)
        && stored.tax_minor == truth.tax_minor
        && stored.income_minor == Some(truth.income_minor)
        && stored.currency.as_deref() == Some(&truth.currency)
        && stored.buyer_note == truth.buyer_note
        && stored.seller_note == truth.seller_note
}

fn is_equal_line(truth: &TruthLine, stored: &OrderItemView) -> bool {
    stored.item_number == truth.item_number
        && stored.product_id.as_deref() == Some(&truth.product_id)
        && stored.sku_id.as_deref() == Some(&truth.sku_id)
        && stored.sku_code == truth.sku_code
        && stored.name.as_deref() == Some(&truth.name)
        && stored.quantity == Some(truth.quantity)
}
