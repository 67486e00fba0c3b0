//! Cleans the text of an answer before anyone parses it, so that neither the JSON parser nor Postgres ever
//! refuses a row for what a buyer typed.
//!
//! It knows how JSON strings are written and nothing else: whether the text is JSON at all is found by the
//! parser.

use std::ops::Range;

/// The platform's answer as text that can be parsed and stored: what no text can hold, NUL and half a surrogate pair,
/// becomes U+FFFD; other raw control characters inside strings become escapes. An answer with nothing of the kind is
/// handed back as it is, not copied.
pub fn clean(text: String) -> String {
    if is_clean(&text) { text } else { rewrite(&text) }
}

/// A blank that some servers put before UTF-8 text, and no JSON parser wants.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The length of `\uXXXX`.
const ESCAPE_LENGTH: usize = 6;

/// Whether nothing in the text can need a change; line breaks between the fields also send it to `rewrite`.
fn is_clean(text: &str) -> bool {
    let bytes = text.as_bytes();
    !text.starts_with(BYTE_ORDER_MARK)
        && bytes.iter().enumerate().all(|(at, &byte)| match byte {
            0..0x20 => false,
            b'\\' => !is_suspicious(bytes, at),
            _ => true,
        })
}

/// Whether `\u0000` or a surrogate stands here. Also true inside `\\u0000`, where `rewrite` finds it harmless.
fn is_suspicious(bytes: &[u8], at: usize) -> bool {
    escaped_unit(bytes, at).is_some_and(|unit| unit == 0 || is_surrogate(unit))
}

fn rewrite(text: &str) -> String {
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    let bytes = text.as_bytes();
    let mut cleaned = Cleaned::new(text);
    let mut in_string = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let mut length = 1;
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => length = rewrite_escape(&mut cleaned, bytes, at),
            0 if in_string => cleaned.replace(at..at + 1, "\\ufffd"),
            1..0x20 if in_string => cleaned.replace(at..at + 1, &format!("\\u{byte:04x}")),
            // Between the fields a NUL can only be padding.
            0 => cleaned.replace(at..at + 1, " "),
            _ => {}
        }
        at += length;
    }
    cleaned.finish()
}

/// Handles the escape that begins here and says how long it is.
fn rewrite_escape(cleaned: &mut Cleaned<'_>, bytes: &[u8], at: usize) -> usize {
    let Some(unit) = escaped_unit(bytes, at) else {
        // A backslash before a raw control character means nothing in JSON.
        if bytes.get(at + 1).is_some_and(|&next| next < 0x20) {
            cleaned.replace(at..at + 2, "\\ufffd");
        }
        return 2;
    };
    let is_pair = is_high(unit) && escaped_unit(bytes, at + ESCAPE_LENGTH).is_some_and(is_low);
    if is_pair {
        return 2 * ESCAPE_LENGTH;
    }
    if unit == 0 || is_surrogate(unit) {
        cleaned.replace(at..at + ESCAPE_LENGTH, "\\ufffd");
    }
    ESCAPE_LENGTH
}

/// The UTF-16 unit of the `\uXXXX` that begins here. `None`: no such escape.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + ESCAPE_LENGTH)?;
    let digits = escape.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit: u16, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

fn is_surrogate(unit: u16) -> bool {
    is_high(unit) || is_low(unit)
}

fn is_high(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

fn is_low(unit: u16) -> bool {
    (0xdc00..0xe000).contains(&unit)
}

/// The text so far: everything up to `copied` is decided.
struct Cleaned<'a> {
    original: &'a str,
    copied: usize,
    text: String,
}

impl<'a> Cleaned<'a> {
    fn new(original: &'a str) -> Self {
        Self { original, copied: 0, text: String::with_capacity(original.len()) }
    }

    /// Puts `new` in the place of `old`, which holds ASCII only.
    fn replace(&mut self, old: Range<usize>, new: &str) {
        self.text.push_str(&self.original[self.copied..old.start]);
        self.text.push_str(new);
        self.copied = old.end;
    }

    fn finish(mut self) -> String {
        self.text.push_str(&self.original[self.copied..]);
        self.text
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_no_text_can_hold_becomes_the_replacement_character() {
        for (bytes, expected) in [
            (&br#"{"note":"a\u0000b"}"#[..], r#"{"note":"a\ufffdb"}"#),
            (b"{\"note\":\"a\0b\"}", r#"{"note":"a\ufffdb"}"#),
            (br#"["\ud83d"]"#, r#"["\ufffd"]"#),
            (br#"["\uDE00x"]"#, r#"["\ufffdx"]"#),
            (br#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (br#"["\ud83d\n"]"#, r#"["\ufffd\n"]"#),
            (b"[\"a\tb\nc\"]", r#"["a\u0009b\u000ac"]"#),
            (b"[\"a\\\0\"]", r#"["a\ufffd"]"#),
            (b"[1]\0\0", "[1]  "),
            (b"\xef\xbb\xbf[1]", "[1]"),
        ] {
            assert_eq!(
                clean(String::from_utf8(bytes.to_vec()).unwrap()),
                expected,
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for text in [
            r#"["\\u0000"]"#,
            r#"["\\\\u0000", "\\ud83d"]"#,
            r#"["\ud83d\ude00", "\uD83D\uDE00", "\u4f60"]"#,
            "{\n  \"note\": \"\u{fffd}\u{1f600}\"\n}\t",
            r#"["cut \u00"#,
            r#"["cut \"#,
            r#"["\uzzzz"]"#,
            "",
        ] {
            assert_eq!(clean(text.to_owned()), text);
        }
    }

    #[test]
    fn an_answer_with_nothing_to_clean_is_not_copied() {
        let text = r#"{"note":"\u4f60\n\ud7ff \"你好\" 😀"}"#.to_owned();
        let address = text.as_ptr();

        let text = clean(text);

        assert_eq!(text.as_ptr(), address);
    }

    proptest! {
        #[test]
        fn any_escaped_text_reads_as_utf16_without_nul(units in any_units()) {
            let escaped = units.iter().fold(String::new(), |mut text, unit| {
                write!(text, "\\u{unit:04x}").expect("a String takes every write");
                text
            });

            let cleaned = clean(format!("{{\"note\":\"{escaped}\"}}"));

            let value: Value = serde_json::from_str(&cleaned).expect("is JSON");
            let expected = String::from_utf16_lossy(&units).replace('\0', "\u{fffd}");
            prop_assert_eq!(value["note"].as_str(), Some(expected.as_str()));
        }

        #[test]
        fn any_raw_string_parses_and_keeps_everything_but_nul(note in "(?s)[^\"\\\\]{0,20}") {
            let cleaned = clean(format!("[\"{note}\"]"));

            let value: Value = serde_json::from_str(&cleaned).expect("is JSON");
            let expected = note.replace('\0', "\u{fffd}");
            prop_assert_eq!(value[0].as_str(), Some(expected.as_str()));
        }

        #[test]
        fn json_without_such_text_is_never_changed(note in "[^\0]{0,20}", number: i64) {
            let text = serde_json::json!({ "note": note, "number": number }).to_string();

            prop_assert_eq!(clean(text.clone()), text);
        }

        #[test]
        fn no_bytes_make_it_fail_or_leave_a_nul(bytes in any_bytes()) {
            let cleaned = clean(String::from_utf8_lossy(&bytes).into_owned());

            prop_assert!(!cleaned.contains('\0'));
            prop_assert_eq!(clean(cleaned.clone()), cleaned);
        }
    }

    /// Often the units that matter, else any.
    fn any_units() -> impl Strategy<Value = Vec<u16>> {
        let unit = prop_oneof![
            Just(0),
            0xd800_u16..0xe000,
            Just(u16::from(b'\\')),
            Just(u16::from(b'"')),
            any::<u16>()
        ];
        prop::collection::vec(unit, 0..12)
    }

    /// Often the bytes that matter, else any.
    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![prop::sample::select(&b"\"\\u0d8cDF\0\n\xef\xbb\xbf[]"[..]), any::<u8>()];
        prop::collection::vec(byte, 0..60)
    }
}
