//! Why something could not be read, as it is kept with it and shown to people: one line, not too long.

use std::error::Error;

/// Longer ones are cut.
const CHARS_MAX: usize = 400;

/// The error with everything that caused it. Addresses are left out, and what a cause only repeats.
pub fn reason_of(error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        next = error.source();
        let cause = error.to_string();
        if !reason.contains(&cause) && !cause.contains("://") {
            reason.push_str(": ");
            reason.push_str(&cause);
        }
    }
    let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut short: String = reason.chars().map(printable).take(CHARS_MAX).collect();
    if short.len() < reason.len() && reason.chars().nth(CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: String,
        #[source]
        source: Option<Box<Self>>,
    }

    fn told(texts: &[&str]) -> Told {
        let (first, rest) = texts.split_first().unwrap();
        let source = (!rest.is_empty()).then(|| Box::new(told(rest)));
        Told { text: (*first).to_owned(), source }
    }

    #[test]
    fn a_reason_is_one_short_line_of_the_whole_chain_without_addresses() {
        for (texts, expected) in [
            (&["failed"][..], "failed"),
            (
                &["no answer: it broke", "it broke", "error for url (http://u:p@h/)", "reset"],
                "no answer: it broke: reset",
            ),
            (&["a\nb\u{1b}[31m"], "a b [31m"),
        ] {
            assert_eq!(reason_of(&told(texts)), expected);
        }
        let long = reason_of(&told(&[&"长".repeat(5000)]));
        assert_eq!((long.chars().count(), long.ends_with('…')), (CHARS_MAX + 1, true));
    }
}
