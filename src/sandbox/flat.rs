//! The one flat JSON object both platforms take as a request, kept as the bytes it came as: signatures are made
//! over the sender's own text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A request's members in the order they came, duplicates included.
pub struct FlatBody {
    members: Vec<(String, Box<RawValue>)>,
}

impl FlatBody {
    /// `None`: not one JSON object.
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// A member's JSON text. `None`: absent or null.
    pub fn raw(&self, name: &str) -> Option<&str> {
        let (_, value) = self.members.iter().find(|(member, _)| member == name)?;
        Some(value.get()).filter(|text| *text != "null")
    }

    /// A string's content, or the text of anything else. `None`: absent or null.
    pub fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(plain_text)
    }

    /// A whole number, also one in quotes. `Err`: something else stands there.
    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, NotANumber> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        text.trim().parse().map(Some).map_err(|_| NotANumber(name))
    }

    /// The same with a number of at most `max`.
    pub fn with_at_most(&self, name: &'static str, max: u64) -> Self {
        let requested = self.integer(name).ok().flatten().and_then(|requested| u64::try_from(requested).ok());
        let number = requested.map_or(max, |requested| requested.min(max)).to_string();
        let others = self.members.iter().filter(|(member, _)| member != name).cloned();
        let number = RawValue::from_string(number).expect("digits are JSON");
        Self { members: others.chain([(name.to_owned(), number)]).collect() }
    }

    /// An array of strings. `None`: absent, or not such an array.
    pub fn strings(&self, name: &str) -> Option<Vec<String>> {
        self.raw(name).and_then(|text| serde_json::from_str(text).ok())
    }

    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value.get()))
    }

    pub fn has_duplicates(&self) -> bool {
        let names: BTreeSet<&str> = self.members.iter().map(|(name, _)| name.as_str()).collect();
        names.len() < self.members.len()
    }

    pub fn to_parameters(&self) -> BTreeMap<String, String> {
        self.members().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The parameter that should have been a number.
#[derive(Debug)]
pub struct NotANumber(pub &'static str);

/// A JSON string without quotes and escapes; any other JSON text as it is.
pub fn plain_text(raw: &str) -> String {
    serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())
}

impl<'de> Deserialize<'de> for FlatBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = FlatBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one flat JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FlatBody, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(FlatBody { members })
            }
        }
        deserializer.deserialize_map(Members)
    }
}
