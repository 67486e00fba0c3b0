//! What a grant covers, loaded against what the shop's records need. Pure. A grant's list only warns: whether a call is
//! allowed is reported by the platform's answer to it.

use std::fmt;

use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::platform::{Profile, RequiredApi};

/// Whether a grant covers what one kind of record needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    Granted,
    Missing(Vec<RequiredApi>),
    /// The platform does not say, or has not been called for it yet.
    NotReported,
}

/// For each of the shop's records, whether a grant with these `scopes` covers it.
pub fn coverage(shop: &Shop, profile: &Profile, scopes: Option<&[String]>) -> Vec<(Record, Coverage)> {
    let of_record = |record| {
        let required = (profile.required_apis)(&shop.zone, record, shop.options);
        (record, coverage_of(required, scopes))
    };
    shop.records.iter().copied().map(of_record).collect()
}

fn coverage_of(required: &[RequiredApi], scopes: Option<&[String]>) -> Coverage {
    let Some(scopes) = scopes.filter(|_| !required.is_empty()) else {
        return Coverage::NotReported;
    };
    let is_granted = |api: &RequiredApi| api.iter().any(|name| scopes.iter().any(|scope| scope == name));
    let missing: Vec<RequiredApi> = required.iter().copied().filter(|api| !is_granted(api)).collect();
    if missing.is_empty() { Coverage::Granted } else { Coverage::Missing(missing) }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::Missing(apis) => {
                let names: Vec<String> = apis.iter().map(|api| api.join(" or ")).collect();
                write!(f, "missing: {}", names.join(", "))
            }
            Self::NotReported => f.write_str("not reported"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::shop::ShopOptions;
    use crate::platform::profiles;

    const LIST: RequiredApi = &["list"];
    const MONEY: RequiredApi = &["money.v1", "money.v2"];

    #[test]
    fn one_name_of_each_call_is_enough_and_silence_is_no_refusal() {
        let listed = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let required: &[RequiredApi] = &[LIST, MONEY];
        for (required, scopes, expected) in [
            (required, listed(&["list", "money.v2", "more"]), "granted"),
            (required, listed(&["list"]), "missing: money.v1 or money.v2"),
            (required, listed(&[]), "missing: list, money.v1 or money.v2"),
            (required, listed(&["listing", "LIST", "money.v1"]), "missing: list"),
            (required, None, "not reported"),
            (&[], listed(&["list"]), "not reported"),
        ] {
            assert_eq!(coverage_of(required, scopes.as_deref()).to_string(), expected, "{scopes:?}");
        }
    }

    #[test]
    fn a_call_the_shop_switched_off_is_not_missed() {
        for profile in profiles() {
            for zone in profile.zones {
                for record in zone.records {
                    let required = |amounts, detail| {
                        let options = ShopOptions { amounts, detail, stock_detail: false };
                        (profile.required_apis)(zone.name, *record, options).len()
                    };
                    let has_switches = *record == Record::Orders;
                    assert_eq!(required(true, false) > required(false, false), has_switches, "{record}");
                    assert_eq!(required(true, true) > required(true, false), has_switches, "{record}");
                }
            }
        }
    }
}
