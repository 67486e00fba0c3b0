//! What the client asks Temu for beside orders, parameter by parameter over real HTTP: one that is misspelt would be
//! ignored without a word, and its answer taken for the truth.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::platform::{Page, PageQuery, PlatformError, Range, Reach};

use crate::platform::answers::{Gateway, NOW, access, now};

/// What was sent beside the common parameters, and to which call.
fn asked(gateway: &Gateway) -> (String, Value) {
    let mut sent = gateway.sent();
    let members = sent.as_object_mut().unwrap();
    for common in ["app_key", "access_token", "timestamp", "data_type", "version", "sign"] {
        assert!(members.remove(common).is_some(), "{common}");
    }
    let api = members.remove("type").unwrap().as_str().unwrap().to_owned();
    (api, sent)
}

async fn page(gateway: &Gateway, zone: &str, record: Record, range: Range) -> Result<Page, PlatformError> {
    let platform = gateway.connect("temu", zone, "");
    let query = PageQuery { range, page: 2, page_size: 50 };
    platform.source(record).unwrap().page(&access(), &query).await
}

fn lists(zone: &str, gateway: &Gateway, record: Record) -> &'static [&'static str] {
    match gateway.connect("temu", zone, "").source(record).unwrap().paging().reach {
        Reach::Lists(lists) => lists,
        Reach::Windows(_) => panic!("{record} are read whole"),
    }
}

#[tokio::test]
async fn goods_and_skus_are_requested_search_by_search() {
    let gateway = Gateway::start(r#"{"success":true,"errorCode":1000000,"result":null}"#).await;
    let mut all = Vec::new();
    for zone in ["us", "eu", "global"] {
        all.clear();
        for list in lists(zone, &gateway, Record::Products) {
            let page = page(&gateway, zone, Record::Products, Range::List(list)).await.unwrap();
            assert_eq!((page.total, page.rows.len()), (0, 0), "no result at all is an empty list");
            all.push(asked(&gateway));
        }
    }
    let goods = |search: i64| {
        let asked =
            json!({"pageNo": 2, "pageSize": 50, "goodsSearchType": search, "goodsStatusFilterType": search});
        ("bg.local.goods.list.query".to_owned(), asked)
    };
    let skus = |search: i64| {
        let asked =
            json!({"pageNo": 2, "pageSize": 50, "skuSearchType": search, "skuStatusFilterType": search});
        ("bg.local.goods.sku.list.query".to_owned(), asked)
    };
    assert_eq!(all, [goods(1), goods(4), goods(5), goods(6), skus(2), skus(3)]);
}

#[tokio::test]
async fn the_partner_and_cn_zones_call_the_same_list() {
    let answer = r#"{"success":true,"errorCode":1000000,"result":{"totalCount":0,"data":[]}}"#;
    for (zone, api) in [("partner", "bg.glo.goods.list.get"), ("cn", "bg.glo.goods.list.get")] {
        let gateway = Gateway::start(answer).await;
        let lists = lists(zone, &gateway, Record::Products);
        assert_eq!(lists.len(), 1);
        page(&gateway, zone, Record::Products, Range::List(lists[0])).await.unwrap();
        assert_eq!(asked(&gateway), (api.to_owned(), json!({"page": 2, "pageSize": 50})));
        for record in [Record::Orders, Record::AfterSales, Record::Activities] {
            assert!(gateway.connect("temu", zone, "").source(record).is_none(), "{zone} has no {record}");
        }
    }
}

#[tokio::test]
async fn cases_are_requested_by_a_pair_of_seconds() {
    let answer = r#"{"success":true,"errorCode":1000000,"result":{"total":0,"pageNumber":2,"data":[]}}"#;
    let gateway = Gateway::start(answer).await;
    let window = Window::new(now() - TimeDelta::minutes(10), now()).unwrap();
    for (lane, start, end) in
        [(Lane::Update, "updateAtStart", "updateAtEnd"), (Lane::Create, "createAtStart", "createAtEnd")]
    {
        let range = Range::Window { lane, window, status: None };
        page(&gateway, "us", Record::AfterSales, range).await.unwrap();
        let api = "bg.aftersales.parentaftersales.list.get".to_owned();
        assert_eq!(asked(&gateway), (api, json!({"pageNo": 2, "pageSize": 50, start: NOW - 601, end: NOW})));
    }
}

#[tokio::test]
async fn the_items_of_many_cases_are_one_call_and_strangers_are_refused() {
    let row = |case: &str, item: &str| json!({"parentAfterSalesSn": case, "afterSalesSn": item});
    let answer = |rows: &[Value]| {
        json!({"success": true, "errorCode": 1_000_000, "result": {"total": rows.len(), "data": rows}})
            .to_string()
    };
    let numbers = ["PAS-1".to_owned(), "PAS-2".to_owned(), "PAS-3".to_owned()];

    let rows = [row("PAS-2", "AS-9"), row("PAS-1", "AS-2"), row("PAS-2", "AS-1")];
    let gateway = Gateway::start(&answer(&rows)).await;
    let platform = gateway.connect("temu", "us", "");
    let told = platform.source(Record::AfterSales).unwrap().details(&access(), &numbers).await.unwrap();
    let items = |case: &str| serde_json::from_str::<Value>(&told[case]).unwrap();
    assert_eq!(items("PAS-1"), json!([rows[1]]));
    assert_eq!(items("PAS-2"), json!([rows[2], rows[0]]), "in an order of their own");
    assert!(!told.contains_key("PAS-3"));
    let api = "bg.aftersales.aftersales.list.get".to_owned();
    assert_eq!(
        asked(&gateway),
        (api, json!({"parentAfterSalesSnList": numbers, "pageNo": 1, "pageSize": 200}))
    );

    for strange in [row("PAS-4", "AS-1"), json!({"afterSalesSn": "AS-1"})] {
        let gateway = Gateway::start(&answer(&[strange])).await;
        let platform = gateway.connect("temu", "us", "");
        let error =
            platform.source(Record::AfterSales).unwrap().details(&access(), &numbers).await.unwrap_err();
        assert!(matches!(error, PlatformError::Malformed { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn items_are_read_page_by_page_until_all_are_there() {
    let page = |rows: &[Value]| {
        json!({"success": true, "errorCode": 1_000_000, "result": {"total": 3, "data": rows}}).to_string()
    };
    let row = |item: &str| json!({"parentAfterSalesSn": "PAS-1", "afterSalesSn": item});
    let (first, second) = (page(&[row("AS-1"), row("AS-2")]), page(&[row("AS-2"), row("AS-3")]));
    let numbers = ["PAS-1".to_owned()];

    let gateway = Gateway::saying(&[&first, &second]).await;
    let platform = gateway.connect("temu", "us", "");
    let told = platform.source(Record::AfterSales).unwrap().details(&access(), &numbers).await.unwrap();
    let items: Value = serde_json::from_str(&told["PAS-1"]).unwrap();
    assert_eq!(items, json!([row("AS-1"), row("AS-2"), row("AS-3")]), "each once, though one was told twice");
    assert_eq!((gateway.calls(), asked(&gateway).1["pageNo"].clone()), (2, json!(2)));

    let gateway = Gateway::saying(&[&first, &page(&[])]).await;
    let platform = gateway.connect("temu", "us", "");
    let error = platform.source(Record::AfterSales).unwrap().details(&access(), &numbers).await.unwrap_err();
    assert!(matches!(error, PlatformError::NoAnswer { .. }), "fewer than the total are not all: {error:?}");
}

#[tokio::test]
async fn activities_are_requested_kind_by_kind_and_their_goods_one_by_one() {
    let answer =
        r#"{"success":true,"errorCode":1000000,"result":{"total":0,"activityList":[],"goodsList":[]}}"#;
    let gateway = Gateway::start(answer).await;
    let mut kinds = Vec::new();
    for list in lists("us", &gateway, Record::Activities) {
        page(&gateway, "us", Record::Activities, Range::List(list)).await.unwrap();
        let (api, mut asked) = asked(&gateway);
        assert_eq!(api, "bg.promotion.activity.query");
        kinds.push(asked.as_object_mut().unwrap().remove("activityType").unwrap());
        assert_eq!(asked, json!({"pageNumber": 2, "pageSize": 50}));
    }
    assert_eq!(kinds, [json!(2), json!(13), json!(27), json!(100)]);

    let platform = gateway.connect("temu", "us", "");
    let activities = platform.source(Record::Activities).unwrap();
    let told = activities.details(&access(), &["900000001".to_owned()]).await.unwrap();
    assert_eq!(told["900000001"], "[]");
    let expected = json!({"activityId": 900_000_001, "pageNumber": 1, "pageSize": 100});
    assert_eq!(asked(&gateway), ("bg.promotion.activity.goods.query".to_owned(), expected));
}

#[tokio::test]
async fn only_an_activity_that_is_over_has_no_goods_without_an_error() {
    for (code, is_over) in
        [(220_010_003, true), (220_010_004, true), (220_010_001, false), (220_010_002, false)]
    {
        let answer = json!({"success": false, "errorCode": code, "errorMsg": "no"}).to_string();
        let gateway = Gateway::start(&answer).await;
        let platform = gateway.connect("temu", "us", "");
        let activities = platform.source(Record::Activities).unwrap();
        let told = activities.details(&access(), &["900000001".to_owned()]).await;
        assert_eq!(told.as_ref().is_ok_and(HashMap::is_empty), is_over, "{code}");
        assert_eq!(told.is_err(), !is_over, "{code}");
    }
}

#[tokio::test]
async fn success_without_evidence_is_malformed() {
    let window = Window::new(now() - TimeDelta::minutes(10), now()).unwrap();
    let cases = Range::Window { lane: Lane::Update, window, status: None };
    for (record, range, answers) in [
        (Record::Products, Range::List("published goods"), [r#"{"result":7}"#, r#"{"result":{"total":-1}}"#]),
        (Record::AfterSales, cases, [r#"{"result":true}"#, r#"{"result":{"rows":[1]}}"#]),
        (
            Record::Activities,
            Range::List("2"),
            [r#"{"result":"x"}"#, r#"{"result":{"activities":[{"a":1}]}}"#],
        ),
    ] {
        for answer in answers {
            let answer = answer.replacen('{', r#"{"success":true,"errorCode":1000000,"#, 1);
            let gateway = Gateway::start(&answer).await;
            let error = page(&gateway, "us", record, range).await.unwrap_err();
            assert!(matches!(error, PlatformError::Malformed { .. }), "{record} {answer}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_record_is_not_requested_by_a_range_it_does_not_have() {
    let gateway = Gateway::start("{}").await;
    let window = Window::new(now() - TimeDelta::minutes(10), now()).unwrap();
    let windowed = Range::Window { lane: Lane::Update, window, status: None };
    for (zone, record, range) in [
        ("us", Record::Products, windowed),
        ("us", Record::Products, Range::List("no such list")),
        ("us", Record::Activities, windowed),
        ("us", Record::AfterSales, Range::List("2")),
        ("partner", Record::Products, windowed),
    ] {
        let error = page(&gateway, zone, record, range).await.unwrap_err();
        assert!(matches!(error, PlatformError::Rejected { .. }), "{zone} {record}");
    }
    assert_eq!(gateway.calls(), 0, "an unfiltered list is never asked for");
}
