//! Makes a [`Config`] of the merged layers, and reports every unknown key and every value of a wrong type.

use std::collections::BTreeSet;

use figment::error::{Actual, Kind};
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use figment::{Error, Figment};

use super::layers::defaults;
use super::origins::Origins;
use super::problem::{dotted, nearest};
use super::{Config, ConfigError, Problem};

/// Who has more errors than this mends them in two rounds.
const PROBLEMS_MAX: usize = 20;

/// Everything typed; nothing yet checked against anything else.
pub fn extract(origins: &Origins) -> Result<Config, ConfigError> {
    let mut dict = origins.merged().clone();
    let defaults = defaults();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    // Serde stops at the first error. So the wrong value is put aside and the rest read again.
    loop {
        // Lossy: a number or a switch may stand as text, as it does in the environment.
        let error = match Figment::from(Serialized::defaults(&dict)).extract_lossy::<Config>() {
            Ok(config) if problems.is_empty() => return Ok(config),
            Ok(_) => break,
            Err(error) => error,
        };
        let path = error.path.clone();
        problems.push(Problem {
            place: origins.of(&path).to_string(),
            key: dotted(&path),
            message: describe(&error),
        });
        if problems.len() == PROBLEMS_MAX || !seen.insert(path.clone()) {
            break;
        }
        put_aside(&mut dict, &path, &defaults);
    }
    Err(ConfigError::Invalid { problems })
}

/// What is wrong. Values are not repeated, since any may be a secret; the forms that hold none repeat theirs.
fn describe(error: &Error) -> String {
    match &error.kind {
        Kind::UnknownField(_, known) => unknown_key(&error.path, known),
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("expected {}, found {}", expectation(expected), kind_of(found))
        }
        Kind::UnknownVariant(found, known) => {
            let hint = nearest(found, known.iter().copied());
            let hint = hint.map(|name| format!("; did you mean `{name}`?"));
            format!("`{found}` is none of {}{}", known.join(", "), hint.unwrap_or_default())
        }
        Kind::MissingField(name) => format!("`{name}` is missing"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "the number is out of range".to_owned(),
        Kind::Message(message) => message.clone(),
        _ => "this cannot be read here".to_owned(),
    }
}

fn unknown_key(path: &[String], known: &[&str]) -> String {
    let Some((found, section)) = path.split_last() else {
        return "there is no such key".to_owned();
    };
    let full = |name: &str| {
        let path: Vec<&str> = section.iter().map(String::as_str).chain([name]).collect();
        dotted(&path)
    };
    match nearest(found, known.iter().copied()) {
        Some(name) => format!("there is no such key; did you mean `{}`?", full(name)),
        None => format!("there is no such key; known here are {}", known.join(", ")),
    }
}

fn expectation(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text in quotes",
        "a map" => "a section",
        _ if expected.starts_with("struct ") => "a section",
        _ => expected,
    }
}

fn kind_of(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) => "a number",
        Actual::Float(_) => "a number with a point",
        Actual::Char(_) | Actual::Str(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a section",
        _ => "something else",
    }
}

/// Puts the default in place of a wrong value, or nothing where there is none.
fn put_aside(dict: &mut Dict, path: &[String], defaults: &Dict) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let default = defaults.get(first);
    match (dict.get_mut(first), rest) {
        (Some(Value::Dict(_, table)), [_, ..]) => {
            let empty = Dict::new();
            let defaults = default.and_then(Value::as_dict).unwrap_or(&empty);
            put_aside(table, rest, defaults);
        }
        _ => {
            match default {
                Some(default) => dict.insert(first.clone(), default.clone()),
                None => dict.remove(first),
            };
        }
    }
}
