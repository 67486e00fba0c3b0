//! What a row of `product.getDetailSkuList` means: an item and one of its SKUs, which are two things of ours. Each has
//! its own times and its own hash, so that a sale of a SKU is no new version of the product.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::domain::entity::{Answers, Kind};
use crate::domain::money::Currency;
use crate::domain::product::{Product, Sku};
use crate::platform::error::ConvertError;
use crate::platform::fingerprint::fingerprint;
use crate::platform::instant::{WireTime, at};
use crate::platform::lenient;
use crate::platform::part::typed;
use crate::platform::wire::{Hint, Rows, wire};
use crate::platform::{ListRow, Row, listing};

/// None: only the query of a picture's link is signed, which no hash sees, and a new picture is a new version.
const VOLATILE: &[&str] = &[];

wire! {
    /// `data` of the answer.
    #[derive(Deserialize)]
    pub struct SkuList<'a> {
        pub total: Hint,
        #[serde(rename = "pageSize")]
        pub page_size: Hint,
        pub data: Rows<'a>,
    }
}

/// What a row of the list is about.
pub struct Parts {
    /// Tells the row from the others of the same answer: the SKU's number where there is one.
    pub name: String,
    /// `None`: an item of which only a SKU is known, and not by its number either.
    pub product: Option<Row>,
    /// `None`: an item that has no SKU yet.
    pub sku: Option<Row>,
}

#[derive(Deserialize)]
struct WireRow<'a> {
    #[serde(default, borrow)]
    item: Option<&'a RawValue>,
    #[serde(default, borrow)]
    sku: Option<&'a RawValue>,
}

wire! {
    /// Times in milliseconds.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireItem {
        id: Option<String>,
        name: Option<String>,
        category_id: Option<String>,
        images: Vec<String>,
        create_time: Option<WireTime>,
        update_time: Option<WireTime>,
    }

    /// Times in milliseconds, money in fen.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireSku {
        id: Option<String>,
        item_id: Option<String>,
        name: Option<String>,
        price: Option<i64>,
        original_price: Option<i64>,
        stock: Option<i64>,
        /// The seller's own code.
        erp_code: Option<String>,
        barcode: Option<String>,
        buyable: Option<bool>,
        create_time: Option<WireTime>,
        update_time: Option<WireTime>,
    }
}

/// One row of the list. Whatever of it can be read is, if the other part is missing or unreadable.
pub fn parts(raw: &RawValue) -> Parts {
    let row: WireRow<'_> = match lenient::object(raw.get()) {
        Ok(row @ (WireRow { item: Some(_), .. } | WireRow { sku: Some(_), .. })) => row,
        Ok(_) => return Parts::unreadable(raw, &ConvertError::Missing { field: "item" }),
        Err(source) => return Parts::unreadable(raw, &ConvertError::Shape { field: String::new(), source }),
    };
    let item_of_sku = row.sku.and_then(|sku| member(sku, "itemId"));
    let sku = row.sku.map(sku_row);
    let name = match &sku {
        Some(Row::Readable(sku)) => Some(sku.number.clone()),
        Some(Row::Unreadable(sku)) => sku.number.clone(),
        None => None,
    };
    let product = match (row.item, item_of_sku) {
        (Some(item), item_of_sku) => Some(item_row(item, item_of_sku)),
        // The SKU says that it is there, though nothing else is given.
        (None, Some(number)) => Some(unreadable(raw, Some(number), &ConvertError::Missing { field: "item" })),
        (None, None) => None,
    };
    Parts { name: name.unwrap_or_else(|| raw.get().to_owned()), product, sku }
}

impl Parts {
    fn unreadable(raw: &RawValue, why: &ConvertError) -> Self {
        Self { name: raw.get().to_owned(), product: None, sku: Some(unreadable(raw, None, why)) }
    }
}

fn item_row(raw: &RawValue, item_of_sku: Option<String>) -> Row {
    let number = |_: &str| member(raw, "id").or(item_of_sku);
    let row = |raw: &str| {
        let (value, item) = typed::<WireItem>(raw)?;
        Ok(ListRow {
            kind: Kind::Product,
            number: item.id.ok_or(ITEM_NUMBER_MISSING)?,
            updated_at: at(item.update_time),
            list_hash: fingerprint(&[&value], VOLATILE),
            raw: raw.to_owned(),
        })
    };
    listing::row(raw, row, number)
}

fn sku_row(raw: &RawValue) -> Row {
    let row = |raw: &str| {
        let (value, sku) = typed::<WireSku>(raw)?;
        Ok(ListRow {
            kind: Kind::Sku,
            number: sku.id.ok_or(SKU_NUMBER_MISSING)?,
            updated_at: at(sku.update_time),
            list_hash: fingerprint(&[&value], VOLATILE),
            raw: raw.to_owned(),
        })
    };
    listing::row(raw, row, |_| member(raw, "id"))
}

/// Reads a part that was set aside. Only a SKU names its item; anything else would pass for either, having a number and
/// a name.
pub fn reread(kind: Kind, raw: &str) -> Option<ListRow> {
    let members: Map<String, Value> = lenient::object(raw).ok()?;
    let read_row = match (kind, members.contains_key("itemId")) {
        (Kind::Product, false) => |raw: &RawValue| item_row(raw, None),
        (Kind::Sku, true) => sku_row,
        _ => return None,
    };
    listing::reread(raw, read_row)
}

/// Makes a product of the item of a row.
pub fn product(answers: &Answers) -> Result<Product, ConvertError> {
    let (value, item) = typed::<WireItem>(list(answers)?)?;
    Ok(Product {
        id: item.id.ok_or(ITEM_NUMBER_MISSING)?,
        name: item.name,
        status: None,
        category_id: item.category_id,
        image_url: item.images.into_iter().find(|link| !link.is_empty()),
        created_at: at(item.create_time),
        updated_at: at(item.update_time),
        content_hash: fingerprint(&[&value], VOLATILE),
    })
}

/// Makes a SKU of the SKU of a row.
pub fn sku(answers: &Answers) -> Result<Sku, ConvertError> {
    let (value, sku) = typed::<WireSku>(list(answers)?)?;
    Ok(Sku {
        id: sku.id.ok_or(SKU_NUMBER_MISSING)?,
        product_id: sku.item_id,
        sku_code: sku.erp_code,
        barcode: sku.barcode,
        name: sku.name,
        price_minor: sku.price,
        list_price_minor: sku.original_price,
        currency: Some(Currency::CNY),
        stock: sku.stock,
        on_sale: sku.buyable,
        created_at: at(sku.create_time),
        updated_at: at(sku.update_time),
        content_hash: fingerprint(&[&value], VOLATILE),
    })
}

const ITEM_NUMBER_MISSING: ConvertError = ConvertError::Missing { field: "item.id" };
const SKU_NUMBER_MISSING: ConvertError = ConvertError::Missing { field: "sku.id" };

fn list(answers: &Answers) -> Result<&str, ConvertError> {
    answers.list.as_deref().ok_or(ConvertError::Missing { field: "list" })
}

/// One text of a part that may otherwise be unreadable.
fn member(raw: &RawValue, name: &str) -> Option<String> {
    let members: BTreeMap<String, &RawValue> = lenient::object(raw.get()).ok()?;
    lenient::text(&mut serde_json::Deserializer::from_str(members.get(name)?.get())).ok()?
}

fn unreadable(raw: &RawValue, number: Option<String>, why: &ConvertError) -> Row {
    listing::unreadable(number, why, raw.get())
}
