//! The arguments of the command line. What they do is in `commands`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::domain::record::Record;
use crate::telemetry::{self, LogFormat, TelemetryError};

mod auth;
mod compare;
mod cursor;
mod init;
mod inspect;
mod moment;
mod quarantine;
mod shop;

pub use auth::AuthVerb;
pub use compare::{BackfillArgs, VerifyArgs};
pub use cursor::{CursorConsent, CursorPlace, CursorVerb};
pub use init::InitArgs;
pub use inspect::{ExplainArgs, FetchArgs, PlanArgs, ReplayArgs};
pub use moment::Moment;
pub use quarantine::{QuarantineFilter, QuarantineVerb};
pub use shop::ShopVerb;

/// Copies a seller's orders from shop platforms into SQLite or Postgres, and never loses one.
#[derive(Parser)]
#[command(
    name = "shopsync",
    version,
    arg_required_else_help = true,
    after_help = EXIT_CODES
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "\
Results go to stdout, everything else to stderr.
Exit codes: 0 done, 2 wrong arguments, 3 partly done, 65 bad input, 69 platform or database unavailable,
70 a bug, 75 try again later, 77 a shop needs its owner, 78 bad config.";

const GLOBAL: &str = "Options of every verb";
const CONFIG_HELP: &str =
    "The config file [default: $SHOPSYNC_CONFIG, ./config.toml or /etc/shopsync/config.toml]";
const RECORD_HELP: &str = "Only this record: orders, products, after_sales or activities; may be repeated";

#[derive(Args)]
pub struct GlobalArgs {
    /// The config file
    #[arg(long, global = true, help = CONFIG_HELP, help_heading = GLOBAL, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How log lines look, instead of `[log] format`: auto, text, json or journald
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// How much is logged: a level, or directives such as info,shopsync=debug
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "LEVEL", conflicts_with = "verbose", value_parser = log_level)]
    pub log_level: Option<String>,
    /// Log more: -v debug, -vv trace
    #[arg(short, long, global = true, help_heading = GLOBAL, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Write the first config: request an app and a shop, or add them to a config that is there
    Init(InitArgs),
    /// Run the daemon: keep every shop up to date until it is stopped
    Run,
    /// Bring shops up to date now, including the history of new ones
    Sync(SyncArgs),
    /// Read what was created in a range of time; continues where it was interrupted
    Backfill(BackfillArgs),
    /// Compare with the platforms: the counts, and number by number where they differ
    Verify(VerifyArgs),
    /// Estimate what the next runs will cost, and what is left of the history; calls no platform
    Plan(PlanArgs),
    /// Show how far each shop is, and what is missing
    Status(TableArgs),
    /// List the runs, newest first
    Runs(RunsArgs),
    /// List the newest orders
    Orders(OrdersArgs),
    /// Read one order from the platform now
    Fetch(FetchArgs),
    /// Show where an order came from, or why it is not here
    Explain(ExplainArgs),
    /// Show or move the cursors: up to which moment everything is stored
    #[command(subcommand)]
    Cursor(CursorVerb),
    /// Records that could not be read
    #[command(subcommand)]
    Quarantine(QuarantineVerb),
    /// Rebuild the columns from the stored answers; calls no platform
    Replay(ReplayArgs),
    /// Check config, database, clocks, tokens and schedule, with a remedy for each problem
    Check(CheckArgs),
    /// Show the configuration, or its schema
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Update or show the database's schema
    #[command(subcommand)]
    Migrate(MigrateVerb),
    /// Authorise shops, and look after their tokens
    #[command(subcommand)]
    Auth(AuthVerb),
    /// Rename or delete a shop
    #[command(subcommand)]
    Shop(ShopVerb),
    /// Simulated platforms to try things on, over real HTTP
    #[cfg(feature = "sandbox")]
    #[command(after_help = crate::sandbox::fault_list())]
    Sandbox(SandboxArgs),
    /// See it work: simulated platforms, a daemon and a database in a temporary folder
    #[cfg(feature = "sandbox")]
    Demo(DemoArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
    /// Print the version
    #[command(hide = true)]
    Version,
}

#[derive(Args)]
pub struct SyncArgs {
    /// Only what this job covers [default: what all enabled jobs cover]
    pub job: Option<String>,
    /// Only this shop; may be repeated
    #[arg(long = "shop", value_name = "SHOP")]
    pub shops: Vec<String>,
    /// Only this record; may be repeated
    #[arg(long = "record", value_name = "RECORD", help = RECORD_HELP)]
    pub records: Vec<Record>,
    /// Read everything, also of records of which mostly the changes are read
    #[arg(long)]
    pub full: bool,
    #[command(flatten)]
    pub table: TableArgs,
}

#[derive(Args)]
pub struct TableArgs {
    /// For scripts: JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct RunsArgs {
    /// Only this shop
    #[arg(long)]
    pub shop: Option<String>,
    /// Only runs that did not succeed
    #[arg(long)]
    pub failed: bool,
    /// How many
    #[arg(short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=ROWS_MAX))]
    pub limit: u64,
    #[command(flatten)]
    pub table: TableArgs,
}

/// What a terminal or a spreadsheet still bears.
const ROWS_MAX: u64 = 1_000_000;

#[derive(Args)]
pub struct OrdersArgs {
    /// Only this shop
    #[arg(long)]
    pub shop: Option<String>,
    /// Only orders changed since: 2026-07-01, 2026-07-01T08:00:00Z, or 2d for two days ago
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// How many [default: 20; with --csv all]
    #[arg(short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..=ROWS_MAX))]
    pub limit: Option<u64>,
    /// Write them to a file that spreadsheets open; - is stdout
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub csv: Option<PathBuf>,
    /// Let --csv replace a file that is there
    #[arg(long, requires = "csv")]
    pub force: bool,
    #[command(flatten)]
    pub table: TableArgs,
}

#[derive(Args)]
pub struct CheckArgs {
    /// Ask no platform
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub table: TableArgs,
}

#[derive(Subcommand)]
pub enum ConfigVerb {
    /// Print the effective configuration, with secrets masked
    Show(TableArgs),
    /// Print the JSON schema of config.toml, for editors
    Schema,
}

#[derive(Subcommand)]
pub enum MigrateVerb {
    /// Update the schema to this version
    Up,
    /// Show which steps are done
    Status(TableArgs),
}

#[derive(Args)]
pub struct SandboxArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790")]
    pub listen: SocketAddr,
    /// How many orders each shop has
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub orders: usize,
    /// The same seed makes the same orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Calls a second allowed to each app [default: no limit]
    #[arg(long, value_name = "CALLS")]
    pub rate: Option<f64>,
    /// Orders that change with each list that is read
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub drift: u32,
    /// Confirm each code at once that is shown to be scanned
    #[arg(long)]
    pub confirm_logins: bool,
    /// A fault and how often it occurs, such as stall=0.05 or total-capped:50; may be repeated, the list is below
    #[arg(long = "fault", value_name = "NAME[:NUMBER][=SHARE]")]
    pub faults: Vec<String>,
}

#[derive(Args)]
pub struct DemoArgs {
    /// End after the first full sync, compare with the truth, and fail unless equal
    #[arg(long)]
    pub once: bool,
}

impl Verb {
    /// Whether it needs a configuration. The others must work where there is none.
    pub fn needs_config(&self) -> bool {
        match self {
            Self::Init(_)
            | Self::Completions { .. }
            | Self::Man
            | Self::Version
            | Self::Config(ConfigVerb::Schema) => false,
            #[cfg(feature = "sandbox")]
            Self::Sandbox(_) | Self::Demo(_) => false,
            _ => true,
        }
    }
}

/// As telemetry takes it, so that a wrong word is reported as such.
fn log_level(level: &str) -> Result<String, TelemetryError> {
    telemetry::check_level(level).map(|()| level.to_owned())
}

impl GlobalArgs {
    /// The level requested on the command line.
    pub fn level(&self) -> Option<&str> {
        match self.verbose {
            0 => self.log_level.as_deref(),
            1 => Some("debug"),
            _ => Some("trace"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_word_has_a_help_text() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            for verb in command.get_subcommands() {
                assert!(verb.get_about().is_some(), "{}", verb.get_name());
                walk(verb);
            }
        }
        walk(&Cli::command());
    }
}
