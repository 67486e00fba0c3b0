//! JSON of every shape, under the names that the answers know.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use serde_json::Value;

/// Anything at all, a few levels deep.
pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(name(), inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &[
            "id",
            "itemId",
            "item",
            "sku",
            "price",
            "stock",
            "images",
            "updateTime",
            "buyable",
            "response",
            "success",
            "code",
            "skuStockInfo",
            "skuStockInfoWithWhcode",
            "skuId",
            "whcode",
            "total",
            "available",
            "returnsId",
            "status",
            "updatedAt",
            "afterSaleInfo",
            "skus",
            "exchangeSKUs",
            "refundStatus",
            "refundAmountYuan",
            "expectedRefundAmountYuan",
            "appliedTotalAmountYuan",
            "returnAddress",
        ][..],
    );
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,8}".prop_map(String::from)]
}
