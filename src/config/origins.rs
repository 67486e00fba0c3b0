//! Which layer a value of the configuration came from.

use std::fmt;
use std::path::PathBuf;

use figment::value::{Dict, Tag, Value};
use figment::{Figment, Profile, Provider, Source};

use super::environment;

pub const DEFAULTS_NAME: &str = "the built-in defaults";
pub const ENVIRONMENT_NAME: &str = "the environment";

/// All layers in one, and where each value came from.
pub struct Origins {
    figment: Figment,
    merged: Dict,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Defaults,
    File(PathBuf),
    Variable(String),
}

impl Origins {
    pub fn merged(&self) -> &Dict {
        &self.merged
    }

    /// Where the value at `path` came from; where nothing stands there, where its section did.
    pub fn of<S: AsRef<str>>(&self, path: &[S]) -> Origin {
        let mut found: Vec<String> = Vec::new();
        let mut table = Some(&self.merged);
        let mut value = None;
        for part in path {
            let Some(next) = table.and_then(|table| table.get(part.as_ref())) else { break };
            found.push(part.as_ref().to_owned());
            (value, table) = (Some(next), next.as_dict());
        }
        // A section may come from several layers; the highest of its values counts, and the first of those.
        let leaves = value.map(|value| self.leaves(value, &found)).unwrap_or_default();
        leaves.into_iter().rev().max_by_key(Origin::rank).unwrap_or(Origin::Defaults)
    }

    /// Where the value at `path` came from. `None`: no layer has one.
    pub fn of_value<S: AsRef<str>>(&self, path: &[S]) -> Option<Origin> {
        let (last, tables) = path.split_last()?;
        let table =
            tables.iter().try_fold(&self.merged, |table, name| table.get(name.as_ref())?.as_dict())?;
        let path: Vec<String> = path.iter().map(|part| part.as_ref().to_owned()).collect();
        Some(self.of_tag(table.get(last.as_ref())?.tag(), &path))
    }

    /// Whether the environment says anything.
    pub fn has_variables(&self) -> bool {
        self.all().iter().any(|origin| matches!(origin, Origin::Variable(_)))
    }

    /// What was read, from the lowest layer to the highest.
    pub fn layers(&self) -> Vec<String> {
        let (mut files, mut variables) = (Vec::new(), Vec::new());
        for origin in self.all() {
            match origin {
                Origin::File(path) => files.push(path.display().to_string()),
                Origin::Variable(name) => variables.push(name),
                Origin::Defaults => {}
            }
        }
        files.dedup();
        [vec![DEFAULTS_NAME.to_owned()], files, variables].concat()
    }

    pub fn of_figment(figment: Figment) -> Self {
        let mut profiles = figment.data().expect("layers are tables already, nothing is read");
        let merged = profiles.remove(&Profile::Default).unwrap_or_default();
        Self { figment, merged }
    }

    /// Where each value came from, in the order of the keys.
    fn all(&self) -> Vec<Origin> {
        self.merged.iter().flat_map(|(key, value)| self.leaves(value, std::slice::from_ref(key))).collect()
    }

    fn leaves(&self, value: &Value, path: &[String]) -> Vec<Origin> {
        match value {
            Value::Dict(_, table) if !table.is_empty() => {
                let inner = |(key, value): (&String, &Value)| {
                    self.leaves(value, &[path, std::slice::from_ref(key)].concat())
                };
                table.iter().flat_map(inner).collect()
            }
            leaf => vec![self.of_tag(leaf.tag(), path)],
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
