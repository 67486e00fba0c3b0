//! The arguments of `quarantine`.

use clap::{Args, Subcommand};

use super::{RECORD_HELP, TableArgs};
use crate::domain::record::Record;

#[derive(Subcommand)]
pub enum QuarantineVerb {
    /// List them, newest first
    List {
        #[command(flatten)]
        of: QuarantineFilter,
        #[command(flatten)]
        table: TableArgs,
    },
    /// Show one: why, since when, and the platform's own text
    Show {
        /// The shop's name in the config
        shop: String,
        /// The record
        record: Record,
        /// Its number, as `quarantine list` shows it
        number: String,
        #[command(flatten)]
        table: TableArgs,
    },
    /// Try to read them again; the next run after an upgrade does so by itself
    Retry {
        #[command(flatten)]
        of: QuarantineFilter,
        /// Only this one
        number: Option<String>,
        #[command(flatten)]
        table: TableArgs,
    },
}

#[derive(Args)]
pub struct QuarantineFilter {
    /// Only of this shop
    #[arg(long)]
    pub shop: Option<String>,
    /// Only this record
    #[arg(long, value_name = "RECORD", help = RECORD_HELP)]
    pub record: Option<Record>,
}

impl QuarantineVerb {
    /// The shop it names. `None`: all of them.
    pub fn shop(&self) -> Option<&str> {
        match self {
            Self::List { of, .. } | Self::Retry { of, .. } => of.shop.as_deref(),
            Self::Show { shop, .. } => Some(shop),
        }
    }
}
