//! What the simulated Xiaohongshu refuses, and in which of its two dialects.

use serde_json::{Value, json};
use shopsync::sandbox::{Platform, SandboxSettings};

use super::{Caller, refusal, start};

const LIST: &str = "order.getOrderList";

fn window(seconds: i64, time_type: i64) -> Value {
    let now = start().timestamp();
    json!({"startTime": now - seconds, "endTime": now, "timeType": time_type})
}

fn with(mut parameters: Value, name: &str, value: Value) -> Value {
    parameters[name] = value;
    parameters
}

#[tokio::test]
async fn each_gateway_rule_refuses_in_words() {
    let caller = Caller::with_orders(0).await;
    let now = start().timestamp();

    for (name, value, words, dialect) in [
        ("appId", json!("nobody"), "appId", "error_code"),
        ("version", json!("1.0"), "version", "error_code"),
        ("timestamp", json!((now + 301).to_string()), "timestamp", "error_code"),
        ("timestamp", json!((now - 301).to_string()), "timestamp", "error_code"),
        ("timestamp", json!((now * 1000).to_string()), "timestamp", "error_code"),
        ("sign", json!("0123456789abcdef0123456789abcdef"), "sign", "error_code"),
        ("method", json!("package.getPackageList"), "method", "error_code"),
        ("accessToken", json!(null), "accessToken", "code"),
        ("accessToken", json!("token-unknown"), "accessToken invalid", "code"),
        ("startTime", json!("soon"), "startTime", "code"),
        ("timeType", json!(3), "timeType", "code"),
        ("timeType", json!(null), "timeType", "code"),
    ] {
        let answer = caller.xiaohongshu(LIST, with(window(60, 2), name, value)).await;
        assert_eq!(answer["success"], false, "{name} {answer}");
        assert!(answer.get(dialect).is_some(), "{name} {answer}");
        assert!(refusal(&answer).1.contains(words), "{name} {answer}");
    }
    assert_eq!(caller.xiaohongshu(LIST, window(60, 2)).await["success"], true);
}

#[tokio::test]
async fn windows_longer_than_the_platforms_are_refused_and_counted() {
    let caller = Caller::with_orders(0).await;
    let (half_an_hour, day) = (30 * 60, 24 * 60 * 60);

    for (seconds, time_type, is_fine) in [
        (half_an_hour, 2, true),
        (half_an_hour + 1, 2, false),
        (day, 1, true),
        (day + 1, 1, false),
        (-1, 2, false),
    ] {
        let answer = caller.xiaohongshu(LIST, window(seconds, time_type)).await;
        assert_eq!(answer["success"], is_fine, "{seconds} {time_type} {answer}");
    }
    assert_eq!(caller.world(|world| world.violations().window_too_long), 2);
}

#[tokio::test]
async fn milliseconds_are_a_window_far_too_long() {
    let caller = Caller::with_orders(0).await;
    let now = start().timestamp_millis();
    let window = json!({"startTime": now - 60_000, "endTime": now, "timeType": 2});

    let answer = caller.xiaohongshu(LIST, window).await;

    assert_eq!(answer["success"], false);
    assert_eq!(caller.world(|world| world.violations().window_in_milliseconds), 1);
}

#[tokio::test]
async fn no_page_beyond_the_hundredth_and_none_over_a_hundred_rows() {
    let caller = Caller::with_orders(0).await;

    for (name, value, is_fine) in [
        ("pageNo", 100, true),
        ("pageNo", 101, false),
        ("pageNo", 0, false),
        ("pageSize", 100, true),
        ("pageSize", 101, false),
    ] {
        let answer = caller.xiaohongshu(LIST, with(window(60, 2), name, json!(value))).await;
        assert_eq!(answer["success"], is_fine, "{name} {value} {answer}");
    }
    let violations = caller.world(|world| world.violations());
    assert_eq!((violations.page_too_far, violations.page_too_large), (1, 1));
}

#[tokio::test]
async fn a_permission_missing_is_reported_in_the_platforms_own_words() {
    let caller = Caller::with_orders(0).await;
    caller.world(|world| world.set_granted(Platform::Xiaohongshu, 0, LIST, false));

    let answer = caller.xiaohongshu(LIST, window(60, 2)).await;

    let words = "根据accessToken和appId获取mercuryUser失败：应用无权限调用该接口";
    assert_eq!((answer["code"].as_i64(), answer["msg"].as_str()), (Some(401), Some(words)));
}

#[tokio::test]
async fn more_calls_than_the_limit_are_throttled_and_counted() {
    let settings = SandboxSettings { requests_per_second: Some(0.001), ..SandboxSettings::default() };
    let caller = Caller::new(settings).await;

    caller.xiaohongshu(LIST, window(60, 2)).await;
    let answer = caller.xiaohongshu(LIST, window(60, 2)).await;

    assert_eq!(refusal(&answer), (-9013, "触发Method维度的限流"));
    assert_eq!(caller.world(|world| world.violations().rate_exceeded), 1);
}
