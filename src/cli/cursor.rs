//! The arguments of `cursor`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Moment, TableArgs};
use crate::config::parse_duration;
use crate::domain::record::Record;

const RECORD_HELP: &str = "The record: orders, products, after_sales or activities";

#[derive(Subcommand)]
pub enum CursorVerb {
    /// Show up to which moment everything is stored
    Get {
        /// Only of this shop
        shop: Option<String>,
        /// Only of this record
        record: Option<Record>,
        #[command(flatten)]
        table: TableArgs,
    },
    /// Move a cursor to a moment; what was updated since is read again
    Set {
        #[command(flatten)]
        place: CursorPlace,
        /// Where to: 2026-07-01, 2026-07-01T08:00:00Z, or 2d for two days ago
        #[arg(value_name = "TIME")]
        to: Moment,
        #[command(flatten)]
        consent: CursorConsent,
    },
    /// Move a cursor back; what was updated since is read again
    Rewind {
        #[command(flatten)]
        place: CursorPlace,
        /// By how much: 30m, 12h, 7d
        #[arg(value_name = "DURATION", value_parser = parse_duration)]
        by: Duration,
        #[command(flatten)]
        consent: CursorConsent,
    },
}

#[derive(Args)]
pub struct CursorPlace {
    /// The shop's name in the config
    pub shop: String,
    #[arg(help = RECORD_HELP)]
    pub record: Record,
}

#[derive(Args)]
pub struct CursorConsent {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Why, for the log of runs
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    #[command(flatten)]
    pub table: TableArgs,
}

impl CursorVerb {
    /// The shop it names. `None`: all of them.
    pub fn shop(&self) -> Option<&str> {
        match self {
            Self::Get { shop, .. } => shop.as_deref(),
            Self::Set { place, .. } | Self::Rewind { place, .. } => Some(&place.shop),
        }
    }
}
