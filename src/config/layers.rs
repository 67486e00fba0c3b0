//! Lays the built-in defaults, the file and the environment over each other, and remembers which value came
//! from where.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::problem::dotted;
use super::{ConfigError, Problem, environment, file};

const DEFAULTS: &str = include_str!("defaults.toml");
const DEFAULTS_NAME: &str = "the built-in defaults";
const ENVIRONMENT_NAME: &str = "the environment";

/// Keys of which a section has one at a time: a higher layer's choice takes a lower layer's away. `*` stands
/// for any name.
const ALTERNATIVES: [(&[&str], &[&str]); 5] = [
    (&["database"], &["url", "url_file"]),
    (&["apps", "*"], &["app_key", "app_id"]),
    (&["apps", "*"], &["app_secret", "app_secret_file"]),
    (&["jobs", "*"], &["cron", "every"]),
    (&["jobs", "*"], &["sync", "reconcile"]),
];

/// All layers in one, and where each value came from.
pub(super) struct Origins {
    figment: Figment,
    merged: Dict,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Defaults,
    File(PathBuf),
    Variable(String),
}

/// Reads all layers. `found`: the config file, if there is one.
pub(super) fn merge(
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
pub(super) fn defaults() -> Dict {
    Toml::from_str(DEFAULTS).expect("a test loads the built-in defaults")
}

impl Origins {
    pub(super) fn merged(&self) -> &Dict {
        &self.merged
    }

    /// Where the value at `path` came from; where nothing stands there, where its section did.
    pub(super) fn of<S: AsRef<str>>(&self, path: &[S]) -> Origin {
        let mut found = Vec::new();
        let mut table = &self.merged;
        let mut value = None;
        for part in path {
            let Some(next) = table.get(part.as_ref()) else {
                break;
            };
            found.push(part.as_ref().to_owned());
            value = Some(next);
            let Some(inner) = next.as_dict() else { break };
            table = inner;
        }
        // A section may come from several layers; the highest of its values counts.
        let highest = value.and_then(|value| self.highest_leaf(value, &found));
        highest.map_or(Origin::Defaults, |(_, origin)| origin)
    }

    /// Where the value at `path` came from. `None`: no layer has one.
    pub(super) fn of_value<S: AsRef<str>>(&self, path: &[S]) -> Option<Origin> {
        let (last, tables) = path.split_last()?;
        let table =
            tables.iter().try_fold(&self.merged, |table, name| table.get(name.as_ref())?.as_dict())?;
        let value = table.get(last.as_ref())?;
        let path: Vec<String> = path.iter().map(|part| part.as_ref().to_owned()).collect();
        Some(self.of_tag(value.tag(), &path))
    }

    /// Whether the environment says anything.
    pub(super) fn has_variables(&self) -> bool {
        let mut found = false;
        for (key, value) in &self.merged {
            self.walk(value, std::slice::from_ref(key), &mut |origin| {
                found |= matches!(origin, Origin::Variable(_));
            });
        }
        found
    }

    /// What was read, from the lowest layer to the highest.
    pub(super) fn layers(&self) -> Vec<String> {
        let mut variables = Vec::new();
        let mut files = Vec::new();
        for (key, value) in &self.merged {
            self.walk(value, std::slice::from_ref(key), &mut |origin| match origin {
                Origin::File(path) if !files.contains(&path) => files.push(path),
                Origin::Variable(name) => variables.push(name),
                Origin::Defaults | Origin::File(_) => {}
            });
        }
        let files = files.iter().map(|path| path.display().to_string());
        [DEFAULTS_NAME.to_owned()].into_iter().chain(files).chain(variables).collect()
    }

    fn of_figment(figment: Figment) -> Self {
        let mut profiles = figment.data().expect("layers are tables already, nothing is read");
        let merged = profiles.remove(&Profile::Default).unwrap_or_default();
        Self { figment, merged }
    }

    fn highest_leaf(&self, value: &Value, path: &[String]) -> Option<(u8, Origin)> {
        let mut highest: Option<(u8, Origin)> = None;
        self.walk(value, path, &mut |origin| {
            if highest.as_ref().is_none_or(|(rank, _)| origin.rank() > *rank) {
                highest = Some((origin.rank(), origin));
            }
        });
        highest
    }

    fn walk(&self, value: &Value, path: &[String], visit: &mut dyn FnMut(Origin)) {
        match value {
            Value::Dict(_, table) if !table.is_empty() => {
                for (key, inner) in table {
                    let path: Vec<String> = path.iter().chain([key]).cloned().collect();
                    self.walk(inner, &path, visit);
                }
            }
            leaf => visit(self.of_tag(leaf.tag(), path)),
        }
    }

    fn of_tag(&self, tag: Tag, path: &[String]) -> Origin {
        let Some(metadata) = self.figment.get_metadata(tag) else {
            return Origin::Defaults;
        };
        match &metadata.source {
            Some(Source::File(file)) => Origin::File(file.clone()),
            _ if metadata.name == ENVIRONMENT_NAME => Origin::Variable(environment::variable_of(path)),
            _ => Origin::Defaults,
        }
    }
}

impl Origin {
    fn rank(&self) -> u8 {
        match self {
            Self::Defaults => 0,
            Self::File(_) => 1,
            Self::Variable(_) => 2,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str(DEFAULTS_NAME),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
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
