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
    /// Whether it is copied.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The seller's id the grant must belong to. Empty: the first grant decides.
    #[serde(default, with = "Written::<Maybe<Text>>")]
    pub account: Option<String>,
    /// What is copied. Left out: all that platform and zone have.
    #[serde(default, with = "MaybeListOf::<Parsed<Record>>", skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Record>>,
    /// The money of each order, where that is a call of its own.
    #[serde(default = "yes")]
    pub amounts: bool,
    /// The detail of each changed order, where the list does without.
    #[serde(default)]
    pub detail: bool,
    /// The stock by warehouse, where that is a call for each changed SKU.
    #[serde(default)]
    pub stock_detail: bool,
    /// A program and its arguments, run when only a new authorisation code helps; prints the code. Empty: none.
    #[serde(default, with = "ListOf::<Text>")]
    pub code_command: Vec<String>,
}

fn yes() -> bool {
    true
}
