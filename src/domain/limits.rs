//! How much of a thing is kept. What has more is quarantined: no platform's number is that long and no order has that
//! many lines, so something else is wrong with it.

use super::entity::Entity;

/// Characters of a platform's number or id.
pub const NUMBER_CHARS_MAX: usize = 128;

/// Lines of an order, items of a case, SKUs of an activity.
pub const PARTS_MAX: usize = 5_000;

/// Characters of something too long that are still reported.
const SHOWN_CHARS: usize = 200;

/// Something has more of something than is kept.
#[derive(Debug, thiserror::Error)]
#[error("{what} has {count} {unit}, more than the {max} that are kept{}", shown(begins))]
pub struct TooLarge {
    pub what: &'static str,
    pub unit: &'static str,
    pub count: usize,
    pub max: usize,
    /// Its first characters. Empty: not given.
    pub begins: String,
}

/// Whether a number or id is short enough to be one.
pub fn check_number(what: &'static str, number: &str) -> Result<(), TooLarge> {
    // Bytes are counted fast, and are never fewer than characters.
    if number.len() <= NUMBER_CHARS_MAX {
        return Ok(());
    }
    let count = number.chars().count();
    if count <= NUMBER_CHARS_MAX {
        return Ok(());
    }
    let begins = number.chars().take(SHOWN_CHARS).collect();
    Err(TooLarge { what, unit: "characters", count, max: NUMBER_CHARS_MAX, begins })
}

impl Entity {
    /// Whether it and its parts are within the limits of this file.
    pub fn check_limits(&self) -> Result<(), TooLarge> {
        check_number("the number", self.number())?;
        match self {
            Self::Order(order) => {
                check_count("the order", "lines", order.items.len())?;
                order
                    .items
                    .iter()
                    .try_for_each(|item| check_ids([&item.item_number, &item.product_id, &item.sku_id]))
            }
            Self::Sku(sku) => check_ids([&sku.product_id]),
            Self::AfterSale(case) => {
                check_ids([&case.order_number])?;
                check_count("the case", "items", case.items.len())?;
                case.items
                    .iter()
                    .try_for_each(|item| check_ids([&item.item_number, &item.product_id, &item.sku_id]))
            }
            Self::Activity(activity) => {
                let skus = activity.skus.as_deref().unwrap_or_default();
                check_count("the activity", "SKUs", skus.len())?;
                skus.iter().try_for_each(|sku| {
                    check_number("the id of a SKU", &sku.sku_id)?;
                    check_ids([&sku.product_id])
                })
            }
            Self::Product(product) => check_ids([&product.category_id]),
        }
    }
}

fn check_ids<const N: usize>(ids: [&Option<String>; N]) -> Result<(), TooLarge> {
    ids.into_iter().flatten().try_for_each(|id| check_number("an id in it", id))
}

fn check_count(what: &'static str, unit: &'static str, count: usize) -> Result<(), TooLarge> {
    if count <= PARTS_MAX {
        return Ok(());
    }
    Err(TooLarge { what, unit, count, max: PARTS_MAX, begins: String::new() })
}

fn shown(begins: &str) -> String {
    if begins.is_empty() { String::new() } else { format!("; it begins with `{begins}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_up_to_128_characters_is_kept_and_the_beginning_of_a_longer_one_is_reported() {
        for (number, is_kept) in [
            ("P1".to_owned(), true),
            ("x".repeat(NUMBER_CHARS_MAX), true),
            ("号".repeat(NUMBER_CHARS_MAX), true),
            ("x".repeat(NUMBER_CHARS_MAX + 1), false),
            ("号".repeat(1_000_000), false),
        ] {
            assert_eq!(check_number("the number", &number).is_ok(), is_kept, "{}", number.len());
        }
        let error = check_number("the number", &"7".repeat(1_000_000)).unwrap_err().to_string();
        assert!(error.contains("1000000 characters") && error.contains(&"7".repeat(SHOWN_CHARS)), "{error}");
        assert!(error.len() < 2 * SHOWN_CHARS, "{error}");
    }
}
