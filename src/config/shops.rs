//! `[shops.X]`: one authorised seller account of one app.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::record::Record;

use super::forms::{Maybe, Parsed, Text, Written};
use super::lists::{ListOf, MaybeListOf};

/// `[shops.X]`
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the file")]
#[serde(deny_unknown_fields)]
pub struct ShopConfig {
    /// The name of its app's section.
    #[serde(default, with = "Written::<Text>")]
    pub app: String,
    /// Whether the shop is copied.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The seller's id that the grant must belong to. Empty: the id of the first grant.
    #[serde(default, with = "Written::<Maybe<Text>>")]
    pub account: Option<String>,
    /// What is copied. Left out: every record that the platform and zone have.
    #[serde(default, with = "MaybeListOf::<Parsed<Record>>", skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Record>>,
    /// Whether the money of each order is read, if that is a call of its own.
    #[serde(default = "yes")]
    pub amounts: bool,
    /// Whether the detail of each changed order is read, if the list does not hold it.
    #[serde(default)]
    pub detail: bool,
    /// Whether the stock by warehouse is read, if that is a call for each changed SKU.
    #[serde(default)]
    pub stock_detail: bool,
    /// A program and its arguments that prints a new authorisation code. It is run when only a new code helps. Empty: none.
    #[serde(default, with = "ListOf::<Text>")]
    pub code_command: Vec<String>,
}

fn yes() -> bool {
    true
}
