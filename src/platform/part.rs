//! One part of an answer, a row or a detail: from its text to one of our wire types, within named limits. What cannot be
//! read says which member it is.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::error::ConvertError;
use super::{PlatformError, charset, lenient};
use crate::domain::limits::TooLarge;

/// Of one row or one detail, also of one that comes in pages.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Characters of an oversized part that are kept and reported.
const SHOWN_CHARS: usize = 200;

/// JSON text that is an object.
pub fn parse(raw: &str) -> Result<Value, ConvertError> {
    json(raw, lenient::object(raw))
}

/// JSON text that is a list of our own making, of an answer's parts.
pub fn parse_list(raw: &str) -> Result<Value, ConvertError> {
    json(raw, serde_json::from_str(raw))
}

/// A value as what it means.
pub fn read<'a, T: Deserialize<'a>>(value: &'a Value) -> Result<T, ConvertError> {
    // The path is followed only when there is something to say of it.
    T::deserialize(value).or_else(|_| {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let field = error.path().to_string();
            ConvertError::Shape { field, source: error.into_inner() }
        })
    })
}

/// The frame of an answer. One that is no JSON at all is no answer.
pub fn frame<'a, T: Deserialize<'a>>(answer: &'a str) -> Result<T, PlatformError> {
    lenient::object(answer).or_else(|error| match error.classify() {
        Category::Data => object_at("$", answer),
        _ => Err(PlatformError::not_json()),
    })
}

/// An object within an answer as what it means. `place`: its path, which begins the path of what cannot be read.
pub fn object_at<'a, T: Deserialize<'a>>(place: &str, raw: &'a str) -> Result<T, PlatformError> {
    lenient::object(raw).map_err(|_| {
        let mut json = serde_json::Deserializer::from_str(raw);
        let error = serde_path_to_error::deserialize::<_, T>(&mut json).err();
        let member = error.map(|error| error.path().to_string());
        // The library writes the whole as a point, and a list is no object in the first place.
        let member = member.filter(|member| member != "." && !member.starts_with('['));
        let path = member.map_or_else(|| place.to_owned(), |member| format!("{place}.{member}"));
        PlatformError::Malformed { path }
    })
}

/// A part as it came and as what it means.
pub fn typed<T: DeserializeOwned>(raw: &str) -> Result<(Value, T), ConvertError> {
    let value = parse(raw)?;
    let part = read(&value)?;
    Ok((value, part))
}

/// The text of a detail, if it is not too long to be kept.
pub fn detail(raw: &str) -> Result<String, PlatformError> {
    check_answer(raw.len())?;
    Ok(raw.to_owned())
}

/// Whether an answer about one thing is short enough to be kept.
pub fn check_answer(bytes: usize) -> Result<(), PlatformError> {
    let is_kept = bytes <= BYTES_MAX;
    if is_kept { Ok(()) } else { Err(PlatformError::Malformed { path: too_long("$", bytes).to_string() }) }
}

/// Whether a row is short enough to be read and kept.
pub fn check_size(raw: &str) -> Result<(), ConvertError> {
    if raw.len() > BYTES_MAX { Err(too_long("the row", raw.len()).into()) } else { Ok(()) }
}

/// The beginning of a text that is too long to be kept, as a JSON text of its own.
pub fn beginning(raw: &str) -> String {
    Value::from(raw.chars().take(SHOWN_CHARS).collect::<String>()).to_string()
}

fn too_long(what: &'static str, count: usize) -> TooLarge {
    TooLarge { what, unit: "bytes", count, max: BYTES_MAX, begins: String::new() }
}

fn json(raw: &str, read: Result<Value, serde_json::Error>) -> Result<Value, ConvertError> {
    read.map_err(|source| {
        if charset::has_undecoded(raw) {
            ConvertError::Undecoded
        } else {
            ConvertError::Shape { field: String::new(), source }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::wire::wire;

    wire! {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Order {
            #[expect(dead_code, reason = "only read")]
            order_list: Vec<Item>,
        }

        #[derive(Debug, Deserialize)]
        struct Item {
            #[expect(dead_code, reason = "only read")]
            quantity: Option<i64>,
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_member() {
        for (raw, expected) in [
            (r#"{"orderList":[{"quantity":1},{"quantity":"two"}]}"#, "`orderList[1].quantity`"),
            (r#"{"orderList":[{"quantity":{}}]}"#, "`orderList[0].quantity`"),
            (r#"{"orderList":7}"#, "`orderList`"),
        ] {
            let reason = typed::<Order>(raw).expect_err(raw).reason();
            assert!(reason.starts_with(expected), "{raw}: {reason}");
        }
    }

    #[test]
    fn what_cannot_be_read_of_an_answer_is_named_by_its_path() {
        for (raw, expected) in [
            (r#"{"orderList":[{"quantity":"two"}]}"#, "result.orderList[0].quantity"),
            (r#"{"orderList":7}"#, "result.orderList"),
            ("[7]", "result"),
            ("7", "result"),
        ] {
            let error = object_at::<Order>("result", raw).expect_err(raw);
            assert!(
                matches!(&error, PlatformError::Malformed { path } if path == expected),
                "{raw}: {error}"
            );
        }
    }

    #[test]
    fn a_row_or_detail_is_kept_up_to_its_limit() {
        let row = format!("{{\"a\":\"{}\"}}", "x".repeat(BYTES_MAX));
        assert!(check_size(&row).is_err() && detail(&row).is_err());
        assert!(check_size(&row[..BYTES_MAX]).is_ok() && detail(&row[..BYTES_MAX]).is_ok());
        let kept: String = serde_json::from_str(&beginning(&row)).unwrap();
        assert_eq!(kept.chars().count(), SHOWN_CHARS);
    }

    #[test]
    fn nesting_without_end_makes_one_part_unreadable_and_nothing_else() {
        let deep = format!("{{\"orderList\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(matches!(typed::<Order>(&deep), Err(ConvertError::Shape { .. })));
    }
}
