//! Metrics for monitoring: one small function for each thing that is counted, and the text that Prometheus reads.
//!
//! Only this module uses the metrics crates. [`catalogue`] lists all metrics with labels and meaning. Nothing is counted before
//! [`install`], which only the daemon calls; until then a call reads one atomic. No label grows with the synced data: shops,
//! apps and jobs are those of the config, the rest are closed lists.

use std::time::Duration;

use catalogue::{CONFIG_RELOADS, RATE_LIMIT_WAIT, REQUEST_DURATION, REQUESTS, ROWS, RUN_DURATION, RUNS};

pub mod catalogue;
mod outcomes;
mod process;
mod recorder;
pub mod text;
mod waits;

pub use outcomes::{Reload, RequestOutcome, RowResult, RunOutcome};
pub use text::Labels;

/// Starts counting. A second call does nothing.
pub fn install() {
    recorder::install();
}

/// All counters and the process's own metrics in Prometheus' text format, without the series that `is_kept` refuses. The
/// series of a removed shop disappear, and continue when the shop comes back.
pub fn render(is_kept: impl Fn(&Labels<'_>) -> bool) -> String {
    let mut text = recorder::render();
    text::family(
        &mut text,
        &RATE_LIMIT_WAIT,
        waits::seconds().into_iter().map(|(app, waited)| ([app], waited)),
    );
    process::write(&mut text);
    text::only(&text, is_kept)
}

/// Counts one sent request; each retry counts. `took`: until the last byte of the response.
pub fn request(platform: &'static str, api: &'static str, outcome: RequestOutcome, took: Duration) {
    if !recorder::is_installed() {
        return;
    }
    metrics::counter!(REQUESTS.name, "platform" => platform, "api" => api, "outcome" => outcome.as_str())
        .increment(1);
    metrics::histogram!(REQUEST_DURATION.name, "platform" => platform, "api" => api).record(took);
    recorder::sampled();
}

/// Adds the time that one call waited for the rate limit of its app.
pub fn rate_limit_wait(app: &str, waited: Duration) {
    if recorder::is_installed() {
        waits::add(app, waited);
    }
}

/// Counts rows of a shop's record by their result.
pub fn rows(shop: &str, record: &'static str, result: RowResult, rows: u64) {
    if !recorder::is_installed() {
        return;
    }
    metrics::counter!(ROWS.name, "shop" => shop.to_owned(), "record" => record, "result" => result.as_str())
        .increment(rows);
}

/// Counts a run that has ended.
pub fn run(job: &str, outcome: RunOutcome, took: Duration) {
    if !recorder::is_installed() {
        return;
    }
    count_run(job, outcome);
    metrics::histogram!(RUN_DURATION.name).record(took);
    recorder::sampled();
}

/// Counts a slot whose run did not start, because the run before has not ended.
pub fn run_skipped(job: &str) {
    if recorder::is_installed() {
        count_run(job, RunOutcome::Skipped);
    }
}

/// Counts a reload of the config.
pub fn config_reloaded(reload: Reload) {
    if recorder::is_installed() {
        metrics::counter!(CONFIG_RELOADS.name, "outcome" => reload.as_str()).increment(1);
    }
}

fn count_run(job: &str, outcome: RunOutcome) {
    metrics::counter!(RUNS.name, "job" => job.to_owned(), "outcome" => outcome.as_str()).increment(1);
}
