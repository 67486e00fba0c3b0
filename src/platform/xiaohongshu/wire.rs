//! What Xiaohongshu's JSON looks like. Every field may be absent, null, or text where a number is documented; what
//! the fields mean is `convert`'s.

use serde::Deserialize;

use crate::platform::instant::WireTime;
use crate::platform::lenient::{Hint, Rows, wire};

wire! {
    /// `data` of `order.getOrderList`. Rows stay text, so that one broken row breaks no page.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct OrderPage<'a> {
        pub(super) total: Hint,
        pub(super) max_page_no: Hint,
        pub(super) page_size: Hint,
        pub(super) order_list: Rows<'a>,
    }

    /// The part of a row that identifies the order, when the rest cannot be read.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Numbered {
        pub(super) order_id: Option<String>,
    }

    /// What list row and detail both hold. Times in milliseconds, 0 for what has not happened.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Shared {
        pub(super) order_id: Option<String>,
        pub(super) order_status: Option<String>,
        pub(super) order_after_sales_status: Option<String>,
        pub(super) created_time: Option<WireTime>,
        pub(super) paid_time: Option<WireTime>,
        pub(super) update_time: Option<WireTime>,
        pub(super) delivery_time: Option<WireTime>,
        pub(super) cancel_time: Option<WireTime>,
        pub(super) finish_time: Option<WireTime>,
        pub(super) promise_last_delivery_time: Option<WireTime>,
        pub(super) receiver_country_name: Option<String>,
        pub(super) receiver_province_name: Option<String>,
        pub(super) receiver_city_name: Option<String>,
        pub(super) receiver_district_name: Option<String>,
        pub(super) customer_remark: Option<String>,
        pub(super) seller_remark: Option<String>,
    }

    /// What only `data` of `order.getOrderDetail` gives. Money in fen.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Detail {
        pub(super) sku_list: Vec<OrderLine>,
        pub(super) total_pay_amount: Option<i64>,
        /// Freight; spelt like this.
        pub(super) total_shipping_free: Option<i64>,
        pub(super) total_merchant_discount: Option<i64>,
        pub(super) total_red_discount: Option<i64>,
        pub(super) merchant_actual_receive_amount: Option<i64>,
        pub(super) express_tracking_no: Option<String>,
        pub(super) express_company_code: Option<String>,
    }

    /// All pieces of one SKU; the amounts are totals.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct OrderLine {
        pub(super) sku_id: Option<String>,
        pub(super) sku_name: Option<String>,
        /// The seller's own code; the parts of `sku_detail_list` spell it `erpCode`.
        pub(super) erpcode: Option<String>,
        pub(super) sku_spec: Option<String>,
        pub(super) sku_quantity: Option<i64>,
        pub(super) total_paid_amount: Option<i64>,
        /// 1: a gift.
        pub(super) sku_tag: Option<i64>,
        pub(super) sku_after_sale_status: Option<String>,
        pub(super) item_id: Option<String>,
        pub(super) item_name: Option<String>,
        pub(super) sku_detail_list: Vec<Part>,
    }

    /// Pieces of one SKU at one price: a total that does not divide evenly makes several of these.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Part {
        pub(super) quantity: Option<i64>,
        pub(super) paid_amount_per_sku: Option<i64>,
    }
}
