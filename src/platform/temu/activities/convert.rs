//! What rows of activities and of the goods in them mean.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::activity::{Activity, ActivitySku};
use crate::domain::entity::{Answers, Kind};
use crate::platform::error::ConvertError;
use crate::platform::fingerprint::fingerprint;
use crate::platform::instant::{WireTime, at};
use crate::platform::temu::lists::Rows;
use crate::platform::wire::wire;
use crate::platform::{Row, part};

const ROWS: Rows = Rows { kind: Kind::Activity, number: "activityId", volatile: &[] };

wire! {
    /// A row of `bg.promotion.activity.query`. Times in seconds.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireActivity {
        activity_id: Option<String>,
        activity_name: Option<String>,
        activity_type: Option<String>,
        activity_status: Option<String>,
        activity_start_time: Option<WireTime>,
        activity_end_time: Option<WireTime>,
        is_joined_activity: Option<bool>,
    }

    /// A row of `bg.promotion.activity.goods.query`.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireGoods {
        goods_id: Option<String>,
        activity_quantity: Option<i64>,
        remaining_activity_quantity: Option<i64>,
        sku_list: Vec<WireSku>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireSku {
        sku_id: Option<String>,
        /// A whole number: by all appearance minor units, of a currency that is not given.
        activity_supplier_price: Option<i64>,
    }
}

/// One row of the list. It does not say when it was last changed.
pub fn list_row(raw: &RawValue) -> Row {
    ROWS.read::<WireActivity>(raw, |_| None)
}

pub fn activity(answers: &Answers) -> Result<Activity, ConvertError> {
    let list = answers.list.as_deref().ok_or(ConvertError::Missing { field: "list" })?;
    let (value, activity) = part::typed::<WireActivity>(list)?;
    let (goods_value, skus) = match answers.items.as_deref() {
        Some(goods) => {
            let (value, skus) = read_goods(goods)?;
            (value, Some(skus))
        }
        None => (Value::Null, None),
    };
    let kind = activity.activity_type.ok_or(ConvertError::Missing { field: "activityType" })?;
    let status = activity.activity_status.ok_or(ConvertError::Missing { field: "activityStatus" })?;
    Ok(Activity {
        id: activity.activity_id.ok_or(ConvertError::Missing { field: "activityId" })?,
        kind: kind_word(&kind).map_or(kind, ToOwned::to_owned),
        name: activity.activity_name,
        status: status_word(&status).map_or(status, ToOwned::to_owned),
        starts_at: at(activity.activity_start_time),
        ends_at: at(activity.activity_end_time),
        joined: activity.is_joined_activity,
        updated_at: None,
        skus,
        content_hash: fingerprint(&[&value, &goods_value], &[]),
    })
}

fn kind_word(code: &str) -> Option<&'static str> {
    match code {
        "2" => Some("lightning_deal"),
        "13" => Some("advanced_big_sale"),
        "27" => Some("clearance"),
        "100" => Some("official_big_sale"),
        _ => None,
    }
}

fn status_word(code: &str) -> Option<&'static str> {
    match code {
        "1" => Some("not_started"),
        "2" => Some("ongoing"),
        "3" => Some("ended"),
        _ => None,
    }
}

fn read_goods(raw: &str) -> Result<(Value, Vec<ActivitySku>), ConvertError> {
    let value = part::parse_list(raw)?;
    let wire: Vec<WireGoods> = part::read(&value)?;
    // Goods that sold while their pages were read come twice.
    let mut seen = HashSet::new();
    let mut skus = Vec::new();
    for goods in wire {
        for sku in goods.sku_list {
            let sku_id = sku.sku_id.ok_or(ConvertError::Missing { field: "skuId" })?;
            if seen.insert(sku_id.clone()) {
                skus.push(ActivitySku {
                    sku_id,
                    product_id: goods.goods_id.clone(),
                    price_minor: sku.activity_supplier_price,
                    currency: None,
                    quantity: goods.activity_quantity,
                    remaining: goods.remaining_activity_quantity,
                });
            }
        }
    }
    Ok((value, skus))
}
