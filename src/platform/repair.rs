//! Repairs text that is almost JSON, as scripts and other languages write it, so that one bad value costs no page.
//!
//! Only text that the parser has refused comes here. What is valid keeps its meaning; what is mended at a guess becomes
//! text, which the typed reader of a row may still refuse, and then that row alone is quarantined. A body that is cut
//! off is never completed.

use std::borrow::Cow;
use std::fmt::Write;

use serde::de::IgnoredAny;
use serde_json::Value;

/// Quotes inside a text that no one escaped; a text with more of them is taken to end at the first.
const INNER_QUOTES_MAX: usize = 8;

/// Longest hexadecimal number that is read as one: 64 bits.
const HEX_DIGITS_MAX: usize = 16;

/// Words for "no value" and "no number" in other languages, in small letters.
const NOTHING: [&str; 8] = ["null", "nan", "undefined", "none", "nil", "infinity", "inf", "nul"];

/// The first JSON value of the text, mended. `None`: the text is cut off, or is no JSON even so.
pub fn repaired(text: &str) -> Option<String> {
    let mut repair = Repair { text, at: 0, mended: String::with_capacity(text.len()), open: Vec::new() };
    loop {
        repair.skip_blanks();
        match repair.peek()? {
            byte @ (b'{' | b'[') => repair.begin(byte)?,
            byte @ (b'}' | b']') => {
                repair.end(byte)?;
                if repair.open.is_empty() {
                    return Some(repair.mended);
                }
            }
            b',' => {
                repair.complete_member();
                let open = repair.open.last_mut()?;
                // A name without a value, such as `{"a",}`.
                if open.expects == Expects::Colon {
                    return None;
                }
                open.expects = Expects::Member;
                repair.at += 1;
            }
            b':' => {
                let open = repair.open.last_mut()?;
                if open.expects != Expects::Colon {
                    return None;
                }
                open.expects = Expects::Value;
                repair.mended.push(':');
                repair.at += 1;
            }
            quote @ (b'"' | b'\'') => {
                repair.place(true)?;
                repair.copy_string(quote)?;
            }
            _ => repair.copy_bare()?,
        }
    }
}

struct Repair<'a> {
    text: &'a str,
    at: usize,
    mended: String,
    /// The lists and objects that are open, the innermost last.
    open: Vec<Open>,
}

struct Open {
    is_object: bool,
    has_members: bool,
    expects: Expects,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// A member of a list, or the name of a member of an object.
    Member,
    Colon,
    /// The value of a member of an object.
    Value,
    /// A comma or the end.
    Comma,
}

impl Repair<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    /// Blanks and comments.
    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            let rest = &self.text[self.at..];
            let length = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => 1,
                b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
                b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
                _ => return,
            };
            self.at += length;
        }
    }

    /// Makes room for what comes next: a comma before it where one belongs. `None`: nothing may come here.
    fn place(&mut self, may_be_name: bool) -> Option<()> {
        let open = self.open.last_mut()?;
        let is_name = open.is_object && matches!(open.expects, Expects::Member | Expects::Comma);
        if open.expects == Expects::Colon || is_name && !may_be_name {
            return None;
        }
        if open.has_members && open.expects != Expects::Value {
            self.mended.push(',');
        }
        open.has_members = true;
        open.expects = if is_name { Expects::Colon } else { Expects::Comma };
        Some(())
    }

    fn begin(&mut self, bracket: u8) -> Option<()> {
        if !self.open.is_empty() {
            self.place(false)?;
        }
        self.mended.push(char::from(bracket));
        self.open.push(Open { is_object: bracket == b'{', has_members: false, expects: Expects::Member });
        self.at += 1;
        Some(())
    }

    fn end(&mut self, bracket: u8) -> Option<()> {
        self.complete_member();
        let open = self.open.pop()?;
        if open.is_object != (bracket == b'}') || open.expects == Expects::Colon {
            return None;
        }
        self.mended.push(char::from(bracket));
        self.at += 1;
        Some(())
    }

    /// A member without a value has none.
    fn complete_member(&mut self) {
        if let Some(open) = self.open.last_mut()
            && open.expects == Expects::Value
        {
            open.expects = Expects::Comma;
            self.mended.push_str("null");
        }
    }

    /// A word or number without quotes, where a value or a name may stand.
    fn copy_bare(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let is_end = |char: char| char.is_ascii_whitespace() || ",:{}[]\"'".contains(char);
        let token = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        // The end of the text may have cut it.
        if token.is_empty() || token.len() == rest.len() {
            return None;
        }
        self.place(true)?;
        let is_name = self.open.last()?.expects == Expects::Colon;
        let mended = if is_name { Cow::Owned(quoted(token)) } else { value_of(token) };
        self.mended.push_str(&mended);
        self.at += token.len();
        Some(())
    }

    fn copy_string(&mut self, quote: u8) -> Option<()> {
        let begin = self.at + 1;
        let end = self.end_of_string(begin, quote)?;
        self.mended.push('"');
        let inner = &self.text[begin..end];
        let mut chars = inner.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            match char {
                '\\' => {
                    let (escape, length) = escape_of(&inner[at + 1..]);
                    self.mended.push_str(&escape);
                    for _ in 0..length {
                        chars.next();
                    }
                }
                '"' => self.mended.push_str("\\\""),
                control if u32::from(control) < 0x20 => {
                    write!(self.mended, "\\u{:04x}", u32::from(control)).ok()?;
                }
                other => self.mended.push(other),
            }
        }
        self.mended.push('"');
        self.at = end + 1;
        Some(())
    }

    /// Where the text that begins at `begin` ends: at a quote that is followed by what may follow a text. A quote that
    /// is not belongs to the text, unless the name of another member would be swallowed.
    fn end_of_string(&self, begin: usize, quote: u8) -> Option<usize> {
        let is_name = self.open.last()?.expects == Expects::Colon;
        let (mut first, mut quotes) = (None, 0);
        let mut at = begin;
        while let Some(&byte) = self.bytes().get(at) {
            match byte {
                b'\\' => at += 1,
                byte if byte == quote => {
                    first = first.or(Some(at));
                    let follows = self.bytes()[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                    match follows {
                        None => return Some(at),
                        Some(b':') => return if is_name { Some(at) } else { first },
                        Some(b',' | b'}' | b']' | b'/') if !is_name => return Some(at),
                        Some(_) => {}
                    }
                    quotes += 1;
                    if quotes > INNER_QUOTES_MAX {
                        return first;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        first
    }
}

/// What an escape means in JSON, and how many characters behind its backslash belong to it.
fn escape_of(rest: &str) -> (Cow<'static, str>, usize) {
    let hex = |count: usize, from: usize| {
        let digits = rest.get(from..from + count)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)
    };
    match rest.chars().next() {
        Some(known @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => (format!("\\{known}").into(), 1),
        Some('\'') => ("'".into(), 1),
        Some('u') if hex(4, 1).is_some() => (format!("\\u{}", hex(4, 1).unwrap_or_default()).into(), 5),
        Some('x') if hex(2, 1).is_some() => (format!("\\u00{}", hex(2, 1).unwrap_or_default()).into(), 3),
        // A backslash that escapes nothing is a backslash.
        _ => ("\\\\".into(), 0),
    }
}

/// A bare token as a JSON value.
fn value_of(token: &str) -> Cow<'_, str> {
    let small = token.to_ascii_lowercase();
    let unsigned = small.trim_start_matches(['+', '-']);
    if NOTHING.contains(&unsigned) {
        return "null".into();
    }
    if matches!(small.as_str(), "true" | "false") {
        return small.into();
    }
    if is_json(token) {
        return token.into();
    }
    number_of(token).map_or_else(|| quoted(token).into(), Cow::Owned)
}

/// Numbers that JSON does not write like this: `0x1F`, `+5`, `.5`, `5.`.
fn number_of(token: &str) -> Option<String> {
    let (sign, digits) = match token.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", token.strip_prefix('+').unwrap_or(token)),
    };
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        let number =
            if hex.len() <= HEX_DIGITS_MAX { u64::from_str_radix(hex, 16).ok()? } else { return None };
        return Some(format!("{sign}{number}"));
    }
    let whole = if digits.starts_with('.') { "0" } else { "" };
    let fraction = if digits.ends_with('.') { "0" } else { "" };
    let number = format!("{sign}{whole}{digits}{fraction}");
    is_json(&number).then_some(number)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::platform::any_json::any_json;

    fn read(text: &str) -> Value {
        let mended = repaired(text).unwrap_or_else(|| panic!("{text} is not mended"));
        serde_json::from_str(&mended).unwrap_or_else(|error| panic!("{text} became {mended}: {error}"))
    }

    #[test]
    fn what_other_languages_write_is_read_as_what_it_means() {
        for (text, expected) in [
            (r#"{"a":NaN,"b":-NaN}"#, json!({"a": null, "b": null})),
            ("[Infinity,-Infinity,+Infinity,inf]", json!([null, null, null, null])),
            (r"[undefined,None,nil,NULL]", json!([null, null, null, null])),
            ("[True,False,TRUE]", json!([true, false, true])),
            (r"[0x1F,0XfF,-0x10]", json!([31, 255, -16])),
            (r"[+5,.5,5.,-.5]", json!([5, 0.5, 5.0, -0.5])),
            (
                r#"["it\'s","a\x41b","C:\dir","\u00e9","\u12"]"#,
                json!(["it's", "aAb", "C:\\dir", "é", "\\u12"]),
            ),
            (r#"{"a":[1,2,],"b":{"c":1,},}"#, json!({"a": [1, 2], "b": {"c": 1}})),
            ("[1,,2]", json!([1, 2])),
            (r#"{"a":,"b":}"#, json!({"a": null, "b": null})),
            (r#"{a:1,'b':'two \'2\'',c_d:'\"'}"#, json!({"a": 1, "b": "two '2'", "c_d": "\""})),
            ("{/* one */\"a\":1 // two\n}", json!({"a": 1})),
            ("[007,2026-11-01]", json!(["007", "2026-11-01"])),
            ("[0x11223344556677889]", json!(["0x11223344556677889"])),
            (r#"{"a":"5" disk","b":1}"#, json!({"a": "5\" disk", "b": 1})),
            (r#"{"a":"x" "b":"y"}"#, json!({"a": "x", "b": "y"})),
            ("[\"a\tb\"]", json!(["a\tb"])),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_behind_the_first_value_is_left_out() {
        for text in [
            r#"{"a":"}"}<!-- served by node 7 -->"#,
            r#"{"a":"}"}{"a":2}"#,
            "{\"a\":\"}\"}\n\nPHP Warning: x",
            r#"{"a":"}"}]"#,
            r#"{"a":"}"};"#,
        ] {
            assert_eq!(read(text), json!({"a": "}"}), "{text}");
        }
    }

    #[test]
    fn a_body_that_is_cut_off_is_never_completed() {
        let whole = r#"{"success":true,"result":{"rows":[{"a":NaN,"b":"x\'y"},{"a":-Infinity}]}}"#;
        assert!(repaired(whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(repaired(&whole[..end]), None, "{}", &whole[..end]);
        }
        for text in [
            "", " ", "7", "<html>", "[1}", "{]", "{\"a\"}", "{\"a\",}", "{1,2}", "{1 2}", "{{}}", ":", "}",
            "[\"\\",
        ] {
            assert_eq!(repaired(text), None, "{text}");
        }
    }

    #[test]
    fn texts_and_nesting_of_any_length_cost_no_more_than_their_length() {
        let deep = format!("{}NaN{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(repaired(&deep).is_some());
        let quotes = format!("[{}]", "\"a\" ".repeat(300_000));
        assert!(repaired(&quotes).is_some());
    }

    proptest! {
        #[test]
        fn json_keeps_its_meaning(value in any_json()) {
            let text = format!("[{value}]");
            let expected: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read(&text), expected);
        }

        #[test]
        fn no_text_makes_it_fail_and_what_it_makes_is_json(text in r#"[\[{]["'\[\]{},:\\ux0-9aN./* -]{0,40}|.{0,40}"#) {
            if let Some(mended) = repaired(&text) {
                prop_assert!(is_json(&mended), "{} became {}", text, mended);
            }
        }
    }
}
