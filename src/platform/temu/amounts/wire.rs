//! What the amounts answers look like, in all three versions of the call. Which fields stand in which version is
//! reported by `amounts`; here all may be absent.

use serde::Deserialize;

use crate::platform::wire::wire;

wire! {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Answer {
        pub parent_order_map: Option<Order>,
        pub order_list: Vec<AmountLine>,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    #[serde(default)]
    pub shipping_amount_total: Option<Amount>,
    #[serde(default)]
    pub tax_total: Option<Amount>,
    #[serde(default)]
    pub discount_from_seller: Option<Amount>,
    #[serde(default, rename = "discountFromTEMU")]
    pub discount_from_temu: Option<Amount>,
    #[serde(default)]
    pub estimated_revenue: Option<Amount>,
    /// One amount in version 1, a list of amounts in 2 and 3.
    #[serde(default)]
    pub customer_paid: Option<Paid>,
    #[serde(default)]
    pub sales_proceeds: Option<Proceeds>,
}

wire! {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Paid {
        pub amount: Option<i64>,
        pub currency: Option<String>,
        pub customer_paid_total: Option<Amount>,
        pub shipping_total_tax_incl: Option<Amount>,
        pub shipping_total_tax_excl: Option<Amount>,
        pub retail_price_seller_discount_tax_incl: Option<Amount>,
        pub retail_price_seller_discount_tax_excl: Option<Amount>,
        pub retail_price_temu_discount_tax_incl: Option<Amount>,
        pub retail_price_temu_discount_tax_excl: Option<Amount>,
        pub product_tax_customer_total: Option<Amount>,
        pub shipping_tax_customer_total: Option<Amount>,
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proceeds {
    #[serde(default)]
    pub estimated_settlement_total: Option<Amount>,
}

wire! {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct AmountLine {
        pub order_sn: Option<String>,
        pub unit_base_price: Option<Amount>,
        pub base_price: Option<Amount>,
        pub base_price_total: Option<Amount>,
    }

    #[derive(Deserialize)]
    pub struct Amount {
        pub amount: Option<i64>,
        pub currency: Option<String>,
    }
}
