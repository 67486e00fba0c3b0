//! Answers to token calls, as they should be and as they come.

use proptest::prelude::*;

use super::*;

fn of(answer: &str) -> Result<(String, Option<String>), &'static str> {
    let refusal = |code: &str, message: &str| PlatformError::TokenRefused {
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let spent = SecretString::from("spent");
    match read(answer, &spent, |code| code == "0" || code == "1000000", refusal) {
        Ok(pair) => {
            let clear = |token: SecretString| token.expose_secret().to_owned();
            Ok((clear(pair.access), pair.refresh.map(clear)))
        }
        Err(PlatformError::TokenRefused { .. }) => Err("refused"),
        Err(PlatformError::Malformed { .. }) => Err("yes without a pair"),
        Err(PlatformError::NotFromPlatform { .. }) => Err("foreign"),
        Err(PlatformError::NoAnswer { .. }) => Err("cut off"),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_pair_is_taken_out_of_whatever_can_be_read() {
    for answer in [
        r#"{"error_code":0,"success":true,"data":{"accessToken":"a","refreshToken":"r"}}"#,
        r#"{"success":true,"errorCode":1000000,"result":{"accessToken":"a","refreshToken":"r"}}"#,
        r#"{"state":1,"code":0,"data":{"access_token":"a","refresh_token":"r","expires_in":"soon"}}"#,
        // Text behind, and nothing but lists and objects beside.
        "{\"success\":true,\"data\":{\"accessToken\":\"a\",\"refreshToken\":\"r\"}}\n<!-- 12 ms -->",
        r#"{"success":true,"data":{"accessToken":"a","refreshToken":"r"}}{"success":false}"#,
        r#"{"success":true,"data":{"accessToken":"a","refreshToken":"r","sellerId":{"id":7},"sellerName":[]}}"#,
        r#"{"success":true,"data":{"accessToken":"a","refreshToken":"r","apiScopeList":null,"mallId":null}}"#,
        r#"{"success":true,"data":{"refreshToken":"r","accessToken":"a","accessTokenExpiresAt":"2026-12-08T10:00:00"}}"#,
        // Another nesting, another code.
        r#"{"code":0,"msg":"ok","data":{"code":0,"data":{"accessToken":"a","refreshToken":"r"}}}"#,
        r#"{"success":true,"data":{"success":true,"code":0,"data":{"accessToken":"a","refreshToken":"r"}}}"#,
        r#"{"success":true,"data":"{\"accessToken\":\"a\",\"refreshToken\":\"r\"}"}"#,
        r#"{"success":true,"data":{"token":{"accessToken":"a","refreshToken":"r"}}}"#,
        r#"{"success":true,"accessToken":"a","refreshToken":"r"}"#,
        r#"{"accessToken":"a","refreshToken":"r"}"#,
        r#"{"code":200,"msg":"success","data":{"accessToken":"a","refreshToken":"r"}}"#,
        r#"{"success":"yes","data":{"accessToken":"a","refreshToken":"r"}}"#,
        // Cut short behind the pair.
        r#"{"success":true,"data":{"accessToken":"a","refreshToken":"r","sellerNa"#,
        r#"{"success":true,"data":{"accessToken" : "a", "accessTokenExpiresAt":5, "refreshToken":"r""#,
    ] {
        assert_eq!(of(answer), Ok(("a".to_owned(), Some("r".to_owned()))), "{answer}");
    }
    let only_access = r#"{"success":true,"result":{"accessToken":"a","associatedMallTokenList":[{"accessToken":"x","refreshToken":"y"}]}}"#;
    assert_eq!(of(only_access), Ok(("a".to_owned(), None)));
}

#[test]
fn what_holds_no_pair_is_distinguished_by_what_it_says() {
    for (answer, expected) in [
        (r#"{"success":false,"error_code":401,"error_msg":"refreshToken expired"}"#, "refused"),
        (r#"{"success":true,"error_code":401}"#, "refused"),
        (r#"{"success":"false"}"#, "refused"),
        (r#"{"state":0,"errno":40140116,"error":"no auth"}"#, "refused"),
        (r#"{"state":1,"code":0,"errno":99}"#, "refused"),
        (r#"{"error_code":0,"success":true,"data":{"code":500,"success":false}}"#, "refused"),
        // A refusal that repeats what it was asked.
        (
            r#"{"success":false,"errorCode":5,"result":{"access_token":"spent","refresh_token":"spent"}}"#,
            "refused",
        ),
        (r#"{"success":false,"error_code":5,"data":{"accessToken":"old"}}"#, "refused"),
        (r#"{"success":true,"data":{}}"#, "yes without a pair"),
        (r#"{"success":true,"data":{"accessToken":"","refreshToken":"r"}}"#, "yes without a pair"),
        (r#"{"error_code":0}"#, "yes without a pair"),
        (r#"{"success":true,"data":[{"accessToken":"a","refreshToken":"r"}]}"#, "yes without a pair"),
        (r#"{"message":"Forbidden"}"#, "foreign"),
        (r#"{"error":"blocked","request":"7"}"#, "foreign"),
        ("{}", "foreign"),
        ("[]", "foreign"),
        (r#"{"success":{}}"#, "foreign"),
        (r#"{"success":true,"data":{"accessTo"#, "cut off"),
        (r#"{"success":true,"data":{"accessToken":"a","refreshToken":"half"#, "cut off"),
        (r#"{"success":true,"data":{"refreshToken":"r","accessToken":"spent","#, "cut off"),
        ("{]", "cut off"),
    ] {
        assert_eq!(of(answer), Err(expected), "{answer}");
    }
}

#[test]
fn a_field_that_cannot_be_read_is_not_there() {
    let fields = Fields::of(
        r#"{"ms":1764547200000,"s":1764547200,"text":"1764547200000","iso":"2025-12-01T08:00:00+08:00",
            "bare":"2025-12-01 08:00:00","far":9223372036854775807,"zero":0,"eternal":"9999-12-31T23:59:59Z","early":"2014-12-31T00:00:00Z","object":{},"null":null,"half":1764547200.5,
            "id":601099548666279,"double":1.5,"list":["a",1,null,{}]}"#,
    );
    let moment = DateTime::from_timestamp(1_764_547_200, 0);
    for name in ["ms", "s", "text", "iso", "bare", "half"] {
        assert_eq!(fields.moment(&["absent", "object", name]), moment, "{name}");
    }
    for name in ["eternal", "early", "far", "zero", "object", "null", "absent", "double"] {
        assert_eq!(fields.moment(&[name]), None, "{name}");
    }
    assert_eq!(fields.text(&["absent", "id"]).as_deref(), Some("601099548666279"));
    for name in ["object", "null", "double", "list"] {
        assert_eq!(fields.text(&[name]), None, "{name}");
    }
    assert_eq!(fields.texts("list"), Some(vec!["a".to_owned(), "1".to_owned()]));
    assert_eq!((fields.texts("null"), fields.texts("id")), (None, None));
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(text in r#"[{}\[\]",:a-zA-Z0-9_ ]{0,80}"#) {
        let _ = of(&text);
        let _ = of(&format!("{{\"accessToken\":\"a\",{text}"));
    }

    /// Wherever the answer is cut behind the pair, the pair is there.
    #[test]
    fn a_pair_survives_every_cut_behind_it(cut in 0_usize..60) {
        let answer = r#"{"success":true,"data":{"accessToken":"a","refreshToken":"r","sellerId":"7","sellerName":"seven"}}"#;
        let pair_end = answer.find("\"r\"").unwrap() + 3;
        let end = (pair_end + cut).min(answer.len());
        prop_assert_eq!(of(&answer[..end]), Ok(("a".to_owned(), Some("r".to_owned()))));
    }
}
