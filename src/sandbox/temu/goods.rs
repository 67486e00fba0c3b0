//! Temu's local goods: what may be parameters, and how they are written, field by field as the documents print them.

use super::parameters::{Page, Rules};
use super::{Call, TemuRefusal, parameters};
use crate::sandbox::accounts::{Platform, decimal, temu_site};
use crate::sandbox::goods::{Product, Sku, Standing, change};
use crate::sandbox::json::Json;
use crate::sandbox::shape::{Shape, Spoiled, empty, identity, number};
use crate::sandbox::world::World;

pub const LIST_PARAMETERS: &[&str] = &[
    "pageNo",
    "pageSize",
    "goodsSearchType",
    "goodsStatusFilterType",
    "goodsSubStatusFilterType",
    "searchText",
    "goodsIdList",
    "catIdList",
    "crtFrom",
    "crtTo",
    "goodsStatusChangeTimeFrom",
    "goodsStatusChangeTimeTo",
    "orderField",
    "orderType",
    "goodsSearchTags",
];
pub const SKU_PARAMETERS: &[&str] =
    &["pageNo", "pageSize", "skuSearchType", "skuStatusFilterType", "skuIdList"];
const NOT_SIMULATED: &[&str] =
    &["goodsSubStatusFilterType", "searchText", "catIdList", "orderField", "goodsSearchTags"];
const RULES: Rules =
    Rules { page: "pageNo", page_size: Some(10), page_size_max: 100, bad_parameter: 150_010_003 };

/// `bg.local.goods.list.query`: newest first.
pub fn list(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    let page = parameters::page(world, call, &RULES)?;
    let wanted = parameters::one_of(world, call, &RULES, "goodsSearchType", &[1, 4, 5, 6])?;
    parameters::refuse_not_simulated(call, NOT_SIMULATED)?;
    let created = parameters::milliseconds(world, call, ["crtFrom", "crtTo"])?;
    let changed =
        parameters::milliseconds(world, call, ["goodsStatusChangeTimeFrom", "goodsStatusChangeTimeTo"])?;
    let created = call.window(Some(created)).unwrap_or((i64::MIN, i64::MAX));
    let ids = parameters::numbers(call, "goodsIdList");
    let is_ascending = call.body.integer("orderType")? == Some(1);
    change::before_page(world, Platform::Temu, call.shop);

    let mut rows: Vec<&Product> = world.shop(Platform::Temu, call.shop).goods.products().collect();
    rows.retain(|product| {
        search_type(product.standing) == wanted
            && (created.0..=created.1).contains(&product.created_ms)
            && (changed.0..=changed.1).contains(&product.standing_since_ms)
            && ids.as_ref().is_none_or(|ids| ids.contains(&product.id))
    });
    rows.sort_by_key(|product| (product.created_ms, product.id.as_str()));
    if !is_ascending {
        rows.reverse();
    }
    Ok(whole(call, "goodsList", page, &rows, |json, product, is_spoiled| {
        goods_row(json, product, temu_site(call.shop).currency, is_spoiled);
    }))
}

/// `bg.local.goods.sku.list.query`: newest first; 2 means what is on sale, 3 what is not.
pub fn skus(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    let page = parameters::page(world, call, &RULES)?;
    let wants_on_sale = parameters::one_of(world, call, &RULES, "skuSearchType", &[2, 3])? == 2;
    let ids = parameters::numbers(call, "skuIdList");
    change::before_page(world, Platform::Temu, call.shop);

    let mut rows: Vec<(&Product, &Sku)> = world.shop(Platform::Temu, call.shop).goods.skus().collect();
    rows.retain(|(product, sku)| {
        product.standing != Standing::Deleted
            && is_on_sale(product, sku) == wants_on_sale
            && ids.as_ref().is_none_or(|ids| ids.contains(&sku.id))
    });
    rows.sort_by(|(_, a), (_, b)| (b.created_ms, &b.id).cmp(&(a.created_ms, &a.id)));
    Ok(whole(call, "skuList", page, &rows, |json, (product, sku), is_spoiled| {
        sku_row(json, product, sku, temu_site(call.shop).currency, is_spoiled);
    }))
}

/// The `result`: null where there is nothing at all.
fn whole<T: Copy>(
    call: &Call<'_>,
    name: &str,
    page: Page,
    rows: &[T],
    mut write: impl FnMut(&mut Json, T, bool),
) -> String {
    if rows.is_empty() || call.is_empty_list {
        return "null".to_owned();
    }
    Json::object(|json| {
        json.number("pageNo", i64::try_from(page.number).unwrap_or(i64::MAX));
        json.number("total", i64::try_from(rows.len()).unwrap_or(i64::MAX));
        json.objects(name, page.of(rows).into_iter().enumerate(), |json, (index, row)| {
            write(json, row, call.has_unreadable_row && index == 0);
        });
    })
}

fn goods_row(json: &mut Json, product: &Product, currency: &str, is_spoiled: bool) {
    let shape = product.shape;
    let skus: Vec<&Sku> = product.skus().collect();
    let price = skus.iter().map(|sku| sku.price_minor).min().unwrap_or(0);
    let list_price = skus.iter().map(|sku| sku.list_price_minor).min().unwrap_or(0);
    key(json, "goodsId", &product.id, shape);
    json.string("goodsName", &product.name);
    json.string("specName", skus.first().map_or("", |sku| &sku.spec));
    empty(json, shape, "thumbUrl", |json, name| json.string(name, &picture(product)));
    empty(json, shape, "outGoodsSn", |json, name| json.string(name, ""));
    json.strings("outSkuSnList", skus.iter().map(|sku| sku.code.as_str()));
    let ids: Vec<&str> = skus.iter().map(|sku| sku.id.as_str()).collect();
    json.raw("skuIdList", &format!("[{}]", ids.join(",")));
    json.objects("skuInfoList", &skus, |json, sku| {
        identity(json, "skuId", &sku.id, shape);
        json.string("skuSn", &sku.code);
        specs(json);
    });
    shelf(json, product, is_spoiled);
    json.number("goodsShowSubStatus", shelf_code(product));
    json.string("currency", currency);
    json.string("price", &decimal(price, currency));
    number(json, "marketPrice", list_price, shape);
    amount(json, "listPrice", list_price, currency);
    amount(json, "retailPrice", price, currency);
    number(json, "quantity", product.stock(), shape);
    number(json, "crtTime", product.created_ms / 1000, shape);
    json.string("goodsStatusChangeTime", &product.standing_since_ms.to_string());
    number(json, "catId", 29_069, shape);
    empty(json, shape, "brandId", Json::null);
    empty(json, shape, "trademarkId", Json::null);
    json.string("costTemplateId", "LFT-0000000000000000001");
    json.number("shipmentLimitSecond", 86_400);
    json.number("lowTrafficTag", 2);
    json.number("restrictedTrafficTag", 2);
}

fn sku_row(json: &mut Json, product: &Product, sku: &Sku, currency: &str, is_spoiled: bool) {
    let shape = product.shape;
    key(json, "skuId", &sku.id, shape);
    identity(json, "goodsId", &product.id, shape);
    json.string("skuSn", &sku.code);
    json.string("goodsName", &product.name);
    json.string("specName", &sku.spec);
    empty(json, shape, "thumbUrl", |json, name| json.string(name, &picture(product)));
    shelf(json, product, is_spoiled);
    json.number("skuShowSubStatus4VO", shelf_code(product));
    json.number("goodsIsOnSale", i64::from(is_on_sale(product, sku)));
    json.string("currency", currency);
    json.string("price", &decimal(sku.price_minor, currency));
    amount(json, "retailPrice", sku.price_minor, currency);
    number(json, "stock", sku.stock_total(), shape);
    number(json, "crtTime", sku.created_ms / 1000, shape);
    json.string("skuStatusChangeTime", &product.standing_since_ms.to_string());
    specs(json);
    empty(json, shape, "volumeInfo", Json::null);
    empty(json, shape, "weightInfo", |json, name| {
        json.member(name, |json| {
            json.string("weight", "0.3");
            json.string("unit", "lb");
        });
    });
    json.number("lowTrafficTag", 2);
    json.number("restrictedTrafficTag", 2);
}

fn shelf(json: &mut Json, product: &Product, is_spoiled: bool) {
    if product.shape.spoiled_in(is_spoiled) == Some(Spoiled::Status) {
        json.raw("status4VO", r#"{"broken":true}"#);
    } else {
        number(json, "status4VO", search_type(product.standing), product.shape);
    }
    json.number("subStatus4VO", shelf_code(product));
}

/// The number a row is known by.
fn key(json: &mut Json, name: &str, digits: &str, shape: Shape) {
    match shape.spoiled {
        Some(Spoiled::Number) => json.null(name),
        _ => identity(json, name, digits, shape),
    }
}

fn specs(json: &mut Json) {
    json.objects("specList", [2001], |json, spec| {
        json.number("specId", spec);
        json.number("parentSpecId", 1001);
    });
}

fn amount(json: &mut Json, name: &str, minor: i64, currency: &str) {
    json.member(name, |json| {
        json.string("amount", &decimal(minor, currency));
        json.string("currency", currency);
    });
}

fn picture(product: &Product) -> String {
    format!("https://img.example.com/{}.jpg", product.id)
}

fn is_on_sale(product: &Product, sku: &Sku) -> bool {
    product.standing == Standing::OnShelf && sku.is_on_sale
}

/// By which `goodsSearchType` a product is found.
fn search_type(standing: Standing) -> i64 {
    match standing {
        Standing::OnShelf | Standing::OffShelf => 1,
        Standing::Unpublished => 4,
        Standing::Draft => 5,
        Standing::Deleted => 6,
    }
}

/// The platform's finer code: 2001 is on sale and 3003 sold out by the documents, the others are this sandbox's.
pub fn shelf_code(product: &Product) -> i64 {
    match product.standing {
        Standing::OnShelf if product.stock() == 0 => 3003,
        Standing::OnShelf => 2001,
        Standing::OffShelf => 3001,
        Standing::Unpublished => 4001,
        Standing::Draft => 5001,
        Standing::Deleted => 6001,
    }
}
