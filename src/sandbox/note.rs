//! Text as buyers and sellers really type it: UTF-16 from someone's phone, with halves of emoji cut off by a
//! length limit and control characters in it.

use super::json;

/// UTF-16 units, because unpaired surrogates do not fit into a `String`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    units: Vec<u16>,
}

impl Note {
    /// Appends one UTF-16 unit, for halves of pairs.
    #[must_use]
    pub fn with_unit(mut self, unit: u16) -> Self {
        self.units.push(unit);
        self
    }

    /// As a store may keep it: every NUL and every unpaired surrogate replaced by U+FFFD. `None`: no note.
    pub fn cleaned(&self) -> Option<String> {
        (!self.units.is_empty()).then(|| String::from_utf16_lossy(&self.units).replace('\0', "\u{fffd}"))
    }

    /// The JSON string, quotes included, with unpaired surrogates as escapes.
    pub(super) fn to_json(&self) -> String {
        let mut text = String::from("\"");
        for decoded in char::decode_utf16(self.units.iter().copied()) {
            match decoded {
                Ok(character) => json::push_escaped(&mut text, character),
                Err(unpaired) => json::push_unit(&mut text, u32::from(unpaired.unpaired_surrogate())),
            }
        }
        text.push('"');
        text
    }
}

impl From<&str> for Note {
    fn from(text: &str) -> Self {
        Self { units: text.encode_utf16().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_emoji_is_escaped_on_the_wire_and_replaced_in_the_truth() {
        let note = Note::from("ab\0c").with_unit(0xd83d);

        assert_eq!(note.to_json(), r#""ab\u0000c\ud83d""#);
        assert_eq!(note.cleaned().as_deref(), Some("ab\u{fffd}c\u{fffd}"));
    }

    #[test]
    fn a_whole_emoji_stays_whole() {
        let note = Note::from("🎁");

        assert_eq!(note.to_json(), "\"🎁\"");
        assert_eq!(note.cleaned().as_deref(), Some("🎁"));
    }
}
