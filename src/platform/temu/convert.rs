//! What Temu's order answers mean.
//!
//! An order is its list row; the detail adds where it goes and has no update time; the money comes in a call of
//! its own and is `amounts`'.

use serde_json::Value;
use serde_json::value::RawValue;

use super::wire;
use crate::domain::entity::{Answers, Kind};
use crate::domain::order::{Order, OrderItem, OrderStatus};
use crate::platform::error::ConvertError;
use crate::platform::fingerprint::fingerprint;
use crate::platform::instant::at;
use crate::platform::{ListRow, Row, lenient, listing, part};

/// Image links are signed again in every answer.
const VOLATILE: &[&str] = &["thumbUrl"];

/// One row of the list; unreadable ones keep as much of their number as can be read.
pub fn list_row(raw: &RawValue) -> Row {
    listing::row(raw, read_row, |raw| {
        let row: wire::Numbered = lenient::object(raw).ok()?;
        row.parent_order_map.parent_order_sn
    })
}

fn read_row(raw: &str) -> Result<ListRow, ConvertError> {
    let (value, row) = part::typed::<wire::Order>(raw)?;
    let parent = row.parent_order_map.unwrap_or_default();
    Ok(ListRow {
        kind: Kind::Order,
        number: parent.parent_order_sn.ok_or(NUMBER_MISSING)?,
        updated_at: at(parent.update_time),
        list_hash: fingerprint(&[&value], VOLATILE),
        raw: raw.to_owned(),
    })
}

/// Makes an order of its list row, its detail, or both.
pub fn order(answers: &Answers) -> Result<Order, ConvertError> {
    let list = answers.list.as_deref().map(part::typed::<wire::Order>).transpose()?;
    let detail = answers.detail.as_deref().map(part::typed::<wire::Order>).transpose()?;
    let hashed: Vec<&Value> = [&list, &detail].into_iter().flatten().map(|(value, _)| value).collect();
    let content_hash = fingerprint(&hashed, VOLATILE);

    let (list, detail) = (list.map(|(_, row)| row), detail.map(|(_, row)| row));
    let (list, detail) = match (list, detail) {
        (Some(list), Some(detail)) => (list, detail),
        // A detail alone holds all that a list row does but the update time.
        (None, Some(mut detail)) => (
            wire::Order { parent_order_map: None, order_list: std::mem::take(&mut detail.order_list) },
            detail,
        ),
        (Some(list), None) => (list, wire::Order::default()),
        (None, None) => return Err(ConvertError::Missing { field: "list" }),
    };
    let lines = if list.order_list.is_empty() { detail.order_list } else { list.order_list };
    let (list, detail) =
        (list.parent_order_map.unwrap_or_default(), detail.parent_order_map.unwrap_or_default());
    let number = same_number(list.parent_order_sn, detail.parent_order_sn)?;
    let platform_status = list
        .parent_order_status
        .or(detail.parent_order_status)
        .ok_or(ConvertError::Missing { field: "parentOrderStatus" })?;
    Ok(Order {
        number,
        status: status(&platform_status),
        platform_status,
        after_sales_status: None,
        created_at: at(list.parent_order_time.or(detail.parent_order_time)),
        updated_at: at(list.update_time),
        // Temu gives neither payment nor delivery nor cancellation; its `latestDeliveryTime` is a deadline.
        paid_at: None,
        shipped_at: at(list.parent_shipping_time.or(detail.parent_shipping_time)),
        completed_at: None,
        canceled_at: None,
        ship_by: at(list.expect_ship_latest_time.or(detail.expect_ship_latest_time)),
        amounts: None,
        country: detail.region_name1,
        province: detail.region_name2,
        city: detail.region_name3,
        district: None,
        buyer_note: None,
        seller_note: None,
        tracking_number: None,
        carrier: None,
        items: lines.into_iter().map(item).collect(),
        content_hash,
    })
}

const NUMBER_MISSING: ConvertError = ConvertError::Missing { field: "parentOrderSn" };

fn same_number(list: Option<String>, detail: Option<String>) -> Result<String, ConvertError> {
    match (list, detail) {
        (Some(list), Some(detail)) if list != detail => Err(ConvertError::Unexpected {
            field: "parentOrderSn",
            found: detail,
            expected: "the number of the list row",
        }),
        (list, detail) => list.or(detail).ok_or(NUMBER_MISSING),
    }
}

fn status(code: &str) -> OrderStatus {
    match code {
        "1" => OrderStatus::Pending,
        "2" => OrderStatus::ToShip,
        "3" => OrderStatus::Canceled,
        "4" => OrderStatus::Shipped,
        "5" => OrderStatus::Delivered,
        "41" => OrderStatus::PartiallyShipped,
        "51" => OrderStatus::PartiallyDelivered,
        _ => OrderStatus::Unknown,
    }
}

fn item(line: wire::OrderLine) -> OrderItem {
    OrderItem {
        item_number: line.order_sn,
        product_id: line.goods_id,
        sku_id: line.sku_id,
        // Usually one; of several in a bundle the first that the seller gave a code.
        sku_code: line.product_list.into_iter().find_map(|product| product.ext_code),
        name: line.goods_name.or(line.original_goods_name),
        spec: line.spec,
        quantity: line.quantity,
        canceled_quantity: line.canceled_quantity_before_shipment,
        status: line.order_status,
        // Money comes with the amounts and is put to the line by its number.
        unit_minor: None,
        total_minor: None,
        currency: None,
        gift: None,
    }
}

#[cfg(test)]
mod tests;
