//! The money of a Temu order.
//!
//! Version 1 is one list of amounts; 2 and 3 come in two halves, what the seller gets and what the buyer paid,
//! version 3 with taxes included. The answers are read by one type that knows all three.

use crate::domain::money::Currency;
use crate::domain::order::{Amounts, ItemAmounts};
use crate::platform::error::ConvertError;
use crate::platform::part;

mod versions;
mod wire;

use wire::Amount;

pub use versions::{VERSION_1, VERSION_2, VERSION_3, Versions};

/// Reads the `result` of any version. Amounts are given in the currency's minor unit.
pub fn convert(raw: &str) -> Result<Amounts, ConvertError> {
    let (_, answer) = part::typed::<wire::Answer>(raw)?;
    let Some(order) = answer.parent_order_map else {
        return Err(ConvertError::Missing { field: "parentOrderMap" });
    };
    let (paid, proceeds) =
        (order.customer_paid.unwrap_or_default(), order.sales_proceeds.unwrap_or_default());
    let whole = Amount { amount: paid.amount, currency: paid.currency };
    let taxes = [&paid.product_tax_customer_total, &paid.shipping_tax_customer_total];
    let tax = first([&order.tax_total]).or_else(|| sum(taxes));
    let total = first([&Some(whole), &paid.customer_paid_total]);
    let shipping =
        first([&order.shipping_amount_total, &paid.shipping_total_tax_incl, &paid.shipping_total_tax_excl]);
    let seller_discount = first([
        &order.discount_from_seller,
        &paid.retail_price_seller_discount_tax_incl,
        &paid.retail_price_seller_discount_tax_excl,
    ]);
    let platform_discount = first([
        &order.discount_from_temu,
        &paid.retail_price_temu_discount_tax_incl,
        &paid.retail_price_temu_discount_tax_excl,
    ]);
    let income = first([&order.estimated_revenue, &proceeds.estimated_settlement_total]);

    let parts = [total, shipping, seller_discount, platform_discount, tax, income];
    let currency = parts.iter().flatten().find_map(|amount| amount.currency);
    let minor = |part| in_currency(part, currency);
    Ok(Amounts {
        total_minor: minor(total),
        shipping_minor: minor(shipping),
        seller_discount_minor: minor(seller_discount),
        platform_discount_minor: minor(platform_discount),
        tax_minor: minor(tax),
        income_minor: minor(income),
        currency,
        items: answer.order_list.into_iter().filter_map(item).collect(),
    })
}

/// `None` for a line without a number, which belongs to nothing.
fn item(line: wire::AmountLine) -> Option<ItemAmounts> {
    let unit = first([&line.unit_base_price]);
    let total = first([&line.base_price, &line.base_price_total]);
    let currency = [unit, total].iter().flatten().find_map(|amount| amount.currency);
    Some(ItemAmounts {
        item_number: line.order_sn?,
        unit_minor: in_currency(unit, currency),
        total_minor: in_currency(total, currency),
        currency,
    })
}

/// An amount that was given.
#[derive(Clone, Copy)]
struct Minor {
    minor: i64,
    /// `None`: not given, or no ISO code.
    currency: Option<Currency>,
}

/// One column holds the currency of all amounts: one in another currency would be read as something it is not.
fn in_currency(part: Option<Minor>, currency: Option<Currency>) -> Option<i64> {
    part.filter(|amount| amount.currency.is_none() || amount.currency == currency).map(|amount| amount.minor)
}

/// The first amount that was given.
fn first<const N: usize>(amounts: [&Option<Amount>; N]) -> Option<Minor> {
    amounts.into_iter().flatten().find_map(Amount::minor)
}

/// The sum of what was given. `None` when nothing was, or when currencies differ.
fn sum(amounts: [&Option<Amount>; 2]) -> Option<Minor> {
    let known = amounts.into_iter().flatten().filter_map(Amount::minor);
    known
        .map(Some)
        .reduce(|sum, amount| {
            let (sum, amount) = (sum?, amount?);
            (sum.currency == amount.currency)
                .then_some(Minor { minor: sum.minor.checked_add(amount.minor)?, currency: sum.currency })
        })
        .flatten()
}

impl Amount {
    fn minor(&self) -> Option<Minor> {
        Some(Minor { minor: self.amount?, currency: self.currency.as_deref().and_then(Currency::parse) })
    }
}

#[cfg(test)]
mod tests;
