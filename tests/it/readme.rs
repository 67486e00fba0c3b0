//! The README says what is true: each dependency, each column and each log event that exists stands in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde_json::Value;
use shopsync::auth::credential::OwnerReason;
use shopsync::meters::catalogue::{self, Meter};

use crate::tidy::rust_files;

#[test]
fn every_dependency_has_its_reason_and_no_reason_is_left_over() {
    let manifest: Value = Figment::from(Toml::string(&read("Cargo.toml"))).extract().unwrap();
    let names = |section: &str| manifest[section].as_object().unwrap().keys().cloned();
    let declared: BTreeSet<String> = names("dependencies").chain(names("dev-dependencies")).collect();
    let explained: BTreeSet<String> =
        rows_of("Dependencies").iter().flat_map(|row| quoted(&row[0])).collect();
    assert!(declared.len() > 30, "{declared:?}");
    assert_eq!(declared, explained);
}

#[test]
fn every_column_of_every_table_is_told() {
    let tables = tables_of_the_migrations();
    assert!(tables.contains_key("orders") && tables.contains_key("credentials"), "{:?}", tables.keys());
    let told: BTreeMap<String, BTreeSet<String>> = rows_of("Tables")
        .into_iter()
        .filter_map(|row| {
            let table = quoted(row.first()?).pop()?;
            Some((table, row[1..].iter().flat_map(|cell| quoted(cell)).collect()))
        })
        .collect();
    for (table, columns) in tables {
        let told = told.get(&table).unwrap_or_else(|| panic!("table `{table}` is not told"));
        let missing: Vec<&String> = columns.difference(told).collect();
        assert!(missing.is_empty(), "`{table}` has columns that are not told: {missing:?}");
    }
}

#[test]
fn every_event_of_the_log_is_told_and_no_other() {
    let told = documented_events();
    let mut emitted = BTreeSet::new();
    for (_, text) in source_files() {
        emitted.extend(
            text.split("event = \"").skip(1).map(|after| after.split('"').next().unwrap().to_owned()),
        );
    }
    assert!(emitted.contains("run.failed"), "{emitted:?}");
    assert_eq!(emitted, told);
}

#[test]
fn every_metric_is_told_with_its_labels_and_kind_and_no_other() {
    let told: Vec<(String, Vec<String>, String)> = rows_of("Metrics")
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
    assert_eq!(counted, told);
}

#[test]
fn every_reason_for_needing_an_owner_is_explained() {
    let told: BTreeSet<String> = rows_of("Tokens").iter().flat_map(|row| quoted(&row[0])).collect();
    for reason in OwnerReason::ALL {
        assert!(told.contains(reason.as_str()), "`{}` is not explained", reason.as_str());
    }
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
    for row in rows_of("Log events") {
        assert_eq!(row.len(), 4, "{row:?}");
        let alarm = row[2].split(|letter: char| !letter.is_alphabetic()).next().unwrap();
        assert!(["page", "look", "none"].contains(&alarm), "{row:?}");
    }
}

/// The names in the README's table of events.
pub(crate) fn documented_events() -> BTreeSet<String> {
    rows_of("Log events").iter().flat_map(|row| quoted(&row[0])).collect()
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

/// The rows of all tables below the heading `## {title}`, cell by cell, without heads and rules.
fn rows_of(title: &str) -> Vec<Vec<String>> {
    let readme = read("README.md");
    let section = readme
        .split("\n## ")
        .find(|section| section.starts_with(title))
        .unwrap_or_else(|| panic!("the README has no section `{title}`"));
    section
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .filter(|row: &Vec<String>| row[0].starts_with('`'))
        .collect()
}

#[test]
fn every_fault_of_the_sandbox_is_told_and_no_other() {
    let readme = read("README.md");
    let table = readme.split("### Faults of the sandbox").nth(1).unwrap().split("\n#").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let told: BTreeSet<String> = rows.flat_map(quoted).collect();
    let named: BTreeSet<String> =
        shopsync::sandbox::NAMED_FAULTS.iter().map(|named| named.name.to_owned()).collect();
    assert_eq!(told, named);
}

/// What stands between backquotes, word by word.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// The columns of each table, read from the SQL of the migrations.
fn tables_of_the_migrations() -> BTreeMap<String, BTreeSet<String>> {
    let mut tables = BTreeMap::new();
    for (path, text) in rust_files() {
        if !path.starts_with("migrations/") {
            continue;
        }
        for statement in text.split("CREATE TABLE ").skip(1) {
            let (name, body) = statement.split_once(" (\n").unwrap();
            let columns = body
                .lines()
                .map(|line| line.trim().trim_start_matches('\\'))
                .take_while(|line| !line.starts_with(')'))
                .filter_map(|line| line.split_whitespace().next())
                .map(|column| column.trim_matches(['"', '\\']).to_owned())
                .filter(|column| column.starts_with(|first: char| first.is_ascii_lowercase()))
                .collect();
            tables.insert(name.trim().to_owned(), columns);
        }
    }
    tables
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
