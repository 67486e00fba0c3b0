//! Text that is safe to show: what a platform, a buyer or a file says must not steer a terminal, forge a line or turn
//! the reading direction. The one place that decides it, for tables, lines, errors and logs. JSON stays exact.
//!
//! What could do harm is shown as Rust writes it in a literal: `\u{1b}`, `\n`.

use std::borrow::Cow;
use std::io::{self, Write};

/// Text on one line: a cell, a name, an error's text.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Text of our own in several lines, in which something from outside may stand.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |rest| rest.starts_with('\n') || rest.starts_with('\t'))
}

/// An error as it ends a verb: one line, or a list of which every further line is indented. So nothing from outside
/// can look like a line of ours.
pub fn message(text: &str) -> Cow<'_, str> {
    escaped(text, |rest| rest.starts_with("\n  "))
}

/// Whether a character may not reach a terminal as it is.
pub fn is_harmful(character: char) -> bool {
    character.is_control() || is_invisible_order(character)
}

/// Writes to standard error. One that is closed or full is no reason to end: there is nowhere left to say it.
pub fn to_stderr(text: &str) {
    let mut stderr = io::stderr().lock();
    let _nobody_reads = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Marks that turn the reading direction, and line ends that are no control characters.
fn is_invisible_order(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// `stays`: whether what the rest of the text begins with may stay.
fn escaped(text: &str, stays: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for (at, character) in text.char_indices() {
        if !is_harmful(character) || stays(&text[at..]) {
            safe.push(character);
        } else if matches!(character, '\n' | '\r' | '\t') {
            safe.extend(character.escape_default());
        } else {
            safe.extend(character.escape_unicode());
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_sent() {
        for (text, expected) in [
            ("plain, 店铺 🎁 é", "plain, 店铺 🎁 é"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{9b}31m\u{7f}\0", "\\u{9b}31m\\u{7f}\\u{0}"),
            ("moc.\u{202e}elpmaxe\u{202c}", "moc.\\u{202e}elpmaxe\\u{202c}"),
            ("\u{2066}x\u{2069}\u{200e}\u{61c}", "\\u{2066}x\\u{2069}\\u{200e}\\u{61c}"),
            ("two\u{2028}lines", "two\\u{2028}lines"),
            ("family 👨\u{200d}👩", "family 👨\u{200d}👩"),
        ] {
            assert_eq!(one_line(text), expected);
        }
    }

    #[test]
    fn several_lines_stay_only_where_they_are_ours() {
        assert_eq!(lines("a\n\tb\u{1b}"), "a\n\tb\\u{1b}");
        assert_eq!(message("2 errors:\n  one\n  two"), "2 errors:\n  one\n  two");
        assert_eq!(message("busy\nshopsync: all is well"), "busy\\nshopsync: all is well");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left_and_nothing_else_changes(text in any::<String>()) {
            let safe = one_line(&text);
            prop_assert!(!safe.contains(is_harmful));
            let kept: String = text.chars().filter(|character| !is_harmful(*character)).collect();
            if kept == text {
                prop_assert_eq!(&safe, &text);
            }
        }
    }
}
