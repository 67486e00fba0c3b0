//! An `impl` stays with its type: what a type does is found in few files.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::source::Source;
use super::{is_test, rust_files};

/// In how many files of one room the inherent `impl`s of one type may stand.
const FILES_MAX: usize = 4;

/// Types that are spread over more files, each with the reason.
const SPREAD: &[(&str, &str)] =
    &[("sandbox::World", "the sandbox's state; each record changes its own part in its own folder")];

#[test]
fn the_methods_of_a_type_stand_in_few_files() {
    let files = rust_files();
    let files = files.iter().filter(|(path, _)| path.starts_with("src/") && !is_test(path));
    let types = files_of_types(files.map(|(path, text)| (path.as_str(), text.as_str())));
    assert!(types.contains_key("store::Store"), "the path reader found no type");
    for (name, files) in &types {
        let is_spread = files.len() > FILES_MAX;
        match SPREAD.iter().find(|(spread, _)| spread == name) {
            Some((_, reason)) => assert!(is_spread, "{name} is not spread any more: {reason}"),
            None => assert!(!is_spread, "the methods of {name} stand in {} files: {files:?}", files.len()),
        }
    }
}

/// The files with an inherent `impl` of each type, by the name of its room and its own.
fn files_of_types<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<String, BTreeSet<&'a str>> {
    let head = Regex::new(r"(?m)^impl(?:<[^>]*>)? (\w+)(?:<[^{]*>)? (?:where [^{]*)?\{").unwrap();
    let mut types: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (path, text) in files {
        let room = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
        for found in head.captures_iter(&Source::read(text).bare) {
            types.entry(format!("{room}::{}", &found[1])).or_default().insert(path);
        }
    }
    types
}

#[test]
fn an_impl_of_a_trait_is_not_counted() {
    let text = "impl One {\n}\nimpl<'a> Two<'a> {\n}\nimpl Display for One {\n}\nimpl<T: Send> Three<T> where T: Copy {\n}\n";
    let types = files_of_types([("src/a/b.rs", text), ("src/a/c.rs", "impl One {}")].into_iter());
    let counts: Vec<(&str, usize)> = types.iter().map(|(name, files)| (name.as_str(), files.len())).collect();
    assert_eq!(counts, [("a::One", 2), ("a::Three", 1), ("a::Two", 1)]);
}
