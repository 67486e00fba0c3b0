//! The newest runs, and why some of them did not end well.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::headline::Level;
use super::moment::{grouped, relative};
use super::words::Words;
use crate::domain::record::Record;
use crate::web::overview::{Overview, RunView};

pub(super) fn runs(overview: &Overview, words: &Words) -> Markup {
    html! {
        section #runs data-live aria-labelledby="runs-title" {
            h2 #runs-title { (words.recent_runs) }
            @if overview.runs.is_empty() { p { (words.no_runs) } } @else {
                table.runs aria-labelledby="runs-title" {
                    thead {
                        tr {
                            th scope="col" { (words.started) }
                            th scope="col" { (words.shop) }
                            th scope="col" { (words.outcome) }
                            th.number scope="col" { (words.seen_written) }
                            th.number scope="col" { (words.took) }
                        }
                    }
                    tbody { @for run in &overview.runs { (row(run, overview.at, words)) } }
                }
            }
        }
    }
}

fn row(run: &RunView, now: DateTime<Utc>, words: &Words) -> Markup {
    let level = match run.outcome {
        Some("ok") => Level::Good,
        Some("failed") => Level::Bad,
        Some(_) => Level::Warning,
        None => Level::Quiet,
    };
    html! {
        tr id={ "run-" (run.id) } {
            td { (relative(run.started_at, now, words)) }
            th scope="row" { (run.shop) small { ((words.record)(run.record)) @if is_special(run) { " · " (run.job) } } }
            td {
                span .state .(level.class()) { ((words.outcome_word)(run.outcome)) }
                @if let Some(error) = &run.error { p.error lang="en" { (error) } }
            }
            td.number { (grouped(run.rows_seen)) " / " (grouped(run.rows_written)) }
            td.number { @if let Some(end) = run.finished_at { ((words.lasting)(end - run.started_at)) } }
        }
    }
}

/// A job that only repeats the record's name adds nothing.
fn is_special(run: &RunView) -> bool {
    run.record.as_str() != run.job && !Record::ALL.iter().any(|record| record.as_str() == run.job)
}
