//! The shipped files for monitoring name metrics that exist. Whether the alert rules fire is tested by `promtool`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Every metric, without the prefix.
const METRICS: [&str; 16] = [
    "last_sync_timestamp_seconds",
    "lag_seconds",
    "runs_total",
    "run_duration_seconds",
    "rows_total",
    "requests_total",
    "request_duration_seconds",
    "rate_limit_wait_seconds_total",
    "token_expiry_timestamp_seconds",
    "grants",
    "quarantined",
    "extras_unreadable",
    "windows_incomplete",
    "clock_skew_seconds",
    "config_reloads_total",
    "build_info",
];

#[test]
fn alert_rules_and_dashboard_name_only_metrics_that_exist() {
    for file in ["alerts.yml", "alerts_test.yml", "grafana.json"] {
        let named = metrics_in(&read(file));
        assert!(named.len() > 5, "{file}: {named:?}");
        let unknown: Vec<&String> = named.iter().filter(|name| !METRICS.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn the_dashboard_shows_every_metric_from_the_source_that_is_chosen() {
    let dashboard: Value = serde_json::from_str(&read("grafana.json")).unwrap();
    let shown = metrics_in(&dashboard["panels"].to_string());
    assert_eq!(shown, METRICS.map(str::to_owned).into());
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
    }
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
}

#[test]
fn every_alert_rule_is_tested_both_ways() {
    let rules = read("alerts.yml");
    let tests = read("alerts_test.yml");
    let cases: Vec<&str> = tests.split("\n  - interval:").collect();
    for rule in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let of_rule: Vec<bool> = cases
            .iter()
            .filter(|case| case.lines().any(|line| line.trim() == format!("alertname: {rule}")))
            .map(|case| case.contains("exp_alerts:"))
            .collect();
        assert!(of_rule.contains(&true) && of_rule.contains(&false), "{rule}: {of_rule:?}");
    }
}

/// The names behind the prefix; of a histogram's parts, the histogram's.
fn metrics_in(text: &str) -> BTreeSet<String> {
    text.split("shopsync_")
        .skip(1)
        .map(|after| after.split(|char: char| !(char.is_ascii_lowercase() || char == '_')).next().unwrap())
        .map(|name| name.strip_suffix("_bucket").unwrap_or(name).to_owned())
        .collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring").join(file)).unwrap()
}
