//! The papers say what is true. The reference is compared with the code, what a reader copies is tried, and every link
//! is followed.

use std::collections::BTreeSet;

use clap::CommandFactory;
use figment::Figment;
use figment::providers::{Format, Toml};
use regex::Regex;
use serde_json::Value;
use shopsync::auth::policy::OwnerReason;
use shopsync::cli::Cli;
use shopsync::meters::catalogue::{self, Meter};

use crate::house::tidy::rust_files;
use papers::{Paper, quoted, read};

mod examples;
mod form;
mod generated;
pub(crate) mod papers;
mod shell;
mod tables;

const AUTHORISE: &str = "docs/guide/authorise.md";
const OPERATE: &str = "docs/guide/operate.md";
const CLI: &str = "docs/reference/cli.md";
const EVENTS: &str = "docs/reference/events.md";
const HTTP: &str = "docs/reference/http.md";
const METRICS: &str = "docs/reference/metrics.md";

#[test]
fn every_dependency_has_its_reason_and_no_reason_is_left_over() {
    let manifest: Value = Figment::from(Toml::string(&read("Cargo.toml"))).extract().unwrap();
    let names = |section: &str| manifest[section].as_object().unwrap().keys().cloned();
    let declared: BTreeSet<String> = names("dependencies").chain(names("dev-dependencies")).collect();
    let explained = first_words("ARCHITECTURE.md", "crate");
    assert!(declared.len() > 30, "{declared:?}");
    assert_eq!(declared, explained);
}

#[test]
fn every_event_of_the_log_is_explained_and_no_other() {
    let explained = documented_events();
    let mut emitted = BTreeSet::new();
    for (_, text) in source_files() {
        emitted.extend(
            text.split("event = \"").skip(1).map(|after| after.split('"').next().unwrap().to_owned()),
        );
    }
    assert!(emitted.contains("run.failed"), "{emitted:?}");
    assert_eq!(emitted, explained);
}

#[test]
fn every_log_line_at_info_and_above_names_its_event() {
    let mut found = 0;
    for (path, text) in source_files() {
        for level in ["info", "warn", "error"] {
            for after in text.split(&format!("tracing::{level}!(")).skip(1) {
                let fields = after.split('"').next().unwrap();
                assert!(
                    fields.trim_end().ends_with("event ="),
                    "{path}: a line at {level} without `event` first"
                );
                found += 1;
            }
        }
    }
    assert!(found > 20, "only {found} log lines were found");
}

#[test]
fn every_event_of_the_log_has_the_alarm_it_deserves() {
    for row in Paper::read(EVENTS).rows_of("event") {
        assert_eq!(row.len(), 4, "{row:?}");
        let alarm = row[2].split(|letter: char| !letter.is_alphabetic()).next().unwrap();
        assert!(["page", "look", "none"].contains(&alarm), "{row:?}");
    }
}

#[test]
fn every_metric_is_explained_with_its_labels_and_kind_and_no_other() {
    let explained: Vec<(String, Vec<String>, String)> = Paper::read(METRICS)
        .rows_of("metric")
        .iter()
        .map(|row| {
            let kind = row[2].split(',').next().unwrap().trim().to_owned();
            (quoted(&row[0]).join(" "), quoted(&row[1]), kind)
        })
        .collect();
    let labels = |meter: &Meter| meter.labels.iter().map(|label| (*label).to_owned()).collect();
    let counted: Vec<_> = catalogue::ALL
        .iter()
        .map(|meter| (meter.name.to_owned(), labels(meter), meter.kind.as_str().to_owned()))
        .collect();
    assert_eq!(counted, explained);
}

#[test]
fn every_reason_for_needing_an_owner_is_explained() {
    let explained = first_words(AUTHORISE, "`reason`");
    let reasons: BTreeSet<String> =
        OwnerReason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
    assert_eq!(explained, reasons);
}

#[test]
fn every_cause_of_an_alarm_is_explained_and_no_other() {
    let word = Regex::new(r#"Self::[A-Z]\w+ => "([a-z_]+)""#).unwrap();
    let mut named = BTreeSet::new();
    for (_, text) in source_files().into_iter().filter(|(_, text)| text.contains("enum Cause {")) {
        named.extend(word.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    assert!(named.contains("needs_owner"), "{named:?}");
    assert_eq!(first_words(OPERATE, "`cause`"), named);
}

#[test]
fn the_debian_package_holds_every_guide_and_page_of_the_reference() {
    let manifest = read("Cargo.toml");
    for folder in ["docs/guide/", "docs/reference/", "docs/zh/"] {
        assert!(papers::papers().iter().any(|paper| paper.path.starts_with(folder)), "{folder} is empty");
        let asset = format!("[\"{folder}*.md\", \"usr/share/doc/shopsync/{folder}\", \"644\"]");
        assert!(manifest.contains(&asset), "{folder} is not in the package");
    }
    let opened = read("systemd/shopsync.service");
    let guide = format!("file:/usr/share/doc/shopsync/{OPERATE}");
    assert!(opened.contains(&guide), "the unit does not name the guide");
}

#[test]
fn every_recipe_of_the_justfile_is_explained_and_no_other() {
    let recipe = Regex::new(r"(?m)^([a-z]+)( \*ARGS)?:$").unwrap();
    let justfile = read("justfile");
    let recipes: BTreeSet<String> =
        recipe.captures_iter(&justfile).map(|found| format!("`just {}`", &found[1])).collect();
    assert!(recipes.contains("`just demo`"), "{recipes:?}");
    let explained: BTreeSet<String> =
        Paper::read("CONTRIBUTING.md").rows_of("command").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(explained, recipes);
}

#[test]
fn every_exit_code_is_explained_and_no_other() {
    let code = Regex::new(r"(?m)^    [A-Z]\w+ = (\d+),").unwrap();
    let source = read("src/exit.rs");
    let ended: BTreeSet<String> = code.captures_iter(&source).map(|found| found[1].to_owned()).collect();
    assert!(ended.len() > 6, "{ended:?}");
    for path in [CLI, "docs/zh/cli.md"] {
        let rows = Paper::read(path)
            .tables()
            .into_iter()
            .find(|table| ["exit code", "退出码"].contains(&table.head[0].as_str()));
        let explained: BTreeSet<String> = rows.unwrap().rows.iter().map(|row| row[0].clone()).collect();
        assert_eq!(explained, ended, "{path}");
    }
}

#[test]
fn every_address_and_every_error_of_the_api_is_explained() {
    let addresses: Vec<String> =
        Paper::read(HTTP).rows_of("address").iter().flat_map(|row| quoted(&row[0])).collect();
    let route = Regex::new(r#"\.route\("([^"]+)""#).unwrap();
    let error = Regex::new(r#"StatusCode::[A-Z_]+,\s*"([a-z_]+)""#).unwrap();
    let mut routes = 0;
    let mut errors = BTreeSet::new();
    for (_, text) in source_files().into_iter().filter(|(path, _)| path.starts_with("src/web/")) {
        for found in route.captures_iter(&text) {
            let path = &found[1];
            let is_explained = addresses.iter().any(|address| {
                let address = address.split('?').next().unwrap();
                address == path || address.strip_prefix("/api/v1") == Some(path)
            });
            assert!(is_explained, "`{path}` is not explained");
            routes += 1;
        }
        errors.extend(error.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    assert!(routes > 8 && errors.len() > 15, "{routes} {errors:?}");
    let section = Paper::read(HTTP).section("Errors");
    let explained: BTreeSet<String> = section
        .inline_code()
        .iter()
        .filter(|code| !code.contains('{'))
        .flat_map(|code| code.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(explained, errors);
}

#[test]
fn every_verb_is_explained_in_chinese_too() {
    let explained: String = Paper::read("docs/zh/cli.md").inline_code().join("\n");
    let command = Cli::command();
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let below = verb.get_subcommands().map(|below| format!("{} {}", verb.get_name(), below.get_name()));
        let names: Vec<String> =
            if verb.has_subcommands() { below.collect() } else { vec![verb.get_name().to_owned()] };
        for name in names {
            assert!(explained.lines().any(|code| code.starts_with(&name)), "`{name}` is not explained");
        }
    }
}

/// The names in the table of events.
pub(crate) fn documented_events() -> BTreeSet<String> {
    first_words(EVENTS, "event")
}

/// What stands between backquotes in the first cells of the tables with this head.
fn first_words(path: &str, head: &str) -> BTreeSet<String> {
    Paper::read(path).rows_of(head).iter().flat_map(|row| quoted(&row[0])).collect()
}

/// The files of `src` up to their unit tests.
fn source_files() -> Vec<(String, String)> {
    rust_files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src/") && !path.ends_with("tests.rs"))
        .map(|(path, text)| {
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
            (path, code)
        })
        .collect()
}
