//! The bytes of an answer on their way: charsets, compression, what stands before and behind the JSON.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::faults::{FaultKind, Struck};

/// A body and what its headers say of it.
pub struct Body {
    pub bytes: Vec<u8>,
    pub content_type: String,
    pub content_encoding: Option<&'static str>,
}

const BEHIND: &str = "\n<!-- served by edge-7 -->\n";
const BEFORE: &str = "Notice: Undefined index: trace in /var/www/gateway.php on line 12\n";

/// The body as it goes out: what stands around the JSON is written first, then all is encoded, once, then compressed.
pub fn body(text: String, content_type: &str, struck: &Struck) -> Body {
    let kinds = || struck.strikes.iter().map(|strike| &strike.kind);
    let mut body =
        Body { bytes: text.into_bytes(), content_type: content_type.to_owned(), content_encoding: None };
    for kind in kinds() {
        match kind {
            FaultKind::TrailingText => body.bytes.extend_from_slice(BEHIND.as_bytes()),
            FaultKind::LeadingText => drop(body.bytes.splice(..0, BEFORE.bytes())),
            _ => {}
        }
    }
    let _is_encoded = kinds().any(|kind| body.is_encoded_by(kind));
    for kind in kinds().filter(|kind| matches!(kind, FaultKind::Gzip | FaultKind::GzipUnnamed)) {
        body.bytes = gzip(&body.bytes);
        body.content_encoding = body.content_encoding.or((*kind == FaultKind::Gzip).then_some("gzip"));
    }
    body
}

impl Body {
    /// Whether the fault is about how text becomes bytes.
    fn is_encoded_by(&mut self, kind: &FaultKind) -> bool {
        let content_type = match kind {
            FaultKind::Gbk | FaultKind::GbkUnnamed => {
                self.bytes = in_gbk(&self.bytes);
                if *kind == FaultKind::Gbk { "application/json;charset=GBK" } else { "application/json" }
            }
            FaultKind::CharsetWrong => "application/json;charset=ISO-8859-1",
            FaultKind::Bom => {
                self.bytes.splice(..0, *b"\xef\xbb\xbf");
                return true;
            }
            _ => return false,
        };
        content_type.clone_into(&mut self.content_type);
        true
    }
}

/// What GBK has no room for is written as GB 18030 does, which every reader of GBK knows.
fn in_gbk(bytes: &[u8]) -> Vec<u8> {
    encoding_rs::GB18030.encode(&String::from_utf8_lossy(bytes)).0.into_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    file.write_all(bytes).and_then(|()| file.finish()).expect("a vector takes every write")
}
