//! Temu's goods: who is listed where, what the lists refuse, what changes and disappears while they are read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shopsync::sandbox::{Drift, Fault, FaultKind, Platform, SandboxSettings, Spoiled, Standing, TruthSku};

use super::{Caller, integer, start, temu_code};

const GOODS: &str = "bg.local.goods.list.query";
const SKUS: &str = "bg.local.goods.sku.list.query";
const PARTNER_GOODS: &str = "bg.glo.goods.list.get";

async fn with_products(products: usize) -> Caller {
    Caller::new(SandboxSettings { products, ..SandboxSettings::default() }).await
}

/// Every row of a paged list, its pages read from the first to the last.
async fn rows(caller: &Caller, api: &str, name: &str, mut asked: Value) -> Vec<Value> {
    let mut rows = Vec::new();
    for page in 1..100 {
        asked["pageNo"] = json!(page);
        asked["pageSize"] = json!(20);
        let answer = caller.temu(api, asked.clone()).await;
        let Some(read) = answer["result"][name].as_array().filter(|read| !read.is_empty()) else {
            break;
        };
        rows.extend(read.iter().cloned());
        assert!(rows.len() as u64 <= answer["result"]["total"].as_u64().unwrap());
    }
    rows
}

/// Decimal text in minor units, digit by digit.
fn minor(text: &Value) -> i64 {
    text.as_str().unwrap().replace('.', "").parse().unwrap()
}

#[tokio::test]
async fn the_four_searches_together_list_every_product_once() {
    let caller = with_products(80).await;
    let mut listed = BTreeMap::new();
    for search in [1, 4, 5, 6] {
        for row in rows(&caller, GOODS, "goodsList", json!({"goodsSearchType": search})).await {
            let id = integer(&row["goodsId"]).to_string();
            assert_eq!(listed.insert(id, row), None);
        }
    }

    let truth = caller.world(|world| world.truth_products(Platform::Temu, 0));
    assert_eq!(listed.len(), truth.len());
    for product in truth {
        let row = &listed[&product.product_id];
        assert_eq!(row["goodsName"].as_str().unwrap().replace('\0', "\u{fffd}"), product.name);
        assert_eq!(integer(&row["crtTime"]), product.created_at.timestamp());
        assert_eq!(row["goodsShowSubStatus"].to_string(), product.platform_status.unwrap());
        assert!(row["goodsStatusChangeTime"].is_string() && row["price"].is_string());
    }
}

#[tokio::test]
async fn skus_are_reported_as_the_truth_has_them() {
    for (shop, currency) in [(0, "USD"), (1, "JPY")] {
        let caller = with_products(60).await;
        let token = caller.world(|world| world.issue_token(Platform::Temu, shop).access);
        let mut listed = BTreeMap::new();
        for search in [2, 3] {
            let asked = json!({"skuSearchType": search, "access_token": token});
            for row in rows(&caller, SKUS, "skuList", asked).await {
                listed.insert(integer(&row["skuId"]).to_string(), (search == 2, row));
            }
        }

        let truth: Vec<TruthSku> = caller.world(|world| world.truth_skus(Platform::Temu, shop));
        assert!(listed.len() > 100 && listed.len() < truth.len(), "deleted ones are in neither search");
        for sku in truth {
            let Some((is_on_sale, row)) = listed.get(&sku.sku_id) else {
                assert!(!sku.is_on_sale);
                continue;
            };
            assert_eq!(*is_on_sale, sku.is_on_sale);
            assert_eq!(integer(&row["goodsId"]).to_string(), sku.product_id);
            assert_eq!((minor(&row["price"]), &row["currency"]), (sku.price_minor, &json!(currency)));
            assert_eq!(row["price"].as_str().unwrap().contains('.'), currency == "USD");
            assert_eq!(integer(&row["stock"]), sku.stock);
            assert_eq!(row["skuSn"].as_str().unwrap(), sku.sku_code.as_deref().unwrap_or(""));
            assert_eq!(row["specName"], sku.name);
        }
    }
}

#[tokio::test]
async fn wrong_parameters_are_refused_and_counted() {
    let caller = with_products(20).await;
    for (api, asked, expected) in [
        (GOODS, json!({}), 150_010_003),
        (GOODS, json!({"goodsStatusFilterType": 1}), 150_010_003),
        (GOODS, json!({"goodsSearchType": 2}), 150_010_003),
        (GOODS, json!({"goodsSearchType": 1, "pageSize": 101}), 150_010_003),
        (GOODS, json!({"goodsSearchType": 1, "pageNo": 0}), 150_010_003),
        (GOODS, json!({"goodsSearchType": 1, "searchText": "mug"}), 3_000_000),
        (GOODS, json!({"goodsSearchType": "1", "pageSize": 100}), 1_000_000),
        (SKUS, json!({"skuSearchType": 1}), 150_010_003),
        (SKUS, json!({"skuSearchType": 2, "pageSize": 100}), 1_000_000),
    ] {
        let answer = caller.temu(api, asked.clone()).await;
        assert_eq!(temu_code(&answer), expected, "{api} {asked} {answer}");
    }
    let violations = caller.world(|world| world.violations());
    assert_eq!((violations.bad_parameter, violations.page_too_large), (5, 1));
}

#[tokio::test]
async fn creation_is_filtered_in_milliseconds_and_seconds_find_everything() {
    let caller = with_products(40).await;
    let now = start().timestamp();
    let total = async |from: i64| {
        let asked = json!({"goodsSearchType": 1, "crtFrom": from});
        caller.temu(GOODS, asked).await["result"]["total"].as_u64().unwrap_or(0)
    };

    let all = total(0).await;
    assert_eq!(total(now * 1000).await, 0, "nothing is made in the future: the result is null");
    assert!(total((now - 86_400 * 10) * 1000).await < all);
    assert_eq!(total(now).await, all, "seconds are misread without a word");
    assert_eq!(caller.world(|world| world.violations().window_in_seconds), 1);
}

#[tokio::test]
async fn an_empty_search_has_no_result_at_all() {
    let caller = with_products(9).await;
    caller.world(|world| {
        for product in world.truth_products(Platform::Temu, 0) {
            world.change_product(Platform::Temu, 0, &product.product_id, |product| {
                product.standing = Standing::OnShelf;
            });
        }
    });

    let answer = caller.temu(GOODS, json!({"goodsSearchType": 6})).await;

    assert_eq!(temu_code(&answer), 1_000_000);
    assert!(answer.get("result").unwrap().is_null());
}

#[tokio::test]
async fn the_partner_zones_tell_a_product_once_for_each_skc_and_no_price() {
    let caller = with_products(40).await;
    let asked = json!({"pageSize": 100});
    let answer = caller.temu_at(&caller.sandbox.temu_partner_gateway(), PARTNER_GOODS, asked).await;

    let data = answer["result"]["data"].as_array().unwrap();
    assert_eq!(answer["result"]["totalCount"], data.len());
    let products: BTreeSet<i64> = data.iter().map(|row| integer(&row["productId"])).collect();
    assert!(products.len() < data.len(), "some products have two");
    let skcs: BTreeSet<i64> = data.iter().map(|row| integer(&row["productSkcId"])).collect();
    assert_eq!(skcs.len(), data.len());
    let truth = caller.world(|world| world.truth_skus(Platform::Temu, 0));
    let truth: BTreeMap<&str, &TruthSku> = truth.iter().map(|sku| (sku.partner_id.as_str(), sku)).collect();
    for row in data {
        assert!(integer(&row["createdAt"]) > 100_000_000_000 && row.get("price").is_none());
        for sku in row["productSkuSummaries"].as_array().unwrap() {
            let expected = truth[integer(&sku["productSkuId"]).to_string().as_str()];
            assert_eq!(integer(&sku["virtualStock"]), expected.stock);
            assert_eq!(integer(&row["goodsId"]).to_string(), expected.product_id);
        }
    }
}

#[tokio::test]
async fn a_product_deleted_for_good_is_in_no_list_until_it_comes_back() {
    let caller = with_products(20).await;
    let id = caller.world(|world| world.create_product(Platform::Temu, 0));
    let is_listed = async || {
        let mut found = 0;
        for search in [1, 4, 5, 6] {
            let asked = json!({"goodsSearchType": search, "goodsIdList": [id.parse::<i64>().unwrap()]});
            found += rows(&caller, GOODS, "goodsList", asked).await.len();
        }
        found == 1
    };
    let is_gone = |caller: &Caller| {
        let mut truth = caller.world(|world| world.truth_products(Platform::Temu, 0));
        truth.retain(|product| product.product_id == id);
        truth.remove(0).is_gone
    };

    assert!(is_listed().await);
    assert!(caller.world(|world| world.delete_product(Platform::Temu, 0, &id)));
    assert!(!is_listed().await && is_gone(&caller));
    assert!(caller.world(|world| world.restore_product(Platform::Temu, 0, &id)));
    assert!(is_listed().await && !is_gone(&caller));
}

#[tokio::test]
async fn a_spoiled_product_cannot_be_read_until_it_is_mended() {
    let caller = with_products(9).await;
    let id = caller.world(|world| world.create_product(Platform::Temu, 0));
    let row = async || {
        let number: i64 = id.parse().unwrap();
        let mut found = Vec::new();
        for search in [1, 4, 5, 6] {
            let asked = json!({"goodsSearchType": search, "goodsIdList": [number]});
            found.extend(rows(&caller, GOODS, "goodsList", asked).await);
        }
        found.remove(0)
    };
    let spoil = |spoiled| {
        caller.world(|world| {
            world.change_product(Platform::Temu, 0, &id, |product| product.shape.spoiled = spoiled)
        })
    };

    assert!(spoil(Some(Spoiled::Status)));
    assert!(row().await["status4VO"].is_object() && !row().await["goodsId"].is_null());
    assert!(spoil(Some(Spoiled::Number)));
    assert!(row().await["goodsId"].is_null());
    assert!(spoil(None));
    assert!(!row().await["status4VO"].is_object());
    caller.world(|world| world.add_fault(Fault::new(FaultKind::UnreadableRow).at(GOODS)));
    assert!(row().await["status4VO"].is_object());
    caller.world(|world| world.add_fault(Fault::new(FaultKind::EmptyList).at(SKUS)));
    assert!(rows(&caller, SKUS, "skuList", json!({"skuSearchType": 2})).await.is_empty());
}

#[tokio::test]
async fn the_offer_changes_while_it_is_read() {
    let drift = Drift { per_list_request: 20, ..Drift::default() };
    let caller = Caller::new(SandboxSettings { products: 30, drift, ..SandboxSettings::default() }).await;
    let before = caller.world(|world| world.truth_skus(Platform::Temu, 0));

    for _ in 0..10 {
        caller.temu(SKUS, json!({"skuSearchType": 2})).await;
    }

    let after = caller.world(|world| world.truth_skus(Platform::Temu, 0));
    assert!(after.len() > before.len(), "new ones came");
    assert!(before.iter().zip(&after).any(|(a, b)| a.price_minor != b.price_minor));
    assert!(before.iter().zip(&after).any(|(a, b)| a.stock != b.stock));
    assert!(before.iter().zip(&after).any(|(a, b)| a.is_on_sale != b.is_on_sale));
}
