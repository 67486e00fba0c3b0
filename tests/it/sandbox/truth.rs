//! What the simulated platforms tell is what their truth says, field by field.

use serde_json::{Value, json};
use shopsync::sandbox::{EmptyMembers, Order, Platform, TruthOrder};

use super::{Caller, integer};

/// Reads every Temu order with its amounts, as the truth has it.
async fn read_temu(caller: &Caller, truth: &TruthOrder) -> [Vec<String>; 2] {
    let asked = json!({"parentOrderSnList": [truth.number]});
    let list = caller.temu("bg.order.list.v2.get", asked).await;
    let row = &list["result"]["pageItems"][0];
    let asked = json!({"parentOrderSn": truth.number});
    let detail = caller.temu("bg.order.detail.v2.get", asked.clone()).await;
    assert!(detail["result"]["parentOrderMap"].get("updateTime").is_none());
    let money = caller.temu("bg.order.amount.query", asked).await["result"]["parentOrderMap"].clone();

    let mut read = vec![
        integer(&row["parentOrderMap"]["parentOrderStatus"]).to_string(),
        integer(&row["parentOrderMap"]["updateTime"]).to_string(),
        integer(&money["customerPaid"]["amount"]).to_string(),
        integer(&money["estimatedRevenue"]["amount"]).to_string(),
    ];
    read.extend(row["orderList"].as_array().unwrap().iter().map(|line| {
        let number = line["orderSn"].as_str().unwrap();
        format!("{number} {} {}", integer(&line["skuId"]), integer(&line["quantity"]))
    }));
    let mut expected = vec![
        truth.platform_status.clone(),
        truth.updated_at.timestamp().to_string(),
        truth.total_minor.to_string(),
        truth.income_minor.to_string(),
    ];
    expected.extend(
        truth
            .lines
            .iter()
            .map(|line| format!("{} {} {}", line.item_number.as_ref().unwrap(), line.sku_id, line.quantity)),
    );
    [read, expected]
}

#[tokio::test]
async fn temu_answers_what_the_truth_says() {
    let caller = Caller::with_orders(60).await;
    for order in caller.world(|world| world.truth(Platform::Temu, 0)) {
        let [read, expected] = read_temu(&caller, &order).await;
        assert_eq!(read, expected, "{}", order.number);
    }
}

#[tokio::test]
async fn xiaohongshu_answers_what_the_truth_says_and_sends_half_emoji() {
    let caller = Caller::with_orders(200).await;
    let mut half_emoji = 0;
    for order in caller.world(|world| world.truth(Platform::Xiaohongshu, 0)) {
        let body = caller.xiaohongshu_body("order.getOrderDetail", json!({"orderId": order.number}));
        let answer = caller.http.post(caller.sandbox.xiaohongshu_gateway()).body(body).send().await.unwrap();
        let text = answer.text().await.unwrap();
        half_emoji += usize::from(serde_json::from_str::<Value>(&text).is_err());
        // JSON libraries refuse unpaired surrogates and our notes hold no whole pair as escapes.
        let cleaned =
            text.replace("\\ud83d", "\u{fffd}").replace("\\ude00", "\u{fffd}").replace("\\u0000", "\u{fffd}");
        let detail = serde_json::from_str::<Value>(&cleaned).unwrap()["data"].clone();

        let note = detail["customerRemark"].as_str().unwrap();
        assert_eq!(note, order.buyer_note.as_deref().unwrap_or(""));
        assert_eq!(integer(&detail["updateTime"]), order.updated_at.timestamp_millis());
        assert_eq!(integer(&detail["totalPayAmount"]), order.total_minor);
        assert_eq!(integer(&detail["orderStatus"]).to_string(), order.platform_status);
        let skus: Vec<&str> =
            detail["skuList"].as_array().unwrap().iter().map(|sku| sku["skuId"].as_str().unwrap()).collect();
        assert_eq!(skus, order.lines.iter().map(|line| line.sku_id.as_str()).collect::<Vec<_>>());
    }
    assert!(half_emoji > 0);
}

#[tokio::test]
async fn a_generated_shop_holds_every_oddity() {
    let caller = Caller::with_orders(2000).await;
    for platform in Platform::ALL {
        let orders: Vec<Order> = caller.world(|world| {
            let numbers = world.numbers(platform, 0);
            numbers.iter().flat_map(|number| world.versions(platform, 0, number)).collect()
        });
        let truth = caller.world(|world| world.truth(platform, 0));
        let holds = |oddity: &str, is_odd: &dyn Fn(&Order) -> bool| {
            assert!(orders.iter().any(is_odd), "{platform:?}: {oddity}");
        };

        holds("an unknown status", &|order| order.status == 77);
        holds("no lines", &|order| order.lines.is_empty());
        holds("the same SKU twice", &|order| {
            order.lines.len() > 1 && order.lines[0].product == order.lines[1].product
        });
        holds("an amount at the edge of doubles", &|order| order.money.total == 1 << 53);
        holds("numbers in quotes", &|order| order.shape.numbers_as_text);
        holds("nulls", &|order| order.shape.empty_members == EmptyMembers::Null);
        holds("absent members", &|order| order.shape.empty_members == EmptyMembers::Absent);
        let cleaned = |text: &str| text.contains('\u{fffd}');
        assert!(truth.iter().flat_map(|order| &order.lines).any(|line| cleaned(&line.name)));
        let notes = truth.iter().filter_map(|order| order.buyer_note.as_deref());
        assert_eq!(notes.filter(|note| cleaned(note)).count() > 0, platform == Platform::Xiaohongshu);
        let has_milliseconds = truth.iter().any(|order| order.updated_at.timestamp_subsec_millis() > 0);
        assert_eq!(has_milliseconds, platform == Platform::Xiaohongshu);
    }
}
