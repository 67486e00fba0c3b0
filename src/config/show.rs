//! The effective config as text: secrets hidden, each value that is no default with where it came from.

use serde_json::{Map, Value};

use super::Loaded;
use super::origins::Origin;
use super::problem::{bare_or_quoted, dotted};

impl Loaded {
    /// TOML that says the same as all layers together; only the secrets are missing.
    pub fn to_toml(&self) -> String {
        let layers = self.origins.layers();
        let mut lines = vec![format!("# Layers, the later win: {}", layers.join(" < "))];
        if let Value::Object(sections) = self.to_json() {
            for (name, section) in sections {
                self.add_table(&[name], &section, &mut lines);
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// The same as one JSON object.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(&self.config).expect("every value of the config has a form in JSON")
    }

    fn add_table(&self, path: &[String], value: &Value, lines: &mut Vec<String>) {
        let Value::Object(table) = value else { return };
        if table.is_empty() || !table.values().all(Value::is_object) {
            lines.push(format!("\n[{}]", dotted(path)));
        }
        for (key, value) in table.iter().filter(|(_, value)| !value.is_object()) {
            let place = self.place_of(path, key);
            lines.push(format!("{} = {}{place}", bare_or_quoted(key), inline(value)));
        }
        for (key, value) in table.iter().filter(|(_, value)| value.is_object()) {
            let path: Vec<String> = path.iter().chain([key]).cloned().collect();
            self.add_table(&path, value, lines);
        }
    }

    /// A comment for what is not as built in.
    fn place_of(&self, section: &[String], key: &String) -> String {
        let path: Vec<&String> = section.iter().chain([key]).collect();
        match self.origins.of_value(&path) {
            None | Some(Origin::Defaults) => String::new(),
            Some(Origin::File(_)) => "  # file".to_owned(),
            Some(Origin::Variable(name)) => format!("  # {name}"),
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => inline_table(table),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        // JSON leaves this one bare, TOML does not take it.
        Value::String(_) => value.to_string().replace('\u{7f}', "\\u007f"),
        other => other.to_string(),
    }
}

fn inline_table(table: &Map<String, Value>) -> String {
    let members: Vec<String> =
        table.iter().map(|(key, value)| format!("{} = {}", bare_or_quoted(key), inline(value))).collect();
    format!("{{ {} }}", members.join(", "))
}
