//! Which of the three versions of the amounts call a shop's region has: found by trying.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::platform::error::{PlatformError, Rejection};
use crate::platform::temu::codes;

pub const VERSION_1: &str = "bg.order.amount.query";
pub const VERSION_2: &str = "temu.order.amount.v2.query";
pub const VERSION_3: &str = "temu.order.amount.v3.query";

/// Japan and South Korea. The documents name the countries but not their numbers: those are assumed, from the
/// known ones, which number the countries in the order of their English names. A wrong guess costs one call.
const REGIONS_OF_VERSION_2: [&str; 2] = ["100", "185"];

/// Which version each region has turned out to have.
#[derive(Default)]
pub struct Versions {
    /// The versions still to be tried for a region, the one in use first.
    by_region: Mutex<HashMap<String, Vec<&'static str>>>,
}

impl Versions {
    /// The API type to ask now.
    pub fn current(&self, zone: &str, region: Option<&str>) -> &'static str {
        let region = region.unwrap_or_default();
        let mut by_region = self.by_region.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates =
            by_region.entry(region.to_owned()).or_insert_with(|| candidates(zone, region).to_vec());
        candidates.first().copied().unwrap_or(VERSION_1)
    }

    /// Takes a failed call of `version` into account: when the region has another version and one is left to try,
    /// the error says that a second request helps.
    pub fn learn(&self, version: &'static str, region: Option<&str>, error: PlatformError) -> PlatformError {
        if !codes::is_other_amounts_version(&error) {
            return error;
        }
        let mut by_region = self.by_region.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(candidates) = by_region.get_mut(region.unwrap_or_default()) else {
            return error;
        };
        // Calls made side by side learn the same thing twice.
        if candidates.first() == Some(&version) {
            if candidates.len() == 1 {
                return error;
            }
            candidates.remove(0);
        }
        match error {
            PlatformError::Rejected { code, message, .. } => {
                PlatformError::Rejected { code, message, why: Rejection::Passing }
            }
            other => other,
        }
    }
}

/// In the order of likelihood.
fn candidates(zone: &str, region: &str) -> [&'static str; 3] {
    if REGIONS_OF_VERSION_2.contains(&region) {
        [VERSION_2, VERSION_1, VERSION_3]
    } else if zone == "eu" {
        [VERSION_3, VERSION_2, VERSION_1]
    } else {
        [VERSION_1, VERSION_2, VERSION_3]
    }
}
