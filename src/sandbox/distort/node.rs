//! JSON text taken apart and put together again, its values kept as the text they came as: the platforms send
//! what a JSON library refuses to read or write.

use serde_json::value::RawValue;

use crate::sandbox::flat::{FlatBody, plain_text};
use crate::sandbox::json::push_quoted;

#[derive(Clone, Debug)]
pub enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    /// Any other value, as it is written.
    Text(String),
}

impl Node {
    /// Text that is no JSON stays one piece.
    pub fn parse(text: &str) -> Self {
        let parsed = match text.trim_start().bytes().next() {
            Some(b'{') => FlatBody::parse(text.as_bytes()).map(|body| {
                Self::Object(
                    body.members().map(|(name, value)| (name.to_owned(), Self::parse(value))).collect(),
                )
            }),
            Some(b'[') => serde_json::from_str::<Vec<Box<RawValue>>>(text)
                .ok()
                .map(|rows| Self::List(rows.iter().map(|row| Self::parse(row.get())).collect())),
            _ => None,
        };
        parsed.unwrap_or_else(|| Self::Text(text.to_owned()))
    }

    pub fn null() -> Self {
        Self::Text("null".to_owned())
    }

    pub fn number(value: u64) -> Self {
        Self::Text(value.to_string())
    }

    pub fn string(value: &str) -> Self {
        let mut text = String::with_capacity(value.len() + 2);
        push_quoted(&mut text, value);
        Self::Text(text)
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Text(value) => text.push_str(value),
            Self::List(rows) => {
                text.push('[');
                for (index, row) in rows.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    row.write(text);
                }
                text.push(']');
            }
            Self::Object(members) => {
                text.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    push_quoted(text, name);
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
    }

    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| match node {
            Self::Object(members) => {
                members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
            }
            Self::List(_) | Self::Text(_) => None,
        })
    }

    pub fn at_mut(&mut self, path: &[&str]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, name| match node {
            Self::Object(members) => {
                members.iter_mut().find(|(member, _)| member == name).map(|(_, value)| value)
            }
            Self::List(_) | Self::Text(_) => None,
        })
    }

    /// Replaces a value that is there.
    pub fn replace(&mut self, path: &[&str], value: Self) -> bool {
        let place = self.at_mut(path);
        let is_there = place.is_some();
        if let Some(place) = place {
            *place = value;
        }
        is_there
    }

    /// Puts a member behind the others.
    pub fn add(&mut self, name: &str, value: Self) {
        if let Self::Object(members) = self {
            members.push((name.to_owned(), value));
        }
    }

    pub fn remove(&mut self, name: &str) {
        if let Self::Object(members) = self {
            members.retain(|(member, _)| member != name);
        }
    }

    pub fn rows_mut(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::List(rows) => Some(rows),
            Self::Object(_) | Self::Text(_) => None,
        }
    }

    /// A string without its quotes, a number's digits. `None`: neither.
    pub fn plain(&self) -> Option<String> {
        match self {
            Self::Text(text) if text != "null" => Some(plain_text(text)),
            _ => None,
        }
    }

    /// Calls `change` with each member at any depth and its name.
    pub fn each_member(&mut self, change: &mut impl FnMut(&str, &mut Self)) {
        match self {
            Self::Text(_) => {}
            Self::List(rows) => rows.iter_mut().for_each(|row| row.each_member(change)),
            Self::Object(members) => {
                for (name, value) in members {
                    change(name, value);
                    value.each_member(change);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Node;

    #[test]
    fn what_is_taken_apart_is_put_together_as_it_was() {
        let text = r#"{"a":[1,"2",{"b":"\ud83d lone"}],"c":null,"d":{},"e":[]}"#;
        assert_eq!(Node::parse(text).text(), text);
    }

    #[test]
    fn a_path_leads_to_a_value_and_replaces_it() {
        let mut node = Node::parse(r#"{"a":{"b":"x"}}"#);
        assert_eq!(node.at(&["a", "b"]).and_then(Node::plain).as_deref(), Some("x"));
        assert!(
            node.replace(&["a", "b"], Node::Text("NaN".to_owned())) && !node.replace(&["c"], Node::null())
        );
        assert_eq!(node.text(), r#"{"a":{"b":NaN}}"#);
    }
}
