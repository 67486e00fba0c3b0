//! The documents' own answers, and what becomes of careless ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::by_warehouse;
use crate::domain::product::WarehouseStock;
use crate::platform::any_json::any_json;
use crate::platform::error::{PlatformError, Rejection};

const SKU: &str = "67b6831c7b3de40001a9fb97";

fn answer() -> Value {
    let answer: Value = serde_json::from_str(include_str!("../testdata/sku_stock.json")).unwrap();
    answer["data"].clone()
}

fn read(data: &Value) -> Result<Vec<WarehouseStock>, PlatformError> {
    let wire = serde_json::from_value(data.clone());
    by_warehouse(wire.map_err(|_| PlatformError::Malformed { path: "data".to_owned() })?, SKU)
}

fn stock(warehouse: &str, [available, occupied, total]: [i64; 3]) -> WarehouseStock {
    WarehouseStock {
        warehouse: warehouse.to_owned(),
        available: Some(available),
        occupied: Some(occupied),
        total: Some(total),
    }
}

#[test]
fn stock_is_reported_by_warehouse_and_for_all_of_them() {
    let expected =
        [stock("", [65, 35, 100]), stock("CPartner", [40, 20, 60]), stock("zhejiang", [25, 15, 40])];
    assert_eq!(read(&answer()).unwrap(), expected);

    let mut unsummed = answer();
    unsummed["skuStockInfo"] = json!(null);
    assert_eq!(read(&unsummed).unwrap(), expected, "added up");
    unsummed["skuStockInfoWithWhcode"][1]["whcode"] = json!(null);
    assert_eq!(read(&unsummed).unwrap(), expected[..2], "pieces without a place are pieces");
    unsummed["skuStockInfoWithWhcode"][0]["skuStockInfo"]["total"] = json!(null);
    assert_eq!(read(&unsummed).unwrap()[0].total, None, "a sum of what is not known");
}

#[test]
fn the_published_example_parses() {
    let example: Value =
        serde_json::from_str(include_str!("../testdata/inventory.getSkuStockV2.json")).unwrap();
    let wire = serde_json::from_value(example["example"]["data"].clone()).unwrap();
    let expected = [stock("", [170, 30, 200]), stock("zhejiang", [80, 20, 100])];
    assert_eq!(by_warehouse(wire, "67064f2b980e2f00016052bc").unwrap(), expected);
}

#[test]
fn the_status_inside_decides() {
    let with = |response: Value| {
        let mut answer = answer();
        answer["response"] = response;
        read(&answer)
    };
    for fine in [
        json!(null),
        json!({}),
        json!({"success": "true", "code": "0", "msg": ""}),
        json!({"success": true}),
        json!({"success": false, "code": -9028, "msg": "占用库存未扣减"}),
    ] {
        assert_eq!(with(fine.clone()).unwrap().len(), 3, "{fine}");
    }
    for (refusal, expected) in [
        (json!({"success": false, "code": -1, "msg": "商品不存在"}), Rejection::NotFound),
        (json!({"success": false, "code": "-1", "message": "规格不存在"}), Rejection::NotFound),
        (json!({"success": true, "code": 500, "msg": "?"}), Rejection::Unknown),
        (json!({"success": false}), Rejection::Unknown),
        (json!({"success": false, "code": 0}), Rejection::Unknown),
    ] {
        let error = with(refusal.clone()).unwrap_err();
        assert!(
            matches!(error, PlatformError::Rejected { why, .. } if why == expected),
            "{refusal} {error:?}"
        );
    }
    let throttled = with(json!({"success": false, "code": -9013, "msg": "触发Method维度的限流"}));
    assert!(matches!(throttled, Err(PlatformError::Throttled { .. })));
}

#[test]
fn stock_of_another_sku_or_of_none_is_malformed() {
    let mut other = answer();
    other["skuStockInfoWithWhcode"][1]["skuId"] = json!("67b6831c7b3de40001a9fb98");
    for data in [other, json!({}), json!({"skuStockInfo": {"skuId": SKU}}), json!({"skuStockInfo": 7})] {
        assert!(matches!(read(&data), Err(PlatformError::Malformed { .. })), "{data}");
    }
}

proptest! {
    #[test]
    fn no_json_panics(data in any_json(), quantity: i64) {
        let _ = read(&data);
        let mut large = answer();
        large["skuStockInfo"] = data;
        large["skuStockInfoWithWhcode"][0]["skuStockInfo"]["total"] = json!(quantity);
        large["skuStockInfoWithWhcode"][1]["skuStockInfo"]["total"] = json!(i64::MAX);
        let _ = read(&large);
    }
}
