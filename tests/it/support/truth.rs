//! Compares what is stored with what the simulated platform knows, field by field.

use std::collections::BTreeMap;

use shopsync::sandbox::{TruthLine, TruthOrder};
use shopsync::store::Store;
use shopsync::store::reports::overview::{OrderItemView, OrderView, OrdersFilter};

/// One line for each order that is missing, too many, or different. Money only where `has_money`: a shop that
/// does not ask for it has none.
pub(crate) async fn differences(
    store: &Store,
    shop: &str,
    expected: &[TruthOrder],
    has_money: bool,
) -> Vec<String> {
    let filter = OrdersFilter { shop: Some(shop.to_owned()), since: None, limit: None };
    let stored = store.reports().orders(&filter).await.unwrap();
    let numbers: Vec<String> = stored.iter().map(|order| order.number.clone()).collect();
    let mut lines: BTreeMap<String, Vec<OrderItemView>> = BTreeMap::new();
    for line in store.reports().order_items(shop, &numbers).await.unwrap() {
        lines.entry(line.order_number.clone()).or_default().push(line);
    }
    let mut by_number: BTreeMap<&str, &OrderView> =
        stored.iter().map(|order| (order.number.as_str(), order)).collect();
    let mut differences = Vec::new();
    for order in expected {
        let Some(stored) = by_number.remove(order.number.as_str()) else {
            differences.push(format!("{} is missing (updated {})", order.number, order.updated_at));
            continue;
        };
        let stored_lines = lines.get(&order.number).map_or(&[][..], Vec::as_slice);
        differences.extend(
            different_fields(order, stored, stored_lines, has_money)
                .into_iter()
                .map(|field| format!("{}: {field}", order.number)),
        );
    }
    differences.extend(by_number.keys().map(|number| format!("{number} is stored but not at the platform")));
    differences
}

fn different_fields(
    expected: &TruthOrder,
    stored: &OrderView,
    lines: &[OrderItemView],
    has_money: bool,
) -> Vec<String> {
    let mut different = Vec::new();
    let mut compare = |field: &str, expected: String, stored: String| {
        if expected != stored {
            different.push(format!("{field} is {stored}, should be {expected}"));
        }
    };
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    compare("platform_status", expected.platform_status.clone(), stored.platform_status.clone());
    compare("after_sales_status", text(&expected.after_sales_status), text(&stored.after_sales_status));
    compare("created_at", text(&Some(expected.created_at)), text(&stored.created_at));
    compare("updated_at", text(&Some(expected.updated_at)), text(&stored.updated_at));
    compare("buyer_note", text(&expected.buyer_note), text(&stored.buyer_note));
    compare("seller_note", text(&expected.seller_note), text(&stored.seller_note));
    if has_money {
        compare("total_minor", text(&Some(expected.total_minor)), text(&stored.total_minor));
        compare("shipping_minor", text(&Some(expected.shipping_minor)), text(&stored.shipping_minor));
        compare(
            "seller_discount_minor",
            text(&Some(expected.seller_discount_minor)),
            text(&stored.seller_discount_minor),
        );
        compare(
            "platform_discount_minor",
            text(&Some(expected.platform_discount_minor)),
            text(&stored.platform_discount_minor),
        );
        compare("tax_minor", text(&expected.tax_minor), text(&stored.tax_minor));
        compare("income_minor", text(&Some(expected.income_minor)), text(&stored.income_minor));
        compare("currency", text(&Some(&expected.currency)), text(&stored.currency.as_ref()));
    }
    compare("lines", expected.lines.len().to_string(), lines.len().to_string());
    for (expected, stored) in expected.lines.iter().zip(lines) {
        let fields = |line: &TruthLine| {
            text(&(
                &line.item_number,
                Some(&line.product_id),
                Some(&line.sku_id),
                &line.sku_code,
                Some(&line.name),
                Some(line.quantity),
            ))
        };
        let stored = text(&(
            &stored.item_number,
            stored.product_id.as_ref(),
            stored.sku_id.as_ref(),
            &stored.sku_code,
            stored.name.as_ref(),
            stored.quantity,
        ));
        compare("a line", fields(expected), stored);
    }
    different
}
