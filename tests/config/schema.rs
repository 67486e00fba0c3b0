//! The schema of config.toml: it takes what the program takes, knows every key, and says what each is for.

use figment::Figment;
use figment::providers::{Format, Toml};
use regex::Regex;
use serde_json::Value;
use shopsync::config;

use super::shipped::uncommented;
use super::{Place, SHOP};

#[test]
fn the_shipped_file_and_its_examples_fit_the_schema() {
    let shipped = include_str!("../../config.toml");
    for text in [shipped, &uncommented(shipped), include_str!("../../packaging/config.toml"), SHOP, ""] {
        assert_eq!(faults(&config::schema(), &document(text), "config"), Vec::<String>::new());
    }
}

#[test]
fn what_the_program_refuses_by_its_looks_the_schema_refuses_too() {
    for (text, place) in [
        ("[sync]\nhistroy = \"1d\"", "config.sync.histroy"),
        ("[synk]", "config.synk"),
        ("[sync]\noverlap = 600", "config.sync.overlap"),
        ("[sync]\noverlap = \"600\"", "config.sync.overlap"),
        ("[sync]\nkeep_raw = \"always\"", "config.sync.keep_raw"),
        ("[log]\nformat = \"xml\"", "config.log.format"),
        ("[tokens]\nstore = \"vault\"", "config.tokens.store"),
        ("[retry]\nattempts_max = \"many\"", "config.retry.attempts_max"),
        ("[apps.x]\napp_key = \"k\"", "config.apps.x.platform"),
        ("[apps.x]\nplatform = \"temo\"", "config.apps.x.platform"),
        ("[shops.x]\napp = \"a\"\nrecords = [\"oders\"]", "config.shops.x.records"),
        ("[jobs.x]\nsync = \"oders\"", "config.jobs.x.sync"),
        ("[notify]\nwebhooks = [{ kind = \"fax\", url_file = \"f\" }]", "config.notify.webhooks"),
    ] {
        assert!(Place::new(text).load().is_err(), "the program takes {text}");
        let faults = faults(&config::schema(), &document(text), "config");
        assert_eq!(faults, [place], "{text}");
    }
}

#[test]
fn every_duration_the_program_takes_fits_the_schema() {
    let faults = |text: &str| {
        let text = format!("[sync]\nkeep_raw = \"{text}\"");
        faults(&config::schema(), &document(&text), "config")
    };
    for text in ["forever", "7d", "25h 30m", "48h30m", "2w", " 90000s "] {
        let place = Place::new(&format!("[sync]\nkeep_raw = \"{text}\""));
        assert!(place.load().is_ok() && faults(text).is_empty(), "{text}");
    }
}

#[test]
fn every_key_is_described_and_every_default_is_the_built_in_one() {
    let schema = config::schema();
    let built_in = Place::new("").load().unwrap_or_else(|error| panic!("{error}")).to_json();
    let mut keys = 0;
    for (name, section) in schema["properties"].as_object().unwrap() {
        assert!(section["description"].is_string(), "{name}");
        let has_names = section["additionalProperties"].is_object();
        let table = if has_names { &section["additionalProperties"] } else { section };
        for (key, value) in table["properties"].as_object().unwrap() {
            assert!(value["description"].is_string(), "{name}.{key} has no description");
            // Paths are shown in full, from wherever the config lies.
            if !has_names && built_in[name][key].as_str().is_none_or(|text| !text.contains('/')) {
                assert_eq!(meant(&value["default"]), meant(&built_in[name][key]), "{name}.{key}");
            }
            keys += 1;
        }
    }
    assert!(keys > 50, "{keys}");
    for inside in ["Debug", "serde"] {
        assert!(
            !schema.to_string().contains(inside),
            "the schema speaks of `{inside}`, which no reader of a config knows"
        );
    }
    assert_eq!(
        schema["properties"]["shops"]["additionalProperties"]["properties"]["enabled"]["default"],
        true
    );
    assert!(schema["properties"]["jobs"]["default"]["nightly"]["days"].is_number());
}

/// 60s and 1m are the same.
fn meant(value: &Value) -> String {
    match value.as_str().map(config::parse_duration) {
        Some(Ok(duration)) => config::format_duration(duration),
        _ => value.to_string(),
    }
}

#[test]
fn the_schema_is_printed_where_there_is_no_usable_config() {
    let output = Place::new("this is no TOML").binary().args(["config", "schema"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, config::schema());
    assert_eq!(printed["$schema"], "http://json-schema.org/draft-07/schema#");
}

fn document(text: &str) -> Value {
    Figment::from(Toml::string(text)).extract().unwrap_or_else(|error| panic!("{error}"))
}

/// Where a document does not fit: as much of draft 7 as our schema uses. Whatever else it used would be told.
fn faults(schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let fits = match keyword.as_str() {
            "$schema"
            | "title"
            | "description"
            | "default"
            | "properties"
            | "additionalProperties"
            | "items" => true,
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64() || value.is_i64(),
                "number" => value.is_number(),
                other => panic!("type {other}"),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "pattern" => {
                value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text))
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "oneOf" => rule.as_array().unwrap().iter().any(|rule| faults(rule, value, place).is_empty()),
            "const" => rule == value,
            "required" => {
                let missing = rule.as_array().unwrap().iter().map(|key| key.as_str().unwrap());
                let missing = missing.filter(|key| value.is_object() && value.get(key).is_none());
                found.extend(missing.map(|key| format!("{place}.{key}")));
                true
            }
            other => panic!("the validator knows no `{other}`"),
        };
        if !fits && !found.contains(&place.to_owned()) {
            found.push(place.to_owned());
        }
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{key}");
        match (schema["properties"].get(key), schema.get("additionalProperties")) {
            (None, Some(Value::Bool(false))) => found.push(place),
            (Some(schema), _) | (None, Some(schema)) => found.extend(faults(schema, value, &place)),
            (None, None) => {}
        }
    }
    let items = value.as_array().into_iter().flatten();
    if items
        .clone()
        .any(|item| schema.get("items").is_some_and(|schema| !faults(schema, item, place).is_empty()))
    {
        found.push(place.to_owned());
    }
    found
}
