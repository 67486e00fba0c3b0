//! Temu's order calls: what may be parameters, and which orders it is. How they look is `answers`' business.

use std::collections::HashSet;

use super::answers::Row;
use super::{Call, TemuRefusal, amounts, answers, refuse};
use crate::sandbox::accounts::{Platform, temu_site};
use crate::sandbox::drift;
use crate::sandbox::faults::FaultKind;
use crate::sandbox::order::ListedBy;
use crate::sandbox::order::Order;
use crate::sandbox::world::World;

pub const LIST_PARAMETERS: &[&str] = &[
    "pageNumber",
    "pageSize",
    "parentOrderStatus",
    "parentOrderSnList",
    "createAfter",
    "createBefore",
    "updateAtStart",
    "updateAtEnd",
    "parentConfirmTimeStart",
    "parentConfirmTimeEnd",
    "expectShipLatestTimeStart",
    "expectShipLatestTimeEnd",
    "regionId",
    "fulfillmentTypeList",
    "parentOrderLabel",
    "packageAbnormalTypeList",
    "sortby",
    "hasPreSaleOrder",
    "hasQualificationRequiredOrder",
    "skuId",
];
/// Real filters the simulated orders have nothing for. Refused, because ignoring one would lie about the rows.
const NOT_SIMULATED: [&str; 7] = [
    "regionId",
    "fulfillmentTypeList",
    "parentOrderLabel",
    "packageAbnormalTypeList",
    "hasPreSaleOrder",
    "hasQualificationRequiredOrder",
    "skuId",
];
const PAGE_SIZE_DEFAULT: i64 = 10;
const PAGE_SIZE_MAX: i64 = 100;
const NUMBERS_MAX: usize = 20;
/// More is not a time in seconds.
const SECONDS_MAX: i64 = 99_999_999_999;
/// The sites whose shops have the second and the third amount call, by the official amount guide.
const SITES_V2: [i64; 29] = [
    105, 106, 109, 107, 112, 140, 137, 145, 138, 143, 108, 142, 139, 113, 144, 111, 115, 147, 141, 146, 117,
    150, 116, 149, 148, 174, 118, 119, 110,
];
const SITES_V3: [i64; 6] = [156, 158, 159, 168, 165, 166];

/// What a list call requests.
struct Query {
    page: usize,
    page_size: usize,
    sorted_by: ListedBy,
    /// Milliseconds, both ends included.
    created_ms: Option<(i64, i64)>,
    updated_ms: Option<(i64, i64)>,
    confirmed_ms: Option<(i64, i64)>,
    ship_by_ms: Option<(i64, i64)>,
    /// `None`: all.
    status: Option<i64>,
    numbers: Option<HashSet<String>>,
}

/// `bg.order.list.v2.get`: newest first, by creation unless the call says otherwise.
pub fn list(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    refuse_full_managed(world, call)?;
    let query = match query(call) {
        Ok(query) => query,
        Err(refusal) => {
            world.counters.violations.bad_parameter += 1;
            return Err(refusal);
        }
    };
    let times = [query.created_ms, query.updated_ms, query.confirmed_ms, query.ship_by_ms];
    if times.iter().all(Option::is_none) && query.numbers.is_none() {
        world.counters.violations.unfiltered_list += 1;
    }
    if let Some((by, window)) = window(&query) {
        drift::before_page(world, Platform::Temu, call.shop, by, window);
    }
    let query = Query {
        created_ms: call.window(query.created_ms),
        updated_ms: call.window(query.updated_ms),
        ..query
    };
    let shop = world.shop(Platform::Temu, call.shop);
    let skipped = query.page.saturating_sub(1).saturating_mul(query.page_size);
    let (by, (from_ms, until_ms)) = window(&query).unwrap_or((query.sorted_by, (i64::MIN, i64::MAX)));
    let listed = if call.is_empty_list { &[] } else { shop.listed(by, from_ms, until_ms) };

    // The rule is that the window's own time sorts and nothing else filters; then a page is a slice.
    let is_split = call.struck.strike(&FaultKind::SplitOrder).is_some();
    if by == query.sorted_by && is_only_by_time(&query) && !is_split {
        let rows = listed.iter().rev().skip(skipped).take(query.page_size);
        let rows: Vec<Row<'_>> = rows.map(|(_, position)| whole(shop.at(*position))).collect();
        return Ok(answers::list(&rows, listed.len(), call));
    }
    let mut kept: Vec<&Order> = listed.iter().map(|(_, position)| shop.at(*position)).collect();
    kept.retain(|order| is_asked_for(order, &query));
    kept.sort_by_key(|order| match query.sorted_by {
        ListedBy::Created => (order.created_ms, order.number.as_str()),
        ListedBy::Updated => (order.updated_ms, order.number.as_str()),
    });
    let rows: Vec<Row<'_>> = kept.into_iter().rev().flat_map(|order| parts(order, call)).collect();
    let total = rows.len();
    let rows: Vec<Row<'_>> = rows.into_iter().skip(skipped).take(query.page_size).collect();
    Ok(answers::list(&rows, total, call))
}

fn whole(order: &Order) -> Row<'_> {
    (order, &order.lines)
}

/// One row, or two where a fault sends the first line in a parcel of its own.
fn parts<'a>(order: &'a Order, call: &Call<'_>) -> Vec<Row<'a>> {
    let strike = call.struck.strike(&FaultKind::SplitOrder);
    match order.lines.split_at_checked(1) {
        Some((first, rest))
            if !rest.is_empty() && strike.is_some_and(|strike| strike.hits(&order.number)) =>
        {
            vec![(order, first), (order, rest)]
        }
        _ => vec![whole(order)],
    }
}

/// `bg.order.detail.v2.get`.
pub fn detail(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    refuse_full_managed(world, call)?;
    let number = call.body.text("parentOrderSn").unwrap_or_default();
    match world.shop(Platform::Temu, call.shop).find(&number) {
        Some(order) => Ok(answers::detail(order, call)),
        None => refuse(140_020_002, "Order not found"),
    }
}

/// The three versions of the amount call.
pub fn amount(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    refuse_full_managed(world, call)?;
    let site = temu_site(call.shop);
    let is_open = match call.api {
        amounts::V2 => SITES_V2.contains(&site.id),
        amounts::V3 => SITES_V3.contains(&site.id),
        _ => true,
    };
    if !is_open {
        return refuse(
            140_020_015,
            "This API is not applicable to the country or region where the current store is located.",
        );
    }
    let number = call.body.text("parentOrderSn").unwrap_or_default();
    let Some(order) = world.shop(Platform::Temu, call.shop).find(&number) else {
        return refuse(140_020_002, "Order not found");
    };
    Ok(match call.api {
        amounts::V2 => amounts::second(order, site.currency),
        amounts::V3 => amounts::third(order, site.currency),
        _ => amounts::first(order, site.currency),
    })
}

/// A full-managed mall sells to the platform: it has no consumer orders.
fn refuse_full_managed(world: &World, call: &Call<'_>) -> Result<(), TemuRefusal> {
    if world.manners.full_managed.contains(&call.shop) {
        return refuse(
            140_020_001,
            "This API does not support cross-border sellers, please use a SEMI or LOCAL store.",
        );
    }
    Ok(())
}

fn query(call: &Call<'_>) -> Result<Query, TemuRefusal> {
    let body = call.body;
    let page = body.integer("pageNumber")?.unwrap_or(1);
    let page_size = body.integer("pageSize")?.unwrap_or(PAGE_SIZE_DEFAULT);
    if page < 1 || !(1..=PAGE_SIZE_MAX).contains(&page_size) {
        return refuse(3_000_000, "BAD_PARAMS: pageNumber starts at 1, pageSize is 1 to 100");
    }
    let numbers = body.strings("parentOrderSnList");
    if numbers.as_ref().is_some_and(|numbers| numbers.len() > NUMBERS_MAX) {
        return refuse(3_000_000, "BAD_PARAMS: parentOrderSnList holds 20 at most");
    }
    let sorted_by = match body.text("sortby").as_deref() {
        None | Some("createTime") => ListedBy::Created,
        Some("updateTime") => ListedBy::Updated,
        Some(_) => return refuse(3_000_000, "BAD_PARAMS: sortby"),
    };
    if let Some(name) = NOT_SIMULATED.into_iter().find(|name| body.raw(name).is_some()) {
        return refuse(3_000_000, format!("BAD_PARAMS: the sandbox does not know how to filter by {name}"));
    }
    Ok(Query {
        page: usize::try_from(page).unwrap_or(usize::MAX),
        page_size: usize::try_from(page_size).unwrap_or(usize::MAX),
        sorted_by,
        created_ms: pair(call, "createAfter", "createBefore")?,
        updated_ms: pair(call, "updateAtStart", "updateAtEnd")?,
        confirmed_ms: pair(call, "parentConfirmTimeStart", "parentConfirmTimeEnd")?,
        ship_by_ms: pair(call, "expectShipLatestTimeStart", "expectShipLatestTimeEnd")?,
        status: body.integer("parentOrderStatus")?.filter(|status| *status != 0),
        numbers: numbers.map(|numbers| numbers.into_iter().collect()),
    })
}

/// Two times in seconds that only make sense together; in milliseconds, the whole last second included.
fn pair(call: &Call<'_>, start: &'static str, end: &'static str) -> Result<Option<(i64, i64)>, TemuRefusal> {
    let (from, until) = match (call.body.integer(start)?, call.body.integer(end)?) {
        (None, None) => return Ok(None),
        (Some(from), Some(until)) => (from, until),
        _ => return refuse(140_020_013, format!("{start} and {end} must be passed together")),
    };
    for time in [from, until] {
        if !(0..=SECONDS_MAX).contains(&time) {
            return refuse(140_020_014, "The timestamp must be in seconds");
        }
    }
    if until <= from {
        return refuse(140_020_012, "The end time must be later than the start time");
    }
    Ok(Some((from * 1000, until * 1000 + 999)))
}

/// The index the rows come from, and the stretch of it.
fn window(query: &Query) -> Option<(ListedBy, (i64, i64))> {
    let updated = query.updated_ms.map(|window| (ListedBy::Updated, window));
    updated.or(query.created_ms.map(|window| (ListedBy::Created, window)))
}

fn is_only_by_time(query: &Query) -> bool {
    let has_both = query.created_ms.is_some() && query.updated_ms.is_some();
    let has_other = query.confirmed_ms.is_some() || query.ship_by_ms.is_some();
    !has_both && !has_other && query.status.is_none() && query.numbers.is_none()
}

fn is_asked_for(order: &Order, query: &Query) -> bool {
    let is_within = |window: Option<(i64, i64)>, time_ms: Option<i64>| match (window, time_ms) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((from_ms, until_ms)), Some(time_ms)) => (from_ms..=until_ms).contains(&time_ms),
    };
    is_within(query.created_ms, Some(order.created_ms))
        && is_within(query.updated_ms, Some(order.updated_ms))
        && is_within(query.confirmed_ms, order.paid_ms)
        && is_within(query.ship_by_ms, Some(order.ship_by_ms))
        && query.status.is_none_or(|status| order.status == status)
        && query.numbers.as_ref().is_none_or(|numbers| numbers.contains(&order.number))
}
