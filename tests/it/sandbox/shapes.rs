//! Every member of the sandbox's answers stands in what the platforms publish: in Temu's printed sample, in
//! Xiaohongshu's example made of its schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shopsync::sandbox::{Platform, SandboxSettings};

use super::{Caller, start};

/// What real answers hold although neither sample nor schema has it, by those who read them.
const UNPUBLISHED: [&str; 3] = ["channel", "isShipmentConsolidatedByMainMall", "signOnDelivery"];

macro_rules! temu_sample {
    ($api:literal) => {
        ($api, include_str!(concat!("../../../src/platform/temu/testdata/", $api, ".1.json")))
    };
}

macro_rules! xiaohongshu_schema {
    ($method:literal) => {
        ($method, include_str!(concat!("../../../src/platform/xiaohongshu/testdata/", $method, ".json")))
    };
}

/// The kind of every member, arrays looked through.
fn members(value: &Value, path: &str, found: &mut BTreeMap<String, &'static str>) {
    match value {
        Value::Object(members_) => {
            for (name, value) in members_ {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let kind = match value {
                    Value::Object(_) => "object",
                    Value::Array(_) => "array",
                    Value::Null => "null",
                    _ => "plain",
                };
                // A row may have null where another has more.
                let known = found.entry(path.clone()).or_insert(kind);
                if *known == "null" {
                    *known = kind;
                }
                members(value, &path, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, path, found)),
        _ => {}
    }
}

/// Every member of the answer stands in the sample, as the same kind of thing.
fn assert_published(api: &str, answer: &Value, sample: &Value) {
    let (mut told, mut published) = (BTreeMap::new(), BTreeMap::new());
    members(answer, "", &mut told);
    members(sample, "", &mut published);
    assert!(told.len() > 5, "{api}: {answer}");
    for (path, kind) in told {
        let name = path.rsplit('.').next().unwrap();
        if path == "requestId" || UNPUBLISHED.contains(&name) {
            continue;
        }
        let known = published.get(&path).unwrap_or_else(|| panic!("{api} has no member {path}"));
        // The samples that Temu prints are filled in everywhere; the schemas' examples are empty here and there.
        assert!(kind == "null" || *known == kind || *known == "null", "{api} {path}: {kind}, not {known}");
    }
}

async fn shop() -> Caller {
    let settings = SandboxSettings {
        orders: 200,
        products: 60,
        after_sales: 60,
        activities: 40,
        ..SandboxSettings::default()
    };
    let caller = Caller::new(settings).await;
    caller.world(|world| world.set_heavy_window(None));
    caller
}

#[tokio::test]
async fn temu_sends_nothing_its_documents_do_not_print() {
    let caller = shop().await;
    let now = start().timestamp();
    let (order, case, activity) = caller.world(|world| {
        let order = world.numbers(Platform::Temu, 0).remove(0);
        let cases = world.truth_cases(Platform::Temu, 0);
        let case = cases.into_iter().find(|case| !case.items.is_empty()).unwrap().number;
        (order, case, world.create_activity(0, start(), true))
    });

    for ((api, sample), asked) in [
        (
            temu_sample!("bg.order.list.v2.get"),
            json!({"createAfter": 0, "createBefore": now, "pageSize": 100}),
        ),
        (temu_sample!("bg.order.detail.v2.get"), json!({"parentOrderSn": order})),
        (temu_sample!("bg.order.amount.query"), json!({"parentOrderSn": order})),
        (temu_sample!("bg.local.goods.list.query"), json!({"goodsSearchType": 1, "pageSize": 100})),
        (temu_sample!("bg.local.goods.sku.list.query"), json!({"skuSearchType": 2, "pageSize": 100})),
        (
            temu_sample!("bg.aftersales.parentaftersales.list.get"),
            json!({"createAtStart": 0, "createAtEnd": now, "pageSize": 100}),
        ),
        (temu_sample!("bg.aftersales.aftersales.list.get"), json!({"parentAfterSalesSnList": [case]})),
        (
            temu_sample!("bg.promotion.activity.query"),
            json!({"activityType": 2, "pageNumber": 1, "pageSize": 100}),
        ),
        (
            temu_sample!("bg.promotion.activity.goods.query"),
            json!({"activityId": activity, "pageNumber": 1, "pageSize": 100}),
        ),
    ] {
        let answer = caller.temu(api, asked).await;
        assert_eq!(answer["errorCode"], 1_000_000, "{api}: {answer}");
        assert_published(api, &answer, &serde_json::from_str(sample).unwrap());
    }
}

#[tokio::test]
async fn xiaohongshu_sends_nothing_its_schemas_do_not_have() {
    let caller = shop().await;
    let now = start().timestamp_millis();
    // Notes with halves of emoji are read elsewhere: JSON libraries refuse them.
    let (order, sku, case) = caller.world(|world| {
        let truth = world.truth(Platform::Xiaohongshu, 0);
        let order = truth.into_iter().find(|order| order.buyer_note.is_none() && !order.lines.is_empty());
        let order = order.unwrap().number;
        let case = world.open_case(Platform::Xiaohongshu, 0, &order).unwrap();
        world.change_case(Platform::Xiaohongshu, 0, &case, |case| case.note = "坏了".into());
        (order, world.truth_skus(Platform::Xiaohongshu, 0).remove(0).sku_id, case)
    });

    for ((method, schema), asked) in [
        (xiaohongshu_schema!("order.getOrderDetail"), json!({"orderId": order})),
        (xiaohongshu_schema!("product.getDetailSkuList"), json!({"pageSize": 100})),
        (xiaohongshu_schema!("inventory.getSkuStock"), json!({"skuId": sku})),
        (xiaohongshu_schema!("inventory.getSkuStockV2"), json!({"skuId": sku})),
        (
            xiaohongshu_schema!("afterSale.listAfterSaleInfos"),
            json!({"orderId": order, "timeType": 2, "startTime": now - 9, "endTime": now, "pageNo": 1,
                   "pageSize": 100}),
        ),
        (xiaohongshu_schema!("afterSale.getAfterSaleInfo"), json!({"returnsId": case})),
    ] {
        let answer = caller.xiaohongshu(method, asked).await;
        assert_eq!(answer["success"], true, "{method}: {answer}");
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert_published(method, &answer, &schema["example"]);
    }
}
