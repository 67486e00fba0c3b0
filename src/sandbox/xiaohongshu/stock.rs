//! Xiaohongshu's two stock calls: one SKU each, all warehouses together and each by itself, with a status node of
//! their own inside the data.

use super::{Call, Dialect, NOT_FOUND, PARAMETERS, XiaohongshuRefusal, refuse_by_framework};
use crate::sandbox::accounts::Platform;
use crate::sandbox::goods::{Sku, Stock};
use crate::sandbox::json::Json;
use crate::sandbox::world::World;

/// `inventory.getSkuStock`.
pub fn first(world: &mut World, call: &Call<'_>) -> Result<String, XiaohongshuRefusal> {
    let sku = find(world, call, Dialect::Classic)?;
    Ok(Json::object(|json| {
        json.string("skuId", &sku.id);
        json.string("apiVersion", "V1");
        json.member("skuStock", |json| quantities(json, &sku.stock));
        json.objects("skuStockInfoWithWhcode", &sku.stock, |json, stock| {
            json.string("skuId", &sku.id);
            json.string("whcode", stock.warehouse);
            json.member("skuStock", |json| quantities(json, std::slice::from_ref(stock)));
        });
        response(json, "message");
    }))
}

/// `inventory.getSkuStockV2`: the stock lies in a member of the same name within itself.
pub fn second(world: &mut World, call: &Call<'_>) -> Result<String, XiaohongshuRefusal> {
    let sku = find(world, call, Dialect::Framework)?;
    Ok(Json::object(|json| {
        response(json, "msg");
        json.string("apiVersion", "V1");
        json.member("skuStockInfo", |json| {
            json.string("skuId", &sku.id);
            json.member("skuStockInfo", |json| quantities(json, &sku.stock));
        });
        json.objects("skuStockInfoWithWhcode", &sku.stock, |json, stock| {
            json.string("skuId", &sku.id);
            json.string("whcode", stock.warehouse);
            json.member("skuStockInfo", |json| quantities(json, std::slice::from_ref(stock)));
        });
    }))
}

fn find<'w>(world: &'w mut World, call: &Call<'_>, dialect: Dialect) -> Result<&'w Sku, XiaohongshuRefusal> {
    let Some(id) = call.body.text("skuId") else {
        world.counters.violations.bad_parameter += 1;
        return refuse_by_framework(PARAMETERS, "skuId不能为空");
    };
    let found = world.shop(Platform::Xiaohongshu, call.shop).goods.find_sku(&id);
    found.map(|(_, sku)| sku).ok_or_else(|| XiaohongshuRefusal {
        dialect,
        code: NOT_FOUND,
        message: "商品不存在".to_owned(),
    })
}

fn quantities(json: &mut Json, stock: &[Stock]) {
    let total: i64 = stock.iter().map(|stock| stock.total).sum();
    let occupied: i64 = stock.iter().map(|stock| stock.occupied).sum();
    json.number("available", total - occupied);
    json.number("standalone", 0);
    json.number("reserved", 0);
    json.number("total", total);
    json.number("occupiedQuantity", occupied);
    for channel in ["productChannel", "activityChannel"] {
        json.number(&format!("{channel}Quantity"), 0);
        json.number(&format!("{channel}OccupiedQuantity"), 0);
    }
}

fn response(json: &mut Json, text: &str) {
    json.member("response", |json| {
        json.boolean("success", true);
        json.string(text, "");
        json.number("code", 0);
    });
}
