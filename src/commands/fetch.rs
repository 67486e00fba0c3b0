//! `fetch`: one order now.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{manual_run, orders, output};
use crate::app::App;
use crate::cli::FetchArgs;
use crate::domain::record::Record;
use crate::exit::{Exit, Failure};
use crate::jobs::daemon::run::Task;
use crate::store::reports::overview::{OrderItemView, OrderView};

pub(super) async fn run(app: &App, args: &FetchArgs, cancel: CancellationToken) -> anyhow::Result<Exit> {
    let shop = app.shop(&args.shop).ok_or_else(|| super::unknown_shop(app, &args.shop))?;
    let number = args.number.trim();
    if !app.reads(shop, Record::Orders) {
        let text = format!("`{}` has no orders: see `records` of its [shops.…] section", shop.name);
        return Err(Failure::new(Exit::Usage, text).into());
    }
    let task = Task::One(number.to_owned());
    manual_run::run(app, shop, Record::Orders, "fetch", task, cancel).await?;
    let aside = app.store.quarantine().get(&shop.name, Record::Orders, number).await?;
    let order = app.store.reports().order(&shop.name, number).await?;
    let lacks_extra = order.is_some()
        && app.details_are_extra(shop, Record::Orders)
        && aside.as_ref().is_some_and(|aside| aside.next_try_at.is_some());
    if let Some(aside) = aside.as_ref().filter(|_| !lacks_extra) {
        let text = format!(
            "{number} came, but cannot be read and is set aside: {} (`shopsync quarantine show {} orders {number}`)",
            aside.reason, shop.name
        );
        return Err(Failure::new(Exit::Partly, text).into());
    }
    let order = order.ok_or_else(|| {
        let text = format!("{number} was read and is not here: another program deletes rows");
        Failure::new(Exit::Later, text)
    })?;
    let items = app.store.reports().order_items(&shop.name, &[number.to_owned()]).await?;
    print(&order, &items, args.table.json)?;
    if let Some(aside) = aside {
        let text = format!(
            "{number} is stored without the answer of its detail call, which is requested again automatically: {}",
            aside.reason
        );
        return Err(Failure::new(Exit::Partly, text).into());
    }
    Ok(Exit::Done)
}

fn print(order: &OrderView, items: &[OrderItemView], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let mut value = orders::as_value(order);
        value["items"] = items.iter().map(item_value).collect();
        value["amounts_due_at"] = output::instant(order.amounts_due_at);
        value["first_seen_at"] = output::instant(Some(order.first_seen_at));
        value["synced_at"] = output::instant(Some(order.synced_at));
        return output::json(&value);
    }
    orders::print(std::slice::from_ref(order))?;
    output::table(
        ["line", "SKU", "code", "name", "quantity", "price"],
        items.iter().map(|item| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            [
                item.line.to_string(),
                text(&item.sku_id),
                text(&item.sku_code),
                text(&item.name),
                item.quantity.map_or_else(String::new, |quantity| quantity.to_string()),
                output::money(item.unit_minor, item.currency.as_deref()),
            ]
        }),
    )?;
    if order.amounts_due_at.is_some() && order.amounts_at.is_none() {
        output::line("its money comes with the next sync")?;
    }
    Ok(())
}

fn item_value(item: &OrderItemView) -> serde_json::Value {
    json!({
        "line": item.line, "item_number": item.item_number, "product_id": item.product_id,
        "sku_id": item.sku_id, "sku_code": item.sku_code, "name": item.name, "spec": item.spec,
        "quantity": item.quantity, "canceled_quantity": item.canceled_quantity, "status": item.status,
        "unit_minor": item.unit_minor, "total_minor": item.total_minor, "currency": item.currency,
        "gift": item.gift,
    })
}
