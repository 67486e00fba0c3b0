//! The schema of `config.toml`, for editors and for programs that write one.
//!
//! Shapes and descriptions are those of the config's own types, defaults those that are built in. It is stricter than
//! the program in one thing: a number or a switch is one, and not text that reads like one.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::domain::record::Record;
use crate::platform::profiles;

use super::forms::{Form, Written};
use super::lists::{ListOf, MaybeListOf};
use super::{AppConfig, Config, JobConfig, ShopConfig, layers};

/// Keys of tables with names of the user's choice that must be there.
const REQUIRED: [(&str, &str); 2] = [("apps", "platform"), ("shops", "app")];

/// The whole schema, draft 7: the newest that editors for TOML understand.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    schema["title"] = json!("config.toml of shopsync");
    // Every section may be left out, and every key of it: the built-in defaults stand below.
    remove(&mut schema, "required");
    let defaults = serde_json::to_value(layers::defaults()).expect("tables of TOML are objects of JSON");
    for (name, section) in members(&mut schema) {
        let defaults = match name.as_str() {
            "apps" => defaults_of::<AppConfig>(),
            "shops" => defaults_of::<ShopConfig>(),
            "jobs" => defaults_of::<JobConfig>(),
            name => defaults[name].clone(),
        };
        settle(name, table_of(section), &defaults);
    }
    let app = &mut schema["properties"]["apps"]["additionalProperties"];
    app["properties"]["app_id"] = json!({ "type": "string", "description": "Another name of `app_key`." });
    schema["properties"]["jobs"]["default"] = defaults["jobs"].clone();
    schema
}

/// Makes the table of a section what people may write there.
fn settle(section: &str, table: &mut Value, defaults: &Value) {
    remove(table, "required");
    let required = REQUIRED.iter().filter(|(of, _)| *of == section).map(|(_, key)| *key);
    let required: Vec<&str> = required.collect();
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    for (key, value) in members(table) {
        for derived in ["default", "format"] {
            remove(value, derived);
        }
        if let Some(kind) = value["type"].as_array().and_then(|kinds| kinds.first()).cloned() {
            // The rest of the list is "null", which TOML cannot say.
            value["type"] = kind;
        }
        if let Some(words) = words(section, key) {
            let place = if value["type"] == "array" { &mut value["items"] } else { &mut *value };
            place["enum"] = words;
        }
        if let Some(default) = defaults.get(key).filter(|_| !required.contains(&key.as_str())) {
            value["default"] = default.clone();
        }
    }
}

/// The values a key takes, where its type does not say.
fn words(section: &str, key: &str) -> Option<Value> {
    let records = || Record::ALL.iter().map(|record| record.as_str()).collect::<Vec<_>>();
    Some(match (section, key) {
        ("apps", "platform") => profiles().into_iter().map(|profile| profile.name).collect(),
        ("apps", "zone") => {
            profiles().into_iter().flat_map(|profile| profile.zones).map(|zone| zone.name).collect()
        }
        ("apps", "sign_method") => json!(["md5", "hmac-sha256"]),
        ("log", "format") => json!(["auto", "text", "json", "journald"]),
        ("shops", "records") | ("jobs", "sync" | "reconcile") => json!(records()),
        _ => return None,
    })
}

/// What an empty table of a section means.
fn defaults_of<T: DeserializeOwned + Serialize>() -> Value {
    let empty: T = serde_json::from_value(json!({})).expect("every key of the table may be left out");
    serde_json::to_value(empty).expect("every value of the config has a form in JSON")
}

/// The schema of a section's table: its own, or that of the tables with names.
fn table_of(section: &mut Value) -> &mut Value {
    let has_names = section["additionalProperties"].is_object();
    if has_names { &mut section["additionalProperties"] } else { section }
}

fn members(schema: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::iter_mut)
}

fn remove(schema: &mut Value, keyword: &str) {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove(keyword);
    }
}

/// A schema that stands where the field stands, and has no name of its own.
macro_rules! inline_schema {
    ($form:ident, $schema:expr) => {
        impl<F: Form> JsonSchema for $form<F> {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($form))
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

inline_schema!(Written, text::<F>());
inline_schema!(ListOf, list::<F>());
inline_schema!(MaybeListOf, list::<F>());

fn text<F: Form>() -> Schema {
    let mut text = schemars::json_schema!({ "type": "string" });
    if let Some(pattern) = F::pattern() {
        text.insert("pattern".to_owned(), Value::String(pattern));
    }
    text
}

fn list<F: Form>() -> Schema {
    schemars::json_schema!({ "type": "array", "items": text::<F>() })
}
