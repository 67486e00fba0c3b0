//! Each named fault of lists is what a client sees: totals, pages and filters that lie.

use serde_json::{Value, json};
use shopsync::sandbox::Platform;

use super::named::{LIST, TEMU_LIST, caller, fault, numbers, temu_window, window};
use super::{Caller, refusal, start, temu_code};

/// Total, pages by its own count, and rows of a page of Xiaohongshu's orders.
async fn page(caller: &Caller, page: i64, page_size: i64) -> (i64, i64, usize) {
    let data = caller.xiaohongshu(LIST, window(page, page_size)).await["data"].clone();
    let rows = data["orderList"].as_array().unwrap().len();
    (data["total"].as_i64().unwrap(), data["maxPageNo"].as_i64().unwrap(), rows)
}

#[tokio::test]
async fn totals_lie_and_rows_do_not() {
    let caller = caller().await;
    assert_eq!(page(&caller, 1, 25).await, (60, 3, 25));

    caller.suffer([fault("total-capped:50")]);
    assert_eq!(page(&caller, 3, 25).await, (50, 2, 10));
    caller.suffer([fault("rows-capped:55")]);
    assert_eq!(page(&caller, 3, 25).await, (55, 3, 5));
    caller.suffer([fault("total-of-page")]);
    assert_eq!(page(&caller, 3, 25).await, (10, 3, 10), "the count of pages stays right");
    caller.suffer([fault("total-zero:7")]);
    assert_eq!(page(&caller, 1, 25).await, (7, 3, 25));
    caller.suffer([fault("endless-total")]);
    assert_eq!(page(&caller, 1, 25).await, (1_000_000_000, 40_000_000, 0));
    caller.suffer([fault("total-zero"), fault("page-capped:10")]);
    assert_eq!(page(&caller, 1, 25).await, (0, 6, 10), "several faults act on one answer");
}

#[tokio::test]
async fn every_list_has_a_total_that_can_lie() {
    let caller = caller().await;
    caller.suffer([fault("total-zero:12345")]);
    let now = start().timestamp();
    let temu = |total: &'static str, api, parameters| (Platform::Temu, total, api, parameters);
    let xiaohongshu = |total: &'static str, api, parameters| (Platform::Xiaohongshu, total, api, parameters);
    let cases = json!({"updateAtStart": now - 1800, "updateAtEnd": now});
    for (platform, total, api, parameters) in [
        temu("totalItemNum", TEMU_LIST, temu_window(1, 10)),
        temu("total", "bg.local.goods.list.query", json!({"goodsSearchType": 1})),
        temu("total", "bg.local.goods.sku.list.query", json!({"skuSearchType": 2})),
        temu("total", "bg.aftersales.parentaftersales.list.get", cases),
        temu(
            "total",
            "bg.promotion.activity.query",
            json!({"activityType": 2, "pageNumber": 1, "pageSize": 10}),
        ),
        xiaohongshu("total", LIST, window(1, 10)),
        xiaohongshu("total", "product.getDetailSkuList", json!({})),
        xiaohongshu(
            "totalCount",
            "afterSale.listAfterSaleInfos",
            json!({"startTime": (now - 1800) * 1000, "endTime": now * 1000, "timeType": 2, "pageNo": 1, "pageSize": 10}),
        ),
    ] {
        let (answer, content) = match platform {
            Platform::Temu => (caller.temu(api, parameters).await, "result"),
            Platform::Xiaohongshu => (caller.xiaohongshu(api, parameters).await, "data"),
        };
        assert_eq!(answer[content][total], 12_345, "{api}: {answer}");
    }
}

#[tokio::test]
async fn pages_are_smaller_than_requested_or_too_large_to_answer() {
    let caller = caller().await;
    caller.suffer([fault("page-capped:20")]);
    assert_eq!(page(&caller, 3, 50).await, (60, 3, 20));
    let rows = caller.temu(TEMU_LIST, temu_window(4, 50)).await["result"]["pageItems"].clone();
    assert_eq!(rows.as_array().map(Vec::len), Some(0), "pages are counted by the size that is given");

    caller.suffer([fault("max-rows-500:40")]);
    assert_eq!(caller.text(LIST, window(1, 41)).await.0, 500);
    assert_eq!(page(&caller, 1, 40).await, (60, 2, 40));
    assert_eq!(caller.temu_text(TEMU_LIST, temu_window(1, 41)).await.0, 500);
}

#[tokio::test]
async fn filters_are_ignored_by_the_total_or_by_the_rows_too() {
    let caller = caller().await;
    let now = start().timestamp();
    let past = json!({"startTime": now - 100_000, "endTime": now - 99_000, "timeType": 2});
    let temu_past = json!({"updateAtStart": now - 100_000, "updateAtEnd": now - 99_000});
    for (name, rows) in [("unfiltered", 0), ("unfiltered-rows", 10)] {
        caller.suffer([fault(name)]);
        let mut asked = past.clone();
        asked["pageSize"] = 10.into();
        let data = caller.xiaohongshu(LIST, asked).await["data"].clone();
        assert_eq!(
            (&data["total"], data["orderList"].as_array().unwrap().len()),
            (&json!(60), rows),
            "{name}"
        );
        let result = caller.temu(TEMU_LIST, temu_past.clone()).await["result"].clone();
        assert_eq!(
            (&result["totalItemNum"], result["pageItems"].as_array().unwrap().len()),
            (&json!(60), rows)
        );
    }
    let violations = caller.world(|world| world.violations());
    assert!(violations.is_empty(), "{violations:?}");
}

#[tokio::test]
async fn an_empty_page_comes_in_six_forms_and_a_full_one_as_ever() {
    let caller = caller().await;
    let now = start().timestamp();
    let past = json!({"startTime": now - 100_000, "endTime": now - 99_000, "timeType": 2});
    caller.suffer([fault("null-page")]);
    let mut seen = Vec::new();
    for _ in 0..6 {
        let answer = caller.xiaohongshu(LIST, past.clone()).await;
        assert_eq!(answer["success"], true);
        seen.push(answer.get("data").map_or("absent".to_owned(), Value::to_string));
    }
    seen.sort();
    for form in ["absent", "null", "{}", "[]"] {
        assert!(seen.iter().any(|seen| seen == form), "{form} in {seen:?}");
    }
    assert!(seen.iter().any(|seen| seen.contains(r#""orderList":null"#)), "{seen:?}");
    assert_eq!(page(&caller, 1, 25).await, (60, 3, 25));
    caller.suffer([fault("null-page:1")]);
    let answer =
        caller.temu(TEMU_LIST, json!({"updateAtStart": now - 100_000, "updateAtEnd": now - 99_000})).await;
    assert!(answer["success"] == true && answer.get("result").is_none(), "a form can be chosen: {answer}");
}

#[tokio::test]
async fn an_order_comes_in_two_rows_with_lines_of_their_own() {
    let caller = caller().await;
    let all = caller.temu(TEMU_LIST, temu_window(1, 100)).await["result"]["pageItems"].clone();
    let long =
        all.as_array().unwrap().iter().find(|row| row["orderList"].as_array().unwrap().len() > 1).unwrap();
    let number = long["parentOrderMap"]["parentOrderSn"].as_str().unwrap();
    caller.suffer([fault("split-order").about(number)]);

    let result = caller.temu(TEMU_LIST, temu_window(1, 100)).await["result"].clone();

    let rows = result["pageItems"].as_array().unwrap();
    let parts: Vec<&Value> =
        rows.iter().filter(|row| row["parentOrderMap"]["parentOrderSn"] == number).collect();
    let lines: Vec<&Value> = parts.iter().flat_map(|row| row["orderList"].as_array().unwrap()).collect();
    assert_eq!((parts.len(), &result["totalItemNum"], rows.len()), (2, &json!(61), 61));
    assert_eq!(lines, long["orderList"].as_array().unwrap().iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn an_old_window_is_refused_by_a_text() {
    let caller = caller().await;
    let now = start().timestamp();
    let day = 86_400;
    caller.suffer([fault("history-limit")]);

    let old = json!({"startTime": now - 91 * day, "endTime": now - 91 * day + 600, "timeType": 2});
    assert_eq!(refusal(&caller.xiaohongshu(LIST, old).await).1, "仅支持查询近90天内的数据");
    let old = json!({"updateAtStart": now - 91 * day, "updateAtEnd": now});
    assert_eq!(temu_code(&caller.temu(TEMU_LIST, old).await), 140_020_016);
    assert_eq!(page(&caller, 1, 25).await.0, 60);

    caller.suffer([fault("api-gone").at(TEMU_LIST)]);
    assert_eq!(temu_code(&caller.temu(TEMU_LIST, temu_window(1, 10)).await), 3_000_003);
    assert_eq!(numbers(&caller, Platform::Temu).len(), 60);
}
