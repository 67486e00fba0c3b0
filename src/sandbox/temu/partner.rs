//! The goods of semi- and full-managed malls, as the partner and CN zones tell them: one row per SKC, so that a
//! product in two colours comes twice, and no price.

use super::parameters::Rules;
use super::{Call, TemuRefusal, parameters};
use crate::sandbox::accounts::Platform;
use crate::sandbox::goods::{Product, Sku, Standing, change};
use crate::sandbox::json::Json;
use crate::sandbox::shape::{Spoiled, identity, number};
use crate::sandbox::world::World;

pub const PARAMETERS: &[&str] =
    &["page", "pageSize", "productSkcIds", "skuExtCodes", "skcSiteStatus", "createdAtStart", "createdAtEnd"];
const NOT_SIMULATED: &[&str] = &["skuExtCodes", "createdAtStart", "createdAtEnd"];
/// No document tells the largest page; this is the other lists'.
const RULES: Rules =
    Rules { page: "page", page_size: Some(10), page_size_max: 100, bad_parameter: 150_010_003 };
/// How many SKUs share a colour.
const SKUS_PER_SKC: usize = 2;

#[derive(Clone, Copy)]
struct Skc<'a> {
    product: &'a Product,
    /// Counted from 0 within the product.
    serial: usize,
}

impl<'a> Skc<'a> {
    fn skus(self) -> impl Iterator<Item = &'a Sku> {
        let skus = self.product.skus.iter().skip(self.serial * SKUS_PER_SKC).take(SKUS_PER_SKC);
        skus.filter(|sku| !sku.is_gone)
    }

    fn id(self) -> String {
        format!("7{}{}", &self.product.partner_id[1..], self.serial + 1)
    }

    /// 1: on the site.
    fn site_status(self) -> i64 {
        i64::from(self.product.standing == Standing::OnShelf)
    }
}

/// `bg.glo.goods.list.get`: newest first.
pub fn list(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    let page = parameters::page(world, call, &RULES)?;
    parameters::refuse_not_simulated(call, NOT_SIMULATED)?;
    let site_status = call.body.integer("skcSiteStatus")?;
    let ids = parameters::numbers(call, "productSkcIds");
    change::before_page(world, Platform::Temu, call.shop);

    let products = world.shop(Platform::Temu, call.shop).goods.products().rev();
    let mut rows: Vec<Skc<'_>> = products
        .filter(|product| product.standing != Standing::Deleted)
        .flat_map(|product| {
            (0..product.skus.len().div_ceil(SKUS_PER_SKC)).map(move |serial| Skc { product, serial })
        })
        .collect();
    rows.retain(|skc| {
        skc.skus().next().is_some()
            && site_status.is_none_or(|status| skc.site_status() == status)
            && ids.as_ref().is_none_or(|ids| ids.contains(&skc.id()))
    });
    if call.is_empty_list {
        rows.clear();
    }
    Ok(Json::object(|json| {
        json.number("totalCount", i64::try_from(rows.len()).unwrap_or(i64::MAX));
        json.objects("data", page.of(&rows).into_iter().enumerate(), |json, (index, skc)| {
            row(json, skc, call.has_unreadable_row && index == 0);
        });
    }))
}

fn row(json: &mut Json, skc: Skc<'_>, is_spoiled: bool) {
    let product = skc.product;
    let shape = product.shape;
    match shape.spoiled_in(is_spoiled) {
        Some(Spoiled::Number) => json.null("productId"),
        Some(Spoiled::Status) => json.raw("productId", r#"{"broken":true}"#),
        None => identity(json, "productId", &product.partner_id, shape),
    }
    identity(json, "productSkcId", &skc.id(), shape);
    identity(json, "goodsId", &product.id, shape);
    json.string("productName", &product.name);
    json.string("extCode", "");
    json.string("mainImageUrl", &format!("https://img.example.com/{}.jpg", product.id));
    number(json, "skcSiteStatus", skc.site_status(), shape);
    number(json, "skcStatus", 0, shape);
    number(json, "createdAt", product.created_ms, shape);
    json.member("leafCat", |json| {
        json.number("catId", 29_069);
        json.string("catName", "T恤");
    });
    json.objects("productSkuSummaries", skc.skus(), |json, sku| {
        identity(json, "productSkuId", &sku.partner_id, shape);
        json.string("extCode", &sku.code);
        number(json, "virtualStock", sku.stock_total(), shape);
        json.objects("productSkuSpecList", [&sku.spec], |json, spec| {
            json.number("parentSpecId", 1001);
            json.string("parentSpecName", "颜色");
            json.number("specId", 2001);
            json.string("specName", spec);
        });
    });
}
