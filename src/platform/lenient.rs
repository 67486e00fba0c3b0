//! Reads JSON values the way platforms write them: numbers that come as text, text that comes as numbers, nulls, lists
//! as objects with numbered members. A value of an impossible shape stays an error.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

pub use super::instant::time;

/// A double holds every whole number up to here, and none beyond for certain: 2^53.
const EXACT_IN_DOUBLE: f64 = 9_007_199_254_740_992.0;
/// More list members than any page has; what is longer is not a list of ours.
const MEMBERS_MAX: usize = 100_000;

/// JSON text that must be an object: serde by itself would take a list for an object's members in their order. Of a
/// member that comes twice the last counts.
pub fn object<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, serde_json::Error> {
    if json.trim_start().starts_with('[') {
        return Err(serde_json::Error::custom("expected an object, found a list"));
    }
    serde_json::from_str(json).or_else(|error: serde_json::Error| {
        // Our types refuse a member that comes twice; a map does not. Only what failed is read twice.
        if !error.is_data() {
            return Err(error);
        }
        let members: BTreeMap<String, &'de RawValue> = serde_json::from_str(json)?;
        T::deserialize(MapDeserializer::new(members.into_iter()))
    })
}

/// A whole number, also as text or as a double without a fraction. `None`: null or empty text.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    deserializer.deserialize_any(IntegerVisitor)
}

/// A number that is a hint: whatever cannot be read is `None`, and breaks nothing.
pub fn hint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(integer(&mut serde_json::Deserializer::from_str(raw.get())).unwrap_or(None))
}

/// Text, also given as a number or as true or false. `None`: null or empty text, which platforms use alike.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(TextVisitor)
}

/// A decimal number as text, also given as a number. `None`: null or empty text.
pub fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(DecimalVisitor)
}

/// True or false, also as text or as 1 and 0. `None`: null or empty text.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match text(deserializer)?.as_deref() {
        None => Ok(None),
        Some("true" | "TRUE" | "True" | "1") => Ok(Some(true)),
        Some("false" | "FALSE" | "False" | "0") => Ok(Some(false)),
        Some(_) => Err(D::Error::custom("expected true or false")),
    }
}

/// A list; null is an empty one, and an object whose members are numbered is its values in that order, as some
/// languages write lists with gaps. Any other object is no list.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(ListVisitor(PhantomData))
}

/// The rows of a page, each as it was written. `None`: null.
pub fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<&'de RawValue>>, D::Error> {
    struct Rows<'a>(Vec<&'a RawValue>);

    impl<'de> Deserialize<'de> for Rows<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            list(deserializer).map(Self)
        }
    }
    Ok(Option::<Rows<'de>>::deserialize(deserializer)?.map(|rows| rows.0))
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of 64 bits")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        i64::try_from(number)
            .map(Some)
            .map_err(|_| E::custom("expected a whole number of 64 bits, found a larger one"))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        whole(number).map(Some).ok_or_else(|| {
            E::custom("expected a whole number, found a fraction or one too large to be exact")
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if let Ok(number) = text.parse() {
            return Ok(Some(number));
        }
        text.parse()
            .ok()
            .and_then(whole)
            .map(Some)
            .ok_or_else(|| E::custom("expected a whole number, found other text"))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then_some(text))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        // An id written as a double must not be cut to another id.
        whole(number).map(|number| Some(number.to_string())).ok_or_else(|| {
            E::custom("expected text, found a number that is not whole or too large to be exact")
        })
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct DecimalVisitor;

impl Visitor<'_> for DecimalVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        // Printed with the fewest digits that identify it, and never with an exponent; the parser itself may
        // be off by one neighbour, which amounts of money round away.
        Ok(Some(number.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        // A null among the members carries nothing.
        while let Some(member) = members.next_element::<Option<T>>()? {
            if list.len() == MEMBERS_MAX {
                return Err(A::Error::custom("expected a list, found an endless one"));
            }
            list.extend(member);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut numbered = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let number: u64 = name.parse().map_err(|_| {
                A::Error::custom("expected a list, found an object whose members are not numbered")
            })?;
            if numbered.len() == MEMBERS_MAX {
                return Err(A::Error::custom("expected a list, found an endless one"));
            }
            numbered.insert(number, members.next_value::<Option<T>>()?);
        }
        Ok(numbered.into_values().flatten().collect())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53 fits into 64 bits")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= EXACT_IN_DOUBLE).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::object;
    use crate::platform::wire::{Decimal, wire};

    wire! {
        #[derive(Deserialize)]
        struct Probe {
            integer: Option<i64>,
            text: Option<String>,
            decimal: Decimal,
            boolean: Option<bool>,
            list: Vec<u8>,
        }
    }

    fn read(json: &str) -> Result<Probe, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn whole_numbers_are_read_exactly_however_they_are_written() {
        for (json, expected) in [
            ("7", Some(7)),
            ("\"7\"", Some(7)),
            ("-9013", Some(-9013)),
            ("9007199254740993", Some(9_007_199_254_740_993)),
            ("9223372036854775807", Some(i64::MAX)),
            ("\"9223372036854775807\"", Some(i64::MAX)),
            ("12.0", Some(12)),
            ("\"12.0\"", Some(12)),
            ("1e3", Some(1000)),
            ("\" 12 \"", Some(12)),
            ("null", None),
            ("\"\"", None),
        ] {
            let probe = read(&format!("{{\"integer\":{json}}}")).expect(json);
            assert_eq!(probe.integer, expected, "{json}");
        }
        assert_eq!(read("{}").unwrap().integer, None);
    }

    #[test]
    fn what_is_no_whole_number_is_an_error_and_never_a_wrong_number() {
        for json in [
            "1.5",
            "\"1.5\"",
            "9223372036854775808",
            "1e300",
            "9007199254740994.5",
            "\"abc\"",
            "\"NaN\"",
            "{\"a\":1}",
            "[1]",
            "true",
        ] {
            assert!(read(&format!("{{\"integer\":{json}}}")).is_err(), "{json}");
        }
    }

    #[test]
    fn text_may_come_as_a_number_and_empty_text_is_none() {
        for (json, expected) in [
            ("\"P1\"", Some("P1")),
            ("601099548666279", Some("601099548666279")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("true", Some("true")),
            ("\"\"", None),
            ("null", None),
        ] {
            let probe = read(&format!("{{\"text\":{json}}}")).expect(json);
            assert_eq!(probe.text.as_deref(), expected, "{json}");
        }
        for json in ["1.5", "1e30", "{}", "[]"] {
            assert!(read(&format!("{{\"text\":{json}}}")).is_err(), "{json}");
        }
    }

    #[test]
    fn a_decimal_keeps_its_digits_as_text_or_number() {
        for (json, expected) in [
            ("\"7.99\"", Some("7.99")),
            ("7.99", Some("7.99")),
            ("12", Some("12")),
            ("-3", Some("-3")),
            ("1e21", Some("1000000000000000000000")),
            ("\"\"", None),
            ("null", None),
        ] {
            let probe = read(&format!("{{\"decimal\":{json}}}")).expect(json);
            assert_eq!(probe.decimal.as_deref(), expected, "{json}");
        }
        for json in ["{}", "[]", "true"] {
            assert!(read(&format!("{{\"decimal\":{json}}}")).is_err(), "{json}");
        }
    }

    #[test]
    fn truth_may_come_as_text_or_number() {
        for (json, expected) in
            [("true", Some(true)), ("\"false\"", Some(false)), ("1", Some(true)), ("null", None)]
        {
            let probe = read(&format!("{{\"boolean\":{json}}}")).expect(json);
            assert_eq!(probe.boolean, expected, "{json}");
        }
        assert!(read("{\"boolean\":2}").is_err());
    }

    #[test]
    fn a_list_may_be_null_hold_nulls_or_be_numbered() {
        for (json, expected) in [
            ("[1,2]", vec![1, 2]),
            ("null", vec![]),
            ("[]", vec![]),
            ("[null,3]", vec![3]),
            ("{}", vec![]),
            (r#"{"0":4,"1":5}"#, vec![4, 5]),
            (r#"{"10":6,"9":5,"1":4,"2":null}"#, vec![4, 5, 6]),
            (r#"{"6500000000000000001":7}"#, vec![7]),
        ] {
            assert_eq!(read(&format!("{{\"list\":{json}}}")).expect(json).list, expected, "{json}");
        }
        for json in ["7", "\"\"", "true", r#"{"a":1}"#, r#"{"0":1,"total":1}"#, r#"{"-1":1}"#, r#"{"0":"x"}"#]
        {
            assert!(read(&format!("{{\"list\":{json}}}")).is_err(), "{json}");
        }
    }

    #[test]
    fn of_a_member_that_comes_twice_the_last_counts() {
        let probe: Probe = object(r#"{"integer":1,"text":"a","integer":"2","text":"b"}"#).unwrap();
        assert_eq!((probe.integer, probe.text.as_deref()), (Some(2), Some("b")));
        assert!(object::<Probe>(r#"{"integer":1,"integer":"x"}"#).is_err());
        assert!(object::<Probe>(" [7,\"text\"]").is_err(), "a list is no object");
    }

    proptest! {
        #[test]
        fn every_whole_number_survives_as_number_and_as_text(number: i64) {
            for json in [format!("{{\"integer\":{number}}}"), format!("{{\"integer\":\"{number}\"}}")] {
                prop_assert_eq!(read(&json).unwrap().integer, Some(number));
            }
        }
    }
}
