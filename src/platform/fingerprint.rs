//! Hashes of answers, to see whether a record has changed.
//!
//! Two answers that differ only in the order of their keys or in volatile fields have the same hash. Volatile are
//! the fields a platform names in its `VOLATILE` list and the query of every link, where signatures live.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 over the parts, 64 hex digits. Members named in `volatile` are left out wherever they stand.
pub fn fingerprint(parts: &[&Value], volatile: &[&str]) -> String {
    let mut canonical = Vec::with_capacity(4096);
    for part in parts {
        write_value(&mut canonical, part, volatile);
        // Not a byte of JSON, so that two parts never read as one.
        canonical.push(0);
    }
    hex::encode(Sha256::digest(&canonical))
}

fn write_value(canonical: &mut Vec<u8>, value: &Value, volatile: &[&str]) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().filter(|(name, _)| !volatile.contains(&name.as_str())).collect();
            // Another crate's feature may make the map keep the order of arrival.
            members.sort_unstable_by_key(|(name, _)| *name);
            canonical.push(b'{');
            for (name, value) in members {
                write_text(canonical, name);
                write_value(canonical, value, volatile);
            }
            canonical.push(b'}');
        }
        Value::Array(members) => {
            canonical.push(b'[');
            for member in members {
                write_value(canonical, member, volatile);
            }
            canonical.push(b']');
        }
        Value::String(text) => write_text(canonical, without_query(text)),
        Value::Number(number) => {
            canonical.push(b'#');
            canonical.extend_from_slice(number.to_string().as_bytes());
            canonical.push(b';');
        }
        Value::Bool(true) => canonical.push(b't'),
        Value::Bool(false) => canonical.push(b'f'),
        Value::Null => canonical.push(b'n'),
    }
}

/// Its length first, so that no text can look like two.
fn write_text(canonical: &mut Vec<u8>, text: &str) {
    canonical.push(b'"');
    canonical.extend_from_slice(text.len().to_string().as_bytes());
    canonical.push(b':');
    canonical.extend_from_slice(text.as_bytes());
}

fn without_query(text: &str) -> &str {
    let is_link = text.starts_with("http://") || text.starts_with("https://");
    match text.split_once('?') {
        Some((address, _)) if is_link => address,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::fingerprint;

    const VOLATILE: &[&str] = &["thumbUrl"];

    fn of(value: &Value) -> String {
        fingerprint(&[value], VOLATILE)
    }

    #[test]
    fn volatile_fields_key_order_and_link_queries_change_nothing() {
        let first = json!({"a": 1, "b": [{"thumbUrl": "x", "link": "https://i.example/1.jpg?sign=1"}]});
        let text = r#"{"b":[{"link":"https://i.example/1.jpg?sign=2","thumbUrl":"y"}],"a":1}"#;
        let second: Value = serde_json::from_str(text).unwrap();
        assert_eq!(of(&first), of(&second));
        assert_eq!(of(&first).len(), 64);
    }

    #[test]
    fn every_other_change_changes_the_hash() {
        let before = json!({"a": 1, "b": ["x", "y"], "c": null, "d": "what?x=1"});
        for after in [
            json!({"a": 2, "b": ["x", "y"], "c": null, "d": "what?x=1"}),
            json!({"a": "1", "b": ["x", "y"], "c": null, "d": "what?x=1"}),
            json!({"a": 1, "b": ["y", "x"], "c": null, "d": "what?x=1"}),
            json!({"a": 1, "b": ["xy"], "c": null, "d": "what?x=1"}),
            json!({"a": 1, "b": ["x", "y"], "d": "what?x=1"}),
            json!({"a": 1, "b": ["x", "y"], "c": null, "d": "what?x=2"}),
        ] {
            assert_ne!(of(&before), of(&after), "{after}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let (empty, both) = (json!([]), json!([[], []]));
        assert_ne!(fingerprint(&[&empty, &empty], VOLATILE), fingerprint(&[&both], VOLATILE));
    }
}
