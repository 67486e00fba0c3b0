//! The arguments of `fetch`, `explain`, `plan` and `replay`.

use clap::Args;

use super::{Moment, RECORD_HELP, TableArgs};
use crate::domain::record::Record;

const NUMBERED_HELP: &str = "The record that has this number: orders, products, after_sales or activities";

#[derive(Args)]
pub struct FetchArgs {
    /// The shop's name in the config
    pub shop: String,
    /// The platform's number of the order
    pub number: String,
    #[command(flatten)]
    pub table: TableArgs,
}

#[derive(Args)]
pub struct ExplainArgs {
    /// The shop's name in the config
    pub shop: String,
    /// The platform's number or id
    pub number: String,
    #[arg(long, value_name = "RECORD", default_value = "orders", help = NUMBERED_HELP)]
    pub record: Record,
    /// When it was created, if you know it: shows which windows should have read it
    #[arg(long, value_name = "TIME")]
    pub created: Option<Moment>,
    #[command(flatten)]
    pub table: TableArgs,
}

#[derive(Args)]
pub struct PlanArgs {
    /// Only what this job covers [default: what all enabled jobs cover]
    pub job: Option<String>,
    /// Only this shop; may be repeated
    #[arg(long = "shop", value_name = "SHOP")]
    pub shops: Vec<String>,
    #[command(flatten)]
    pub table: TableArgs,
}

#[derive(Args)]
pub struct ReplayArgs {
    /// Only this shop; may be repeated
    #[arg(long = "shop", value_name = "SHOP")]
    pub shops: Vec<String>,
    /// Only this record; may be repeated
    #[arg(long = "record", value_name = "RECORD", help = RECORD_HELP)]
    pub records: Vec<Record>,
    /// Continue after this one, as printed by a replay that was stopped
    #[arg(long, value_name = "SHOP/KIND/NUMBER")]
    pub after: Option<String>,
    #[command(flatten)]
    pub table: TableArgs,
}
