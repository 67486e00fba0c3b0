//! What Xiaohongshu's order answers mean.
//!
//! The list row has neither money nor lines, so an order is its row and its detail. They are two versions of the
//! same order: a detail older than the row is refused, because its money would be stored under the row's time.

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;

use super::wire;
use crate::domain::entity::{Answers, Kind};
use crate::domain::money::Currency;
use crate::domain::order::{Amounts, Order, OrderItem, OrderStatus};
use crate::platform::error::ConvertError;
use crate::platform::fingerprint::fingerprint;
use crate::platform::instant::at;
use crate::platform::part::{parse, read};
use crate::platform::{ListRow, Row, lenient, listing};

/// Image links are signed again in every answer.
const VOLATILE: &[&str] = &["skuImage"];

/// The tag of a line that is a gift.
const GIFT: i64 = 1;

/// One row of the list; unreadable ones keep as much of their number as can be read.
pub fn list_row(raw: &RawValue) -> Row {
    listing::row(raw, read_row, |raw| {
        let row: wire::Numbered = lenient::object(raw).ok()?;
        row.order_id
    })
}

fn read_row(raw: &str) -> Result<ListRow, ConvertError> {
    let value = parse(raw)?;
    let row: wire::Shared = read(&value)?;
    Ok(ListRow {
        kind: Kind::Order,
        number: row.order_id.ok_or(NUMBER_MISSING)?,
        updated_at: at(row.update_time),
        list_hash: fingerprint(&[&value], VOLATILE),
        raw: raw.to_owned(),
    })
}

/// When an order was created, by its detail.
pub fn created_at(detail: &str) -> Option<DateTime<Utc>> {
    let shared: wire::Shared = read(&parse(detail).ok()?).ok()?;
    at(shared.created_time)
}

/// Makes an order of its detail and, where there is one, its list row.
pub fn order(answers: &Answers) -> Result<Order, ConvertError> {
    let Some(raw) = &answers.detail else {
        return Err(ConvertError::Missing { field: "detail" });
    };
    let list = answers.list.as_deref().map(parse).transpose()?;
    let detail = parse(raw)?;
    let hashed: Vec<&Value> = list.iter().chain([&detail]).collect();
    let content_hash = fingerprint(&hashed, VOLATILE);

    let row: wire::Shared = list.as_ref().map(read).transpose()?.unwrap_or_default();
    let shared = newest(row, read(&detail)?)?;
    let detail: wire::Detail = read(&detail)?;
    let platform_status = shared.order_status.ok_or(ConvertError::Missing { field: "orderStatus" })?;
    Ok(Order {
        number: shared.order_id.ok_or(NUMBER_MISSING)?,
        status: status(&platform_status),
        platform_status,
        after_sales_status: shared.order_after_sales_status,
        created_at: at(shared.created_time),
        updated_at: at(shared.update_time),
        paid_at: at(shared.paid_time),
        shipped_at: at(shared.delivery_time),
        completed_at: at(shared.finish_time),
        canceled_at: at(shared.cancel_time),
        ship_by: at(shared.promise_last_delivery_time),
        amounts: Some(Amounts {
            total_minor: detail.total_pay_amount,
            shipping_minor: detail.total_shipping_free,
            seller_discount_minor: detail.total_merchant_discount,
            platform_discount_minor: detail.total_red_discount,
            tax_minor: None,
            income_minor: detail.merchant_actual_receive_amount,
            currency: Some(Currency::CNY),
            // The lines bring their own money.
            items: Vec::new(),
        }),
        country: shared.receiver_country_name,
        province: shared.receiver_province_name,
        city: shared.receiver_city_name,
        district: shared.receiver_district_name,
        buyer_note: shared.customer_remark,
        seller_note: shared.seller_remark,
        tracking_number: detail.express_tracking_no,
        carrier: detail.express_company_code,
        items: detail.sku_list.into_iter().map(item).collect(),
        content_hash,
    })
}

const NUMBER_MISSING: ConvertError = ConvertError::Missing { field: "orderId" };

/// The fields both have, from the newer of the two, with the other filling what it left out. Times that have not
/// come are not filled: a zero is an answer.
fn newest(row: wire::Shared, detail: wire::Shared) -> Result<wire::Shared, ConvertError> {
    if let (Some(row), Some(detail)) = (&row.order_id, &detail.order_id)
        && row != detail
    {
        return Err(ConvertError::Unexpected {
            field: "orderId",
            found: detail.clone(),
            expected: "the number of the list row",
        });
    }
    let (row_at, detail_at) = (at(row.update_time), at(detail.update_time));
    if detail_at.is_some() && detail_at < row_at {
        return Err(ConvertError::StaleDetail);
    }
    // A detail that does not give its time is only known to be as old as the row at most when the row says so.
    let (newer, older) = if detail_at.is_some() || row_at.is_none() { (detail, row) } else { (row, detail) };
    Ok(wire::Shared {
        order_id: newer.order_id.or(older.order_id),
        order_status: newer.order_status.or(older.order_status),
        order_after_sales_status: newer.order_after_sales_status.or(older.order_after_sales_status),
        created_time: newer.created_time.or(older.created_time),
        paid_time: newer.paid_time.or(older.paid_time),
        update_time: newer.update_time.or(older.update_time),
        delivery_time: newer.delivery_time.or(older.delivery_time),
        cancel_time: newer.cancel_time.or(older.cancel_time),
        finish_time: newer.finish_time.or(older.finish_time),
        promise_last_delivery_time: newer.promise_last_delivery_time.or(older.promise_last_delivery_time),
        receiver_country_name: newer.receiver_country_name.or(older.receiver_country_name),
        receiver_province_name: newer.receiver_province_name.or(older.receiver_province_name),
        receiver_city_name: newer.receiver_city_name.or(older.receiver_city_name),
        receiver_district_name: newer.receiver_district_name.or(older.receiver_district_name),
        customer_remark: newer.customer_remark,
        seller_remark: newer.seller_remark,
    })
}

fn status(code: &str) -> OrderStatus {
    match code {
        "1" => OrderStatus::Unpaid,
        "2" => OrderStatus::Processing,
        "3" => OrderStatus::Customs,
        "4" => OrderStatus::ToShip,
        "5" => OrderStatus::PartiallyShipped,
        "6" => OrderStatus::Shipped,
        "7" => OrderStatus::Completed,
        "8" => OrderStatus::Closed,
        "9" => OrderStatus::Canceled,
        "10" => OrderStatus::ExchangeRequested,
        _ => OrderStatus::Unknown,
    }
}

fn item(line: wire::OrderLine) -> OrderItem {
    OrderItem {
        item_number: None,
        unit_minor: unit(&line),
        product_id: line.item_id,
        sku_id: line.sku_id,
        sku_code: line.erpcode,
        name: line.sku_name.or(line.item_name),
        spec: line.sku_spec,
        quantity: line.sku_quantity,
        canceled_quantity: None,
        status: line.sku_after_sale_status,
        total_minor: line.total_paid_amount,
        currency: Some(Currency::CNY),
        gift: line.sku_tag.map(|tag| tag == GIFT),
    }
}

/// What one piece cost the buyer. The platform gives it per part of the line, and a total that does not divide
/// evenly is split into parts of different prices: only one price for all pieces, which adds up to the total, is a
/// unit price. The price before tax and discounts (`rawPricePerSku`, `pricePerSku`) is something else.
fn unit(line: &wire::OrderLine) -> Option<i64> {
    let price = line.sku_detail_list.first()?.paid_amount_per_sku?;
    let mut pieces = 0_i64;
    for part in &line.sku_detail_list {
        if part.paid_amount_per_sku != Some(price) {
            return None;
        }
        pieces = pieces.checked_add(part.quantity?)?;
    }
    let adds_up = Some(pieces) == line.sku_quantity && price.checked_mul(pieces) == line.total_paid_amount;
    adds_up.then_some(price)
}

#[cfg(test)]
mod tests;
