//! Xiaohongshu's SKUs and their stock: two update times, windows in milliseconds, one stock call for each SKU.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shopsync::sandbox::{Platform, SandboxSettings};

use super::{Caller, integer, minutes, refusal, start};

const LIST: &str = "product.getDetailSkuList";
const XHS: Platform = Platform::Xiaohongshu;

async fn with_products(products: usize) -> Caller {
    Caller::new(SandboxSettings { products, ..SandboxSettings::default() }).await
}

async fn data(caller: &Caller, asked: Value) -> Value {
    let answer = caller.xiaohongshu(LIST, asked).await;
    assert_eq!((&answer["error_code"], &answer["success"]), (&json!(0), &json!(true)), "{answer}");
    answer["data"].clone()
}

fn ids(data: &Value) -> Vec<String> {
    let rows = data["data"].as_array().unwrap();
    rows.iter().map(|row| row["sku"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_list_shows_what_the_truth_says() {
    let caller = with_products(60).await;
    let mut rows = Vec::new();
    for page in 1..=4 {
        // Both are taken: numbers, and numbers in quotes.
        let number = if page % 2 == 0 { json!(page) } else { json!(page.to_string()) };
        let page = data(&caller, json!({"pageNo": number})).await;
        assert_eq!((&page["pageSize"], integer(&page["total"])), (&json!(50), 163));
        rows.extend(page["data"].as_array().unwrap().iter().cloned());
    }

    let truth = caller.world(|world| world.truth_skus(XHS, 0));
    assert_eq!(rows.len(), truth.len());
    rows.sort_by_key(|row| row["sku"]["id"].as_str().unwrap().to_owned());
    let mut differing = 0;
    for (row, sku) in rows.iter().zip(&truth) {
        let told = &row["sku"];
        assert_eq!((&told["id"], &told["itemId"]), (&json!(sku.sku_id), &json!(sku.product_id)));
        assert_eq!(row["item"]["id"], sku.product_id);
        assert_eq!(integer(&told["price"]), sku.price_minor);
        assert_eq!(Some(integer(&told["originalPrice"])), sku.list_price_minor);
        assert_eq!(integer(&told["stock"]), sku.stock);
        assert_eq!(told["buyable"], sku.is_on_sale);
        assert_eq!(told["barcode"].as_str().unwrap_or(""), sku.barcode.as_deref().unwrap_or(""));
        assert_eq!(told["erpCode"].as_str().unwrap_or(""), sku.sku_code.as_deref().unwrap_or(""));
        assert_eq!(told["name"].as_str().unwrap().replace('\0', "\u{fffd}"), sku.name);
        assert_eq!(integer(&told["updateTime"]), sku.updated_at.timestamp_millis());
        differing += usize::from(integer(&told["updateTime"]) != integer(&row["item"]["updateTime"]));
    }
    assert!(differing > 0, "item and SKU have times of their own");
}

#[tokio::test]
async fn a_change_of_the_item_or_of_the_sku_brings_the_row_into_the_window() {
    let caller = with_products(20).await;
    let sku = caller.world(|world| world.truth_skus(XHS, 0).remove(7));
    let window = |from: i64, to: i64| {
        let start = start().timestamp_millis();
        json!({"updateTimeFrom": start + from, "updateTimeTo": start + to})
    };

    caller.clock.advance(minutes(1));
    caller.world(|world| world.change_sku(XHS, 0, &sku.sku_id, |sku| sku.price_minor = 1));
    assert_eq!(ids(&data(&caller, window(60_000, 60_000)).await), [sku.sku_id.as_str()]);
    caller.clock.advance(minutes(1));
    caller.world(|world| world.change_product(XHS, 0, &sku.product_id, |product| product.name = "新".into()));
    assert_eq!(ids(&data(&caller, window(60_001, 120_000)).await), [sku.sku_id.as_str()]);
    assert!(ids(&data(&caller, window(60_000, 119_999)).await).is_empty(), "it left the older window");
}

#[tokio::test]
async fn a_whole_shop_is_walked_by_the_last_number_seen() {
    let caller = with_products(60).await;
    let mut seen = BTreeSet::new();
    let mut asked = json!({"pageSize": 20});
    loop {
        let page = ids(&data(&caller, asked.clone()).await);
        let Some(last) = page.last() else {
            break;
        };
        asked["lastId"] = json!(last);
        assert!(page.iter().all(|id| seen.insert(id.clone())), "a row came twice");
    }
    assert_eq!(seen.len(), caller.world(|world| world.truth_skus(XHS, 0).len()));
}

#[tokio::test]
async fn filters_narrow_and_one_number_beats_them_all() {
    let caller = with_products(40).await;
    let truth = caller.world(|world| world.truth_skus(XHS, 0));
    let count = async |asked: Value| integer(&data(&caller, asked).await["total"]);
    let expected = |is_asked: &dyn Fn(&&shopsync::sandbox::TruthSku) -> bool| {
        i64::try_from(truth.iter().filter(is_asked).count()).unwrap()
    };

    assert_eq!(count(json!({"buyable": true})).await, expected(&|sku| sku.is_on_sale));
    assert_eq!(count(json!({"buyable": false})).await, expected(&|sku| !sku.is_on_sale));
    assert_eq!(count(json!({"stockLte": 0})).await, expected(&|sku| sku.stock == 0));
    let day = start() - TimeDelta::days(10);
    let asked = json!({"createTimeFrom": day.timestamp_millis()});
    assert_eq!(count(asked).await, expected(&|sku| sku.created_at >= day));
    assert_eq!(count(json!({"id": truth[3].sku_id, "stockGte": 1_000_000})).await, 1);
}

#[tokio::test]
async fn the_list_refuses_what_the_platform_refuses() {
    let caller = with_products(20).await;
    let now = start().timestamp();
    for (asked, is_fine) in [
        (json!({}), true),
        (json!({"pageSize": 100}), true),
        (json!({"pageSize": 101}), false),
        (json!({"pageNo": 0}), false),
        (json!({"pageNo": "last"}), false),
        (json!({"buyable": "maybe"}), false),
        (json!({"scSkucode": "XHS-1"}), false),
        (json!({"updateTimeFrom": now - 60, "updateTimeTo": now}), true),
    ] {
        let answer = caller.xiaohongshu(LIST, asked.clone()).await;
        assert_eq!(answer["success"], is_fine, "{asked} {answer}");
    }
    let violations = caller.world(|world| world.violations());
    assert_eq!((violations.page_too_large, violations.window_in_seconds), (1, 1));
}

#[tokio::test]
async fn stock_is_reported_for_all_warehouses_and_for_each_in_both_dialects() {
    let caller = with_products(40).await;
    let truth = caller.world(|world| world.truth_skus(XHS, 0));
    let sku = truth.iter().find(|sku| sku.warehouses.len() == 2 && sku.stock > 0).unwrap();

    let first = caller.xiaohongshu("inventory.getSkuStock", json!({"skuId": sku.sku_id})).await;
    let second = caller.xiaohongshu("inventory.getSkuStockV2", json!({"skuId": sku.sku_id})).await;

    assert_eq!((&first["error_code"], &second["code"]), (&json!(0), &json!(0)));
    let (first, second) = (&first["data"], &second["data"]);
    assert_eq!((&first["response"]["success"], &second["response"]["success"]), (&json!(true), &json!(true)));
    let whole = &second["skuStockInfo"]["skuStockInfo"];
    assert_eq!(whole, &first["skuStock"]);
    assert_eq!(integer(&whole["total"]), sku.stock);
    assert_eq!(integer(&whole["available"]), sku.stock - integer(&whole["occupiedQuantity"]));
    for (told, expected) in second["skuStockInfoWithWhcode"].as_array().unwrap().iter().zip(&sku.warehouses) {
        let stock = &told["skuStockInfo"];
        assert_eq!(told["whcode"], expected.warehouse);
        assert_eq!(
            (integer(&stock["total"]), integer(&stock["available"])),
            (expected.total, expected.available)
        );
    }
}

#[tokio::test]
async fn a_sku_deleted_for_good_is_neither_listed_nor_in_stock() {
    let caller = with_products(20).await;
    let before = caller.world(|world| world.truth_skus(XHS, 0));
    let id = &before[2].sku_id;
    caller.clock.advance(minutes(1));

    assert!(caller.world(|world| world.delete_sku(XHS, 0, id)));
    assert!(!ids(&data(&caller, json!({"pageSize": 100})).await).contains(id));
    let answer = caller.xiaohongshu("inventory.getSkuStockV2", json!({"skuId": id})).await;
    assert_eq!(refusal(&answer).1, "商品不存在");
    assert!(caller.world(|world| world.restore_sku(XHS, 0, id)));

    assert!(ids(&data(&caller, json!({"pageSize": 100})).await).contains(id));
    assert_eq!(
        caller.world(|world| world.truth_skus(XHS, 0)),
        before,
        "it is back as it was, times included"
    );
}
