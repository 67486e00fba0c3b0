//! The arguments of `backfill` and `verify`.

use clap::Args;

use super::{Moment, TableArgs};
use crate::domain::record::Record;

const RECORD_HELP: &str = "This record: orders or after_sales";

/// Further back no comparison is worth its calls.
const DAYS_MAX: u32 = 366;

#[derive(Args)]
pub struct BackfillArgs {
    /// This shop; may be repeated
    #[arg(long = "shop", value_name = "SHOP", required = true)]
    pub shops: Vec<String>,
    /// This record
    #[arg(long, value_name = "RECORD", help = RECORD_HELP)]
    pub record: Record,
    /// What was created since: 2026-07-01, 2026-07-01T08:00:00Z, or 90d for 90 days ago
    #[arg(long, value_name = "TIME")]
    pub from: Moment,
    /// And before: the same forms
    #[arg(long, value_name = "TIME")]
    pub until: Moment,
    #[command(flatten)]
    pub table: TableArgs,
}

#[derive(Args)]
pub struct VerifyArgs {
    /// Only this shop; may be repeated
    #[arg(long = "shop", value_name = "SHOP")]
    pub shops: Vec<String>,
    /// Only this record; may be repeated
    #[arg(long = "record", value_name = "RECORD")]
    pub records: Vec<Record>,
    /// How many days back
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    pub days: u32,
    /// Read what is missing, and compare again
    #[arg(long)]
    pub repair: bool,
    #[command(flatten)]
    pub table: TableArgs,
}
