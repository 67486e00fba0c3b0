//! Who may call what, from where: grants of single APIs, malls without orders, addresses not listed, zones.

use serde_json::json;
use shopsync::sandbox::Platform;

use super::{Caller, refusal, start, temu_code};

const ORDERS: &str = "bg.order.list.v2.get";
const GOODS: &str = "bg.local.goods.list.query";
const PARTNER_GOODS: &str = "bg.glo.goods.list.get";

async fn control(caller: &Caller, message: serde_json::Value) -> u16 {
    let address = caller.sandbox.url() + "/_control";
    caller.http.post(address).body(message.to_string()).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_api_is_denied_to_one_shop_and_allowed_again() {
    let caller = Caller::with_orders(0).await;
    let goods = async || temu_code(&caller.temu(GOODS, json!({"goodsSearchType": 1})).await);
    let denied = json!({"platform": "temu", "api": GOODS});

    assert_eq!(control(&caller, json!({"deny": denied})).await, 200);
    assert_eq!(goods().await, 3_000_032);
    let info = caller.temu("bg.open.accesstoken.info.get", json!({})).await;
    assert!(!info["result"]["apiScopeList"].as_array().unwrap().contains(&json!(GOODS)));
    assert_eq!(control(&caller, json!({"allow": denied})).await, 200);
    assert_eq!(goods().await, 1_000_000);

    let list = "product.getDetailSkuList";
    caller.world(|world| world.set_granted(Platform::Xiaohongshu, 0, list, false));
    let answer = caller.xiaohongshu(list, json!({})).await;
    assert!(refusal(&answer).0 == 401 && refusal(&answer).1.contains("无权限"), "{answer}");
}

#[tokio::test]
async fn a_full_managed_mall_has_no_orders_but_goods() {
    let caller = Caller::with_orders(3).await;
    assert_eq!(control(&caller, json!({"full_managed": [0]})).await, 200);
    let number = caller.world(|world| world.numbers(Platform::Temu, 0).remove(0));

    let now = start().timestamp();
    let list = caller.temu(ORDERS, json!({"updateAtStart": 0, "updateAtEnd": now})).await;
    let detail = caller.temu("bg.order.detail.v2.get", json!({"parentOrderSn": number})).await;
    let amount = caller.temu("bg.order.amount.query", json!({"parentOrderSn": number})).await;
    let goods = caller.temu_at(&caller.sandbox.temu_partner_gateway(), PARTNER_GOODS, json!({})).await;

    assert_eq!([&list, &detail, &amount].map(temu_code), [140_020_001; 3]);
    assert_eq!(temu_code(&goods), 1_000_000);
    assert_eq!(control(&caller, json!({"full_managed": []})).await, 200);
    assert_eq!(
        temu_code(&caller.temu("bg.order.detail.v2.get", json!({"parentOrderSn": number})).await),
        1_000_000
    );
    assert_eq!(control(&caller, json!({"full_managed": [99]})).await, 400);
}

#[tokio::test]
async fn a_caller_from_an_address_not_listed_is_refused_everywhere() {
    let caller = Caller::with_orders(0).await;
    assert_eq!(control(&caller, json!({"address_listed": false})).await, 200);

    for gateway in [caller.sandbox.temu_gateway(), caller.sandbox.temu_cn_gateway()] {
        let answer = caller.temu_at(&gateway, "bg.open.accesstoken.info.get", json!({})).await;
        assert_eq!(temu_code(&answer), 5_000_003, "{answer}");
    }
    caller.world(|world| world.set_address_listed(true));
    assert_eq!(temu_code(&caller.temu("bg.open.accesstoken.info.get", json!({})).await), 1_000_000);
}

#[tokio::test]
async fn each_zone_has_its_own_apis_and_the_cn_zone_its_own_codes() {
    let caller = Caller::with_orders(0).await;
    let sandbox = &caller.sandbox;
    let [local, partner, cn] =
        [sandbox.temu_gateway(), sandbox.temu_partner_gateway(), sandbox.temu_cn_gateway()];

    for (gateway, api, asked, expected) in [
        (&local, GOODS, json!({"goodsSearchType": 1}), 1_000_000),
        (&partner, GOODS, json!({"goodsSearchType": 1}), 3_000_003),
        (&cn, GOODS, json!({"goodsSearchType": 1}), 7_000_016),
        (&local, PARTNER_GOODS, json!({}), 3_000_003),
        (&partner, PARTNER_GOODS, json!({}), 1_000_000),
        (&cn, PARTNER_GOODS, json!({}), 1_000_000),
        (&cn, "bg.goods.list.get", json!({}), 1_000_000),
        (&partner, "bg.goods.list.get", json!({}), 3_000_003),
        (&partner, ORDERS, json!({}), 3_000_003),
        (&cn, PARTNER_GOODS, json!({"access_token": "unknown"}), 7_000_018),
        (&cn, PARTNER_GOODS, json!({"access_token": null}), 7_000_003),
        (&cn, PARTNER_GOODS, json!({"sign": "0"}), 7_000_015),
        (&cn, PARTNER_GOODS, json!({"timestamp": start().timestamp() - 301}), 7_000_010),
    ] {
        let answer = caller.temu_at(gateway, api, asked.clone()).await;
        assert_eq!(temu_code(&answer), expected, "{gateway} {api} {asked}");
    }
    caller.world(|world| world.expire_access(Platform::Temu, 0));
    assert_eq!(temu_code(&caller.temu_at(&cn, PARTNER_GOODS, json!({})).await), 7_000_007);
}
