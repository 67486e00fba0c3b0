//! How values are written in the file and in the environment, where every value is text: one [`Form`] per way
//! of writing, used as `#[serde(with = "Written::<..>")]`.
//!
//! Numbers and switches need none: the extraction takes them from text too.

use std::fmt;
use std::fmt::Display;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};
use url::Url;

use super::address::{self, HIDDEN};
use super::duration::{DURATION_PATTERN, format_duration, parse_duration};

/// The longest name there is in DNS.
const HOST_NAME_BYTES_MAX: usize = 253;

/// One way of writing a value as text.
pub trait Form {
    type Value;
    /// Completes "expected ..".
    const EXPECTED: &'static str = "text in quotes";
    /// The error says what is wrong. Forms of secrets never repeat the text in it.
    fn read(text: &str) -> Result<Self::Value, String>;
    /// As it may be shown: without secrets.
    fn write(value: &Self::Value) -> String;
    /// What a text of this form looks like, for the schema. `None`: like any text.
    fn pattern() -> Option<String> {
        None
    }
}

/// Lets serde read and write a field in a form.
pub struct Written<F>(PhantomData<F>);

impl<F: Form> Written<F> {
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<F::Value, D::Error> {
        from.deserialize_any(Self(PhantomData))
    }

    pub fn serialize<S: Serializer>(value: &F::Value, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&F::write(value))
    }
}

/// Sections of the file: each field is read and written in the form for its type. A field with a form of its own says
/// `skip_apply`.
macro_rules! section {
    ($($item:item)*) => {$(
        #[serde_with::apply(
            String => #[serde(with = "crate::config::forms::Written::<crate::config::forms::Text>")],
            PathBuf => #[serde(with = "crate::config::forms::Written::<crate::config::forms::FilePath>")],
            Duration => #[serde(with = "crate::config::forms::Written::<crate::config::forms::Length>")],
            Option<String> => #[serde(with = "crate::config::forms::MaybeText")],
            Option<PathBuf> => #[serde(with = "crate::config::forms::MaybePath")],
            Option<Url> => #[serde(with = "crate::config::forms::MaybeAddress")],
            Vec<String> => #[serde(with = "crate::config::lists::ListOf::<crate::config::forms::Text>")],
        )]
        #[derive(Deserialize, JsonSchema, Serialize)]
        #[serde(deny_unknown_fields)]
        $item
    )*};
}
pub(super) use section;

pub type MaybeText = Written<Maybe<Text>>;
pub type MaybePath = Written<Maybe<FilePath>>;
pub type MaybeAddress = Written<Maybe<Address>>;

impl<F: Form> Visitor<'_> for Written<F> {
    type Value = F::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(F::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<F::Value, E> {
        F::read(text).map_err(E::custom)
    }
}

/// A length of time.
pub struct Length;

impl Form for Length {
    type Value = Duration;
    const EXPECTED: &'static str = "a duration with its unit, such as 500ms, 90s, 30m, 24h or 7d";

    fn read(text: &str) -> Result<Duration, String> {
        parse_duration(text)
    }

    fn write(value: &Duration) -> String {
        format_duration(*value)
    }

    fn pattern() -> Option<String> {
        Some(DURATION_PATTERN.to_owned())
    }
}

/// A length of time, or `forever`, which is `None`.
pub struct Forever;

/// A length of time, or `auto`, which is `None`.
pub struct Auto;

macro_rules! length_or_word {
    ($form:ty, $word:literal) => {
        impl Form for $form {
            type Value = Option<Duration>;
            const EXPECTED: &'static str =
                concat!("\"", $word, "\" or a duration with its unit, such as 90s or 7d");

            fn read(text: &str) -> Result<Option<Duration>, String> {
                if text == $word {
                    return Ok(None);
                }
                parse_duration(text).map(Some).map_err(|error| format!("{error}; or write \"{}\"", $word))
            }

            fn write(value: &Option<Duration>) -> String {
                value.map_or_else(|| $word.to_owned(), format_duration)
            }

            fn pattern() -> Option<String> {
                Some(format!("^{}$|{DURATION_PATTERN}", $word))
            }
        }
    };
}

length_or_word!(Forever, "forever");
length_or_word!(Auto, "auto");

/// A form where no text means no value.
pub struct Maybe<F>(PhantomData<F>);

impl<F: Form> Form for Maybe<F> {
    type Value = Option<F::Value>;
    const EXPECTED: &'static str = F::EXPECTED;

    fn read(text: &str) -> Result<Option<F::Value>, String> {
        if text.is_empty() { Ok(None) } else { F::read(text).map(Some) }
    }

    fn write(value: &Option<F::Value>) -> String {
        value.as_ref().map(F::write).unwrap_or_default()
    }

    fn pattern() -> Option<String> {
        F::pattern().map(|pattern| format!("^$|{pattern}"))
    }
}

/// Any text.
pub type Text = Parsed<String>;

/// The place of a file or folder.
pub struct FilePath;

impl Form for FilePath {
    type Value = PathBuf;

    fn read(text: &str) -> Result<PathBuf, String> {
        if text.contains('\0') {
            return Err("a path has no NUL in it".to_owned());
        }
        Ok(PathBuf::from(text))
    }

    fn write(value: &PathBuf) -> String {
        value.display().to_string()
    }
}

/// Text no one may see.
pub struct Secret;

impl Form for Secret {
    type Value = SecretString;

    fn read(text: &str) -> Result<SecretString, String> {
        Ok(SecretString::from(text))
    }

    fn write(_: &SecretString) -> String {
        HIDDEN.to_owned()
    }
}

/// A database address: the password in it is hidden.
pub struct SecretAddress;

impl Form for SecretAddress {
    type Value = SecretString;

    fn read(text: &str) -> Result<SecretString, String> {
        Ok(SecretString::from(text))
    }

    fn write(value: &SecretString) -> String {
        address::shown(value.expose_secret())
    }
}

/// An address on the web.
pub struct Address;

impl Form for Address {
    type Value = Url;
    const EXPECTED: &'static str = "an address such as https://example.com";

    fn read(text: &str) -> Result<Url, String> {
        if let Some(remedy) = address::password_in_the_way(text) {
            return Err(remedy);
        }
        // The text is not repeated: it may hold a password.
        Url::parse(text)
            .map_err(|error| format!("this is not an address such as https://example.com: {error}"))
    }

    fn write(value: &Url) -> String {
        address::shown(value.as_str())
    }
}

/// An address and a port of this machine.
pub struct Listen;

impl Form for Listen {
    type Value = SocketAddr;
    const EXPECTED: &'static str = "an address and a port, such as 127.0.0.1:8787";

    fn read(text: &str) -> Result<SocketAddr, String> {
        let wrong = || format!("expected {}; found `{text}`", Self::EXPECTED);
        match text.rsplit_once(':') {
            // The one name that needs no lookup, and means the same everywhere.
            Some((name, port)) if name.eq_ignore_ascii_case("localhost") => {
                let port = port.parse().map_err(|_| wrong())?;
                Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            }
            _ => text.parse().map_err(|_| wrong()),
        }
    }

    fn write(value: &SocketAddr) -> String {
        value.to_string()
    }
}

/// A name or an address of a machine, without scheme and port. Kept in lower case, IPv6 addresses without brackets.
pub struct HostName;

impl Form for HostName {
    type Value = String;
    const EXPECTED: &'static str = "a name or an address, such as sync.example.com or 10.0.0.9";

    fn read(text: &str) -> Result<String, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.to_canonical().to_string());
        }
        let is_label = |label: &str| {
            !label.is_empty() && label.chars().all(|char| char.is_ascii_alphanumeric() || "-_".contains(char))
        };
        if text.len() <= HOST_NAME_BYTES_MAX && text.split('.').all(is_label) {
            return Ok(text.to_ascii_lowercase());
        }
        Err(format!("expected {}, without scheme, port or `*`; found `{text}`", Self::EXPECTED))
    }

    fn write(value: &String) -> String {
        value.clone()
    }
}

/// An address that is a secret as a whole: knowing it is enough to use it.
pub struct HiddenAddress;

impl Form for HiddenAddress {
    type Value = Url;
    const EXPECTED: &'static str = Address::EXPECTED;

    fn read(text: &str) -> Result<Url, String> {
        Address::read(text)
    }

    fn write(_: &Url) -> String {
        HIDDEN.to_owned()
    }
}

/// Anything that knows how to read and write itself.
pub struct Parsed<T>(PhantomData<T>);

impl<T: FromStr<Err: Display> + Display> Form for Parsed<T> {
    type Value = T;

    fn read(text: &str) -> Result<T, String> {
        text.parse().map_err(|error: T::Err| error.to_string())
    }

    fn write(value: &T) -> String {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_an_address_to_listen_on() {
        for (text, expected) in [
            ("localhost:8787", Some("127.0.0.1:8787")),
            ("LocalHost:0", Some("127.0.0.1:0")),
            ("0.0.0.0:80", Some("0.0.0.0:80")),
            ("[::1]:8787", Some("[::1]:8787")),
            ("localhost", None),
            ("localhost:http", None),
            ("localhost:70000", None),
            ("shop.example:8787", None),
            ("8787", None),
        ] {
            let read = Listen::read(text).ok().map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_more() {
        for (text, expected) in [
            ("Sync.Example.com", Some("sync.example.com")),
            ("my_host", Some("my_host")),
            ("10.0.0.9", Some("10.0.0.9")),
            ("::ffff:10.0.0.9", Some("10.0.0.9")),
            ("FD00::1", Some("fd00::1")),
            ("https://sync.example.com", None),
            ("sync.example.com:8787", None),
            ("*.example.com", None),
            ("sync..example", None),
            ("", None),
        ] {
            assert_eq!(HostName::read(text).ok().as_deref(), expected, "{text}");
        }
    }
}
