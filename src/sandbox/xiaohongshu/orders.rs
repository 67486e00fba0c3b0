//! Xiaohongshu's order calls: short windows, a hundred pages, and which orders it is.

use super::{Call, NOT_FOUND, PARAMETERS, XiaohongshuRefusal, answers, refuse, refuse_by_framework};
use crate::sandbox::accounts::Platform;
use crate::sandbox::drift;
use crate::sandbox::order::ListedBy;
use crate::sandbox::order::Order;
use crate::sandbox::world::World;

pub const LIST_PARAMETERS: &[&str] =
    &["startTime", "endTime", "timeType", "orderType", "orderStatus", "pageNo", "pageSize"];
const PAGE_MAX: i64 = 100;
const PAGE_SIZE_DEFAULT: i64 = 50;
const PAGE_SIZE_MAX: i64 = 100;
const CREATED_WINDOW_SECONDS: i64 = 24 * 3600;
const UPDATED_WINDOW_SECONDS: i64 = 30 * 60;
/// More is milliseconds.
const SECONDS_MAX: i64 = 99_999_999_999;

struct Query {
    by: ListedBy,
    /// Milliseconds, both ends included.
    window_ms: (i64, i64),
    page: i64,
    page_size: i64,
    /// `None`: all.
    status: Option<i64>,
    order_type: Option<i64>,
}

/// `order.getOrderList`: newest first.
pub fn list(world: &mut World, call: &Call<'_>) -> Result<String, XiaohongshuRefusal> {
    let query = query(world, call)?;
    let (from_ms, until_ms) = call.window(query.window_ms);
    drift::before_page(world, Platform::Xiaohongshu, call.shop, query.by, query.window_ms);
    let shop = world.shop(Platform::Xiaohongshu, call.shop);
    let page_size = usize::try_from(query.page_size).unwrap_or(usize::MAX);
    let skipped = usize::try_from(query.page - 1).unwrap_or(0) * page_size;
    let listed = if call.is_empty_list { &[] } else { shop.listed(query.by, from_ms, until_ms) };
    let newest_first = || listed.iter().rev().map(|(_, position)| shop.at(*position));

    // Every simulated order is of type 1.
    let is_of_type = query.order_type.is_none_or(|order_type| order_type == 1);
    let is_asked_for =
        |order: &&Order| is_of_type && query.status.is_none_or(|status| order.status == status);
    let is_whole = is_of_type && query.status.is_none();
    let total = if is_whole { listed.len() } else { newest_first().filter(is_asked_for).count() };
    let rows: Vec<&Order> = if is_whole {
        newest_first().skip(skipped).take(page_size).collect()
    } else {
        newest_first().filter(is_asked_for).skip(skipped).take(page_size).collect()
    };
    let paging = answers::Paging {
        total,
        page: query.page,
        page_size: query.page_size,
        page_max: total.div_ceil(page_size),
    };
    Ok(answers::list(&rows, &paging, call.has_unreadable_row))
}

/// `order.getOrderDetail`.
pub fn detail(world: &mut World, call: &Call<'_>) -> Result<String, XiaohongshuRefusal> {
    let Some(number) = call.body.text("orderId") else {
        return refuse_by_framework(PARAMETERS, "orderId不能为空");
    };
    match world.shop(Platform::Xiaohongshu, call.shop).find(&number) {
        Some(order) => Ok(answers::detail(order, call.shop)),
        None => refuse(NOT_FOUND, "订单不存在"),
    }
}

fn query(world: &mut World, call: &Call<'_>) -> Result<Query, XiaohongshuRefusal> {
    let body = call.body;
    let violations = &mut world.counters.violations;
    let (Some(from), Some(until), Some(time_type)) =
        (body.integer("startTime")?, body.integer("endTime")?, body.integer("timeType")?)
    else {
        violations.bad_parameter += 1;
        return refuse_by_framework(PARAMETERS, "startTime、endTime、timeType不能为空");
    };
    let (by, longest) = match time_type {
        1 => (ListedBy::Created, CREATED_WINDOW_SECONDS),
        2 => (ListedBy::Updated, UPDATED_WINDOW_SECONDS),
        _ => {
            violations.bad_parameter += 1;
            return refuse_by_framework(PARAMETERS, "timeType参数错误");
        }
    };
    if from > SECONDS_MAX || until > SECONDS_MAX {
        violations.window_in_milliseconds += 1;
    }
    let length = until.saturating_sub(from);
    if length < 0 {
        violations.bad_parameter += 1;
        return refuse(PARAMETERS, "endTime不能早于startTime");
    }
    if length > longest {
        violations.window_too_long += 1;
        return refuse(PARAMETERS, format!("查询时间跨度不能超过{}分钟", longest / 60));
    }
    let page = body.integer("pageNo")?.unwrap_or(1);
    let page_size = body.integer("pageSize")?.unwrap_or(PAGE_SIZE_DEFAULT);
    if page > PAGE_MAX {
        violations.page_too_far += 1;
        return refuse(PARAMETERS, "pageNo不能超过100");
    }
    if page_size > PAGE_SIZE_MAX {
        violations.page_too_large += 1;
        return refuse(PARAMETERS, "pageSize不能超过100");
    }
    if page < 1 || page_size < 1 {
        violations.bad_parameter += 1;
        return refuse(PARAMETERS, "pageNo和pageSize从1开始");
    }
    Ok(Query {
        by,
        window_ms: (from.saturating_mul(1000), until.saturating_mul(1000)),
        page,
        page_size,
        status: body.integer("orderStatus")?.filter(|status| *status != 0),
        order_type: body.integer("orderType")?.filter(|order_type| *order_type != 0),
    })
}
