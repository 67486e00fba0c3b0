//! The environment as a layer: `SHOPSYNC_APPS__TEMU_US__APP_SECRET`. Every value stays the text it is, so that
//! a key `00123` keeps its zeros.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use super::{ConfigError, file};

const PREFIX: &str = "SHOPSYNC_";
const SEPARATOR: &str = "__";
/// What systemd says to a unit about its folders.
const OF_SYSTEMD: [&str; 2] = ["CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"];
/// Sections whose tables have names of the user's choice.
pub const NAMED_SECTIONS: [&str; 3] = ["apps", "shops", "jobs"];

/// Whether a variable is read as configuration: by one of these names, or as a key.
pub fn is_config_variable(name: &str) -> bool {
    let is_key = name.strip_prefix(PREFIX).is_some_and(|key| key.contains(SEPARATOR));
    is_key || name == file::FILE_VARIABLE || OF_SYSTEMD.contains(&name)
}

/// The process's variables that may matter; others may hold anything.
pub fn of_process() -> Result<BTreeMap<String, String>, ConfigError> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX) || OF_SYSTEMD.contains(&name.as_str()))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError::NotText { name }),
        })
        .collect()
}

/// The variables that are configuration, as tables. `lower` are the layers below: their names of apps, shops
/// and jobs are preferred, so that `_` may stand for what a variable's name cannot hold.
pub fn layer(environment: &BTreeMap<String, String>, lower: &[&Dict]) -> Dict {
    let mut layer = Dict::new();
    for (variable, value) in environment {
        if let Some(path) = path_of(variable, lower) {
            insert(&mut layer, &path, value);
        }
    }
    layer
}

/// The variable a key of the environment layer came from.
pub fn variable_of(path: &[String]) -> String {
    let parts: Vec<String> = path.iter().map(|part| normal(part).to_ascii_uppercase()).collect();
    format!("{PREFIX}{}", parts.join(SEPARATOR))
}

/// Variables that look like configuration but have one underscore where two belong, each with what was meant.
/// `lowest`: a layer that has every section.
pub fn near_misses(environment: &BTreeMap<String, String>, lowest: &Dict) -> Vec<(String, String)> {
    let sections = || lowest.keys().map(String::as_str).chain(NAMED_SECTIONS);
    let meant = |variable: &str| {
        let words = variable.strip_prefix(PREFIX).filter(|words| !words.contains(SEPARATOR))?;
        let (section, key) = words.split_once('_')?;
        let is_section = sections().any(|known| known.eq_ignore_ascii_case(section));
        is_section.then(|| format!("{PREFIX}{section}{SEPARATOR}{key}"))
    };
    environment.keys().filter_map(|variable| Some((variable.clone(), meant(variable)?))).collect()
}

fn path_of(variable: &str, lower: &[&Dict]) -> Option<Vec<String>> {
    let words = variable.strip_prefix(PREFIX)?.to_ascii_lowercase();
    let (section, rest) = words.split_once(SEPARATOR)?;
    if !NAMED_SECTIONS.contains(&section) {
        return Some(vec![section.to_owned(), rest.to_owned()]);
    }
    // The last separator counts: a name may hold one, a key never does.
    let Some((name, key)) = rest.rsplit_once(SEPARATOR) else {
        return Some(vec![section.to_owned(), known_name(section, rest, lower)]);
    };
    Some(vec![section.to_owned(), known_name(section, name, lower), key.to_owned()])
}

/// The name as a lower layer writes it, else as the variable does.
fn known_name(section: &str, name: &str, lower: &[&Dict]) -> String {
    let names = lower.iter().filter_map(|layer| layer.get(section)?.as_dict()).flat_map(Dict::keys);
    names
        .filter(|known| normal(known) == name)
        .max_by_key(|known| *known == name)
        .cloned()
        .unwrap_or_else(|| name.to_owned())
}

/// A name as the environment can write it, in small letters.
fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '.'], "_")
}

fn insert(layer: &mut Dict, path: &[String], value: &str) {
    let Some((last, tables)) = path.split_last() else {
        return;
    };
    let mut table = layer;
    for name in tables {
        let entry = table.entry(name.clone()).or_insert_with(|| Value::from(Dict::new()));
        if !matches!(entry, Value::Dict(..)) {
            // `SHOPSYNC_APPS__X` beside `SHOPSYNC_APPS__X__ZONE`: the first is reported as no section.
            return;
        }
        let Value::Dict(_, inner) = entry else { return };
        table = inner;
    }
    table.insert(last.clone(), Value::from(value));
}
