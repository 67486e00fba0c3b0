//! Which layer a value of the configuration came from.

use std::fmt;
use std::path::PathBuf;

use figment::value::{Dict, Tag, Value};
use figment::{Figment, Profile, Provider, Source};

use super::environment;

pub(super) const DEFAULTS_NAME: &str = "the built-in defaults";
pub(super) const ENVIRONMENT_NAME: &str = "the environment";

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

    pub(super) fn of_figment(figment: Figment) -> Self {
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
