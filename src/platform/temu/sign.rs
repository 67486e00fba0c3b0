//! Temu's signature: every top-level parameter, sorted by name, between two copies of the secret.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::platform::SignMethod;
use crate::platform::parameters::Parameters;

/// Upper-case hex, for the parameter `sign`, which must not be among `parameters`.
pub fn sign(parameters: &Parameters, secret: &SecretString, method: SignMethod) -> String {
    let mut wrapped = String::with_capacity(512);
    wrapped.push_str(secret.expose_secret());
    for (name, value) in parameters.iter() {
        wrapped.push_str(name);
        wrapped.push_str(&value.signed());
    }
    wrapped.push_str(secret.expose_secret());
    match method {
        SignMethod::Md5 => hex::encode_upper(Md5::digest(wrapped.as_bytes())),
        SignMethod::HmacSha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
                .expect("HMAC takes a key of any length");
            mac.update(wrapped.as_bytes());
            hex::encode_upper(mac.finalize().into_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Parameters, SecretString, SignMethod, sign};

    /// Signs the documents' worked examples, whose common parameters are these. What is no text or number in them
    /// is given as the text it has in the signature.
    fn example(api: &str, parameters: Parameters, method: SignMethod) -> String {
        let parameters = parameters
            .text("type", api)
            .text("app_key", "test-app-key")
            .text("access_token", "test-access-token")
            .text("data_type", "JSON")
            .text("version", "V1")
            .integer("timestamp", 1_735_689_600);
        sign(&parameters, &SecretString::from("test-secret-0001"), method)
    }

    #[test]
    fn the_worked_examples_of_the_documents_hold() {
        let orders = Parameters::new()
            .integer("pageNumber", 1)
            .integer("pageSize", 100)
            .integer("updateAtStart", 1_735_603_200)
            .integer("updateAtEnd", 1_735_689_599)
            .text("sortby", "updateTime")
            .integer("regionId", 211)
            .text("parentOrderSnList", r#"["PO-211-1","PO-211-2"]"#)
            .text("hasPreSaleOrder", "false");
        let activities = Parameters::new()
            .integer("pageNumber", 1)
            .integer("pageSize", 100)
            .integer("activityType", 2)
            .integer("activityStatus", 2)
            .text("onlyQueryJoinedActivity", "true")
            .text("activityIdList", "[9001,9002]");
        let targets =
            r#"[{"skuId":17592352673534,"stockTarget":10},{"skuId":17592352673535,"stockTarget":0}]"#;
        let stock = Parameters::new()
            .integer("goodsId", 601_099_548_666_279_i64)
            .text("requestUniqueKey", "k-1")
            .text("skuStockTargetList", targets);
        for (api, parameters, expected) in [
            ("bg.open.accesstoken.info.get", Parameters::new(), "B5B741F500F6991131F65493BE1489E3"),
            ("bg.order.list.v2.get", orders, "0ECC0C6BEB1ECB6C1860F71C738A4231"),
            ("bg.promotion.activity.query", activities, "121EA703539D7AAC4EE3CF6E0CB41A42"),
            ("bg.local.goods.stock.edit", stock, "87F96DDE25FE3AEAE60121B776EEA286"),
        ] {
            assert_eq!(example(api, parameters, SignMethod::Md5), expected, "{api}");
        }
    }

    #[test]
    fn the_official_vector_with_nested_parameters_holds() {
        let requests = concat!(
            r#"[{"orderSendInfoList":[{"quantity":1,"orderSn":"211-21905473070712792","#,
            r#""parentOrderSn":"PO-211-21905452099192792","goodsId":601099548666279,"skuId":17592352673534}],"#,
            r#""carrierId":"699272611","trackingNumber":"270324232756"}]"#
        );
        let parameters = Parameters::new()
            .text("type", "bg.logistics.shipment.confirm")
            .text("app_key", "f9d5cc9313893a20d5aa85c654e8f503")
            .text("access_token", "2nifvmpyymvypwmcms5ct4uqqudrwgpmzbcnmkt1jzjkuaf3x56iixym")
            .text("data_type", "JSON")
            .integer("timestamp", 1_711_009_072)
            .integer("sendType", 0)
            .text("sendRequestList", requests);
        let secret = SecretString::from("c7e0a1a63542be4de3cb5488f9fba8149e8fc290");
        assert_eq!(sign(&parameters, &secret, SignMethod::Md5), "4CCF219942D4180C6DDA3CE36C1B838F");
    }

    #[test]
    fn the_guides_signature_is_an_hmac_over_the_same_wrapped_text() {
        // Computed with Python's hmac and hashlib over the text of the first worked example.
        assert_eq!(
            example("bg.open.accesstoken.info.get", Parameters::new(), SignMethod::HmacSha256),
            "637B1686B6626ADDAA4BFC26E49A92C1E98D6A2EC05F99CE574A1BE37CB16348"
        );
    }
}
