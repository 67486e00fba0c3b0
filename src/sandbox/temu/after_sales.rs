//! Temu's after-sales lists: which cases may be requested, and how they and their items are written.

use super::parameters::Rules;
use super::{Call, TemuRefusal, parameters, refuse};
use crate::sandbox::accounts::Platform;
use crate::sandbox::after_sales::{Case, CaseItem, change};
use crate::sandbox::catalogue;
use crate::sandbox::json::Json;
use crate::sandbox::order::ListedBy;
use crate::sandbox::shape::{EmptyMembers, Spoiled, identity, number};
use crate::sandbox::world::World;

pub const LIST_PARAMETERS: &[&str] = &[
    "pageNo",
    "pageSize",
    "createAtStart",
    "createAtEnd",
    "updateAtStart",
    "updateAtEnd",
    "parentOrderSnList",
    "parentAfterSalesSnList",
    "afterSalesStatusGroup",
];
pub const ITEM_PARAMETERS: &[&str] = &["parentAfterSalesSnList", "pageNo", "pageSize"];
const RULES: Rules =
    Rules { page: "pageNo", page_size: Some(10), page_size_max: 200, bad_parameter: 130_010_001 };
/// No document tells how many cases may be named at once: this is the sandbox's assumption.
const CASES_MAX: usize = 50;
/// How long a seller has to answer.
const ANSWER_WITHIN_MS: i64 = 48 * 3_600_000;

/// `bg.aftersales.parentaftersales.list.get`: newest first, by the window's own time. At least one window is a
/// must.
pub fn list(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    let page = parameters::page(world, call, &RULES)?;
    let created = parameters::pair_of_seconds(world, call, &RULES, ["createAtStart", "createAtEnd"])?;
    let updated = parameters::pair_of_seconds(world, call, &RULES, ["updateAtStart", "updateAtEnd"])?;
    let group = call.body.integer("afterSalesStatusGroup")?;
    let [orders, cases] = ["parentOrderSnList", "parentAfterSalesSnList"].map(|name| call.body.strings(name));
    let (by, window) = match (updated, created) {
        (Some(window), _) => (ListedBy::Updated, window),
        (None, Some(window)) => (ListedBy::Created, window),
        (None, None) => {
            world.counters.violations.unfiltered_list += 1;
            return refuse(130_010_001, "Illegal param: createAt or updateAt is required");
        }
    };
    refuse_heavy(world, call, by, window)?;
    let created = call.window(created);
    let window = call.window(Some(window)).unwrap_or((i64::MIN, i64::MAX));
    change::before_page(world, Platform::Temu, call.shop, by, window);

    let mut rows = world.shop(Platform::Temu, call.shop).cases.listed(by, window);
    rows.retain(|case| {
        created.is_none_or(|(from, until)| (from..=until).contains(&case.created_ms))
            && group.is_none_or(|group| status_group(case.status) == group)
            && orders.as_ref().is_none_or(|orders| orders.contains(&case.order_number))
            && cases.as_ref().is_none_or(|cases| cases.contains(&case.number))
    });
    if call.is_empty_list {
        rows.clear();
    }
    Ok(Json::object(|json| {
        json.number("total", i64::try_from(rows.len()).unwrap_or(i64::MAX));
        json.number("pageNumber", i64::try_from(page.number).unwrap_or(i64::MAX));
        json.objects("data", page.of(&rows).into_iter().enumerate(), |json, (index, case)| {
            let is_spoiled = call.has_unreadable_row && index == 0;
            case_row(json, case, case.shape.spoiled_in(is_spoiled));
        });
    }))
}

/// `bg.aftersales.aftersales.list.get`: the items of the cases named, in their order.
pub fn items(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    let page = parameters::page(world, call, &RULES)?;
    let numbers = call.body.strings("parentAfterSalesSnList").unwrap_or_default();
    if numbers.is_empty() || numbers.len() > CASES_MAX {
        return parameters::wrong(world, &RULES, &format!("parentAfterSalesSnList holds 1 to {CASES_MAX}"));
    }
    let cases = &world.shop(Platform::Temu, call.shop).cases;
    let named = numbers.iter().filter_map(|number| cases.find(number));
    let mut rows: Vec<(&Case, &CaseItem)> =
        named.flat_map(|case| case.items.iter().map(move |item| (case, item))).collect();
    if call.is_empty_list {
        rows.clear();
    }
    Ok(Json::object(|json| {
        json.number("total", i64::try_from(rows.len()).unwrap_or(i64::MAX));
        json.number("pageNumber", i64::try_from(page.number).unwrap_or(i64::MAX));
        json.objects("data", page.of(&rows), |json, (case, item)| item_row(json, case, item));
    }))
}

/// A long window of creation times with many cases in it is never answered.
fn refuse_heavy(
    world: &mut World,
    call: &Call<'_>,
    by: ListedBy,
    window: (i64, i64),
) -> Result<(), TemuRefusal> {
    let Some(heavy) = world.manners.heavy_window else {
        return Ok(());
    };
    let is_long = window.1.saturating_sub(window.0) > heavy.longer_than.num_milliseconds() + 999;
    if by != ListedBy::Created || !is_long {
        return Ok(());
    }
    if world.shop(Platform::Temu, call.shop).cases.listed(by, window).len() <= heavy.more_than {
        return Ok(());
    }
    world.manners.held_back = heavy.stall;
    refuse(4_000_000, "Temu internal system error, please try again later")
}

fn case_row(json: &mut Json, case: &Case, spoiled: Option<Spoiled>) {
    let shape = case.shape;
    let group = status_group(case.status);
    match spoiled {
        Some(Spoiled::Number) => json.null("parentAfterSalesSn"),
        _ => json.string("parentAfterSalesSn", &case.number),
    }
    json.string("parentOrderSn", &case.order_number);
    number(json, "afterSalesType", case.kind, shape);
    match spoiled {
        Some(Spoiled::Status) => json.raw("parentAfterSalesStatus", r#"{"broken":true}"#),
        _ => number(json, "parentAfterSalesStatus", case.status, shape),
    }
    number(json, "afterSalesStatusGroup", group, shape);
    number(json, "createAt", case.created_ms / 1000, shape);
    number(json, "updateAt", case.updated_ms / 1000, shape);
    match (group, shape.empty_members) {
        (1, _) => number(json, "operateExpireTimeMs", case.created_ms + ANSWER_WITHIN_MS, shape),
        (_, EmptyMembers::Absent) => {}
        _ => json.null("operateExpireTimeMs"),
    }
    json.raw("availableOperateList", if group == 1 { "[1,2]" } else { "[]" });
    json.null("returnDeliveryType");
}

fn item_row(json: &mut Json, case: &Case, item: &CaseItem) {
    let shape = case.shape;
    json.string("parentAfterSalesSn", &case.number);
    json.string("afterSalesSn", &item.number);
    identity(json, "goodsId", &catalogue::product_id(Platform::Temu, item.product), shape);
    identity(json, "skuId", &catalogue::sku_id(Platform::Temu, item.product), shape);
    identity(json, "productSkuId", &catalogue::partner_sku_id(item.product), shape);
    number(json, "applyAfterSalesGoodsNumber", item.quantity, shape);
    number(json, "afterSalesStatus", case.status, shape);
    number(json, "afterSalesType", case.kind, shape);
    json.objects("productList", [item], |json, item| {
        json.raw("productSkuId", &catalogue::partner_sku_id(item.product));
        json.string("extCode", catalogue::products(Platform::Temu)[item.product].code);
    });
}

/// The group a status belongs to: pending, requested, shipped back, under review, refunded, rejected, cancelled.
fn status_group(status: i64) -> i64 {
    match status {
        1 => 1,
        2 | 3 => 3,
        11 => 4,
        5 => 5,
        7 => 6,
        6 => 7,
        _ => 2,
    }
}
