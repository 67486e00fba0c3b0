//! The bytes of an answer on their way: charsets, compression, what stands before and behind the JSON.

use super::faults::{FaultKind, Struck};

/// A body and what its headers say of it.
pub(super) struct Body {
    pub bytes: Vec<u8>,
    pub content_type: String,
    pub content_encoding: Option<&'static str>,
}

const BEHIND: &str = "\n<!-- served by edge-7 -->\n";
const BEFORE: &str = "Notice: Undefined index: trace in /var/www/gateway.php on line 12\n";
/// No stored block of a gzip body is longer.
const BLOCK: usize = 0xffff;

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

/// A gzip file by RFC 1952 whose content is stored as it is: valid to every reader, without a compressor.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let blocks = bytes.len().div_ceil(BLOCK).max(1);
    for index in 0..blocks {
        let block = &bytes[index * BLOCK..bytes.len().min((index + 1) * BLOCK)];
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        file.push(u8::from(index + 1 == blocks));
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(block);
    }
    file.extend_from_slice(&crc32(bytes).to_le_bytes());
    file.extend_from_slice(&u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0).to_le_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    !sum
}

#[cfg(test)]
mod tests {
    use super::{crc32, gzip};

    #[test]
    fn the_sum_is_the_one_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_body_of_several_blocks_keeps_every_byte() {
        let bytes = vec![7; 0x1_0000];
        let file = gzip(&bytes);
        assert_eq!(file.len(), 10 + 2 * 5 + bytes.len() + 8);
        assert_eq!(file[10..15], [0, 0xff, 0xff, 0, 0], "the first block is not the last");
    }
}
