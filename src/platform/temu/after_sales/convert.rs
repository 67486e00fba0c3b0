//! What rows of after-sales cases and of their items mean. They give neither reasons nor money.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::after_sale::{AfterSale, AfterSaleItem, AfterSaleKind, AfterSaleStatus};
use crate::domain::entity::{Answers, Kind};
use crate::platform::error::ConvertError;
use crate::platform::fingerprint::fingerprint;
use crate::platform::instant::{WireTime, at};
use crate::platform::temu::lists::Rows;
use crate::platform::wire::wire;
use crate::platform::{Row, part};

const ROWS: Rows = Rows { kind: Kind::AfterSale, number: "parentAfterSalesSn", volatile: &[] };

wire! {
    /// A row of `bg.aftersales.parentaftersales.list.get`. Times in seconds.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireCase {
        parent_after_sales_sn: Option<String>,
        parent_order_sn: Option<String>,
        after_sales_type: Option<String>,
        parent_after_sales_status: Option<String>,
        create_at: Option<WireTime>,
        update_at: Option<WireTime>,
    }

    /// A row of `bg.aftersales.aftersales.list.get`.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireItem {
        parent_after_sales_sn: Option<String>,
        after_sales_sn: Option<String>,
        goods_id: Option<String>,
        sku_id: Option<String>,
        apply_after_sales_goods_number: Option<i64>,
        after_sales_status: Option<String>,
        product_list: Vec<WireProduct>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireProduct {
        /// The seller's own code.
        ext_code: Option<String>,
    }
}

pub fn list_row(raw: &RawValue) -> Row {
    ROWS.read::<WireCase>(raw, |case| at(case.update_at))
}

pub fn after_sale(answers: &Answers) -> Result<AfterSale, ConvertError> {
    let list = answers.list.as_deref().ok_or(ConvertError::Missing { field: "list" })?;
    let (value, case) = part::typed::<WireCase>(list)?;
    let number = case.parent_after_sales_sn.ok_or(ConvertError::Missing { field: "parentAfterSalesSn" })?;
    let (items_value, items) = match answers.items.as_deref() {
        Some(items) => read_items(items, &number)?,
        None => (Value::Null, Vec::new()),
    };
    let platform_status =
        case.parent_after_sales_status.ok_or(ConvertError::Missing { field: "parentAfterSalesStatus" })?;
    Ok(AfterSale {
        number,
        order_number: case.parent_order_sn,
        kind: kind(case.after_sales_type.as_deref()),
        status: status(&platform_status),
        platform_status,
        reason: None,
        refund_minor: None,
        currency: None,
        created_at: at(case.create_at),
        updated_at: at(case.update_at),
        items,
        content_hash: fingerprint(&[&value, &items_value], &[]),
    })
}

fn read_items(raw: &str, case: &str) -> Result<(Value, Vec<AfterSaleItem>), ConvertError> {
    let value = part::parse_list(raw)?;
    let wire: Vec<WireItem> = part::read(&value)?;
    if let Some(other) =
        wire.iter().find_map(|item| item.parent_after_sales_sn.as_deref().filter(|sn| *sn != case))
    {
        return Err(ConvertError::Unexpected {
            field: "parentAfterSalesSn",
            found: other.to_owned(),
            expected: "the number of the list row",
        });
    }
    // A row that changed while its pages were read comes twice.
    let mut seen = HashSet::new();
    let items = wire.into_iter().map(item);
    let items = items.filter(|item| item.item_number.is_none() || seen.insert(item.item_number.clone()));
    Ok((value, items.collect()))
}

fn item(item: WireItem) -> AfterSaleItem {
    AfterSaleItem {
        item_number: item.after_sales_sn,
        product_id: item.goods_id,
        sku_id: item.sku_id,
        // Usually one; of several in a bundle the first that the seller gave a code.
        sku_code: item.product_list.into_iter().find_map(|product| product.ext_code),
        quantity: item.apply_after_sales_goods_number,
        status: item.after_sales_status,
        refund_minor: None,
        currency: None,
    }
}

fn kind(code: Option<&str>) -> AfterSaleKind {
    match code {
        Some("1") => AfterSaleKind::RefundOnly,
        Some("2") => AfterSaleKind::ReturnAndRefund,
        _ => AfterSaleKind::Unknown,
    }
}

pub fn status(code: &str) -> AfterSaleStatus {
    match code {
        // Requested a refund; asked to send back.
        "1" | "10" => AfterSaleStatus::Requested,
        // The seller owes the label to send it back with.
        "8" => AfterSaleStatus::AwaitingReturn,
        // On its way; arrived.
        "2" | "3" => AfterSaleStatus::Returning,
        "4" | "9" => AfterSaleStatus::Refunding,
        "5" => AfterSaleStatus::Refunded,
        "6" => AfterSaleStatus::Canceled,
        "7" => AfterSaleStatus::Rejected,
        "11" => AfterSaleStatus::PlatformReview,
        _ => AfterSaleStatus::Unknown,
    }
}
