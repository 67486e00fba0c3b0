//! Xiaohongshu's list of SKUs: which may be requested, and how they are written with the item they belong to.

use super::{Call, PARAMETERS as WRONG, XiaohongshuRefusal, refuse, refuse_by_framework};
use crate::sandbox::accounts::Platform;
use crate::sandbox::goods::{Product, Sku, change};
use crate::sandbox::json::Json;
use crate::sandbox::shape::{EmptyMembers, Spoiled, empty, number};
use crate::sandbox::world::World;

pub const PARAMETERS: &[&str] = &[
    "id",
    "createTimeFrom",
    "createTimeTo",
    "updateTimeFrom",
    "updateTimeTo",
    "buyable",
    "stockGte",
    "stockLte",
    "pageNo",
    "pageSize",
    "barcode",
    "scSkucode",
    "singlePackOnly",
    "lastId",
    "isChannel",
];
/// Real filters the simulated SKUs have nothing for. Refused, because ignoring one would lie about the rows.
const NOT_SIMULATED: [&str; 3] = ["scSkucode", "singlePackOnly", "isChannel"];
const PAGE_SIZE_DEFAULT: i64 = 50;
const PAGE_SIZE_MAX: i64 = 100;
/// More is milliseconds.
const SECONDS_MAX: i64 = 99_999_999_999;

struct Query {
    page: i64,
    page_size: i64,
    /// Every other filter is ignored beside it.
    id: Option<String>,
    /// Milliseconds, both ends included.
    created_ms: Option<(i64, i64)>,
    updated_ms: Option<(i64, i64)>,
    stock: (i64, i64),
    buyable: Option<bool>,
    barcode: Option<String>,
    /// Only what is older than this SKU.
    last_id: Option<String>,
}

/// `product.getDetailSkuList`: newest first, by the time requested. A row's update time is the later one of its
/// item's and its SKU's.
pub fn list(world: &mut World, call: &Call<'_>) -> Result<String, XiaohongshuRefusal> {
    let query = query(world, call)?;
    let all_time = |window: Option<(i64, i64)>| window.map(|window| call.window(window));
    let query =
        Query { created_ms: all_time(query.created_ms), updated_ms: all_time(query.updated_ms), ..query };
    change::before_page(world, Platform::Xiaohongshu, call.shop);

    let mut rows: Vec<(&Product, &Sku)> = world.shop(Platform::Xiaohongshu, call.shop).goods.skus().collect();
    rows.retain(|(product, sku)| is_asked_for(product, sku, &query));
    let time = |(product, sku): &(&Product, &Sku)| match query.updated_ms {
        Some(_) => updated_ms(product, sku),
        None => sku.created_ms,
    };
    rows.sort_by(|a, b| (time(b), &b.1.id).cmp(&(time(a), &a.1.id)));
    if call.is_empty_list {
        rows.clear();
    }
    let page_size = usize::try_from(query.page_size).unwrap_or(usize::MAX);
    let skipped = usize::try_from(query.page - 1).unwrap_or(usize::MAX).saturating_mul(page_size);
    Ok(Json::object(|json| {
        let shown = rows.iter().skip(skipped).take(page_size).enumerate();
        json.objects("data", shown, |json, (index, (product, sku))| {
            json.member("item", |json| item(json, product));
            json.member("sku", |json| {
                sku_row(json, product, sku, call.has_unreadable_row && index == 0);
            });
        });
        json.number("pageNO", query.page);
        json.number("pageSize", query.page_size);
        json.number("total", i64::try_from(rows.len()).unwrap_or(i64::MAX));
    }))
}

fn query(world: &mut World, call: &Call<'_>) -> Result<Query, XiaohongshuRefusal> {
    let body = call.body;
    let page = body.integer("pageNo")?.unwrap_or(1);
    let page_size = body.integer("pageSize")?.unwrap_or(PAGE_SIZE_DEFAULT);
    let violations = &mut world.counters.violations;
    if page_size > PAGE_SIZE_MAX {
        violations.page_too_large += 1;
        return refuse(WRONG, "pageSize不能超过100");
    }
    if page < 1 || page_size < 1 {
        violations.bad_parameter += 1;
        return refuse(WRONG, "pageNo和pageSize从1开始");
    }
    if let Some(name) = NOT_SIMULATED.into_iter().find(|name| body.raw(name).is_some()) {
        return refuse(WRONG, format!("the sandbox does not know how to filter by {name}"));
    }
    let buyable = match body.text("buyable").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return refuse_by_framework(WRONG, "参数类型错误：buyable"),
    };
    Ok(Query {
        page,
        page_size,
        id: body.text("id"),
        created_ms: window(world, call, ["createTimeFrom", "createTimeTo"])?,
        updated_ms: window(world, call, ["updateTimeFrom", "updateTimeTo"])?,
        stock: (body.integer("stockGte")?.unwrap_or(i64::MIN), body.integer("stockLte")?.unwrap_or(i64::MAX)),
        buyable,
        barcode: body.text("barcode"),
        last_id: body.text("lastId"),
    })
}

/// From and to, either of which may be missing; seconds are misread without a word.
fn window(
    world: &mut World,
    call: &Call<'_>,
    [from, to]: [&'static str; 2],
) -> Result<Option<(i64, i64)>, XiaohongshuRefusal> {
    let (from, to) = match (call.body.integer(from)?, call.body.integer(to)?) {
        (None, None) => return Ok(None),
        (from, to) => (from.unwrap_or(0), to.unwrap_or(i64::MAX)),
    };
    if (1..=SECONDS_MAX).contains(&from) || (1..=SECONDS_MAX).contains(&to) {
        world.counters.violations.window_in_seconds += 1;
    }
    Ok(Some((from, to)))
}

fn is_asked_for(product: &Product, sku: &Sku, query: &Query) -> bool {
    if let Some(id) = &query.id {
        return *id == sku.id;
    }
    let is_within = |window: Option<(i64, i64)>, time_ms: i64| {
        window.is_none_or(|(from, to)| (from..=to).contains(&time_ms))
    };
    is_within(query.created_ms, sku.created_ms)
        && is_within(query.updated_ms, updated_ms(product, sku))
        && is_within(Some(query.stock), sku.stock_total())
        && query.buyable.is_none_or(|buyable| buyable == sku.is_on_sale)
        && query.barcode.as_ref().is_none_or(|barcode| *barcode == sku.barcode)
        && query.last_id.as_ref().is_none_or(|last_id| sku.id < *last_id)
}

fn updated_ms(product: &Product, sku: &Sku) -> i64 {
    product.updated_ms.max(sku.updated_ms)
}

fn item(json: &mut Json, product: &Product) {
    let shape = product.shape;
    json.string("id", &product.id);
    json.string("name", &product.name);
    empty(json, shape, "ename", |json, name| json.string(name, ""));
    number(json, "brandId", 0, shape);
    json.string("categoryId", "65f996e83e946300016b27e8");
    empty(json, shape, "attributes", |json, name| json.strings(name, []));
    json.string("shippingTemplateId", "64f196dee1f0f10001fd8bb1");
    json.number("shippingGrossWeight", 0);
    json.strings("variantIds", ["5a60c42f69bd891ed8939bc2"]);
    json.strings("images", ["http://qimg.xiaohongshu.com/arkgoods/example.jpg"]);
    empty(json, shape, "videoUrl", |json, name| json.string(name, ""));
    empty(json, shape, "imageDescriptions", |json, name| json.strings(name, []));
    empty(json, shape, "faq", |json, name| json.strings(name, []));
    json.boolean("isChannel", false);
    json.number("deliveryMode", 0);
    json.number("freeReturn", 1);
    json.boolean("enableMultiWarehouse", product.skus().any(|sku| sku.stock.len() > 1));
    number(json, "createTime", product.created_ms, shape);
    number(json, "updateTime", product.updated_ms, shape);
}

fn sku_row(json: &mut Json, product: &Product, sku: &Sku, is_spoiled: bool) {
    let shape = product.shape;
    let spoiled = shape.spoiled_in(is_spoiled);
    match spoiled {
        Some(Spoiled::Number) => json.null("id"),
        _ => json.string("id", &sku.id),
    }
    json.string("itemId", &product.id);
    json.string("name", &format!("{} {}", product.name, sku.spec));
    json.number("ipq", 1);
    number(json, "originalPrice", sku.list_price_minor, shape);
    if spoiled == Some(Spoiled::Status) {
        json.raw("price", r#"{"broken":true}"#);
    } else {
        number(json, "price", sku.price_minor, shape);
    }
    number(json, "stock", sku.stock_total(), shape);
    json.string("logisticsPlanId", "64f58c46138fbd00012e23b8");
    json.string("whcode", sku.stock.first().map_or("CPartner", |stock| stock.warehouse));
    json.number("priceType", 0);
    optional(json, "erpCode", &sku.code, shape.empty_members);
    json.objects("variants", [&sku.spec], |json, spec| {
        json.string("id", "5a60c42f69bd891ed8939bc2");
        json.string("name", "规格");
        json.string("value", spec);
        json.string("valueId", "");
    });
    json.member("deliveryTime", |json| {
        json.string("time", "48");
        json.string("type", "RELATIVE_TIME_NEW");
    });
    empty(json, shape, "specImage", |json, name| json.string(name, ""));
    optional(json, "barcode", &sku.barcode, shape.empty_members);
    json.string("scSkucode", &format!("XHS-{}", &sku.id[16..]));
    json.string("logisticsName", "red_auto");
    json.boolean("buyable", sku.is_on_sale);
    empty(json, shape, "unionItemDetails", |json, name| json.strings(name, []));
    number(json, "createTime", sku.created_ms, shape);
    number(json, "updateTime", sku.updated_ms, shape);
    json.boolean("isGift", false);
}

/// A text the seller may not have given: empty, null or left out.
fn optional(json: &mut Json, name: &str, text: &str, empty_members: EmptyMembers) {
    match empty_members {
        _ if !text.is_empty() => json.string(name, text),
        EmptyMembers::Written => json.string(name, ""),
        EmptyMembers::Null => json.null(name),
        EmptyMembers::Absent => {}
    }
}
