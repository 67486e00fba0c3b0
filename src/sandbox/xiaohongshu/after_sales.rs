//! Xiaohongshu's after-sales calls: short windows in milliseconds, amounts in yuan, and nothing that names a
//! buyer.

use super::{Call, NOT_FOUND, PARAMETERS, XiaohongshuRefusal, refuse_by_framework};
use crate::sandbox::accounts::Platform;
use crate::sandbox::after_sales::{Case, CaseItem, REASONS, change};
use crate::sandbox::catalogue::{self, Product};
use crate::sandbox::json::Json;
use crate::sandbox::order::ListedBy;
use crate::sandbox::shape::{EmptyMembers, Spoiled, empty, number};
use crate::sandbox::world::World;

pub const LIST_PARAMETERS: &[&str] =
    &["pageNo", "pageSize", "orderId", "statuses", "returnTypes", "startTime", "endTime", "timeType"];
const PAGE_SIZE_MAX: i64 = 100;
/// The page's number times its size, at most.
const ROWS_MAX: i64 = 50_000;
const CREATED_WINDOW_MS: i64 = 24 * 3_600_000;
const UPDATED_WINDOW_MS: i64 = 30 * 60_000;
/// More is milliseconds.
const SECONDS_MAX: i64 = 99_999_999_999;
/// How long a seller has to answer.
const ANSWER_WITHIN_MS: i64 = 48 * 3_600_000;

/// By which time, and between which milliseconds, both included.
type Window = (ListedBy, (i64, i64));

struct Query {
    page: i64,
    page_size: i64,
    order: Option<String>,
    window: Option<Window>,
    statuses: Option<Vec<i64>>,
    kinds: Option<Vec<i64>>,
}

/// `afterSale.listAfterSaleInfos`: newest first, by the time requested.
pub fn list(world: &mut World, call: &Call<'_>) -> Result<String, XiaohongshuRefusal> {
    let query = query(world, call)?;
    let (by, window) = query.window.unwrap_or((ListedBy::Created, (i64::MIN, i64::MAX)));
    if query.window.is_some() {
        change::before_page(world, Platform::Xiaohongshu, call.shop, by, window);
    }
    let window = call.window(window);
    let mut rows = world.shop(Platform::Xiaohongshu, call.shop).cases.listed(by, window);
    rows.retain(|case| {
        query.order.as_ref().is_none_or(|order| *order == case.order_number)
            && query.statuses.as_ref().is_none_or(|statuses| statuses.contains(&case.status))
            && query.kinds.as_ref().is_none_or(|kinds| kinds.contains(&case.kind))
    });
    if call.is_empty_list {
        rows.clear();
    }
    let page_size = usize::try_from(query.page_size).unwrap_or(usize::MAX);
    let skipped = usize::try_from(query.page - 1).unwrap_or(usize::MAX).saturating_mul(page_size);
    Ok(Json::object(|json| {
        let shown = rows.iter().skip(skipped).take(page_size).enumerate();
        json.objects("afterSaleBasicInfos", shown, |json, (index, case)| {
            let is_spoiled = call.has_unreadable_row && index == 0;
            common(json, case, case.shape.spoiled_in(is_spoiled));
        });
        json.number("totalCount", i64::try_from(rows.len()).unwrap_or(i64::MAX));
        json.number("pageNo", query.page);
        json.number("pageSize", query.page_size);
    }))
}

/// `afterSale.getAfterSaleInfo`.
pub fn detail(world: &mut World, call: &Call<'_>) -> Result<String, XiaohongshuRefusal> {
    let Some(number) = call.body.text("returnsId") else {
        world.counters.violations.bad_parameter += 1;
        return refuse_by_framework(PARAMETERS, "returnsId不能为空");
    };
    let Some(case) = world.shop(Platform::Xiaohongshu, call.shop).cases.find(&number) else {
        return refuse_by_framework(NOT_FOUND, "售后单不存在");
    };
    Ok(Json::object(|json| {
        json.member("afterSaleInfo", |json| whole(json, case));
        json.member("logisticsInfo", |json| {
            for leg in ["afterSale", "exchange", "order"] {
                json.null(leg);
            }
        });
        json.null("negotiateRecords");
    }))
}

fn query(world: &mut World, call: &Call<'_>) -> Result<Query, XiaohongshuRefusal> {
    let body = call.body;
    let violations = &mut world.counters.violations;
    let (Some(page), Some(page_size)) = (body.integer("pageNo")?, body.integer("pageSize")?) else {
        violations.bad_parameter += 1;
        return refuse_by_framework(PARAMETERS, "pageNo、pageSize不能为空");
    };
    if page_size > PAGE_SIZE_MAX {
        violations.page_too_large += 1;
        return refuse_by_framework(PARAMETERS, "pageSize不能超过100");
    }
    if page < 1 || page_size < 1 {
        violations.bad_parameter += 1;
        return refuse_by_framework(PARAMETERS, "pageNo和pageSize从1开始");
    }
    if page.saturating_mul(page_size) > ROWS_MAX {
        violations.page_too_far += 1;
        return refuse_by_framework(PARAMETERS, "pageNo*pageSize不能超过50000");
    }
    let order = body.text("orderId");
    let window = window(world, call)?;
    if order.is_none() && window.is_none() {
        world.counters.violations.unfiltered_list += 1;
        return refuse_by_framework(PARAMETERS, "包裹号和时间类型至少传一个");
    }
    let numbers = |name: &str| body.raw(name).and_then(|text| serde_json::from_str(text).ok());
    Ok(Query { page, page_size, order, window, statuses: numbers("statuses"), kinds: numbers("returnTypes") })
}

fn window(world: &mut World, call: &Call<'_>) -> Result<Option<Window>, XiaohongshuRefusal> {
    let violations = &mut world.counters.violations;
    let (by, longest) = match call.body.integer("timeType")? {
        None => return Ok(None),
        Some(1) => (ListedBy::Created, CREATED_WINDOW_MS),
        Some(2) => (ListedBy::Updated, UPDATED_WINDOW_MS),
        Some(_) => {
            violations.bad_parameter += 1;
            return refuse_by_framework(PARAMETERS, "timeType参数错误");
        }
    };
    let (Some(from), Some(until)) = (call.body.integer("startTime")?, call.body.integer("endTime")?) else {
        violations.bad_parameter += 1;
        return refuse_by_framework(PARAMETERS, "startTime、endTime不能为空");
    };
    if (1..=SECONDS_MAX).contains(&from) || (1..=SECONDS_MAX).contains(&until) {
        violations.window_in_seconds += 1;
    }
    let length = until.saturating_sub(from);
    if length <= 0 {
        violations.bad_parameter += 1;
        return refuse_by_framework(PARAMETERS, "endTime应当大于startTime");
    }
    if length > longest {
        violations.window_too_long += 1;
        return refuse_by_framework(PARAMETERS, format!("查询时间跨度不能超过{}分钟", longest / 60_000));
    }
    Ok(Some((by, (from, until))))
}

/// What list and detail both tell.
fn common(json: &mut Json, case: &Case, spoiled: Option<Spoiled>) {
    let shape = case.shape;
    let (reason, words) = REASONS[case.reason];
    match spoiled {
        Some(Spoiled::Number) => json.null("returnsId"),
        _ => json.string("returnsId", &case.number),
    }
    number(json, "returnType", case.kind, shape);
    number(json, "reasonId", reason, shape);
    json.string("reasonNameZh", words);
    match spoiled {
        Some(Spoiled::Status) => json.raw("status", r#"{"broken":true}"#),
        _ => number(json, "status", case.status, shape),
    }
    json.string("userId", &format!("5f00000000000000{:08x}", case.created_ms & 0xffff_ffff));
    json.string("orderId", &case.order_number);
    number(json, "applyTime", case.created_ms, shape);
    number(json, "updatedAt", case.updated_ms, shape);
    let is_sellers_turn = [1, 3, 12].contains(&case.status);
    let expires = if is_sellers_turn { case.created_ms + ANSWER_WITHIN_MS } else { -1 };
    number(json, "expireTime", expires, shape);
    json.raw("desc", &case.note.to_json());
    number(json, "returnsTag", 0, shape);
    json.raw("expectedRefundAmountYuan", &yuan(case.expected_minor, case.is_noisy));
}

fn whole(json: &mut Json, case: &Case) {
    let shape = case.shape;
    common(json, case, case.shape.spoiled);
    json.null("returnAddress");
    empty(json, shape, "proofPhotos", |json, name| json.strings(name, []));
    json.boolean("supportCarriageInsurance", false);
    json.string("openAddressId", "b1946ac92492d2347c6235b4d2611184");
    json.objects("skus", &case.items, |json, item| sku(json, case, item));
    // Whoever wants another one gets the same kind.
    let exchanged: &[CaseItem] = if case.kind == 2 { &case.items } else { &[] };
    json.objects("exchangeSKUs", exchanged, |json, item| sku(json, case, item));
    empty(json, shape, "closeReasonZh", |json, name| json.string(name, ""));
    json.raw("appliedShipFeeAmountYuan", "0");
    json.raw("appliedSkusAmountYuan", &yuan(case.expected_minor, case.is_noisy));
    match (case.refunded_minor, shape.empty_members) {
        (Some(minor), _) => json.raw("refundAmountYuan", &yuan(minor, case.is_noisy)),
        (None, EmptyMembers::Absent) => {}
        (None, _) => json.null("refundAmountYuan"),
    }
    match (case.refunded_ms, shape.empty_members) {
        (Some(time_ms), _) => number(json, "refundTime", time_ms, shape),
        (None, EmptyMembers::Absent) => {}
        (None, _) => json.null("refundTime"),
    }
    // 2: the money went back; 101: nothing has been set off.
    number(json, "refundStatus", if case.refunded_minor.is_some() { 2 } else { 101 }, shape);
    number(json, "cargoStatus", 0, shape);
}

fn sku(json: &mut Json, case: &Case, item: &CaseItem) {
    let Product { name, spec, code, .. } = catalogue::products(Platform::Xiaohongshu)[item.product];
    let sku_id = catalogue::sku_id(Platform::Xiaohongshu, item.product);
    json.string("skuId", &sku_id);
    json.string("skuName", &format!("{name} {spec}"));
    json.string("image", "https://qimg.xiaohongshu.com/arkgoods/example.jpg");
    json.raw("price", &yuan(item.amount_minor / item.quantity, false));
    number(json, "boughtCount", item.quantity, case.shape);
    number(json, "appliedCount", item.quantity, case.shape);
    json.raw("appliedTotalAmountYuan", &yuan(item.amount_minor, case.is_noisy));
    json.string("scskucode", &format!("XHS-{}", &sku_id[16..]));
    empty(json, case.shape, "barcode", |json, name| json.string(name, ""));
    json.objects("variants", [spec], |json, spec| {
        json.string("name", "规格");
        json.string("value", spec);
    });
    json.string("skuERPCode", code);
}

/// Yuan as a double prints itself, `10.0` and `15.01`; with noise, as the sum of two doubles does.
fn yuan(minor: i64, is_noisy: bool) -> String {
    let exact = format!("{}.{:02}", minor / 100, minor % 100);
    let amount: f64 = exact.parse().expect("digits and a point are a number");
    // Nothing is nothing: a sum that comes to zero has no noise.
    let amount = if is_noisy && minor > 0 { amount.next_up() } else { amount };
    format!("{amount:?}")
}

#[cfg(test)]
mod tests {
    use super::yuan;

    #[test]
    fn yuan_are_written_as_doubles_print_themselves() {
        for (minor, is_noisy, expected) in [
            (1000, false, "10.0"),
            (1501, false, "15.01"),
            (30, true, "0.30000000000000004"),
            (0, true, "0.0"),
            (5, false, "0.05"),
        ] {
            assert_eq!(yuan(minor, is_noisy), expected);
        }
    }
}
