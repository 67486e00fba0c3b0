//! What the amounts answers look like, in all three versions of the call. Which fields stand in which version is
//! reported by `amounts`; here all may be absent.

use serde::Deserialize;

use crate::platform::lenient::wire;

wire! {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Answer {
        pub(super) parent_order_map: Option<Order>,
        pub(super) order_list: Vec<AmountLine>,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order {
    #[serde(default)]
    pub(super) shipping_amount_total: Option<Amount>,
    #[serde(default)]
    pub(super) tax_total: Option<Amount>,
    #[serde(default)]
    pub(super) discount_from_seller: Option<Amount>,
    #[serde(default, rename = "discountFromTEMU")]
    pub(super) discount_from_temu: Option<Amount>,
    #[serde(default)]
    pub(super) estimated_revenue: Option<Amount>,
    /// One amount in version 1, a list of amounts in 2 and 3.
    #[serde(default)]
    pub(super) customer_paid: Option<Paid>,
    #[serde(default)]
    pub(super) sales_proceeds: Option<Proceeds>,
}

wire! {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Paid {
        pub(super) amount: Option<i64>,
        pub(super) currency: Option<String>,
        pub(super) customer_paid_total: Option<Amount>,
        pub(super) shipping_total_tax_incl: Option<Amount>,
        pub(super) shipping_total_tax_excl: Option<Amount>,
        pub(super) retail_price_seller_discount_tax_incl: Option<Amount>,
        pub(super) retail_price_seller_discount_tax_excl: Option<Amount>,
        pub(super) retail_price_temu_discount_tax_incl: Option<Amount>,
        pub(super) retail_price_temu_discount_tax_excl: Option<Amount>,
        pub(super) product_tax_customer_total: Option<Amount>,
        pub(super) shipping_tax_customer_total: Option<Amount>,
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proceeds {
    #[serde(default)]
    pub(super) estimated_settlement_total: Option<Amount>,
}

wire! {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct AmountLine {
        pub(super) order_sn: Option<String>,
        pub(super) unit_base_price: Option<Amount>,
        pub(super) base_price: Option<Amount>,
        pub(super) base_price_total: Option<Amount>,
    }

    #[derive(Deserialize)]
    pub(super) struct Amount {
        pub(super) amount: Option<i64>,
        pub(super) currency: Option<String>,
    }
}
