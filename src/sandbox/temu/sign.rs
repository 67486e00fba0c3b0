//! Temu's signature, written from its documents: the secret around every top-level parameter sorted by name,
//! hashed, in capitals.
//!
//! Kept apart from the program's own signing on purpose: a fault made twice would hide itself.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::sandbox::flat::{FlatBody, plain_text};

/// The sandbox's own idea of the body's signature.
pub fn expected(body: &FlatBody, secret: &str, is_hmac: bool) -> String {
    let text = signed_text(body, secret);
    if is_hmac {
        let mut hash =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        hash.update(text.as_bytes());
        hex::encode_upper(hash.finalize().into_bytes())
    } else {
        hex::encode_upper(Md5::digest(text.as_bytes()))
    }
}

fn signed_text(body: &FlatBody, secret: &str) -> String {
    let mut members: Vec<(&str, &str)> = body.members().filter(|(name, _)| *name != "sign").collect();
    members.sort_unstable();
    let mut text = String::from(secret);
    for (name, raw) in members {
        text.push_str(name);
        match raw.as_bytes().first() {
            Some(b'{' | b'[') => text.push_str(&compact(raw)),
            _ => text.push_str(&plain_text(raw)),
        }
    }
    text.push_str(secret);
    text
}

/// Nested JSON without the spaces between its parts, its members in the order they were sent.
fn compact(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let (mut is_in_string, mut is_escaped) = (false, false);
    for character in raw.chars() {
        if is_in_string {
            is_in_string = character != '"' || is_escaped;
            is_escaped = character == '\\' && !is_escaped;
        } else if character.is_ascii_whitespace() {
            continue;
        } else {
            is_in_string = character == '"';
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(body: &str, secret: &str) -> String {
        expected(&FlatBody::parse(body.as_bytes()).unwrap(), secret, false)
    }

    #[test]
    fn the_documents_own_vector_holds() {
        let body = r#"{"app_key":"f9d5cc9313893a20d5aa85c654e8f503","access_token":
            "2nifvmpyymvypwmcms5ct4uqqudrwgpmzbcnmkt1jzjkuaf3x56iixym","data_type":"JSON","timestamp":1711009072,
            "type":"bg.logistics.shipment.confirm","sendType":0,"sendRequestList":[{"orderSendInfoList":
            [{"quantity":1,"orderSn":"211-21905473070712792","parentOrderSn":"PO-211-21905452099192792",
            "goodsId":601099548666279,"skuId":17592352673534}],"carrierId":"699272611",
            "trackingNumber":"270324232756"}]}"#;

        assert_eq!(
            sign(body, "c7e0a1a63542be4de3cb5488f9fba8149e8fc290"),
            "4CCF219942D4180C6DDA3CE36C1B838F"
        );
    }

    #[test]
    fn numbers_booleans_and_lists_are_signed_as_sent() {
        let body = r#"{"access_token":"test-access-token","app_key":"test-app-key","data_type":"JSON",
            "version":"V1","timestamp":"1735689600","type":"bg.order.list.v2.get","pageNumber":1,"pageSize":100,
            "updateAtStart":1735603200,"updateAtEnd":1735689599,"sortby":"updateTime","regionId":211,
            "parentOrderSnList":["PO-211-1", "PO-211-2"],"hasPreSaleOrder":false,"sign":"left out"}"#;

        assert_eq!(sign(body, "test-secret-0001"), "0ECC0C6BEB1ECB6C1860F71C738A4231");
    }

    #[test]
    fn spaces_inside_nested_strings_stay() {
        assert_eq!(compact(r#"{ "a b" : [ "c \" d" , 1 ] }"#), r#"{"a b":["c \" d",1]}"#);
    }
}
