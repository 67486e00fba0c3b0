//! Writes the sandbox's answers. JSON by hand, because the platforms send things a JSON library refuses to
//! write: unpaired surrogates, numbers in quotes, members that come and go.

/// A growing JSON text. Members are written in the order of the calls.
pub struct Json {
    text: String,
}

impl Json {
    /// One whole object.
    pub fn object(write: impl FnOnce(&mut Self)) -> String {
        let mut json = Self { text: String::new() };
        json.braces(write);
        json.text
    }

    pub fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        self.push_string(value);
    }

    pub fn number(&mut self, name: &str, value: i64) {
        self.name(name);
        self.text.push_str(&value.to_string());
    }

    pub fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.text.push_str(if value { "true" } else { "false" });
    }

    pub fn null(&mut self, name: &str) {
        self.name(name);
        self.text.push_str("null");
    }

    /// A member whose value is JSON text already.
    pub fn raw(&mut self, name: &str, value: &str) {
        self.name(name);
        self.text.push_str(value);
    }

    pub fn member(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.braces(write);
    }

    /// A member that is an array of objects.
    pub fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.name(name);
        self.text.push('[');
        for item in items {
            self.comma();
            self.braces(|json| write(json, item));
        }
        self.text.push(']');
    }

    /// A member that is an array of strings.
    pub fn strings<'a>(&mut self, name: &str, items: impl IntoIterator<Item = &'a str>) {
        self.name(name);
        self.text.push('[');
        for item in items {
            self.comma();
            self.push_string(item);
        }
        self.text.push(']');
    }

    fn braces(&mut self, write: impl FnOnce(&mut Self)) {
        self.text.push('{');
        write(self);
        self.text.push('}');
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    /// The last character is always one of structure or the end of a value, never the inside of a string.
    fn comma(&mut self) {
        if !matches!(self.text.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.text.push(',');
        }
    }

    fn push_string(&mut self, value: &str) {
        push_quoted(&mut self.text, value);
    }
}

/// A whole JSON string.
pub fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    if value.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        for character in value.chars() {
            push_escaped(text, character);
        }
    } else {
        // Nearly every string; it matters, because unoptimised builds serve test loads too.
        text.push_str(value);
    }
    text.push('"');
}

/// One character as it stands inside a JSON string.
pub fn push_escaped(text: &mut String, character: char) {
    match character {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\0'..='\u{1f}' => push_unit(text, u32::from(character)),
        _ => text.push(character),
    }
}

/// A UTF-16 unit as `\uXXXX`.
pub fn push_unit(text: &mut String, unit: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        text.push(char::from(DIGITS[(unit >> shift) as usize & 0xf]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_separated_and_strings_escaped() {
        let text = Json::object(|json| {
            json.string("a", "say \"hi\"\0\n");
            json.member("b", |json| json.null("c"));
            json.objects("d", [1, 2], |json, number| json.number("e", number));
            json.strings("f", ["x", ""]);
            json.boolean("g", true);
        });

        assert_eq!(
            text,
            r#"{"a":"say \"hi\"\u0000\u000a","b":{"c":null},"d":[{"e":1},{"e":2}],"f":["x",""],"g":true}"#
        );
    }
}
