//! The parameters of a call, in the order they are signed and sent: sorted by name, never null, never empty.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One value, kept so that its text in the signature and its text in the body agree.
pub enum Value {
    Text(String),
    Integer(i64),
    /// JSON text, compact: signed and sent as it stands.
    Json(String),
}

impl Value {
    /// As signatures take it: text without quotes.
    pub fn signed(&self) -> String {
        match self {
            Self::Text(text) | Self::Json(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
        }
    }
}

/// Flat, as both gateways want them. No `Debug`: tokens are among them.
#[derive(Default)]
pub struct Parameters(BTreeMap<&'static str, Value>);

impl Parameters {
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty text is left out: gateways differ in whether they sign it.
    pub fn text(mut self, name: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.0.insert(name, Value::Text(text));
        }
        self
    }

    pub fn integer(mut self, name: &'static str, number: impl Into<i64>) -> Self {
        self.0.insert(name, Value::Integer(number.into()));
        self
    }

    /// A list of texts.
    pub fn texts(mut self, name: &'static str, texts: &[String]) -> Self {
        self.0.insert(name, Value::Json(serde_json::Value::from(texts).to_string()));
        self
    }

    /// A list of whole numbers.
    pub fn integers(mut self, name: &'static str, numbers: &[i64]) -> Self {
        self.0.insert(name, Value::Json(serde_json::Value::from(numbers).to_string()));
        self
    }

    /// By name, in ASCII order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// The body of the request: one flat JSON object.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        for (name, value) in self.iter() {
            let comma = if json.len() > 1 { "," } else { "" };
            let value = match value {
                Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
                Value::Integer(number) => number.to_string(),
                Value::Json(json) => json.clone(),
            };
            write!(json, "{comma}\"{name}\":{value}").expect("writing to a String cannot fail");
        }
        json.push('}');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    #[test]
    fn the_body_is_sorted_flat_json_without_empty_values() {
        let parameters = Parameters::new().integer("pageNo", 2).text("access", "a\"b 中").text("nothing", "");
        assert_eq!(parameters.to_json(), r#"{"access":"a\"b 中","pageNo":2}"#);
        assert_eq!(Parameters::new().to_json(), "{}");
    }
}
