//! What is asked for, and how the documents' answers and refusals are taken.

use serde_json::{Value, json};
use shopsync::domain::record::{Lane, Record};
use shopsync::platform::{PlatformError, Rejection};

use crate::platform::answers::{Gateway, NOW, access, query};

#[tokio::test]
async fn skus_are_requested_by_update_time_in_milliseconds() {
    let gateway = Gateway::start(r#"{"success":true,"error_code":0,"data":{"total":0,"data":[]}}"#).await;
    let platform = gateway.xiaohongshu();
    let products = platform.source(Record::Products).unwrap();

    let page = products.page(&access(), &query(Lane::Update)).await.unwrap();

    assert_eq!((page.total, page.rows.len()), (0, 0));
    let mut sent = gateway.sent();
    sent["sign"] = json!("");
    let expected = json!({
        "method": "product.getDetailSkuList", "appId": "key", "accessToken": "token", "timestamp": NOW.to_string(),
        "version": "2.0", "sign": "", "pageNo": 3, "pageSize": 100,
        "updateTimeFrom": (NOW - 601) * 1000, "updateTimeTo": NOW * 1000,
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn cases_are_requested_by_either_time_in_milliseconds() {
    let answer = r#"{"success":true,"code":0,"data":{"totalCount":0,"afterSaleBasicInfos":null}}"#;
    let gateway = Gateway::start(answer).await;
    let platform = gateway.xiaohongshu();
    let cases = platform.source(Record::AfterSales).unwrap();
    for (lane, time_type) in [(Lane::Update, 2), (Lane::Create, 1)] {
        cases.page(&access(), &query(lane)).await.unwrap();

        let mut sent = gateway.sent();
        sent["sign"] = json!("");
        let expected = json!({
            "method": "afterSale.listAfterSaleInfos", "appId": "key", "accessToken": "token",
            "timestamp": NOW.to_string(), "version": "2.0", "sign": "", "pageNo": 3, "pageSize": 100,
            "timeType": time_type, "startTime": (NOW - 601) * 1000, "endTime": NOW * 1000, "statuses": [2],
        });
        assert_eq!(sent, expected);
    }
}

#[tokio::test]
async fn a_case_is_requested_without_the_talk_about_it_and_kept_without_persons() {
    let gateway = Gateway::start(
        r#"{"code":0,"success":true,"data":{"afterSaleInfo":{"returnsId":"R1","proofPhotos":["p"],
           "returnAddress":{"phone":"13800000000"}, "refundAmountYuan":1.10},"negotiateRecords":[{"title":"t"}]}}"#,
    )
    .await;
    let platform = gateway.xiaohongshu();
    let cases = platform.source(Record::AfterSales).unwrap();

    let mut told = cases.details(&access(), &["R1".to_owned()]).await.unwrap();

    let kept = r#"{"afterSaleInfo":{"returnsId":"R1","refundAmountYuan":1.10}}"#;
    assert_eq!(told.remove("R1").as_deref(), Some(kept));
    let sent = gateway.sent();
    assert_eq!((&sent["method"], &sent["returnsId"]), (&json!("afterSale.getAfterSaleInfo"), &json!("R1")));
    assert_eq!(sent["needNegotiateRecord"], Value::Null);
}

#[tokio::test]
async fn the_stock_of_one_sku_is_requested() {
    let answer = include_str!("../../../../src/platform/xiaohongshu/testdata/sku_stock.json");
    let gateway = Gateway::start(answer).await;
    let platform = gateway.xiaohongshu();

    let stock = platform.stock().unwrap().sku_stock(&access(), "67b6831c7b3de40001a9fb97").await.unwrap();

    assert_eq!((stock.len(), stock[0].total), (3, Some(100)));
    let sent = gateway.sent();
    assert_eq!(sent["method"], "inventory.getSkuStockV2");
    assert_eq!(sent["skuId"], "67b6831c7b3de40001a9fb97");
    assert_eq!(sent["inventoryType"], Value::Null);
}

#[tokio::test]
async fn the_documents_lists_are_pages() {
    for (record, answer, total, rows) in [
        (Record::Products, include_str!("../../../../src/platform/xiaohongshu/testdata/sku_list.json"), 1, 2),
        (
            Record::AfterSales,
            include_str!("../../../../src/platform/xiaohongshu/testdata/after_sale_list.json"),
            2,
            2,
        ),
        (
            Record::AfterSales,
            include_str!("../../../../src/platform/xiaohongshu/testdata/double_envelope.json"),
            0,
            0,
        ),
    ] {
        let gateway = Gateway::start(answer).await;
        let platform = gateway.xiaohongshu();
        let page = platform.source(record).unwrap().page(&access(), &query(Lane::Update)).await.unwrap();
        assert_eq!((page.total, page.rows.len()), (total, rows), "{answer}");
    }
}

#[tokio::test]
async fn a_refusal_means_the_same_in_either_dialect_of_every_call() {
    type Expected = fn(&PlatformError) -> bool;
    let prefix = "根据accessToken和appId获取mercuryUser失败：";
    let cases: [(i64, String, Expected); 6] = [
        (401, format!("{prefix}应用无权限调用该接口"), |error| {
            matches!(error, PlatformError::NotGranted { .. })
        }),
        (401, format!("{prefix}accessToken expired"), PlatformError::is_about_token),
        (-9013, "触发Method维度的限流".to_owned(), |error| {
            matches!(error, PlatformError::Throttled { .. })
        }),
        (-1, "参数类型错误：pageNo".to_owned(), |error| {
            matches!(error, PlatformError::Rejected { why: Rejection::Parameters, .. })
        }),
        (-1, "skuId不能为空".to_owned(), |error| {
            matches!(error, PlatformError::Rejected { why: Rejection::Parameters, .. })
        }),
        (401, "业务处理异常".to_owned(), |error| {
            matches!(error, PlatformError::Rejected { why: Rejection::Unknown, .. })
        }),
    ];
    for (code, message, is_expected) in cases {
        for answer in [
            json!({"error_code": code, "error_msg": message, "success": false}),
            json!({"code": code, "msg": message, "success": false, "data": null}),
            json!({"error_code": 0, "success": true, "data": {"code": code, "msg": message, "success": false}}),
        ] {
            let gateway = Gateway::start(&answer.to_string()).await;
            let platform = gateway.xiaohongshu();
            let source = |record| platform.source(record).unwrap();
            let numbers = ["R1".to_owned()];
            for error in [
                source(Record::Products).page(&access(), &query(Lane::Update)).await.unwrap_err(),
                source(Record::AfterSales).page(&access(), &query(Lane::Update)).await.unwrap_err(),
                source(Record::AfterSales).details(&access(), &numbers).await.unwrap_err(),
                platform.stock().unwrap().sku_stock(&access(), "1").await.unwrap_err(),
            ] {
                assert!(is_expected(&error), "{answer} was heard as {error:?}");
            }
        }
    }
}
