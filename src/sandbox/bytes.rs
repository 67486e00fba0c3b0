//! The bytes of an answer on their way: charsets, compression, what stands before and behind the JSON.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::faults::{FaultKind, Struck};

/// A body and what its headers say of it.
pub(super) struct Body {
    pub bytes: Vec<u8>,
    pub content_type: String,
    pub content_encoding: Option<&'static str>,
}

const BEHIND: &str = "\n<!-- served by edge-7 -->\n";
const BEFORE: &str = "Notice: Undefined index: trace in /var/www/gateway.php on line 12\n";

/// The body as it goes out.
pub(super) fn body(text: String, content_type: &str, struck: &Struck) -> Body {
    let mut body =
        Body { bytes: text.into_bytes(), content_type: content_type.to_owned(), content_encoding: None };
    for strike in &struck.strikes {
        match strike.kind {
            FaultKind::TrailingText => body.bytes.extend_from_slice(BEHIND.as_bytes()),
            FaultKind::LeadingText => drop(body.bytes.splice(..0, BEFORE.bytes())),
            FaultKind::Bom => drop(body.bytes.splice(..0, *b"\xef\xbb\xbf")),
            FaultKind::Gbk => {
                body.bytes = in_gbk(&body.bytes);
                "application/json;charset=GBK".clone_into(&mut body.content_type);
            }
            FaultKind::GbkUnnamed => {
                body.bytes = in_gbk(&body.bytes);
                "application/json".clone_into(&mut body.content_type);
            }
            FaultKind::CharsetWrong => {
                "application/json;charset=ISO-8859-1".clone_into(&mut body.content_type);
            }
            FaultKind::Gzip => {
                body.bytes = gzip(&body.bytes);
                body.content_encoding = Some("gzip");
            }
            FaultKind::GzipUnnamed => body.bytes = gzip(&body.bytes),
            _ => {}
        }
    }
    body
}

/// What GBK has no room for is written as GB 18030 does, which every reader of GBK knows.
fn in_gbk(bytes: &[u8]) -> Vec<u8> {
    encoding_rs::GB18030.encode(&String::from_utf8_lossy(bytes)).0.into_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    file.write_all(bytes).and_then(|()| file.finish()).expect("a vector takes every write")
}
