//! What Temu's JSON looks like. Every field may be absent, null, or a number where text is documented; what the
//! fields mean is `convert`'s.

use serde::Deserialize;

use crate::platform::instant::WireTime;
use crate::platform::wire::{Hint, Rows, wire};

wire! {
    /// `result` of `bg.order.list.v2.get`. Rows stay text, so that one broken row breaks no page.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct OrderList<'a> {
        pub total_item_num: Hint,
        pub page_items: Rows<'a>,
    }

    /// One row of the list, or the `result` of `bg.order.detail.v2.get`.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Order {
        pub parent_order_map: Option<Head>,
        pub order_list: Vec<OrderLine>,
    }
}

/// The part of a row that identifies the order, when the rest cannot be read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbered {
    pub parent_order_map: NumberedHead,
}

wire! {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct NumberedHead {
        pub parent_order_sn: Option<String>,
    }

    /// Times in seconds.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Head {
        pub parent_order_sn: Option<String>,
        pub parent_order_status: Option<String>,
        pub parent_order_time: Option<WireTime>,
        pub expect_ship_latest_time: Option<WireTime>,
        pub parent_shipping_time: Option<WireTime>,
        /// In the list only.
        pub update_time: Option<WireTime>,
        /// In the detail only: country, province, city.
        pub region_name1: Option<String>,
        pub region_name2: Option<String>,
        pub region_name3: Option<String>,
    }

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct OrderLine {
        pub order_sn: Option<String>,
        pub goods_id: Option<String>,
        pub sku_id: Option<String>,
        pub goods_name: Option<String>,
        pub original_goods_name: Option<String>,
        pub spec: Option<String>,
        pub quantity: Option<i64>,
        pub canceled_quantity_before_shipment: Option<i64>,
        pub order_status: Option<String>,
        pub product_list: Vec<Product>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Product {
        /// The seller's own code.
        pub ext_code: Option<String>,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Order, OrderList};
    use crate::platform::token_answer::Fields;

    #[test]
    fn the_published_samples_parse() {
        let list = result(include_str!("testdata/bg.order.list.v2.get.1.json"));
        let list: OrderList<'_> = serde_json::from_str(&list).unwrap();
        assert_eq!(list.total_item_num, Some(1));
        let rows = list.page_items.unwrap();
        let row: Order = serde_json::from_str(rows[0].get()).unwrap();
        assert_eq!(row.parent_order_map.unwrap().parent_order_sn.as_deref(), Some("test"));
        assert_eq!(row.order_list[0].product_list[0].ext_code.as_deref(), Some("test"));

        let detail = result(include_str!("testdata/bg.order.detail.v2.get.1.json"));
        let detail: Order = serde_json::from_str(&detail).unwrap();
        assert_eq!(detail.parent_order_map.unwrap().region_name3.as_deref(), Some("test"));

        for sample in [
            include_str!("testdata/bg.open.accesstoken.create.1.json"),
            include_str!("testdata/bg.open.accesstoken.info.get.1.json"),
        ] {
            let grant = Fields::of(&result(sample));
            assert_eq!(grant.text(&["mallId"]).as_deref(), Some("1"));
            assert_eq!(grant.texts("apiScopeList").unwrap().len(), 2);
        }
    }

    fn result(sample: &str) -> String {
        let answer: Value = serde_json::from_str(sample).unwrap();
        answer["result"].to_string()
    }
}
