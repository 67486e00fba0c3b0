//! Temu's activities: by kind, with the goods a seller has put in, until they are over or called off.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shopsync::sandbox::{Drift, Platform, SandboxSettings};

use super::{Caller, start, temu_code};

const LIST: &str = "bg.promotion.activity.query";
const GOODS: &str = "bg.promotion.activity.goods.query";
const KINDS: [i64; 4] = [2, 13, 27, 100];

async fn with_activities(activities: usize) -> Caller {
    Caller::new(SandboxSettings { products: 30, activities, ..SandboxSettings::default() }).await
}

async fn listed(caller: &Caller) -> BTreeMap<String, Value> {
    let mut listed = BTreeMap::new();
    for kind in KINDS {
        let asked = json!({"activityType": kind, "pageNumber": 1, "pageSize": 100});
        let answer = caller.temu(LIST, asked).await;
        let rows = answer["result"]["activityList"].as_array().unwrap();
        assert_eq!(answer["result"]["total"], rows.len());
        for row in rows {
            assert_eq!(row["activityType"], kind);
            listed.insert(row["activityId"].to_string(), row.clone());
        }
    }
    listed
}

fn goods_of(id: &str) -> Value {
    json!({"activityId": id.parse::<i64>().unwrap(), "pageNumber": 1, "pageSize": 100})
}

#[tokio::test]
async fn the_four_kinds_together_are_all_activities() {
    let caller = with_activities(60).await;
    let rows = listed(&caller).await;
    let truth = caller.world(|world| world.truth_activities(0));

    assert_eq!(rows.len(), truth.len());
    let mut states = BTreeMap::new();
    for activity in truth {
        let row = &rows[&activity.activity_id];
        assert_eq!(row["activityStatus"].to_string(), activity.platform_status);
        assert_eq!(row["activityStartTime"], activity.starts_at.timestamp());
        assert_eq!(row["activityEndTime"], activity.ends_at.timestamp());
        assert_eq!(row["isJoinedActivity"], activity.joined);
        *states.entry(activity.platform_status.clone()).or_insert(0) += 1;

        let answer = caller.temu(GOODS, goods_of(&activity.activity_id)).await;
        if activity.platform_status == "3" {
            assert_eq!(temu_code(&answer), 220_010_004);
            continue;
        }
        let goods = answer["result"]["goodsList"].as_array().unwrap();
        let told = goods.iter().flat_map(|goods| {
            let skus = goods["skuList"].as_array().unwrap().iter();
            skus.map(|sku| (sku["skuId"].to_string(), sku["activitySupplierPrice"].as_i64().unwrap()))
        });
        let expected = activity.skus.iter().map(|sku| (sku.sku_id.clone(), sku.price_minor));
        assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(!goods.is_empty(), activity.joined);
    }
    assert_eq!(states.len(), 3, "over, running and announced: {states:?}");
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let caller = with_activities(10).await;
    for (api, asked, expected) in [
        (LIST, json!({"activityType": 2, "pageNumber": 1, "pageSize": 100}), 1_000_000),
        (LIST, json!({"pageNumber": 1, "pageSize": 100}), 220_010_001),
        (LIST, json!({"activityType": 3, "pageNumber": 1, "pageSize": 100}), 220_010_001),
        (LIST, json!({"activityType": 2, "pageSize": 100}), 220_010_001),
        (LIST, json!({"activityType": 2, "pageNumber": 1}), 220_010_001),
        (LIST, json!({"activityType": 2, "pageNumber": 1, "pageSize": 101}), 220_010_001),
        (GOODS, json!({"pageNumber": 1, "pageSize": 100}), 220_010_001),
        (GOODS, json!({"activityId": 1, "pageNumber": 1, "pageSize": 100}), 220_010_001),
    ] {
        let answer = caller.temu(api, asked.clone()).await;
        assert_eq!(temu_code(&answer), expected, "{api} {asked} {answer}");
    }
    let violations = caller.world(|world| world.violations());
    assert_eq!((violations.bad_parameter, violations.page_too_large), (5, 1));
}

#[tokio::test]
async fn an_activity_begins_is_joined_and_ends() {
    let caller = with_activities(0).await;
    let id = caller.world(|world| world.create_activity(0, start() + TimeDelta::hours(1), false)).to_string();
    let state = async || {
        let row = listed(&caller).await[&id].clone();
        (row["activityStatus"].as_i64().unwrap(), row["isJoinedActivity"].as_bool().unwrap())
    };

    assert_eq!(state().await, (1, false));
    caller.clock.advance(TimeDelta::hours(1));
    assert_eq!(state().await, (2, false));
    assert_eq!(caller.temu(GOODS, goods_of(&id)).await["result"]["total"], 0);
    caller.world(|world| world.join_activity(0, id.parse().unwrap()));
    assert_eq!(state().await, (2, true));
    assert!(caller.temu(GOODS, goods_of(&id)).await["result"]["total"].as_u64() > Some(0));
    caller.clock.advance(TimeDelta::days(7));
    assert_eq!(state().await, (3, true));
    assert_eq!(temu_code(&caller.temu(GOODS, goods_of(&id)).await), 220_010_004);
}

#[tokio::test]
async fn an_activity_called_off_is_not_listed_and_its_goods_are_refused() {
    let caller = with_activities(0).await;
    let id = caller.world(|world| world.create_activity(0, start(), true));

    caller.world(|world| world.cancel_activity(0, id));
    assert!(listed(&caller).await.is_empty());
    assert_eq!(temu_code(&caller.temu(GOODS, goods_of(&id.to_string())).await), 220_010_003);
    assert!(caller.world(|world| world.truth_activities(0).remove(0)).is_gone);
    caller.world(|world| world.restore_activity(0, id));

    assert_eq!(listed(&caller).await.len(), 1);
}

#[tokio::test]
async fn activities_change_while_they_are_read() {
    let drift = Drift { per_list_request: 30, ..Drift::default() };
    let caller = Caller::new(SandboxSettings { activities: 10, drift, ..SandboxSettings::default() }).await;
    let before = caller.world(|world| world.truth_activities(0));

    for _ in 0..4 {
        listed(&caller).await;
    }

    let after = caller.world(|world| world.truth_activities(0));
    assert!(after.len() > before.len(), "announced");
    assert!(after.iter().any(|activity| activity.is_gone), "called off");
    assert!(before.iter().zip(&after).any(|(a, b)| a.skus != b.skus), "sold or joined");
    assert!(caller.world(|world| world.truth(Platform::Temu, 0)).is_empty(), "orders are left alone");
}
