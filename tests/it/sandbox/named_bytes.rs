//! Each named fault of the wire is what a client sees: statuses, headers, charsets, what stands beside a token.

use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use shopsync::sandbox::{Note, Platform};

use super::named::{DETAIL, LIST, caller, fault, numbers, temu_window, window};
use super::{Caller, refusal, temu_code};

#[tokio::test]
async fn what_stands_in_front_answers_without_the_platform() {
    let caller = caller().await;
    for (name, status, shown) in [
        ("front-502-html", 502, "nginx"),
        ("front-503-text", 503, "upstream connect error"),
        ("gateway-404-json", 404, "no Route matched"),
        ("waf-403-html", 403, "拦截"),
        ("waf-405-html", 405, "阻断"),
    ] {
        caller.suffer([fault(name).at("oauth.refreshToken")]);
        let (seen, text) = caller.text("oauth.refreshToken", json!({"refreshToken": "refresh-none"})).await;
        assert!(seen == status && text.contains(shown), "{name}: {seen} {text}");
    }
    assert_eq!(caller.world(|world| world.violations().spent_refresh_token), 0);
}

#[tokio::test]
async fn the_usual_json_comes_under_another_status() {
    let caller = caller().await;
    for (name, status, temu, xiaohongshu) in [
        ("http-400-json", 400, 3_000_026, "appId不存在"),
        ("http-401-json", 401, 3_000_034, "accessToken expired"),
        ("http-403-json", 403, 3_000_032, "无权限"),
        ("http-429-json", 429, 4_000_004, "限流"),
    ] {
        caller.suffer([fault(name)]);
        let (seen, text) = caller.temu_text("bg.order.list.v2.get", temu_window(1, 10)).await;
        assert_eq!((seen, temu_code(&serde_json::from_str(&text).unwrap())), (status, temu));
        let (seen, text) = caller.text(LIST, window(1, 10)).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert!(seen == status && refusal(&answer).1.contains(xiaohongshu), "{name}: {answer}");
    }
}

#[tokio::test]
async fn busy_comes_in_many_words_and_under_a_code_that_no_list_knows() {
    let caller = caller().await;
    caller.suffer([fault("busy-words").at(LIST)]);
    let mut words = std::collections::BTreeSet::new();
    for _ in 0..12 {
        let answer = caller.xiaohongshu(LIST, window(1, 10)).await;
        assert_eq!(refusal(&answer).0, -9_100_117);
        words.insert(refusal(&answer).1.to_owned());
    }
    assert_eq!(words.len(), 12);
    assert!(words.contains("系统繁忙，请稍后再试") && words.contains("请求过于频繁"));
}

#[tokio::test]
async fn headers_say_nonsense() {
    let caller = caller().await;
    let mut seen = Vec::new();
    caller.suffer([fault("retry-after-huge")]);
    for _ in 0..6 {
        let (status, headers, _) = caller.bytes(LIST, window(1, 10)).await;
        assert_eq!(status, 429);
        seen.push(headers["retry-after"].to_str().unwrap().to_owned());
    }
    assert!(seen.contains(&"9223372036854775807".to_owned()) && seen.contains(&"-5".to_owned()), "{seen:?}");

    caller.suffer([fault("date-off")]);
    let (_, headers, text) = caller.bytes(LIST, window(1, 10)).await;
    assert_eq!(headers["date"], "Mon, 24 Nov 2025 17:00:00 GMT");
    assert_eq!(
        serde_json::from_slice::<Value>(&text).unwrap()["success"],
        true,
        "timestamps go by the clock"
    );
    caller.suffer([fault("date-header-empty")]);
    assert_eq!(caller.bytes(LIST, window(1, 10)).await.1["date"], "");
}

#[tokio::test]
async fn bodies_come_in_other_charsets_compressed_and_with_text_around_them() {
    let caller = caller().await;
    let order = numbers(&caller, Platform::Xiaohongshu)[0].clone();
    caller.world(|world| {
        world.change_order(Platform::Xiaohongshu, 0, &order, |order| {
            order.seller_note = Note::from("加急，谢谢😀");
        });
    });
    let ask = async || caller.bytes(DETAIL, json!({"orderId": order})).await;
    let plain = ask().await.2;
    assert!(String::from_utf8(plain.clone()).unwrap().contains("加急，谢谢😀"));

    for (name, kind) in [("gbk", "application/json;charset=GBK"), ("gbk-unnamed", "application/json")] {
        caller.suffer([fault(name)]);
        let (_, headers, bytes) = ask().await;
        assert_eq!(headers["content-type"], kind);
        assert!(bytes.windows(4).any(|bytes| bytes == [0xbc, 0xd3, 0xbc, 0xb1]), "加急 by the GBK table");
        assert_eq!(encoding_rs::GBK.decode(&bytes).0.as_bytes(), plain);
    }
    caller.suffer(["gbk", "gbk", "charset-wrong", "bom"].map(fault));
    let (_, headers, bytes) = ask().await;
    assert_eq!(headers["content-type"], "application/json;charset=GBK", "a body is encoded once");
    assert_eq!(encoding_rs::GBK.decode(&bytes).0.as_bytes(), plain);
    caller.suffer([fault("charset-wrong")]);
    let (_, headers, bytes) = ask().await;
    assert!(headers["content-type"] == "application/json;charset=ISO-8859-1" && bytes == plain);
    caller.suffer([fault("bom")]);
    assert_eq!(ask().await.2, [b"\xef\xbb\xbf".as_slice(), &plain].concat());
    caller.suffer([fault("trailing-text")]);
    assert!(ask().await.2.starts_with(&plain) && ask().await.2.ends_with(b"-->\n"));
    caller.suffer([fault("leading-text")]);
    assert!(ask().await.2.ends_with(&plain) && ask().await.2.starts_with(b"Notice"));

    for (name, is_named) in [("gzip", true), ("gzip-unnamed", false)] {
        caller.suffer([fault(name)]);
        let (_, headers, bytes) = ask().await;
        assert_eq!(headers.contains_key("content-encoding"), is_named);
        assert_eq!(unzipped(&bytes), plain, "{name}");
    }
}

/// By the reader of the machine, which is not the sandbox's.
fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut reader = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip is installed");
    std::io::Write::write_all(&mut reader.stdin.take().unwrap(), bytes).unwrap();
    let mut text = Vec::new();
    reader.stdout.take().unwrap().read_to_end(&mut text).unwrap();
    assert!(reader.wait().unwrap().success());
    text
}

#[tokio::test]
async fn beside_a_token_stands_something_odd() {
    let caller = caller().await;
    let content = async |form: u32| {
        caller.suffer([fault(&format!("odd-neighbour:{form}"))]);
        let code = caller.world(|world| world.issue_code(Platform::Temu, 1));
        let answer =
            caller.temu("bg.open.accesstoken.create", json!({"code": code, "access_token": code})).await;
        answer["result"].clone()
    };
    assert!(content(0).await["expiredTime"].as_str().unwrap().starts_with("2026-"));
    assert!(content(1).await["mallId"].is_object());
    assert!(content(2).await["apiScopeList"].is_null());
    let all = content(3).await;
    assert!(all["accessToken"].is_string() && all["mallId"].is_object() && all["apiScopeList"].is_null());

    caller.suffer([fault("odd-neighbour:3")]);
    let answer = exchange(&caller).await;
    assert!(answer["data"]["sellerId"].is_object() && answer["data"]["accessTokenExpiresAt"].is_string());
    assert!(answer["data"]["refreshToken"].is_string(), "the tokens themselves stay as they are");
}

async fn exchange(caller: &Caller) -> Value {
    let code = caller.world(|world| world.issue_code(Platform::Xiaohongshu, 1));
    caller.xiaohongshu("oauth.getAccessToken", json!({"code": code, "accessToken": null})).await
}
