//! What Xiaohongshu's after-sales answers mean.
//!
//! A case is its list row and its detail: the row says what the buyer requests, the detail what for and what went
//! back. Here alone amounts are in yuan, and doubles.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::after_sale::{AfterSale, AfterSaleItem, AfterSaleKind, AfterSaleStatus};
use crate::domain::entity::{Answers, Kind};
use crate::domain::money::{Currency, Money};
use crate::platform::error::ConvertError;
use crate::platform::fingerprint::fingerprint;
use crate::platform::instant::{WireTime, at};
use crate::platform::lenient;
use crate::platform::part::{parse, read};
use crate::platform::wire::{Decimal, Hint, Rows, wire};
use crate::platform::xiaohongshu::privacy;
use crate::platform::{ListRow, Row, listing};

/// Pictures of SKUs, whose links are signed again in every answer.
const VOLATILE: &[&str] = &["image"];

/// The refund status that says that the money went back; a completed case alone does not.
const REFUNDED: i64 = 2;

wire! {
    /// `data` of `afterSale.listAfterSaleInfos`.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct CaseList<'a> {
        pub total_count: Hint,
        pub page_size: Hint,
        pub after_sale_basic_infos: Rows<'a>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Numbered {
        returns_id: Option<String>,
    }

    /// What list row and detail both hold. Times in milliseconds, money in yuan.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shared {
        returns_id: Option<String>,
        return_type: Option<String>,
        reason_name_zh: Option<String>,
        status: Option<String>,
        order_id: Option<String>,
        apply_time: Option<WireTime>,
        updated_at: Option<WireTime>,
        expected_refund_amount_yuan: Decimal,
    }

    /// What only `afterSaleInfo` in `data` of `afterSale.getAfterSaleInfo` gives.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireCase {
        skus: Vec<WireSku>,
        #[serde(rename = "exchangeSKUs")]
        exchange_skus: Vec<WireSku>,
        refund_amount_yuan: Decimal,
        refund_status: Option<i64>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireSku {
        sku_id: Option<String>,
        /// The seller's own code.
        #[serde(rename = "skuERPCode")]
        sku_erp_code: Option<String>,
        applied_count: Option<i64>,
        applied_total_amount_yuan: Decimal,
    }
}

/// One row of the list, without what it may hold about persons; unreadable ones keep as much of their number as can be
/// read.
pub fn list_row(raw: &RawValue) -> Row {
    let without_persons = privacy::row(raw.get()).and_then(|text| {
        RawValue::from_string(text).map_err(|source| ConvertError::Shape { field: String::new(), source })
    });
    // What is no object has no members to leave out, and is not readable either.
    let raw = without_persons.as_deref().unwrap_or(raw);
    listing::row(raw, read_row, |raw| {
        let row: Numbered = lenient::object(raw).ok()?;
        row.returns_id
    })
}

fn read_row(raw: &str) -> Result<ListRow, ConvertError> {
    let value = parse(raw)?;
    let row: Shared = read(&value)?;
    Ok(ListRow {
        kind: Kind::AfterSale,
        number: row.returns_id.ok_or(NUMBER_MISSING)?,
        updated_at: at(row.updated_at),
        list_hash: fingerprint(&[&value], VOLATILE),
        raw: raw.to_owned(),
    })
}

/// Makes a case of its detail and, where there is one, its list row.
pub fn after_sale(answers: &Answers) -> Result<AfterSale, ConvertError> {
    let detail = answers.detail.as_deref().ok_or(ConvertError::Missing { field: "detail" })?;
    let list = answers.list.as_deref().map(parse).transpose()?;
    let detail = parse(detail)?;
    let hashed: Vec<_> = list.iter().chain([&detail]).collect();
    let content_hash = fingerprint(&hashed, VOLATILE);

    let row: Shared = list.as_ref().map(read).transpose()?.unwrap_or_default();
    let info = detail.get("afterSaleInfo").filter(|info| info.is_object());
    let info = info.ok_or(ConvertError::Missing { field: "afterSaleInfo" })?;
    let shared = newest(row, read(info)?)?;
    let case: WireCase = read(info)?;
    let platform_status = shared.status.ok_or(ConvertError::Missing { field: "status" })?;
    let expected = fen("expectedRefundAmountYuan", shared.expected_refund_amount_yuan.as_deref())?;
    let refunded = fen("refundAmountYuan", case.refund_amount_yuan.as_deref())?;
    let refund_minor = if case.refund_status == Some(REFUNDED) { refunded.or(expected) } else { expected };
    // What an exchange sends is given beside what it takes back; counting both would count each piece twice.
    let skus = if case.skus.is_empty() { case.exchange_skus } else { case.skus };
    Ok(AfterSale {
        number: shared.returns_id.ok_or(NUMBER_MISSING)?,
        order_number: shared.order_id,
        kind: kind(shared.return_type.as_deref()),
        status: status(&platform_status),
        platform_status,
        reason: shared.reason_name_zh,
        refund_minor,
        currency: Some(Currency::CNY),
        created_at: at(shared.apply_time),
        updated_at: at(shared.updated_at),
        items: skus.into_iter().map(item).collect::<Result<_, _>>()?,
        content_hash,
    })
}

const NUMBER_MISSING: ConvertError = ConvertError::Missing { field: "returnsId" };

/// The fields both have, from the newer of the two, with the other filling what it left out.
fn newest(row: Shared, detail: Shared) -> Result<Shared, ConvertError> {
    if let (Some(row), Some(detail)) = (&row.returns_id, &detail.returns_id)
        && row != detail
    {
        return Err(ConvertError::Unexpected {
            field: "returnsId",
            found: detail.clone(),
            expected: "the number of the list row",
        });
    }
    let (row_at, detail_at) = (at(row.updated_at), at(detail.updated_at));
    if detail_at.is_some() && detail_at < row_at {
        return Err(ConvertError::StaleDetail);
    }
    // A detail that does not give its time is not known to be newer than a row that does.
    let (newer, older) = if detail_at.is_some() || row_at.is_none() { (detail, row) } else { (row, detail) };
    Ok(Shared {
        returns_id: newer.returns_id.or(older.returns_id),
        return_type: newer.return_type.or(older.return_type),
        reason_name_zh: newer.reason_name_zh.or(older.reason_name_zh),
        status: newer.status.or(older.status),
        order_id: newer.order_id.or(older.order_id),
        apply_time: newer.apply_time.or(older.apply_time),
        updated_at: newer.updated_at.or(older.updated_at),
        expected_refund_amount_yuan: newer.expected_refund_amount_yuan.or(older.expected_refund_amount_yuan),
    })
}

fn item(sku: WireSku) -> Result<AfterSaleItem, ConvertError> {
    Ok(AfterSaleItem {
        item_number: None,
        product_id: None,
        sku_id: sku.sku_id,
        sku_code: sku.sku_erp_code,
        quantity: sku.applied_count,
        status: None,
        refund_minor: fen("appliedTotalAmountYuan", sku.applied_total_amount_yuan.as_deref())?,
        currency: Some(Currency::CNY),
    })
}

fn fen(field: &'static str, yuan: Option<&str>) -> Result<Option<i64>, ConvertError> {
    let Some(yuan) = yuan else { return Ok(None) };
    match Money::from_decimal(yuan, Currency::CNY) {
        Ok(money) => Ok(Some(money.minor)),
        Err(_) => Err(ConvertError::Unexpected {
            field,
            found: yuan.chars().take(FOUND_CHARS_MAX).collect(),
            expected: "an amount in yuan",
        }),
    }
}

/// Of a text that is no amount, this many characters are reported.
const FOUND_CHARS_MAX: usize = 40;

pub fn kind(code: Option<&str>) -> AfterSaleKind {
    match code {
        Some("1") => AfterSaleKind::ReturnAndRefund,
        Some("2") => AfterSaleKind::Exchange,
        // Of the older calls; after and before shipping.
        Some("3" | "4" | "5") => AfterSaleKind::RefundOnly,
        Some("6") => AfterSaleKind::PriceProtection,
        _ => AfterSaleKind::Unknown,
    }
}

pub fn status(code: &str) -> AfterSaleStatus {
    match code {
        "1" => AfterSaleStatus::Requested,
        "2" => AfterSaleStatus::AwaitingReturn,
        "3" => AfterSaleStatus::Returning,
        "4" => AfterSaleStatus::Completed,
        "5" => AfterSaleStatus::Canceled,
        "6" => AfterSaleStatus::Closed,
        // At the request; at the arrival of the goods.
        "9" | "9001" => AfterSaleStatus::Rejected,
        // Of the older calls: an exchange that became a refund.
        "11" => AfterSaleStatus::Refunding,
        // To be sent; to be received.
        "12" | "13" => AfterSaleStatus::Exchanging,
        "14" => AfterSaleStatus::PlatformReview,
        _ => AfterSaleStatus::Unknown,
    }
}
