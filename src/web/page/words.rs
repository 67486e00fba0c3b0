//! What the page says, as a list that each language fills: a sentence that is missing in one does not compile.

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::policy::OwnerReason;
use crate::domain::record::Record;
use crate::platform::Granting;
use crate::store::ledger::windows::WindowState;
use crate::web::overview::Freshness;

pub(super) struct Words {
    /// Of the language, in itself.
    pub name: &'static str,
    pub navigation: &'static str,
    pub log_in: &'static str,
    pub log_out: &'static str,
    /// Above a page that could not be read again.
    pub silent: &'static str,
    pub database_away: &'static str,
    pub database_away_more: &'static str,

    pub ago: fn(TimeDelta) -> String,
    pub ahead: fn(TimeDelta) -> String,
    pub lasting: fn(TimeDelta) -> String,

    pub no_shops: &'static str,
    pub no_shops_more: &'static str,
    /// How many shops, and how long ago what is the oldest of all was read.
    pub all_fresh: fn(usize, Option<TimeDelta>) -> String,
    /// Fresh ones of all.
    pub some_fresh: fn(usize, usize, Option<TimeDelta>) -> String,
    /// Of so many shops nothing is read by the clock.
    pub none_read: fn(usize) -> String,
    /// Their last run failed, and they are not late yet.
    pub have_failed: fn(&[&str]) -> String,
    pub need_owner: fn(&[&str]) -> String,
    pub are_late: fn(&[&str]) -> String,
    /// Two sentences, the first without its full stop.
    pub and: fn(&str, &str) -> String,
    pub first_sync: fn(&[&str]) -> String,
    pub owner_soon: fn(&[&str]) -> String,

    pub needed: &'static str,
    pub authorise: &'static str,
    pub owner_reason: fn(OwnerReason) -> String,
    pub works_until: fn(DateTime<Utc>) -> String,
    pub nothing_works: &'static str,
    pub take_over: &'static str,
    pub authorise_before: fn(DateTime<Utc>, i64) -> String,
    pub wait: fn(&str, Option<DateTime<Utc>>) -> String,
    pub unreadable: fn(&str) -> String,
    pub not_granted: fn(Record) -> String,
    pub granting: fn(&Granting) -> &'static str,
    pub open_console: &'static str,
    pub then_run: &'static str,

    pub shops: &'static str,
    pub shop: &'static str,
    pub token: &'static str,
    pub record: fn(Record) -> &'static str,
    pub not_kept: &'static str,
    pub freshness: fn(Freshness) -> &'static str,
    pub run: &'static str,
    pub running: &'static str,
    pub next: &'static str,
    pub rows: fn(&str) -> String,
    pub gap: fn(WindowState, u64) -> String,
    /// Between a gap and the day where it begins.
    pub from: &'static str,
    pub set_aside: fn(&str) -> String,
    /// Orders whose money, SKUs whose stock could not be read.
    pub extras_unreadable: fn(&str) -> String,
    pub amounts_due: fn(&str) -> String,
    pub last_run_failed: &'static str,
    pub sync_now: &'static str,
    pub paused: &'static str,
    pub starting: &'static str,
    /// `{rows}` stands for how many were seen.
    pub reading: &'static str,
    pub refused: &'static str,

    pub never_authorised: &'static str,
    pub needs_owner: &'static str,
    pub token_unreadable: &'static str,
    pub days_left: fn(i64) -> String,
    pub renews_itself: &'static str,

    pub orders_per_day: &'static str,
    /// The sum, the most on a day, and today.
    pub chart_summary: fn(&str, &str, &str) -> String,
    pub day: &'static str,
    pub orders: &'static str,
    pub as_table: &'static str,
    pub so_far: &'static str,

    pub recent_runs: &'static str,
    pub no_runs: &'static str,
    pub started: &'static str,
    pub outcome: &'static str,
    pub took: &'static str,
    pub seen_written: &'static str,
    pub outcome_word: fn(Option<&'static str>) -> &'static str,
}
