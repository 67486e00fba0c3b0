//! Temu's promotion calls: the activities of one kind, and what the seller has put into one.

use super::parameters::Rules;
use super::{Call, TemuRefusal, parameters, refuse};
use crate::sandbox::accounts::Platform;
use crate::sandbox::activities::{Activity, KINDS, change};
use crate::sandbox::json::Json;
use crate::sandbox::world::World;

pub const LIST_PARAMETERS: &[&str] = &[
    "pageNumber",
    "pageSize",
    "activityType",
    "activityStatus",
    "activityIdList",
    "activityStartTime",
    "activityEndTime",
    "onlyQueryJoinedActivity",
];
pub const GOODS_PARAMETERS: &[&str] = &["activityId", "pageNumber", "pageSize"];
/// The documents do not say what the two times mean for activities that only overlap them.
const NOT_SIMULATED: &[&str] = &["activityStartTime", "activityEndTime"];
const RULES: Rules =
    Rules { page: "pageNumber", page_size: None, page_size_max: 100, bad_parameter: 220_010_001 };

/// `bg.promotion.activity.query`: the youngest first.
pub fn list(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    let page = parameters::page(world, call, &RULES)?;
    let kind = parameters::one_of(world, call, &RULES, "activityType", &KINDS)?;
    parameters::refuse_not_simulated(call, NOT_SIMULATED)?;
    let status = call.body.integer("activityStatus")?;
    let ids = parameters::numbers(call, "activityIdList");
    let only_joined = call.body.raw("onlyQueryJoinedActivity") == Some("true");
    change::before_page(world, call.shop);

    let now_ms = world.now_ms();
    let shop = world.shop(Platform::Temu, call.shop);
    let mut rows: Vec<&Activity> = shop.activities.listed().rev().collect();
    rows.retain(|activity| {
        activity.kind == kind
            && (activity.is_joined || !only_joined)
            && status.is_none_or(|status| activity.status(now_ms) == status)
            && ids.as_ref().is_none_or(|ids| ids.contains(&activity.id.to_string()))
    });
    if call.is_empty_list {
        rows.clear();
    }
    Ok(Json::object(|json| {
        json.number("total", i64::try_from(rows.len()).unwrap_or(i64::MAX));
        json.objects("activityList", page.of(&rows).into_iter().enumerate(), |json, (index, activity)| {
            write(json, activity, now_ms, call.has_unreadable_row && index == 0);
        });
    }))
}

/// `bg.promotion.activity.goods.query`: refused once the activity has been called off or is over.
pub fn goods(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    let page = parameters::page(world, call, &RULES)?;
    let Some(id) = call.body.integer("activityId")? else {
        return parameters::wrong(world, &RULES, "activityId");
    };
    change::before_page(world, call.shop);

    let now_ms = world.now_ms();
    let Some(activity) = world.shop(Platform::Temu, call.shop).activities.find(id) else {
        return refuse(220_010_001, "Illegal parameter: activityId");
    };
    if activity.is_gone {
        return refuse(220_010_003, "The activity has been cancelled");
    }
    if activity.status(now_ms) == 3 {
        return refuse(220_010_004, "The activity has ended");
    }
    let goods = if call.is_empty_list { &[] } else { activity.goods.as_slice() };
    Ok(Json::object(|json| {
        json.number("total", i64::try_from(goods.len()).unwrap_or(i64::MAX));
        json.member("activityInfo", |json| write(json, activity, now_ms, false));
        json.objects("goodsList", page.of(goods).into_iter().enumerate(), |json, (index, goods)| {
            if call.has_unreadable_row && index == 0 {
                json.raw("goodsId", r#"{"broken":true}"#);
            } else {
                json.raw("goodsId", &goods.product_id);
            }
            json.number("activityQuantity", goods.quantity);
            json.number("remainingActivityQuantity", goods.remaining);
            json.objects("skuList", goods.skus, |json, sku| {
                json.raw("skuId", &sku.sku_id);
                json.number("activitySupplierPrice", sku.price_minor);
            });
        });
    }))
}

fn write(json: &mut Json, activity: &Activity, now_ms: i64, is_spoiled: bool) {
    json.number("activityId", activity.id);
    json.string("activityName", &activity.name);
    json.number("activityType", activity.kind);
    if is_spoiled {
        json.raw("activityStatus", r#"{"broken":true}"#);
    } else {
        json.number("activityStatus", activity.status(now_ms));
    }
    json.number("activityStartTime", activity.starts_ms / 1000);
    json.number("activityEndTime", activity.ends_ms / 1000);
    json.boolean("isJoinedActivity", activity.is_joined);
}
