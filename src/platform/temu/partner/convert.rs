//! What the row of an SKC means: a product, which other rows may hold too, and SKUs, which only this row holds.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::domain::entity::{Answers, Kind};
use crate::domain::product::{Product, Sku};
use crate::platform::error::ConvertError;
use crate::platform::fingerprint::fingerprint;
use crate::platform::instant::{WireTime, at};
use crate::platform::lenient;
use crate::platform::temu::lists::text_member;
use crate::platform::wire::wire;
use crate::platform::{ListRow, Row, listing, part};

/// Image links are signed again in every answer.
const VOLATILE: &[&str] = &["mainImageUrl"];
/// The SKUs within the row.
const SKUS: &str = "productSkuSummaries";
/// What the row gives of the product and not of the SKC: the same in every row of a product, so that its hash does not
/// depend on which of them was read last.
const OF_PRODUCT: [&str; 4] = ["productId", "productName", "leafCat", "categories"];

wire! {
    /// A row of `bg.glo.goods.list.get`.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireSkc {
        product_id: Option<String>,
        product_name: Option<String>,
        main_image_url: Option<String>,
        /// 1: on the site.
        skc_site_status: Option<String>,
        /// Milliseconds.
        created_at: Option<WireTime>,
        leaf_cat: Option<WireCategory>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireCategory {
        cat_id: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireSkus {
        #[serde(rename = "productSkuSummaries")]
        skus: Vec<WireSku>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireSku {
        product_sku_id: Option<String>,
        ext_code: Option<String>,
        virtual_stock: Option<i64>,
        product_sku_spec_list: Vec<WireSpec>,
        product_sku_wh_ext_attr: Option<WireWarehouse>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireSpec {
        spec_name: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireWarehouse {
        product_sku_bar_codes: Vec<WireBarcode>,
    }

    #[derive(Deserialize)]
    struct WireBarcode {
        code: Option<String>,
    }
}

/// What the platform counts as one: the SKC's number, or its text where it has none.
pub fn skc_name(skc: &RawValue) -> String {
    text_member(skc.get(), "productSkcId").unwrap_or_else(|| skc.get().to_owned())
}

/// The product and the SKUs of one SKC. What cannot be read does not stop the others; a SKU keeps its number then, so
/// that it is not taken for gone.
pub fn rows(skc: &RawValue) -> Vec<Row> {
    if let Err(error) = part::check_size(skc.get()) {
        return vec![unreadable(text_member(skc.get(), "productId"), &error, skc.get())];
    }
    let product = match read_product(skc.get()) {
        Ok(row) => listing::within_limits(row),
        Err(error) => unreadable(text_member(skc.get(), "productId"), &error, skc.get()),
    };
    let skus = match one_by_one(skc.get()) {
        Ok(skus) => skus.into_iter().map(sku_row).collect(),
        Err(error) if matches!(product, Row::Readable(_)) => vec![unreadable(None, &error, skc.get())],
        // Reported already.
        Err(_) => Vec::new(),
    };
    std::iter::once(product).chain(skus).collect()
}

pub fn product(answers: &Answers) -> Result<Product, ConvertError> {
    let (value, skc) = part::typed::<WireSkc>(listed(answers)?)?;
    Ok(Product {
        id: skc.product_id.ok_or(NO_PRODUCT)?,
        name: skc.product_name,
        // Each SKC has a state of its own.
        status: None,
        category_id: skc.leaf_cat.and_then(|category| category.cat_id),
        image_url: skc.main_image_url,
        created_at: at(skc.created_at),
        updated_at: None,
        content_hash: product_hash(&value),
    })
}

/// Of a row that holds one SKU.
pub fn sku(answers: &Answers) -> Result<Sku, ConvertError> {
    let raw = listed(answers)?;
    let (value, skc) = part::typed::<WireSkc>(raw)?;
    let (_, skus) = part::typed::<WireSkus>(raw)?;
    let sku = skus.skus.into_iter().next().ok_or(ConvertError::Missing { field: SKUS })?;
    let specs: Vec<String> =
        sku.product_sku_spec_list.into_iter().filter_map(|spec| spec.spec_name).collect();
    let barcodes = sku.product_sku_wh_ext_attr.map(|warehouse| warehouse.product_sku_bar_codes);
    Ok(Sku {
        id: sku.product_sku_id.ok_or(NO_SKU)?,
        product_id: skc.product_id,
        sku_code: sku.ext_code,
        barcode: barcodes.into_iter().flatten().find_map(|barcode| barcode.code),
        name: (!specs.is_empty()).then(|| specs.join(" / ")),
        // The price of these shops is the platform's, and no list gives it.
        price_minor: None,
        list_price_minor: None,
        currency: None,
        stock: sku.virtual_stock,
        on_sale: match skc.skc_site_status.as_deref() {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => None,
        },
        created_at: at(skc.created_at),
        updated_at: None,
        content_hash: fingerprint(&[&value], VOLATILE),
    })
}

const NO_PRODUCT: ConvertError = ConvertError::Missing { field: "productId" };
const NO_SKU: ConvertError = ConvertError::Missing { field: "productSkuId" };

fn listed(answers: &Answers) -> Result<&str, ConvertError> {
    answers.list.as_deref().ok_or(ConvertError::Missing { field: "list" })
}

fn read_product(raw: &str) -> Result<ListRow, ConvertError> {
    let (value, skc) = part::typed::<WireSkc>(raw)?;
    Ok(ListRow {
        kind: Kind::Product,
        number: skc.product_id.ok_or(NO_PRODUCT)?,
        updated_at: None,
        list_hash: product_hash(&value),
        raw: raw.to_owned(),
    })
}

fn product_hash(skc: &Value) -> String {
    let of_product: BTreeMap<&str, &Value> =
        OF_PRODUCT.into_iter().filter_map(|name| Some((name, skc.get(name)?))).collect();
    fingerprint(&[&json!(of_product)], VOLATILE)
}

/// The row once for each of its SKUs, with that SKU alone, in the platform's own text.
fn one_by_one(raw: &str) -> Result<Vec<String>, ConvertError> {
    let shape = |source| ConvertError::Shape { field: SKUS.to_owned(), source };
    let mut members: BTreeMap<String, &RawValue> = lenient::object(raw).map_err(shape)?;
    let Some(skus) = members.remove(SKUS) else { return Ok(Vec::new()) };
    let skus = lenient::rows(&mut serde_json::Deserializer::from_str(skus.get())).map_err(shape)?;
    let alone = |sku: &RawValue| {
        let others = members.iter().map(|(name, value)| format!(",{}:{}", json!(name), value.get()));
        format!("{{\"{SKUS}\":[{}]{}}}", sku.get(), others.collect::<String>())
    };
    Ok(skus.into_iter().flatten().map(alone).collect())
}

/// The row of one SKU alone.
fn sku_row(raw: String) -> Row {
    let answers = Answers { list: Some(raw.clone()), ..Answers::default() };
    match sku(&answers) {
        Ok(sku) => listing::within_limits(ListRow {
            kind: Kind::Sku,
            number: sku.id,
            updated_at: None,
            list_hash: sku.content_hash,
            raw,
        }),
        Err(error) => unreadable(sku_number(&raw), &error, &raw),
    }
}

/// The part of a SKU that identifies it.
fn sku_number(raw: &str) -> Option<String> {
    let value: Value = serde_json::from_str(raw).ok()?;
    text_member(&value[SKUS][0].to_string(), "productSkuId")
}

fn unreadable(number: Option<String>, error: &ConvertError, raw: &str) -> Row {
    listing::unreadable(number, error, raw)
}
