//! Turns the bytes of an answer into text: by its byte order mark, by UTF-8, by the charset its `Content-Type` names,
//! or by GB18030, which covers what Chinese servers write without naming it.
//!
//! Nothing is replaced in silence. A byte that is no text becomes the escape `\udcXX` with its two hex digits: half a
//! surrogate pair, which the parser skips over but never reads, so that the row it stands in is quarantined with the
//! byte still in it, and the other rows are read.

use std::fmt::Write;

use encoding_rs::{DecoderResult, Encoding, GB18030, UTF_8};

use super::text;

/// How a byte that is no text begins, in the text of an answer. Two hex digits follow.
const UNDECODED: &str = "\\udc";
/// Stands for [`UNDECODED`] while the text is cleaned. Unicode reserves it for such inner use.
const PLACEHOLDER: char = '\u{fdd1}';

/// The text of a body, cleaned for the parser. `content_type` is the header's text, empty without one.
pub fn text_of(body: Vec<u8>, content_type: &str) -> String {
    let named = named_charset(content_type);
    let body = match Encoding::for_bom(&body) {
        Some((by_mark, length)) if by_mark != UTF_8 => return decoded(&body[length..], by_mark),
        Some(_) | None => body,
    };
    match String::from_utf8(body) {
        Ok(text) if named.is_none_or(|named| is_rather_utf8(&text, named)) => text::clean(text),
        Ok(text) => decoded(text.as_bytes(), named.unwrap_or(UTF_8)),
        Err(error) => decoded(error.as_bytes(), charset_of(error.as_bytes(), named)),
    }
}

/// Whether a row holds bytes that are no text.
pub fn has_undecoded(row: &str) -> bool {
    row.contains(UNDECODED)
}

/// `None`: none is named, or one that no one knows.
fn named_charset(content_type: &str) -> Option<&'static Encoding> {
    let label = content_type.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })?;
    Encoding::for_label(label.trim().trim_matches(['"', '\'']).as_bytes())
}

/// Whether text that is valid UTF-8 is meant as such though another charset is named. Servers name one by mistake; but
/// a few Chinese characters in GBK may by chance be valid UTF-8 of two bytes each.
fn is_rather_utf8(text: &str, named: &'static Encoding) -> bool {
    let is_chance = || text.chars().all(|char| char.len_utf8() <= 2);
    named == UTF_8 || named.is_single_byte() || text.is_ascii() || !is_chance()
}

/// The charset of bytes that are not all UTF-8.
fn charset_of(bytes: &[u8], named: Option<&'static Encoding>) -> &'static Encoding {
    // Two bytes of GBK are often, by chance, a character of two bytes in UTF-8; three rarely are.
    let evidence_min = if named == Some(UTF_8) { 2 } else { 3 };
    let (mut valid, mut invalid) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().chars().filter(|char| char.len_utf8() >= evidence_min).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    match named {
        // UTF-8 in which some bytes are damaged.
        _ if valid > invalid => UTF_8,
        Some(named) if named != UTF_8 => named,
        Some(_) | None => GB18030,
    }
}

fn decoded(bytes: &[u8], charset: &'static Encoding) -> String {
    let mut decoder = charset.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(bytes.len() * 2);
    let mut rest = bytes;
    let mut has_undecoded = false;
    loop {
        text.reserve(decoder.max_utf8_buffer_length(rest.len()).unwrap_or(rest.len()));
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, true);
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => rest = &rest[read..],
            DecoderResult::Malformed(length, after) => {
                has_undecoded = true;
                let end = read.saturating_sub(usize::from(after));
                for byte in &rest[end.saturating_sub(usize::from(length))..end] {
                    write!(text, "{PLACEHOLDER}{byte:02x}").expect("a String takes every write");
                }
                rest = &rest[read..];
            }
        }
    }
    let text = text::clean(text);
    if has_undecoded { text.replace(PLACEHOLDER, UNDECODED) } else { text }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_KR, GB18030, GBK, SHIFT_JIS, UTF_16BE, UTF_16LE, WINDOWS_1252};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const CHINESE: &str = r#"{"name":"王小明，北京市朝阳区","note":"请尽快发货"}"#;

    fn encoded(text: &str, charset: &'static Encoding) -> Vec<u8> {
        let (bytes, _, had_errors) = charset.encode(text);
        assert!(!had_errors, "{text} in {}", charset.name());
        bytes.into_owned()
    }

    #[test]
    fn a_body_is_decoded_by_its_charset_whether_it_is_named_rightly_wrongly_or_not_at_all() {
        for (text, charset, content_type) in [
            (CHINESE, GBK, "application/json;charset=GBK"),
            (CHINESE, GBK, "application/json; charset=\"gb2312\""),
            (CHINESE, GB18030, "text/plain; CHARSET=gb18030"),
            (CHINESE, GBK, "application/json;charset=utf-8"),
            (CHINESE, GBK, "application/json"),
            (CHINESE, GBK, "application/json;charset=nonsense"),
            (CHINESE, GBK, ""),
            (r#"{"name":"王"}"#, GBK, "application/json;charset=gbk"),
            (r#"{"name":"联通"}"#, GBK, "application/json;charset=gbk"),
            (r#"{"name":"王小明，台北市"}"#, BIG5, "application/json;charset=big5"),
            (r#"{"name":"東京都"}"#, SHIFT_JIS, "application/json;charset=shift_jis"),
            (r#"{"name":"서울"}"#, EUC_KR, "application/json;charset=euc-kr"),
            (r#"{"name":"Müller, Köln"}"#, WINDOWS_1252, "application/json;charset=iso-8859-1"),
            (CHINESE, UTF_8, "application/json;charset=utf-8"),
            (CHINESE, UTF_8, "application/json;charset=GBK"),
            (CHINESE, UTF_8, "application/json;charset=iso-8859-1"),
            (r#"{"name":"Müller"}"#, UTF_8, "application/json;charset=iso-8859-1"),
            (r#"{"name":"plain"}"#, UTF_8, "application/json;charset=gbk"),
        ] {
            let read = text_of(encoded(text, charset), content_type);
            assert_eq!(read, text, "{} declared as {content_type}", charset.name());
        }
    }

    #[test]
    fn a_byte_order_mark_gives_more_than_any_header() {
        let utf16 = |bytes_of: fn(u16) -> [u8; 2]| {
            "\u{feff}".encode_utf16().chain(CHINESE.encode_utf16()).flat_map(bytes_of).collect::<Vec<u8>>()
        };
        for (body, charset) in [
            ([&b"\xef\xbb\xbf"[..], CHINESE.as_bytes()].concat(), UTF_8),
            (utf16(u16::to_le_bytes), UTF_16LE),
            (utf16(u16::to_be_bytes), UTF_16BE),
        ] {
            assert_eq!(text_of(body, "application/json;charset=gbk"), CHINESE, "{}", charset.name());
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_and_make_only_their_row_unreadable() {
        for (body, content_type, kept) in [
            (&b"[{\"a\":\"x\xffy\"},{\"a\":\"\xe7\x8e\x8b\xe5\xb0\x8f\"}]"[..], "", r"x\udcffy"),
            (b"[{\"a\":\"\xe7\x8e\"},{\"a\":\"\xe7\x8e\x8b\xe5\xb0\x8f\"}]", "", r"\udce7\udc8e"),
            (b"[{\"a\":\"\xff\"},{\"a\":\"\xcd\xf5\xd0\xa1\"}]", "text/json;charset=gbk", r"\udcff"),
        ] {
            let text = text_of(body.to_vec(), content_type);
            assert!(text.contains(kept) && !text.contains('\u{fffd}'), "{text}");
            let rows: Vec<&serde_json::value::RawValue> = serde_json::from_str(&text).expect(&text);
            assert!(serde_json::from_str::<Value>(rows[0].get()).is_err(), "{text}");
            assert!(has_undecoded(rows[0].get()));
            let second: Value = serde_json::from_str(rows[1].get()).expect(&text);
            assert_eq!(second["a"], "王小", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_and_no_header_make_it_fail(bytes: Vec<u8>, content_type in "[a-z;=\"-]{0,30}|.{0,20}") {
            let text = text_of(bytes, &content_type);
            prop_assert!(!text.contains('\0'));
        }

        #[test]
        fn every_chinese_text_survives_in_gb18030(note in "[一-龥]{4,30}") {
            let text = format!("{{\"note\":\"{note}\"}}");
            prop_assert_eq!(text_of(encoded(&text, GB18030), "application/json;charset=gb18030"), text);
        }
    }
}
