//! `[shops.X]`: one authorised seller account of one app.

use serde::{Deserialize, Serialize};

use crate::domain::record::Record;

use super::forms::{Maybe, Parsed, Text, Written};
use super::lists::{ListOf, MaybeListOf};

/// `[shops.X]`
#[derive(Deserialize, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the file")]
#[serde(deny_unknown_fields)]
pub struct ShopConfig {
    /// The section name of its app.
    #[serde(default, with = "Written::<Text>")]
    pub app: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The seller's id the grant must belong to. `None`: the first grant decides.
    #[serde(default, with = "Written::<Maybe<Text>>")]
    pub account: Option<String>,
    /// `None`: all that platform and zone have.
    #[serde(default, with = "MaybeListOf::<Parsed<Record>>", skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Record>>,
    #[serde(default = "yes")]
    pub amounts: bool,
    #[serde(default)]
    pub detail: bool,
    #[serde(default)]
    pub stock_detail: bool,
    /// Run once when only a new authorisation code helps. Empty: never.
    #[serde(default, with = "ListOf::<Text>")]
    pub code_command: Vec<String>,
}

fn yes() -> bool {
    true
}
