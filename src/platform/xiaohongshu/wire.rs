//! What Xiaohongshu's JSON looks like. Every field may be absent, null, or text where a number is documented; what
//! the fields mean is `convert`'s.

use serde::Deserialize;

use crate::platform::instant::WireTime;
use crate::platform::wire::{Hint, Rows, wire};

wire! {
    /// `data` of `order.getOrderList`. Rows stay text, so that one broken row breaks no page.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct OrderPage<'a> {
        pub total: Hint,
        pub max_page_no: Hint,
        pub page_size: Hint,
        pub order_list: Rows<'a>,
    }

    /// The part of a row that identifies the order, when the rest cannot be read.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Numbered {
        pub order_id: Option<String>,
    }

    /// What list row and detail both hold. Times in milliseconds, 0 for what has not happened.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Shared {
        pub order_id: Option<String>,
        pub order_status: Option<String>,
        pub order_after_sales_status: Option<String>,
        pub created_time: Option<WireTime>,
        pub paid_time: Option<WireTime>,
        pub update_time: Option<WireTime>,
        pub delivery_time: Option<WireTime>,
        pub cancel_time: Option<WireTime>,
        pub finish_time: Option<WireTime>,
        pub promise_last_delivery_time: Option<WireTime>,
        pub receiver_country_name: Option<String>,
        pub receiver_province_name: Option<String>,
        pub receiver_city_name: Option<String>,
        pub receiver_district_name: Option<String>,
        pub customer_remark: Option<String>,
        pub seller_remark: Option<String>,
    }

    /// What only `data` of `order.getOrderDetail` gives. Money in fen.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Detail {
        pub sku_list: Vec<OrderLine>,
        pub total_pay_amount: Option<i64>,
        /// Freight; spelt like this.
        pub total_shipping_free: Option<i64>,
        pub total_merchant_discount: Option<i64>,
        pub total_red_discount: Option<i64>,
        pub merchant_actual_receive_amount: Option<i64>,
        pub express_tracking_no: Option<String>,
        pub express_company_code: Option<String>,
    }

    /// All pieces of one SKU; the amounts are totals.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct OrderLine {
        pub sku_id: Option<String>,
        pub sku_name: Option<String>,
        /// The seller's own code; the parts of `sku_detail_list` spell it `erpCode`.
        pub erpcode: Option<String>,
        pub sku_spec: Option<String>,
        pub sku_quantity: Option<i64>,
        pub total_paid_amount: Option<i64>,
        /// 1: a gift.
        pub sku_tag: Option<i64>,
        pub sku_after_sale_status: Option<String>,
        pub item_id: Option<String>,
        pub item_name: Option<String>,
        pub sku_detail_list: Vec<Part>,
    }

    /// Pieces of one SKU at one price: a total that does not divide evenly makes several of these.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Part {
        pub quantity: Option<i64>,
        pub paid_amount_per_sku: Option<i64>,
    }
}
