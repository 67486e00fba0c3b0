//! What a job must be: one kind of work, one kind of schedule, about shops that exist.

use std::time::Duration;

use chrono::DateTime;
use croner::parser::{CronParser, Seconds, Year};
use wildmatch::WildMatch;

use crate::config::duration::DURATION_MAX;
use crate::config::jobs::with_seconds;
use crate::config::problem::Findings;
use crate::config::{Config, JobConfig};

/// More often than this a platform shows nothing new.
const EVERY_MIN: Duration = Duration::from_secs(10);
const JITTER_MAX: Duration = Duration::from_hours(1);
const FULL_MIN: Duration = Duration::from_mins(1);
const DAYS_MAX: u32 = 366;
const FIELDS: &str = "[second] minute hour day month weekday";

pub(super) fn validate(name: &str, job: &JobConfig, config: &Config, findings: &mut Findings<'_>) {
    super::name(&["jobs", name], name, findings);
    if job.work().is_none() {
        findings
            .problem(&["jobs", name], "say what it does: `sync = \"orders\"` or `reconcile = \"orders\"`");
    }
    schedule(name, job, findings);
    super::within(&["jobs", name, "jitter"], job.jitter, Duration::ZERO, JITTER_MAX, findings);
    super::within(&["jobs", name, "full"], job.full, FULL_MIN, DURATION_MAX, findings);
    super::count(&["jobs", name, "days"], job.days as usize, DAYS_MAX as usize, findings);
    if let Some(url) = &job.dead_man_url
        && !matches!(url.scheme(), "http" | "https")
    {
        findings.problem(&["jobs", name, "dead_man_url"], "expected http:// or https://");
    }
    for pattern in &job.shops {
        let pattern_matches = |shop: &String| WildMatch::new(pattern).matches(shop);
        if pattern != "*" && !config.shops.keys().any(pattern_matches) {
            let message = format!("`{pattern}` matches no shop");
            findings.warning(&["jobs", name, "shops"], message);
        }
    }
}

fn schedule(name: &str, job: &JobConfig, findings: &mut Findings<'_>) {
    match (&job.cron, job.every) {
        (Some(cron), None) => cron_pattern(name, cron, findings),
        (None, Some(every)) => {
            super::within(&["jobs", name, "every"], every, EVERY_MIN, DURATION_MAX, findings);
        }
        _ => findings
            .problem(&["jobs", name], "say when it runs: `cron = \"0 */5 * * * *\"` or `every = \"5m\"`"),
    }
}

fn cron_pattern(name: &str, cron: &str, findings: &mut Findings<'_>) {
    let path = ["jobs", name, "cron"];
    let fields = cron.split_whitespace().count();
    if fields != 5 && fields != 6 {
        let message = format!("expected 5 fields, or 6 with seconds first; found {fields}");
        return findings.problem(&path, message);
    }
    let parser =
        CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
    match parser.parse(&with_seconds(cron)) {
        Err(error) => {
            let error = error.to_string();
            let error = error.trim_start_matches("Component error: ").trim_end_matches('.');
            findings.problem(&path, format!("`{cron}` is no cron pattern ({FIELDS}): {error}"));
        }
        // Any pattern that ever holds does so within the parser's own search limit.
        Ok(pattern) if pattern.find_next_occurrence(&DateTime::UNIX_EPOCH, true).is_err() => {
            findings.problem(&path, format!("`{cron}` names no moment that ever comes"));
        }
        Ok(_) => {}
    }
}
