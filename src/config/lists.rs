//! Lists: an array in the file; in the environment also values separated by commas, or an array as TOML or JSON
//! writes it.

use std::fmt;
use std::marker::PhantomData;

use figment::providers::{Format, Toml};
use serde::de::{DeserializeOwned, Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serializer};

use super::forms::Form;

/// Lets serde read and write a list of values in a form.
pub struct ListOf<F>(PhantomData<F>);

impl<F: Form> ListOf<F> {
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<F::Value>, D::Error> {
        let items = from.deserialize_any(Items::<String>(PhantomData))?;
        items.iter().map(|item| F::read(item).map_err(D::Error::custom)).collect()
    }

    pub fn serialize<S: Serializer>(values: &[F::Value], to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&F::write(value))?;
        }
        list.end()
    }
}

/// A [`ListOf`] that may be left out.
pub struct MaybeListOf<F>(PhantomData<F>);

impl<F: Form> MaybeListOf<F> {
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<F::Value>>, D::Error> {
        ListOf::<F>::deserialize(from).map(Some)
    }

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub fn serialize<S: Serializer>(values: &Option<Vec<F::Value>>, to: S) -> Result<S::Ok, S::Error> {
        ListOf::<F>::serialize(values.as_deref().unwrap_or_default(), to)
    }
}

/// A list of tables.
pub fn tables<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_any(Items(PhantomData))
}

struct Items<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(items)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        let text = text.trim();
        if text.starts_with('[') {
            return array(text)
                .ok_or_else(|| E::custom("this starts like a list, but is none in TOML or JSON"));
        }
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(|word| {
                let word = serde::de::value::StrDeserializer::<E>::new(word);
                T::deserialize(word)
            })
            .collect()
    }
}

fn array<T: DeserializeOwned>(text: &str) -> Option<Vec<T>> {
    #[derive(Deserialize)]
    struct Holder<T> {
        list: Vec<T>,
    }
    let toml = Toml::from_str::<Holder<T>>(&format!("list = {text}"));
    toml.map(|holder| holder.list).ok().or_else(|| serde_json::from_str(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_the_environment_may_be_words_or_an_array() {
        for text in ["a,b", " a , b ,", r#"["a", "b"]"#, "['a', 'b']"] {
            let items = Items::<String>(PhantomData).visit_str::<serde::de::value::Error>(text);
            assert_eq!(items, Ok(vec!["a".to_owned(), "b".to_owned()]), "{text}");
        }
        assert_eq!(Items::<String>(PhantomData).visit_str::<serde::de::value::Error>(""), Ok(Vec::new()));
        assert!(Items::<String>(PhantomData).visit_str::<serde::de::value::Error>("[\"a\"").is_err());
    }
}
