//! A shop as the config names it.

use super::record::Record;

/// One authorised seller account of one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    pub name: String,
    /// The section name of its app.
    pub app: String,
    /// The platform's name, as in the config.
    pub platform: &'static str,
    /// The app's zone; empty where the platform has none.
    pub zone: String,
    /// The seller's id the grant must belong to. `None`: any; the first grant decides.
    pub account: Option<String>,
    /// What is copied: what the config requests and the platform's zone has.
    pub records: Vec<Record>,
    pub options: ShopOptions,
    /// Run once when only a new authorisation code helps. Empty: never.
    pub code_command: Vec<String>,
}

impl Shop {
    /// Whether both are authorised at the same place, so that what is under way for one may go on for the other.
    pub fn is_at(&self, other: &Self) -> bool {
        (&self.name, &self.app, self.platform, &self.zone)
            == (&other.name, &other.app, other.platform, &other.zone)
    }
}

/// What a shop's owner may switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShopOptions {
    /// Request each order's money where that is a call of its own.
    pub amounts: bool,
    /// Request the detail of changed orders where the list row alone would do.
    pub detail: bool,
    /// Request each changed SKU's stock per warehouse.
    pub stock_detail: bool,
}
