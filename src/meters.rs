//! Numbers for monitoring: one small function for each thing that is counted, and the text that Prometheus reads.
//!
//! The only door to the crates that keep the counts. What there is, with labels and meaning, stands in [`catalogue`].
//! Nothing is counted before [`install`], which only the daemon calls: the functions then cost a look at one atomic.
//! No label grows with what is copied: shops, apps and jobs are those of the config, the rest are closed lists.

use std::time::Duration;

use catalogue::{CONFIG_RELOADS, RATE_LIMIT_WAIT, REQUEST_DURATION, REQUESTS, ROWS, RUN_DURATION, RUNS};

pub mod catalogue;
mod outcomes;
mod recorder;
pub mod text;
mod waits;

pub use outcomes::{Reload, RequestOutcome, RowResult, RunOutcome};
pub use text::Labels;

/// Begins to count. Once per process; again is no harm.
pub fn install() {
    recorder::install();
}

/// Everything counted so far, in Prometheus' text format, as far as `is_kept`: what is counted of a shop goes with it,
/// and goes on when it comes back.
pub fn render(is_kept: impl Fn(&Labels<'_>) -> bool) -> String {
    let mut text = recorder::render();
    text::family(
        &mut text,
        &RATE_LIMIT_WAIT,
        waits::seconds().into_iter().map(|(app, waited)| ([app], waited)),
    );
    text::only(&text, is_kept)
}

/// One request that was sent, a repeated one each time. `took`: until the last byte of its answer.
pub fn request(platform: &'static str, api: &'static str, outcome: RequestOutcome, took: Duration) {
    if !recorder::is_installed() {
        return;
    }
    metrics::counter!(REQUESTS.name, "platform" => platform, "api" => api, "outcome" => outcome.as_str())
        .increment(1);
    metrics::histogram!(REQUEST_DURATION.name, "platform" => platform, "api" => api).record(took);
    recorder::sampled();
}

/// How long one call waited for its turn in the rate limit of its app.
pub fn rate_limit_wait(app: &str, waited: Duration) {
    if recorder::is_installed() {
        waits::add(app, waited);
    }
}

/// Rows of a shop's record that came to this.
pub fn rows(shop: &str, record: &'static str, result: RowResult, rows: u64) {
    if !recorder::is_installed() {
        return;
    }
    metrics::counter!(ROWS.name, "shop" => shop.to_owned(), "record" => record, "result" => result.as_str())
        .increment(rows);
}

/// A run that began and is over.
pub fn run(job: &str, outcome: RunOutcome, took: Duration) {
    if !recorder::is_installed() {
        return;
    }
    count_run(job, outcome);
    metrics::histogram!(RUN_DURATION.name).record(took);
    recorder::sampled();
}

/// A slot whose run did not begin, because the one before still goes on.
pub fn run_skipped(job: &str) {
    if recorder::is_installed() {
        count_run(job, RunOutcome::Skipped);
    }
}

/// The config was read again.
pub fn config_reloaded(reload: Reload) {
    if recorder::is_installed() {
        metrics::counter!(CONFIG_RELOADS.name, "outcome" => reload.as_str()).increment(1);
    }
}

fn count_run(job: &str, outcome: RunOutcome) {
    metrics::counter!(RUNS.name, "job" => job.to_owned(), "outcome" => outcome.as_str()).increment(1);
}
