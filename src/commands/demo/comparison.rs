//! One table of a shop on both sides: at the platform and stored.

use std::collections::BTreeMap;

/// How one table of a shop compares.
pub(super) struct Comparison {
    pub(super) shop: String,
    pub(super) table: &'static str,
    /// What the platform shows.
    pub(super) there: usize,
    /// What is stored and not gone.
    pub(super) stored: usize,
    /// What is missing, old or not marked as gone here, and what is here and was never there.
    pub(super) different: usize,
}

/// A thing of one side.
pub(super) struct Known<T> {
    pub(super) key: String,
    pub(super) is_gone: bool,
    pub(super) thing: T,
}

/// One shop's table on both sides, what is gone included.
pub(super) struct Sides<T, S> {
    pub(super) platform: Vec<Known<T>>,
    pub(super) stored: Vec<Known<S>>,
}

impl<T, S> Sides<T, S> {
    pub(super) fn compare(
        self,
        shop: &str,
        table: &'static str,
        is_equal: impl Fn(&T, &S) -> bool,
    ) -> Comparison {
        let there = self.platform.iter().filter(|known| !known.is_gone).count();
        let stored = self.stored.iter().filter(|known| !known.is_gone).count();
        let mut by_key: BTreeMap<&str, &Known<S>> =
            self.stored.iter().map(|known| (known.key.as_str(), known)).collect();
        let mut different = 0;
        for known in &self.platform {
            let is_right = match by_key.remove(known.key.as_str()) {
                // What went before anybody read it was never stored.
                None => known.is_gone,
                Some(here) if known.is_gone || here.is_gone => known.is_gone == here.is_gone,
                Some(here) => is_equal(&known.thing, &here.thing),
            };
            different += usize::from(!is_right);
        }
        Comparison { shop: shop.to_owned(), table, there, stored, different: different + by_key.len() }
    }
}

impl Comparison {
    /// For a sentence: `skus of demo-shop`.
    pub(super) fn name(&self) -> String {
        format!("{} of {}", self.table, self.shop)
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Sides};

    fn known<T>(things: Vec<(&str, bool, T)>) -> Vec<Known<T>> {
        let known = |(key, is_gone, thing): (&str, bool, T)| Known { key: key.to_owned(), is_gone, thing };
        things.into_iter().map(known).collect()
    }

    #[test]
    fn what_is_missing_old_left_over_or_wrongly_gone_is_different() {
        for (platform, stored, expected) in [
            (vec![("a", false, 1)], vec![("a", false, 1)], 0),
            (vec![("a", false, 1)], vec![("a", false, 2)], 1),
            (vec![("a", false, 1)], vec![], 1),
            (vec![], vec![("a", false, 1)], 1),
            (vec![], vec![("a", true, 1)], 1),
            (vec![("a", true, 1)], vec![], 0),
            (vec![("a", true, 1)], vec![("a", true, 2)], 0),
            (vec![("a", true, 1)], vec![("a", false, 1)], 1),
            (vec![("a", false, 1)], vec![("a", true, 1)], 1),
        ] {
            let case = format!("{platform:?} {stored:?}");
            let sides = Sides { platform: known(platform), stored: known(stored) };
            let compared = sides.compare("shop", "orders", |platform, stored| platform == stored);
            assert_eq!(compared.different, expected, "{case}");
        }
    }
}
