//! What rows of local goods and SKUs mean.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::entity::{Answers, Kind};
use crate::domain::money::{Currency, Money};
use crate::domain::product::{Product, Sku};
use crate::platform::error::ConvertError;
use crate::platform::fingerprint::fingerprint;
use crate::platform::instant::{WireTime, at};
use crate::platform::lenient;
use crate::platform::temu::lists::Rows;
use crate::platform::wire::{Decimal, wire};
use crate::platform::{ListRow, Row, listing, part};

/// Image links are signed again in every answer.
const VOLATILE: &[&str] = &["thumbUrl"];
const GOODS_ROWS: Rows = Rows { kind: Kind::Product, number: "goodsId", volatile: VOLATILE };
const SKU_ROWS: Rows = Rows { kind: Kind::Sku, number: "skuId", volatile: VOLATILE };

wire! {
    /// A row of `bg.local.goods.list.query`. It has prices and a stock too, which are its SKUs' and stand there.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireGoods {
        goods_id: Option<String>,
        goods_name: Option<String>,
        thumb_url: Option<String>,
        cat_id: Option<String>,
        /// 2 active, 3 inactive, 4 incomplete, 5 draft, 6 deleted.
        #[serde(rename = "status4VO")]
        status: Option<String>,
        /// The same and finer: 2001 on sale, 3003 sold out.
        goods_show_sub_status: Option<String>,
        /// Seconds, although the filter of that name takes milliseconds.
        crt_time: Option<WireTime>,
    }

    /// A row of `bg.local.goods.sku.list.query`.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireSku {
        sku_id: Option<String>,
        goods_id: Option<String>,
        sku_sn: Option<String>,
        spec_name: Option<String>,
        price: Decimal,
        currency: Option<String>,
        retail_price: Option<WireAmount>,
        list_price: Option<WireAmount>,
        stock: Option<i64>,
        #[serde(rename = "status4VO")]
        status: Option<String>,
        goods_is_on_sale: Option<String>,
        /// Seconds.
        crt_time: Option<WireTime>,
    }

    /// Decimal text.
    #[derive(Deserialize)]
    struct WireAmount {
        amount: Decimal,
        currency: Option<String>,
    }
}

/// One row of either list. Neither says when it was last changed.
pub fn list_row(kind: Kind, raw: &RawValue) -> Row {
    match kind {
        Kind::Sku => SKU_ROWS.read::<WireSku>(raw, |_| None),
        _ => GOODS_ROWS.read::<WireGoods>(raw, |_| None),
    }
}

/// Reads a row that was set aside. A SKU names its goods too, and would pass for them.
pub fn reread(kind: Kind, raw: &str) -> Option<ListRow> {
    let members: HashMap<String, &RawValue> = lenient::object(raw).ok()?;
    let is_of_kind = members.contains_key(SKU_ROWS.number) == (kind == Kind::Sku);
    if is_of_kind { listing::reread(raw, |raw| list_row(kind, raw)) } else { None }
}

pub fn product(answers: &Answers) -> Result<Product, ConvertError> {
    let (value, goods) = part::typed::<WireGoods>(listed(answers)?)?;
    Ok(Product {
        id: goods.goods_id.ok_or(ConvertError::Missing { field: "goodsId" })?,
        name: goods.goods_name,
        status: goods.goods_show_sub_status.or(goods.status),
        category_id: goods.cat_id,
        image_url: goods.thumb_url,
        created_at: at(goods.crt_time),
        updated_at: None,
        content_hash: fingerprint(&[&value], VOLATILE),
    })
}

pub fn sku(answers: &Answers) -> Result<Sku, ConvertError> {
    let (value, sku) = part::typed::<WireSku>(listed(answers)?)?;
    let price = money("price", sku.price.as_deref(), sku.currency.as_deref())?
        .or(amount("retailPrice.amount", sku.retail_price.as_ref())?);
    let list_price = amount("listPrice.amount", sku.list_price.as_ref())?;
    let currency = price.or(list_price).map(|money| money.currency);
    Ok(Sku {
        id: sku.sku_id.ok_or(ConvertError::Missing { field: "skuId" })?,
        product_id: sku.goods_id,
        sku_code: sku.sku_sn,
        barcode: None,
        name: sku.spec_name,
        price_minor: price.map(|money| money.minor),
        // One column holds the currency of both.
        list_price_minor: list_price
            .filter(|money| Some(money.currency) == currency)
            .map(|money| money.minor),
        currency,
        stock: sku.stock,
        on_sale: on_sale(sku.status.as_deref(), sku.goods_is_on_sale.as_deref()),
        created_at: at(sku.crt_time),
        updated_at: None,
        content_hash: fingerprint(&[&value], VOLATILE),
    })
}

fn listed(answers: &Answers) -> Result<&str, ConvertError> {
    answers.list.as_deref().ok_or(ConvertError::Missing { field: "list" })
}

/// The SKU's own state where it is given, else that of its goods.
fn on_sale(status: Option<&str>, goods_is_on_sale: Option<&str>) -> Option<bool> {
    let own = match status {
        Some("2") => Some(true),
        Some("3" | "4" | "5" | "6") => Some(false),
        _ => None,
    };
    own.or(match goods_is_on_sale {
        Some("1" | "true") => Some(true),
        Some("0" | "false") => Some(false),
        _ => None,
    })
}

fn amount(field: &'static str, amount: Option<&WireAmount>) -> Result<Option<Money>, ConvertError> {
    let (text, currency) =
        amount.map_or((None, None), |amount| (amount.amount.as_deref(), amount.currency.as_deref()));
    money(field, text, currency)
}

/// `None`: not given, or in a currency that is no ISO code, so that no one knows what its minor unit is.
fn money(
    field: &'static str,
    text: Option<&str>,
    currency: Option<&str>,
) -> Result<Option<Money>, ConvertError> {
    let (Some(text), Some(currency)) = (text, currency.and_then(Currency::parse)) else {
        return Ok(None);
    };
    Money::from_decimal(text, currency).map(Some).map_err(|_| ConvertError::Unexpected {
        field,
        found: format!("`{text}`"),
        expected: "an amount in its currency",
    })
}
