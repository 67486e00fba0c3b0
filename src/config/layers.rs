//! Lays the built-in defaults, the file and the environment over each other.

use std::collections::BTreeMap;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::origins::{DEFAULTS_NAME, ENVIRONMENT_NAME, Origin, Origins};
use super::problem::dotted;
use super::{ConfigError, Problem, environment, file};

const DEFAULTS: &str = include_str!("defaults.toml");

/// Keys of which a section has one at a time: a higher layer's choice takes a lower layer's away. `*` stands
/// for any name.
const ALTERNATIVES: [(&[&str], &[&str]); 5] = [
    (&["database"], &["url", "url_file"]),
    (&["apps", "*"], &["app_key", "app_id"]),
    (&["apps", "*"], &["app_secret", "app_secret_file"]),
    (&["jobs", "*"], &["cron", "every"]),
    (&["jobs", "*"], &["sync", "reconcile"]),
];

/// Reads all layers. `found`: the config file, if there is one.
pub fn merge(
    found: Option<&file::Found>,
    variables: &BTreeMap<String, String>,
) -> Result<Origins, ConfigError> {
    let mut layers = vec![Layer { metadata: Metadata::named(DEFAULTS_NAME), dict: defaults() }];
    if let Some(found) = found {
        let metadata = Metadata::from("the config file", found.path.as_path());
        layers.push(Layer { metadata, dict: file::read(found)? });
    }
    let lower: Vec<&Dict> = layers.iter().map(|layer| &layer.dict).collect();
    let dict = environment::layer(variables, &lower);
    layers.push(Layer { metadata: Metadata::named(ENVIRONMENT_NAME), dict });

    let problems = settle_alternatives(&mut layers);
    if !problems.is_empty() {
        return Err(ConfigError::Invalid { problems });
    }
    let figment = layers.into_iter().fold(Figment::new(), Figment::merge);
    Ok(Origins::of_figment(figment))
}

/// The lowest layer alone.
pub fn defaults() -> Dict {
    Toml::from_str(DEFAULTS).expect("a test loads the built-in defaults")
}

struct Layer {
    metadata: Metadata,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}

/// Takes away what a higher layer replaces, and finds layers that choose twice.
fn settle_alternatives(layers: &mut [Layer]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (section, keys) in ALTERNATIVES {
        for upper in 0..layers.len() {
            for path in matching(&layers[upper].dict, section) {
                let chosen: Vec<&str> = chosen(&mut layers[upper].dict, &path, keys);
                if chosen.len() > 1 {
                    problems.push(Problem {
                        place: layers[upper].place(&path, chosen[0]),
                        key: dotted(&path),
                        message: format!("`{}` exclude each other: keep one", chosen.join("` and `")),
                    });
                }
                if chosen.is_empty() {
                    continue;
                }
                for lower in &mut layers[..upper] {
                    if let Some(table) = table_at(&mut lower.dict, &path) {
                        table
                            .retain(|key, _| !keys.contains(&key.as_str()) || chosen.contains(&key.as_str()));
                    }
                }
            }
        }
    }
    problems
}

impl Layer {
    fn place(&self, path: &[String], key: &str) -> String {
        let path: Vec<String> = path.iter().cloned().chain([key.to_owned()]).collect();
        match &self.metadata.source {
            Some(Source::File(file)) => Origin::File(file.clone()).to_string(),
            _ => Origin::Variable(environment::variable_of(&path)).to_string(),
        }
    }
}

/// The paths of the tables that `pattern` names.
fn matching(dict: &Dict, pattern: &[&str]) -> Vec<Vec<String>> {
    let Some((first, rest)) = pattern.split_first() else {
        return vec![Vec::new()];
    };
    dict.iter()
        .filter(|(key, _)| *first == "*" || key.as_str() == *first)
        .filter_map(|(key, value)| Some((key, value.as_dict()?)))
        .flat_map(|(key, table)| {
            matching(table, rest).into_iter().map(move |tail| [key.clone()].into_iter().chain(tail).collect())
        })
        .collect()
}

/// Which of `keys` a table sets; empty text sets nothing.
fn chosen<'a>(dict: &mut Dict, path: &[String], keys: &[&'a str]) -> Vec<&'a str> {
    let Some(table) = table_at(dict, path) else {
        return Vec::new();
    };
    let is_set = |key: &str| table.get(key).is_some_and(|value| value.as_str() != Some(""));
    keys.iter().copied().filter(|key| is_set(key)).collect()
}

fn table_at<'a>(dict: &'a mut Dict, path: &[String]) -> Option<&'a mut Dict> {
    path.iter().try_fold(dict, |table, name| match table.get_mut(name)? {
        Value::Dict(_, inner) => Some(inner),
        _ => None,
    })
}
