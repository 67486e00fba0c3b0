//! The body of an answer, from its bytes to its text: capped, decompressed, decoded.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};

use super::error::{no_answer, not_answered};
use super::{PlatformError, charset};

/// What we ask bodies to be compressed with.
pub const ACCEPTED: &str = "gzip";

/// Of a body, compressed or not. A hundred orders with all their fields take a few hundred kilobytes.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Layers of compression: a proxy may compress what is compressed already.
const LAYERS_MAX: usize = 2;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// The text of a body, cleaned for the parser.
pub async fn read(response: Response) -> Result<String, PlatformError> {
    let content_type = header(response.headers(), &CONTENT_TYPE);
    let encoding = header(response.headers(), &CONTENT_ENCODING);
    let body = decompressed(collected(response).await?, &encoding)?;
    Ok(charset::text_of(body, &content_type))
}

/// Empty without one.
fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

async fn collected(mut response: Response) -> Result<Vec<u8>, PlatformError> {
    let announced = response.content_length().map_or(Ok(0), usize::try_from);
    let capacity = match announced {
        Ok(length) if length <= BYTES_MAX => length,
        Ok(_) | Err(_) => return Err(too_long()),
    };
    let mut body = Vec::with_capacity(capacity);
    while let Some(chunk) = response.chunk().await.map_err(not_answered)? {
        if body.len() + chunk.len() > BYTES_MAX {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Recognised by the bytes rather than by the header: proxies decompress and leave the header, or compress and leave it out.
fn decompressed(mut body: Vec<u8>, encoding: &str) -> Result<Vec<u8>, PlatformError> {
    for _ in 0..LAYERS_MAX {
        if !body.starts_with(GZIP_MAGIC) {
            break;
        }
        body = inflated(&body)?;
    }
    let is_json = body.trim_ascii_start().first().is_none_or(|byte| matches!(byte, b'{' | b'['));
    let unknown = encoding.split(',').map(str::trim).find(|name| {
        let known = ["", "identity", "gzip", "x-gzip"];
        !known.iter().any(|known| name.eq_ignore_ascii_case(known))
    });
    match unknown {
        Some(name) if !is_json => {
            let name: String = name.chars().take(20).collect();
            Err(no_answer(&format!("the body is compressed with `{name}`, which was not asked for")))
        }
        _ => Ok(body),
    }
}

fn inflated(body: &[u8]) -> Result<Vec<u8>, PlatformError> {
    let mut inflated = Vec::with_capacity(body.len().saturating_mul(4).min(BYTES_MAX));
    let mut decoder = MultiGzDecoder::new(body).take(BYTES_MAX as u64 + 1);
    decoder
        .read_to_end(&mut inflated)
        .map_err(|_| no_answer("the body is compressed and cut off or damaged"))?;
    if inflated.len() > BYTES_MAX { Err(too_long()) } else { Ok(inflated) }
}

fn too_long() -> PlatformError {
    no_answer(&format!("the body is longer than {BYTES_MAX} bytes"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_decompressed_whatever_its_header_says() {
        let plain = br#"{"success":true}"#;
        for (body, encoding) in [
            (plain.to_vec(), ""),
            (plain.to_vec(), "identity"),
            (plain.to_vec(), "gzip"),
            (plain.to_vec(), "br"),
            (gzip(plain), "gzip"),
            (gzip(plain), "X-GZIP"),
            (gzip(plain), ""),
            (gzip(&gzip(plain)), "gzip, gzip"),
            (gzip(&gzip(plain)), "gzip"),
            ([gzip(&plain[..4]), gzip(&plain[4..])].concat(), "gzip"),
        ] {
            let read = decompressed(body, encoding).unwrap();
            assert_eq!(read, plain, "{encoding}");
        }
    }

    #[test]
    fn what_cannot_be_decompressed_is_no_answer_and_says_why() {
        let whole = gzip(&b"[1,2,3]".repeat(100));
        let bomb = gzip(&vec![b' '; BYTES_MAX + 1]);
        let bomb_in_bomb = gzip(&bomb);
        for (body, encoding, why) in [
            (whole[..whole.len() / 2].to_vec(), "gzip", "cut off or damaged"),
            (whole[..whole.len() - 1].to_vec(), "gzip", "cut off or damaged"),
            ([GZIP_MAGIC, b"nonsense"].concat(), "gzip", "cut off or damaged"),
            (bomb, "gzip", "longer than"),
            (bomb_in_bomb, "", "longer than"),
            (b"\x0b\x02\x80\x03".to_vec(), "br", "compressed with `br`"),
            (b"x\x9c\x03".to_vec(), "deflate", "compressed with `deflate`"),
            (b"(\xb5/\xfd".to_vec(), "zstd", "compressed with `zstd`"),
        ] {
            let error = decompressed(body, encoding).expect_err(why);
            assert!(matches!(error, PlatformError::NoAnswer { .. }), "{error:?}");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(body: Vec<u8>, encoding in "[a-z, ]{0,12}") {
            let _ = decompressed([GZIP_MAGIC, &body].concat(), &encoding);
            let _ = decompressed(body, &encoding);
        }
    }
}
